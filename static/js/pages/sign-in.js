// Sign-in: by password, by second factor, or by a one-time link whose token stands in the fragment.
import { html, useEffect, useRef, useState } from "../lib/preact.js";
import { answerTotp, signIn, signInByLink } from "../state/session.js";
import { Mark } from "../components/icons.js";
import { FormError, Input, SubmitButton, useSubmit } from "../components/form.js";
import { Note } from "../components/states.js";

/** Takes the token out of the address bar and the history at once, whatever becomes of it. */
function takeToken() {
  const token = new URLSearchParams(location.hash.slice(1)).get("token");
  if (location.hash) history.replaceState(null, "", location.pathname + location.search);
  return token;
}

function Password({ onTotp }) {
  const [email, setEmail] = useState("");
  const [password, setPassword] = useState("");
  const form = useSubmit(async () => {
    if ((await signIn(email.trim(), password)) === "totp") onTotp();
  });
  return html`<form class="form" onSubmit=${form.submit}>
    <${Input} label="E-mail" type="email" name="email" autocomplete="username" required autofocus value=${email} onValue=${setEmail} />
    <${Input} label="Password" type="password" name="password" autocomplete="current-password" required value=${password} onValue=${setPassword} />
    <${FormError} form=${form} /><${SubmitButton} form=${form}>Sign in<//></form>`;
}

function Totp({ back }) {
  const [code, setCode] = useState("");
  const form = useSubmit(() => answerTotp(code.replace(/\s+/g, "")));
  return html`<form class="form" onSubmit=${form.submit}>
    <${Input} label="Code" hint="Six digits from your authenticator, or one of your recovery codes." name="code" inputmode="numeric" autocomplete="one-time-code"
      required autofocus mono value=${code} onValue=${setCode} />
    <${FormError} form=${form} /><${SubmitButton} form=${form}>Go on<//>
    <button type="button" class="btn quiet" onClick=${back}>Back</button></form>`;
}

/** A one-time link is used once; the ref keeps a second render from using it again. */
function useLink(onRefused) {
  const [pending, setPending] = useState(() => location.hash.includes("token="));
  const begun = useRef(false);
  useEffect(() => {
    const token = begun.current ? null : takeToken();
    begun.current = true;
    if (!token) return;
    signInByLink(token).catch((error) => {
      setPending(false);
      onRefused(error);
    });
  }, []);
  return pending;
}

const LINK_REFUSED = "This sign-in link was used already or has expired. Ask for a new one: on the server, `python3 manage.py login_link` prints it.";

export function SignInPage() {
  const [step, setStep] = useState("password");
  const [refused, setRefused] = useState(null);
  const pending = useLink((error) => setRefused(error.status === 400 || error.status === 404 ? LINK_REFUSED : error.message));
  useEffect(() => void (document.title = "Sign in · Wireroom"), []);
  return html`<main class="sign" id="main"><div class="sign-card">
    <h1 class="brand"><${Mark} />Wireroom</h1>
    <div class="card">${pending ? html`<div class="state" role="status"><span class="boot-mark"></span>Signing you in…</div>` : html`
      <div class="form">${refused && html`<${Note} kind="warn">${refused}<//>`}
        ${step === "totp" ? html`<${Totp} back=${() => setStep("password")} />` : html`<${Password} onTotp=${() => setStep("totp")} />`}</div>`}</div>
    <p class="sign-foot">First time here? The server printed a one-time link when it started; <span class="mono">manage.py login_link</span> prints another.</p>
  </div></main>`;
}

// The person: password and session.
import { html, useState } from "../lib/preact.js";
import { post } from "../lib/http.js";
import { loadSession, session, signOut, user } from "../state/session.js";
import { FormError, Input, SubmitButton, useSubmit } from "../components/form.js";
import { Running } from "../components/running.js";
import { Note } from "../components/states.js";
import { toast } from "../components/toast.js";

const EMPTY = { current: "", fresh: "", again: "" };

function Password() {
  const has = user.value.has_password;
  const [values, setValues] = useState(EMPTY);
  const set = (name) => (value) => setValues({ ...values, [name]: value });
  const differ = values.again !== "" && values.fresh !== values.again;
  const form = useSubmit(async () => {
    await post("/api/session/password", { new_password: values.fresh, ...(has && { current_password: values.current }) });
    setValues(EMPTY);
    await loadSession();
    toast(has ? "The password is changed." : "The password is set. You can sign in with it from now on.");
  });
  return html`<section class="card"><header><h2>${has ? "Change the password" : "Set a password"}</h2></header><form class="inside" onSubmit=${form.submit}>
    ${!has && html`<${Note} kind="info">You signed in by a one-time link. With a password you don't need another.<//>`}
    <input class="sr-only" type="email" autocomplete="username" value=${user.value.email} readonly tabindex="-1" aria-hidden="true" />
    ${has && html`<${Input} label="Current password" type="password" autocomplete="current-password" required wrong=${form.fields.current_password} value=${values.current} onValue=${set("current")} />`}
    <div class="form-row"><${Input} label="New password" type="password" autocomplete="new-password" required wrong=${form.fields.new_password} value=${values.fresh} onValue=${set("fresh")} />
    <${Input} label="New password again" type="password" autocomplete="new-password" required wrong=${differ ? "The two differ." : undefined} value=${values.again} onValue=${set("again")} /></div>
    <${FormError} form=${form} shown=${["current_password", "new_password"]} />
    <div><${SubmitButton} form=${form} disabled=${form.busy || values.fresh !== values.again}>${has ? "Change" : "Set password"}<//></div></form></section>`;
}

export function AccountPage() {
  return html`<div class="body narrow-body"><div class="head"><h1>Account</h1></div>
    <section class="card"><header><h2>You</h2></header><div class="inside"><dl class="kv"><dt>E-mail</dt><dd>${user.value.email}</dd>
      ${user.value.name && html`<dt>Name</dt><dd>${user.value.name}</dd>`}<dt>Wireroom</dt><dd class="num">${session.value.version}</dd><${Running} /></dl>
      <div><button type="button" class="btn" onClick=${() => signOut().catch((error) => toast(error.message, { bad: true }))}>Sign out</button></div></div></section>
    <${Password} /></div>`;
}

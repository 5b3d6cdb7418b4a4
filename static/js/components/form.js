// Forms: a labelled field with its hint and its refusal, and a hook that submits.
import { html, useId, useState } from "../lib/preact.js";
import { ErrorNote } from "./states.js";

/** `children(props)` draws the control and spreads `props` on it: id, aria-describedby, aria-invalid. */
export function Field({ label, hint, wrong, children }) {
  const id = useId();
  const about = [hint && `${id}-hint`, wrong && `${id}-wrong`].filter(Boolean).join(" ") || undefined;
  return html`<div class="field"><label for=${id}>${label}</label>
    ${children({ id, "aria-describedby": about, "aria-invalid": wrong ? "true" : undefined })}
    ${wrong ? html`<span class="wrong" id=${`${id}-wrong`} role="alert">${wrong}</span>` : null}
    ${hint ? html`<span class="hint" id=${`${id}-hint`}>${hint}</span>` : null}
  </div>`;
}

export function Input({ label, hint, wrong, value, onValue, mono = false, ...rest }) {
  return html`<${Field} label=${label} hint=${hint} wrong=${wrong}>
    ${(props) => html`<input class=${mono ? "input mono" : "input"} value=${value} onInput=${(e) => onValue(e.target.value)} ...${props} ...${rest} />`}<//>`;
}

export function Area({ label, hint, wrong, value, onValue, ...rest }) {
  return html`<${Field} label=${label} hint=${hint} wrong=${wrong}>
    ${(props) => html`<textarea class="area" spellcheck=${false} onInput=${(e) => onValue(e.target.value)} ...${props} ...${rest} value=${value}></textarea>`}<//>`;
}

export function Select({ label, hint, wrong, value, onValue, options, ...rest }) {
  return html`<${Field} label=${label} hint=${hint} wrong=${wrong}>
    ${(props) => html`<select class="select" value=${value} onChange=${(e) => onValue(e.target.value)} ...${props} ...${rest}>
      ${options.map(([key, words]) => html`<option key=${key} value=${key} selected=${key === value}>${words}</option>`)}</select>`}<//>`;
}

/** A group of radio buttons that look like cards; `options` = [[value, title, hint], …]. */
export function Choices({ label, name, value, onValue, options }) {
  return html`<fieldset class="field"><legend>${label}</legend><div class=${options.length === 3 ? "choices three" : "choices"}>
    ${options.map(([key, title, hint]) => html`<label class="choice" key=${key}>
      <input type="radio" name=${name} value=${key} checked=${key === value} onChange=${() => onValue(key)} />
      <span>${title}${hint && html`<small>${hint}</small>`}</span></label>`)}
  </div></fieldset>`;
}

/** {busy, error, fields, submit, change}: `action` throws ApiError; its fields' sentences belong beside the fields. */
export function useSubmit(action) {
  const [state, setState] = useState({ busy: false, error: null });
  const submit = async (event) => {
    event?.preventDefault();
    setState({ busy: true, error: null });
    try {
      await action();
      setState({ busy: false, error: null });
    } catch (error) {
      setState({ busy: false, error });
    }
  };
  const fields = state.error?.fields || {};
  return { ...state, fields, submit, clear: () => setState({ busy: false, error: null }) };
}

/** The error that no shown field explains. */
export function FormError({ form, shown = [] }) {
  if (!form.error || shown.some((name) => form.fields[name])) return null;
  return html`<${ErrorNote} error=${form.error} />`;
}

export function SubmitButton({ form, children, className = "btn primary", ...rest }) {
  return html`<button type="submit" class=${className} disabled=${form.busy} ...${rest}>${form.busy && html`<span class="busy"></span>`}${children}</button>`;
}

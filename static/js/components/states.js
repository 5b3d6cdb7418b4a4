// Empty, loading and error: designed once.
import { html } from "../lib/preact.js";
import { Icon } from "./icons.js";

export function Empty({ icon = "namespaces", title, children, bad = false, level = "h2" }) {
  return html`<div class=${bad ? "state bad" : "state"}>
    <span class="state-icon"><${Icon} name=${icon} /></span><${level}>${title}<//>${children}
  </div>`;
}

export function Loading({ lines = 5, what = "Loading" }) {
  return html`<div class="skeleton" role="status"><span class="sr-only">${what}</span>
    ${Array.from({ length: lines }, (_, i) => html`<i key=${i} aria-hidden="true"></i>`)}</div>`;
}

export function Failed({ error, retry }) {
  const away = error.status === 0 || error.status >= 500;
  return html`<${Empty} bad icon=${away ? "offline" : "warn"} title=${away ? "This didn't load" : "This can't be shown"}>
    <p>${error.message}</p>${retry && html`<button type="button" class="btn" onClick=${retry}>Try again</button>`}<//>`;
}

/** One sentence in place; nothing when there is no error. */
export function ErrorNote({ error }) {
  return error ? html`<div class="note bad" role="alert"><${Icon} name="warn" /><span>${error.message}</span></div>` : null;
}

export function Note({ kind = "info", children }) {
  return html`<div class=${`note ${kind}`}><${Icon} name=${kind === "ok" ? "check" : kind === "info" ? "info" : "warn"} /><div>${children}</div></div>`;
}

/** A resource's three states around its content. */
export function Loaded({ resource, lines, children }) {
  if (resource.data !== null) return children(resource.data);
  return resource.error ? html`<${Failed} error=${resource.error} retry=${resource.reload} />` : html`<${Loading} lines=${lines} />`;
}

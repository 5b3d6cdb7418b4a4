// Short messages at the edge; read aloud politely; errors stay until they are dismissed.
import { html, signal } from "../lib/preact.js";
import { Icon } from "./icons.js";

const toasts = signal([]);
let next = 1;

const dismiss = (id) => (toasts.value = toasts.value.filter((t) => t.id !== id));

export function toast(text, { bad = false } = {}) {
  const id = next++;
  toasts.value = [...toasts.value, { id, text, bad }].slice(-4);
  if (!bad) setTimeout(() => dismiss(id), 5000);
}

export function Toasts() {
  return html`<div class="toasts" role="status" aria-live="polite">${toasts.value.map((t) => html`
    <div class=${t.bad ? "toast bad" : "toast"} key=${t.id}><span>${t.text}</span>
      <button type="button" aria-label="Dismiss" onClick=${() => dismiss(t.id)}><${Icon} name="close" /></button></div>`)}</div>`;
}

// Modal dialogs on the platform's own <dialog>: it holds the focus inside, and gives it back when it closes.
import { html, render, useEffect, useLayoutEffect, useRef, useState, useId } from "../lib/preact.js";
import { Icon } from "./icons.js";
import { ErrorNote } from "./states.js";

/** `onClose` is called for Escape, the backdrop and the cross; the parent then stops rendering it. */
export function Dialog({ title, onClose, children, narrow = false, wide = false, className = "dialog", bare = false }) {
  const element = useRef(null);
  const titleId = useId();
  useLayoutEffect(() => {
    const before = document.activeElement;
    const dialog = element.current;
    dialog.showModal();
    return () => {
      dialog.close();
      if (before?.isConnected) before.focus();
    };
  }, []);
  const onCancel = (event) => (event.preventDefault(), onClose());
  const onMouseDown = (event) => event.target === element.current && onClose();
  return html`<dialog ref=${element} class=${`${className} ${narrow ? "narrow" : wide ? "wide" : ""}`} aria-labelledby=${bare ? undefined : titleId}
      aria-label=${bare ? title : undefined} onCancel=${onCancel} onMouseDown=${onMouseDown}>
    ${bare ? children : html`
      <header><h2 id=${titleId} class="grow">${title}</h2>
        <button type="button" class="icon-btn" aria-label="Close" onClick=${onClose}><${Icon} name="close" /></button></header>
      <div class="inside">${children}</div>`}
  </dialog>`;
}

function Confirmation({ title, text, action, danger, run, done }) {
  const [busy, setBusy] = useState(false);
  const [error, setError] = useState(null);
  const confirmButton = useRef(null);
  useEffect(() => confirmButton.current?.focus(), []);
  const go = async () => {
    setBusy(true);
    try {
      done(await run());
    } catch (caught) {
      setError(caught);
      setBusy(false);
    }
  };
  return html`<${Dialog} title=${title} narrow onClose=${() => !busy && done(null)}>
    <p>${text}</p>
    <${ErrorNote} error=${error} />
    <div class="actions">
      <button type="button" class="btn" onClick=${() => done(null)} disabled=${busy}>Cancel</button>
      <button type="button" ref=${confirmButton} class=${danger ? "btn danger" : "btn primary"} onClick=${go} disabled=${busy}>
        ${busy && html`<span class="busy"></span>`}${action}</button>
    </div>
  <//>`;
}

/** Asks, runs `run` on yes and shows its error in place. Gives what `run` gave, or null when the person said no. */
export function confirmAnd({ title, text, action, danger = false, run = async () => true }) {
  const host = document.createElement("div");
  document.body.append(host);
  return new Promise((resolve) => {
    const done = (result) => {
      render(null, host);
      host.remove();
      resolve(result);
    };
    render(html`<${Confirmation} ...${{ title, text, action, danger, run, done }} />`, host);
  });
}

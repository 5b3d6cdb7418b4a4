// Copying: a button that says that it did, and a block of code with one.
import { html, useEffect, useRef, useState } from "../lib/preact.js";
import { copy } from "../lib/files.js";
import { Icon } from "./icons.js";
import { toast } from "./toast.js";

export function useCopied() {
  const [copied, setCopied] = useState(false);
  const timer = useRef(0);
  useEffect(() => () => clearTimeout(timer.current), []);
  const run = async (text) => {
    if (!(await copy(text))) {
      toast("The browser doesn't allow copying here; select the text instead.", { bad: true });
      return false;
    }
    setCopied(true);
    clearTimeout(timer.current);
    timer.current = setTimeout(() => setCopied(false), 1800);
    return true;
  };
  return [copied, run];
}

export function CopyButton({ text, label = "Copy", className = "btn", onCopied }) {
  const [copied, run] = useCopied();
  const go = async () => (await run(typeof text === "function" ? text() : text)) && onCopied?.();
  return html`<button type="button" class=${className} onClick=${go}><${Icon} name=${copied ? "check" : "copy"} />${copied ? "Copied" : label}</button>`;
}

export function CopyIcon({ text, label, onCopied }) {
  const [copied, run] = useCopied();
  const go = async () => (await run(text)) && onCopied?.();
  return html`<button type="button" class=${copied ? "icon-btn copied" : "icon-btn"} aria-label=${copied ? "Copied" : label} title=${label}
    onClick=${go}><${Icon} name=${copied ? "check" : "copy"} /></button>`;
}

/** Code with a copy button; scrolls sideways, so it can take the focus. */
export function Code({ text, label = "Copy this", onCopied }) {
  return html`<div class="code"><pre tabindex="0" role="group" aria-label=${label}><code>${text}</code></pre><${CopyIcon} text=${text} label=${label} onCopied=${onCopied} /></div>`;
}

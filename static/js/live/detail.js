// One message, whole: its facts, its payload as JSON, text or hex with the reason, its headers, and what to do with it.
import { html, useMemo, useState } from "../lib/preact.js";
import { bytes, clockMs, count, exact, plural } from "../lib/format.js";
import { natsPub } from "../lib/snippets.js";
import { Icon } from "../components/icons.js";
import { CopyButton } from "../components/copy.js";
import { base64 } from "./decode.js";
import { hexDump, inspect, prettyJson } from "./payload.js";

function Json({ text }) {
  const tokens = useMemo(() => prettyJson(text), [text]);
  return html`<pre class="block" tabindex="0">${tokens.map(([words, kind]) => (kind ? html`<span class=${kind}>${words}</span>` : words))}</pre>`;
}

function Headers({ headers, addFilter }) {
  if (!headers.length) return html`<p class="dim">No headers.</p>`;
  return html`<dl class="kv headers">${headers.map(([name, value]) => html`<dt class="mono">${name}</dt><dd class="mono">${value}
    ${addFilter && html`<button type="button" class="link-btn" onClick=${() => addFilter("header", `${name}:${value}`)} aria-label=${`Filter by ${name}`}>filter</button>`}</dd>`)}</dl>`;
}

/** Tabs over a payload and its headers; without `addFilter` there is nothing to filter. */
export function Views({ message, found, addFilter }) {
  const [chosen, setChosen] = useState(null);
  const view = chosen || found.best;
  const tabs = [["json", "JSON", !found.json && "The payload isn't JSON"], ["text", "Text", found.text === null && "The bytes aren't UTF-8"], ["hex", "Hex", false], ["headers", message.headers.length ? `Headers ${message.headers.length}` : "Headers", false]];
  return html`<div class="tabs" role="tablist" aria-label="Views of the message">${tabs.map(([name, words, refused]) => html`<button type="button" role="tab" key=${name} id=${`view-${name}`}
      aria-selected=${view === name ? "true" : "false"} aria-controls="message-view" disabled=${Boolean(refused)} title=${refused || undefined} onClick=${() => setChosen(name)}>${words}</button>`)}</div>
    <div id="message-view" role="tabpanel" aria-labelledby=${`view-${view}`} class="message-view">
      ${view === "json" && html`<${Json} text=${found.text} />`}${view === "text" && html`<pre class="block wrap" tabindex="0">${found.text}</pre>`}
      ${view === "hex" && html`<pre class="block" tabindex="0">${hexDump(message.payload)}</pre>`}${view === "headers" && html`<${Headers} headers=${message.headers} addFilter=${addFilter} />`}
      ${view !== "headers" && !chosen && html`<p class="why">${found.why}</p>`}</div>`;
}

function Facts({ message, addFilter }) {
  return html`<dl class="kv"><dt>Received</dt><dd class="num" title=${`${exact(message.ms)}; ${message.ns} ns since 1970, by the broker's clock`}>${clockMs(message.ms)}</dd>
    ${message.reply && html`<dt>Reply to</dt><dd class="mono">${message.reply}</dd>`}
    ${message.status && html`<dt>Status</dt><dd>${message.status}</dd>`}
    <dt>Size</dt><dd class="num">${bytes(message.size)}${message.size >= 1024 ? html` <span class="dim">${count(message.size)} bytes</span>` : null}</dd>
    <dt>Filter</dt><dd><button type="button" class="link-btn" onClick=${() => addFilter("subject", message.subject)}>only this subject</button> · <button type="button" class="link-btn" onClick=${() => addFilter("not", message.subject)}>not this one</button></dd></dl>`;
}

function asNatsPub(message, text) {
  if (text !== null) return natsPub({ ...message, payload: text });
  return `printf %s ${base64(message.payload)} | base64 -d | ${natsPub({ ...message, payload: "" }).replace(/ ''$/, "")} --force-stdin`;
}

/** Why a message can't be sent again from here, or null. */
export function cannotResend(message) {
  if (message.truncated) return "Only a part of the payload is here";
  return /[*>\s]/.test(message.subject) ? "The subject can't be published to" : null;
}

export function Detail({ message, close, addFilter, resend, edit, writes }) {
  const found = useMemo(() => inspect(message.payload, message.truncated), [message]);
  const refused = cannotResend(message);
  return html`<section class="pane" aria-label="Message"><header class="pane-head"><h2 class="mono">${message.subject}</h2><button type="button" class="icon-btn" aria-label="Close the message" onClick=${close}><${Icon} name="close" /></button></header>
    <div class="pane-body"><${Facts} message=${message} addFilter=${addFilter} />
      ${message.truncated && html`<div class="note warn"><${Icon} name="warn" /><span>The first ${bytes(message.payload.length)} of ${bytes(message.size)}: the tail carries no more of one message.</span></div>`}
      <${Views} key=${message.index} message=${message} found=${found} addFilter=${addFilter} />
      <div class="pane-actions">${writes && html`<button type="button" class="btn" disabled=${Boolean(refused)} title=${refused || undefined} onClick=${() => resend(message, found.text)}>Send again</button>
        <button type="button" class="btn quiet" disabled=${Boolean(refused) || found.text === null} title=${refused || (found.text === null ? "The payload isn't text" : undefined)} onClick=${() => edit(message, found.text)}>Edit and send</button>`}
        <${CopyButton} className="btn quiet" label="Copy as nats pub" text=${() => asNatsPub(message, found.text)} />
        ${found.text !== null && html`<${CopyButton} className="btn quiet" label="Copy payload" text=${found.text} />`}</div>
      <p class="sr-only" role="status">${`Message on ${message.subject}, ${plural(message.size, "byte")}`}</p></div></section>`;
}

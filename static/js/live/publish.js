// Publishing and requesting from the page, with what was sent before.
import { html, useEffect, useRef, useState } from "../lib/preact.js";
import { post, url } from "../lib/http.js";
import { bytes, clockOf, elapsed } from "../lib/format.js";
import { load, save } from "../lib/storage.js";
import { Icon } from "../components/icons.js";
import { ErrorNote } from "../components/states.js";
import { Area, Input } from "../components/form.js";
import { bytesOf } from "../data/base64.js";
import { inspect, prettyJson } from "./payload.js";

const HISTORY_MAX = 20;
const KEPT_BYTES_MAX = 64 * 1024;
const TIMEOUTS_MS = [["1000", "1 s"], ["2000", "2 s"], ["5000", "5 s"], ["10000", "10 s"]];
export const BLANK = { subject: "", reply: "", headers: [], payload: "" };

/** {"k": ["v"]}, as the API takes it. */
export function headersObject(pairs) {
  const out = {};
  for (const [name, value] of pairs) if (name.trim()) (out[name.trim()] ||= []).push(value);
  return out;
}

export function bodyOf({ subject, reply, headers, payload, payload_base64 }) {
  const named = headersObject(headers);
  return { subject: subject.trim(), ...(reply && { reply: reply.trim() }), ...(Object.keys(named).length && { headers: named }), ...(payload_base64 ? { payload_base64 } : { payload }) };
}

function jsonCheck(text) {
  if (!/^\s*[[{"]/.test(text)) return null;
  try {
    JSON.parse(text);
    return ["ok", "Valid JSON"];
  } catch (error) {
    return ["bad", `Not JSON yet: ${error.message}`];
  }
}

function HeaderRows({ headers, setHeaders }) {
  const set = (i, at) => (event) => setHeaders(headers.map((pair, j) => (i === j ? pair.map((v, k) => (k === at ? event.target.value : v)) : pair)));
  return html`<fieldset class="field"><legend>Headers</legend>${headers.map(([name, value], i) => html`<div class="header-row" key=${i}>
      <input class="input mono" placeholder="Name" aria-label=${`Header ${i + 1} name`} value=${name} onInput=${set(i, 0)} spellcheck=${false} />
      <input class="input mono" placeholder="Value" aria-label=${`Header ${i + 1} value`} value=${value} onInput=${set(i, 1)} spellcheck=${false} />
      <button type="button" class="icon-btn" aria-label=${`Remove header ${i + 1}`} onClick=${() => setHeaders(headers.filter((_, j) => j !== i))}><${Icon} name="close" /></button></div>`)}
    <div><button type="button" class="btn small quiet" onClick=${() => setHeaders([...headers, ["", ""]])}><${Icon} name="plus" />Header</button></div></fieldset>`;
}

function Answer({ answer }) {
  if (!answer) return null;
  if (answer.error) return html`<${ErrorNote} error=${answer.error} />`;
  if (!answer.reply) return html`<div class="note ok" role="status"><${Icon} name="check" /><span>Sent ${bytes(answer.bytes)} at ${clockOf(answer.at)}.</span></div>`;
  const found = inspect(bytesOf(answer.reply.payload_base64), false);
  return html`<div class="reply" role="status"><div class="note ok"><${Icon} name="check" /><span>Answered in <b class="num">${elapsed(answer.reply.elapsed_ms)}</b>${answer.reply.status ? `, status ${answer.reply.status}` : ""}</span></div>
    <pre class="block wrap" tabindex="0">${found.json ? prettyJson(found.text).map(([words, kind]) => html`<span class=${kind}>${words}</span>`) : found.text ?? "(not text)"}</pre></div>`;
}

function History({ list, take }) {
  if (!list.length) return null;
  return html`<section class="history"><h3>Sent before</h3><ol>${list.map((one, i) => html`<li key=${i}><button type="button" class="history-item" onClick=${() => take(one)}>
    <span class="mono clip">${one.subject}</span><span class="mono clip dim">${one.payload}</span></button></li>`)}</ol></section>`;
}

const sameMessage = (a, b) => JSON.stringify(bodyOf(a)) === JSON.stringify(bodyOf(b));

function useHistory(namespaceId) {
  const key = `sent.${namespaceId}`;
  const [list, setList] = useState(() => load(key, []));
  const add = (draft) => {
    if (draft.payload.length > KEPT_BYTES_MAX) return;
    const next = [draft, ...list.filter((one) => !sameMessage(one, draft))].slice(0, HISTORY_MAX);
    save(key, next);
    setList(next);
  };
  return [list, add];
}

function useSending(namespace, add) {
  const [state, setState] = useState({ busy: false, answer: null });
  const send = async (draft, timeoutMs) => {
    setState({ busy: true, answer: null });
    try {
      const path = timeoutMs ? url`/api/namespaces/${namespace.id}/request` : url`/api/namespaces/${namespace.id}/publish`;
      const answer = await post(path, timeoutMs ? { ...bodyOf({ ...draft, reply: "" }), timeout_ms: timeoutMs } : bodyOf(draft));
      setState({ busy: false, answer: timeoutMs ? { reply: answer } : { bytes: answer.bytes, at: Date.now() } });
      add(draft);
    } catch (error) {
      setState({ busy: false, answer: { error } });
    }
  };
  return { ...state, send };
}

/** `draft` is kept by the page, so that the panel can be closed and opened again, and filled from a row. */
export function Publish({ namespace, draft, setDraft, close }) {
  const [list, add] = useHistory(namespace.id);
  const [mode, setMode] = useState("publish");
  const [timeoutMs, setTimeoutMs] = useState("2000");
  const { busy, answer, send } = useSending(namespace, add);
  const form = useRef(null);
  const set = (name) => (value) => setDraft({ ...draft, [name]: value });
  useEffect(() => form.current.querySelector("input").focus(), []);
  const check = jsonCheck(draft.payload);
  const submit = (event) => (event.preventDefault(), busy || send(draft, mode === "request" ? Number(timeoutMs) : 0));
  const onKey = (event) => event.key === "Enter" && (event.metaKey || event.ctrlKey) && form.current.requestSubmit();
  return html`<section class="pane" aria-label="Publish"><header class="pane-head"><div class="seg" role="group" aria-label="What to send">${[["publish", "Publish"], ["request", "Request"]].map(([name, words]) => html`
      <button type="button" key=${name} aria-pressed=${mode === name ? "true" : "false"} onClick=${() => setMode(name)}>${words}</button>`)}</div><span class="grow"></span>
      <button type="button" class="icon-btn" aria-label="Close the publish panel" onClick=${close}><${Icon} name="close" /></button></header>
    <form class="pane-body form" ref=${form} onSubmit=${submit} onKeyDown=${onKey}>
      <${Input} label="Subject" mono required placeholder="orders.eu.paid" autocomplete="off" spellcheck=${false} value=${draft.subject} onValue=${set("subject")} wrong=${answer?.error?.fields?.subject} />
      ${mode === "publish" ? html`<${Input} label="Reply to" mono placeholder="none" autocomplete="off" spellcheck=${false} value=${draft.reply} onValue=${set("reply")} wrong=${answer?.error?.fields?.reply} />`
        : html`<div class="field"><label for="timeout">Wait for the answer</label><select id="timeout" class="select" value=${timeoutMs} onChange=${(e) => setTimeoutMs(e.target.value)}>${TIMEOUTS_MS.map(([ms, words]) => html`<option value=${ms} selected=${ms === timeoutMs}>${words}</option>`)}</select></div>`}
      <${HeaderRows} headers=${draft.headers} setHeaders=${set("headers")} />
      <div><${Area} label="Payload" rows="7" value=${draft.payload} onValue=${set("payload")} />
        <div class=${`json-check ${check?.[0] || ""}`}>${check ? check[1] : html`${bytes(new Blob([draft.payload]).size)} of text`}</div></div>
      <div class="actions"><span class="dim"><kbd>${/Mac|iP/.test(navigator.platform) ? "⌘" : "Ctrl"} ↵</kbd></span><button type="submit" class="btn primary" disabled=${busy}>${busy ? html`<span class="busy"></span>` : html`<${Icon} name="send" />`}${mode === "request" ? "Request" : "Publish"}</button></div>
      <${Answer} answer=${answer} /><${History} list=${list} take=${(one) => setDraft(one)} /></form></section>`;
}

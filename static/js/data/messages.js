// The messages of a stream, a page at a time, newest or oldest first; looking takes nothing from the stream.
import { html, useEffect, useMemo, useState } from "../lib/preact.js";
import { get, post, remove } from "../lib/http.js";
import { bytes, clockOf, count, exact, plural, toMs } from "../lib/format.js";
import { useResource } from "../lib/resource.js";
import { route, setQuery } from "../lib/router.js";
import { confirmAnd, Dialog } from "../components/dialog.js";
import { Area, FormError, Input, SubmitButton, useSubmit } from "../components/form.js";
import { CopyButton } from "../components/copy.js";
import { Icon } from "../components/icons.js";
import { Empty, Loaded, Loading } from "../components/states.js";
import { toast } from "../components/toast.js";
import { Views } from "../live/detail.js";
import { inspect } from "../live/payload.js";
import { preview } from "../live/decode.js";
import { bytesOf } from "./base64.js";

const LIMIT = 50;
const ORDERS = [["newest", "Newest first"], ["oldest", "Oldest first"]];

/** What the address says: {subject, order, seq}; `seq` is text, "" for where the order begins. */
function fromQuery(query) {
  return { subject: query.get("subject") || "", order: query.get("order") === "oldest" ? "oldest" : "newest", seq: /^\d+$/.test(query.get("seq") || "") ? query.get("seq") : "" };
}

const toQuery = ({ subject, order, seq }) => ({ subject, order: order === "newest" ? null : order, seq });

function SubjectOf({ subject }) {
  const at = subject.lastIndexOf(".") + 1;
  return html`<span class="mono clip"><span class="dim">${subject.slice(0, at)}</span><b>${subject.slice(at)}</b></span>`;
}

function Row({ one, on, choose }) {
  const found = useMemo(() => preview(bytesOf(one.payload_base64)), [one]);
  const key = (event) => (event.key === "Enter" || event.key === " ") && (event.preventDefault(), choose(one));
  return html`<tr class=${on ? "pick on" : "pick"} tabindex="0" aria-selected=${on ? "true" : "false"} onClick=${() => choose(one)} onKeyDown=${key}>
    <td class="num mono" data-label="Sequence">${one.seq}</td><td class="num" data-label="Stored"><span title=${exact(toMs(one.time))}>${clockOf(toMs(one.time))}</span></td>
    <td data-label="Subject"><${SubjectOf} subject=${one.subject} /></td><td class="right num" data-label="Size">${bytes(one.size)}</td>
    <td data-label="Payload" class="grow-cell"><span class=${found[1] ? "mono clip dim" : "mono clip"}>${found[0]}</span></td></tr>`;
}

function Message({ base, one, writes, close, gone }) {
  const whole = useResource((signal) => (one.size > bytesOf(one.payload_base64).length ? get(`${base}/messages/${one.seq}`, { signal }) : Promise.resolve(one)), [base, one.seq]);
  const payload = useMemo(() => bytesOf((whole.data || one).payload_base64), [whole.data, one]);
  const found = useMemo(() => inspect(payload, false), [payload]);
  const erase = async () => {
    const done = await confirmAnd({ title: `Delete message ${one.seq}?`, text: "Its bytes are overwritten. This can't be undone.", action: "Delete", danger: true, run: async () => (await remove(`${base}/messages/${one.seq}`), true) });
    if (done) gone();
  };
  return html`<section class="card once" aria-label=${`Message ${one.seq}`}><header><h2 class="mono clip">${one.subject}</h2><span class="grow"></span><button type="button" class="icon-btn" aria-label="Close the message" onClick=${close}><${Icon} name="close" /></button></header>
    <div class="inside"><dl class="kv"><dt>Sequence</dt><dd class="num">${count(one.seq)}</dd><dt>Stored</dt><dd class="num">${exact(toMs(one.time))}</dd><dt>Size</dt><dd class="num">${bytes(one.size)}</dd></dl>
      ${whole.loading ? html`<${Loading} lines=${3} />` : html`<${Views} message=${{ headers: one.headers, payload }} found=${found} />`}
      <div class="pane-actions">${found.text !== null && html`<${CopyButton} className="btn quiet" label="Copy payload" text=${found.text} />`}
        ${writes && html`<button type="button" class="btn quiet danger-quiet" onClick=${erase}><${Icon} name="trash" />Delete</button>`}</div></div></section>`;
}

function PublishDialog({ namespace, config, close, done }) {
  const literal = (config.subjects || []).find((s) => !/[*>]/.test(s)) || "";
  const [subject, setSubject] = useState(literal);
  const [payload, setPayload] = useState("");
  const form = useSubmit(async () => {
    const answer = await post(`/api/namespaces/${namespace.id}/request`, { subject: subject.trim(), payload, timeout_ms: 5000 });
    const ack = JSON.parse(new TextDecoder().decode(bytesOf(answer.payload_base64)));
    if (ack.error) throw Object.assign(new Error(ack.error.description), { fields: {} });
    close();
    toast(`Stored in ${ack.stream} at ${count(ack.seq)}.`);
    done();
  });
  return html`<${Dialog} title="Publish into the stream" onClose=${() => !form.busy && close()}><form class="form" onSubmit=${form.submit}>
    <${Input} label="Subject" mono required autofocus autocomplete="off" spellcheck=${false} hint=${`The stream stores ${(config.subjects || []).join(", ")}`} wrong=${form.fields.subject} value=${subject} onValue=${setSubject} />
    <${Area} label="Payload" rows="6" value=${payload} onValue=${setPayload} />
    <${FormError} form=${form} shown=${["subject"]} />
    <div class="actions"><button type="button" class="btn" onClick=${close}>Cancel</button><${SubmitButton} form=${form}>Publish<//></div></form><//>`;
}

function Toolbar({ asked, ask, writes, publish, reload }) {
  const [subject, setSubject] = useState(asked.subject);
  const [seq, setSeq] = useState(asked.seq);
  useEffect(() => (setSubject(asked.subject), setSeq(asked.seq)), [asked.subject, asked.seq]);
  const submit = (event) => (event.preventDefault(), ask({ ...asked, subject: subject.trim(), seq: seq.trim() }));
  return html`<form class="tools" onSubmit=${submit}>
    <input class="input mono filter" placeholder="Subject filter, e.g. orders.>" aria-label="Subject filter" autocomplete="off" spellcheck=${false} value=${subject} onInput=${(e) => setSubject(e.target.value)} />
    <input class="input num seq" placeholder="From sequence" aria-label="From sequence" inputmode="numeric" pattern="[0-9]*" value=${seq} onInput=${(e) => setSeq(e.target.value)} />
    <button type="submit" class="btn">Show</button>
    <div class="seg" role="group" aria-label="Order">${ORDERS.map(([order, words]) => html`<button type="button" key=${order} aria-pressed=${asked.order === order ? "true" : "false"} onClick=${() => ask({ ...asked, order, seq: "" })}>${words}</button>`)}</div>
    <span class="grow"></span><button type="button" class="btn quiet" onClick=${reload}>Refresh</button>${writes && html`<button type="button" class="btn primary" onClick=${publish}><${Icon} name="send" />Publish</button>`}</form>`;
}

function Page({ page, asked, ask, chosen, choose }) {
  const { messages, next, complete } = page;
  const pager = html`<div class="pager">${asked.seq && html`<button type="button" class="btn small" onClick=${() => ask({ ...asked, seq: "" })}>${asked.order === "newest" ? "Newest" : "Oldest"}</button>`}
    <span class="dim num">${messages.length ? `${plural(messages.length, "message")} of sequences ${count(page.first_seq)} – ${count(page.last_seq)}` : ""}</span><span class="grow"></span>
    ${next !== null && html`<button type="button" class="btn small" onClick=${() => ask({ ...asked, seq: String(next) })}>${asked.order === "newest" ? "Older" : "Newer"}</button>`}</div>`;
  const hint = !complete && html`<div class="note warn" role="status"><${Icon} name="warn" /><span>The search was ended after a thousand reads. Begin at another sequence, or oldest first.</span></div>`;
  if (!messages.length) return html`${hint}<div class="card"><${Empty} icon="streams" title="No message here"><p>${asked.subject || asked.seq ? "Nothing in the stream matches." : "Messages appear here as soon as they are stored."}</p><//></div>`;
  return html`${hint}<div class="card table-wrap"><table class="table stack messages"><thead><tr><th>Sequence</th><th>Stored</th><th>Subject</th><th class="right">Size</th><th>Payload</th></tr></thead>
    <tbody>${messages.map((one) => html`<${Row} key=${one.seq} one=${one} on=${chosen?.seq === one.seq} choose=${choose} />`)}</tbody></table></div>${pager}`;
}

export function Messages({ base, namespace, info, writes, changed }) {
  const asked = fromQuery(route.value.query);
  const ask = (next) => setQuery(toQuery(next));
  const query = new URLSearchParams({ limit: LIMIT, order: asked.order, ...(asked.subject && { subject: asked.subject }), ...(asked.seq && { seq: asked.seq }) }).toString();
  const resource = useResource((signal) => get(`${base}/messages?${query}`, { signal }), [base, query]);
  const [chosen, choose] = useState(null);
  const [publishing, setPublishing] = useState(false);
  const fresh = resource.data && asked.order === "newest" && !asked.seq ? info.state.last_seq - resource.data.last_seq : 0;
  const again = () => (resource.reload(), changed());
  return html`<div class="stack-gap"><${Toolbar} asked=${asked} ask=${ask} writes=${writes} reload=${again} publish=${() => setPublishing(true)} />
    ${fresh > 0 ? html`<button type="button" class="btn fresh-messages" onClick=${resource.reload}>${plural(fresh, "new message")}</button>` : null}
    <div class=${chosen ? "with-side" : ""}><div class="stack-gap"><${Loaded} resource=${resource} lines=${8}>${(page) => html`<${Page} page=${page} asked=${asked} ask=${ask} chosen=${chosen} choose=${choose} />`}<//></div>
      ${chosen && html`<div class="side"><${Message} key=${chosen.seq} base=${base} one=${chosen} writes=${writes} close=${() => choose(null)} gone=${() => (choose(null), again())} /></div>`}</div>
    ${publishing && html`<${PublishDialog} namespace=${namespace} config=${info.config} close=${() => setPublishing(false)} done=${again} />`}</div>`;
}

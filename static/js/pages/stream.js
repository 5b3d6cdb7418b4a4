// One stream: its messages, its consumers, its settings.
import { html, useState } from "../lib/preact.js";
import { get, post, url } from "../lib/http.js";
import { bytes, count, exact, plural, toMs } from "../lib/format.js";
import { useEvery, useResource } from "../lib/resource.js";
import { go, route, setQuery } from "../lib/router.js";
import { mayWrite } from "../state/session.js";
import { Dialog } from "../components/dialog.js";
import { onDiskText } from "../components/running.js";
import { FormError, Input, SubmitButton, useSubmit } from "../components/form.js";
import { Failed, Loading } from "../components/states.js";
import { toast } from "../components/toast.js";
import { Consumers } from "../data/consumers.js";
import { DeleteDialog } from "../data/delete-dialog.js";
import { Messages } from "../data/messages.js";
import { StreamForm } from "../data/stream-form.js";
import { ageWords, countText, limitWords, parseCount, sizeWords } from "../data/units.js";
import { namespacePath } from "../shell/places.js";

const REFRESH_MS = 2000;
const TABS = [["messages", "Messages"], ["consumers", "Consumers"], ["settings", "Settings"]];

function Fact({ words, children }) {
  return html`<div><dt>${words}</dt><dd class="num">${children}</dd></div>`;
}

function Facts({ info }) {
  const { state } = info;
  return html`<dl class="facts card">
    <${Fact} words="Messages">${count(state.messages)}<//><${Fact} words="Size">${bytes(state.bytes)}<//>
    <${Fact} words="Sequences">${state.messages ? html`${count(state.first_seq)} – ${count(state.last_seq)}` : count(state.last_seq)}<//>
    <${Fact} words="Subjects">${count(state.num_subjects || 0)}<//><${Fact} words="Consumers">${count(state.consumer_count)}<//>
    ${state.num_deleted ? html`<${Fact} words="Deleted inside">${count(state.num_deleted)}<//>` : null}</dl>`;
}

function SettingsTab({ namespace, info, edit }) {
  const { config } = info;
  const flags = [["allow_direct", "direct get"], ["allow_rollup_hdrs", "roll-up headers"], ["deny_delete", "no deleting of messages"], ["deny_purge", "no purging"], ["sealed", "sealed"], ["allow_msg_ttl", "TTL of each message"]].filter(([name]) => config[name]).map(([, words]) => words);
  return html`<section class="card"><header><h2>Settings</h2><span class="grow"></span>${edit && html`<button type="button" class="btn" onClick=${edit}>Change</button>`}</header><div class="inside"><dl class="kv">
    <dt>Subjects</dt><dd class="mono">${(config.subjects || []).join(", ") || "none"}</dd>${config.description && html`<dt>Description</dt><dd>${config.description}</dd>`}
    <dt>Retention</dt><dd>${config.retention}</dd><dt>Storage</dt><dd>${config.storage}${config.compression && config.compression !== "none" ? `, ${config.compression}` : ""}</dd>
    ${config.storage === "file" && html`<dt>On disk</dt><dd>${onDiskText(namespace, config)}</dd>`}
    <dt>Kept for</dt><dd>${ageWords(config.max_age)}</dd><dt>Messages</dt><dd class="num">${limitWords(config.max_msgs)}</dd><dt>Size</dt><dd class="num">${sizeWords(config.max_bytes)}</dd>
    <dt>Each subject</dt><dd class="num">${limitWords(config.max_msgs_per_subject)}</dd><dt>One message</dt><dd class="num">${sizeWords(config.max_msg_size)}</dd>
    <dt>When it is full</dt><dd>${config.discard === "new" ? "new messages are refused" : "the oldest messages go"}</dd><dt>Duplicates</dt><dd>${config.duplicate_window ? `told by Nats-Msg-Id for ${ageWords(config.duplicate_window)}` : "not told"}</dd>
    ${config.mirror && html`<dt>Mirror of</dt><dd class="mono">${config.mirror.name}</dd>`}${config.sources && html`<dt>Sources</dt><dd class="mono">${config.sources.map((s) => s.name).join(", ")}</dd>`}
    ${flags.length ? html`<dt>Also</dt><dd>${flags.join(" · ")}</dd>` : null}<dt>Created</dt><dd>${exact(toMs(info.created))}</dd></dl></div></section>`;
}

function PurgeDialog({ base, info, close, done }) {
  const [subject, setSubject] = useState("");
  const [keep, setKeep] = useState("");
  const wrong = Number.isNaN(parseCount(keep)) ? "A whole number, or nothing." : undefined;
  const form = useSubmit(async () => {
    const most = parseCount(keep);
    const { purged } = await post(`${base}/purge`, { ...(subject.trim() && { subject: subject.trim() }), ...(most > 0 && { keep: most }) });
    close();
    toast(`${plural(purged, "message")} purged.`);
    done();
  });
  return html`<${Dialog} title=${`Purge ${info.config.name}?`} narrow onClose=${() => !form.busy && close()}><form class="form" onSubmit=${form.submit}>
    <p>${subject.trim() || keep ? "The messages that match are" : html`All <b class="num">${countText(info.state.messages)}</b> messages are`} deleted. Consumers stay. This can't be undone.</p>
    <${Input} label="Only on this subject" mono placeholder="every subject" autocomplete="off" spellcheck=${false} wrong=${form.fields.subject} value=${subject} onValue=${setSubject} />
    <${Input} label="Keep the newest" placeholder="none" inputmode="numeric" autocomplete="off" wrong=${wrong || form.fields.keep} value=${keep} onValue=${setKeep} />
    <${FormError} form=${form} shown=${["subject", "keep"]} />
    <div class="actions"><button type="button" class="btn" onClick=${close}>Cancel</button><${SubmitButton} form=${form} className="btn danger" disabled=${form.busy || Boolean(wrong)}>Purge<//></div></form><//>`;
}

function Dialogs({ open, close, namespace, base, info, reload }) {
  if (open === "purge") return html`<${PurgeDialog} base=${base} info=${info} close=${close} done=${reload} />`;
  if (open === "delete") return html`<${DeleteDialog} base=${base} name=${info.config.name} what="stream" text="Its messages and its consumers are gone for good." close=${close} done=${() => go(namespacePath(namespace.id, "streams"))} />`;
  return open === "edit" ? html`<${StreamForm} namespace=${namespace} config=${info.config} close=${close} done=${() => (toast("Saved."), reload())} />` : null;
}

export function StreamPage({ namespace }) {
  const { stream } = route.value.params;
  const base = url`/api/namespaces/${namespace.id}/streams/${stream}`;
  const resource = useResource((signal) => get(base, { signal }), [base]);
  const [open, setOpen] = useState(null);
  useEvery(REFRESH_MS, () => open !== "delete" && !resource.loading && !resource.error && resource.reload()); // what is being deleted isn't asked for
  const tab = TABS.some(([name]) => name === route.value.query.get("tab")) ? route.value.query.get("tab") : "messages";
  const info = resource.data;
  const writes = mayWrite(namespace.role);
  if (!info) return resource.error ? html`<div class="body"><${Failed} error=${resource.error} retry=${resource.reload} /></div>` : html`<div class="body"><${Loading} lines=${8} what="Loading the stream" /></div>`;
  return html`<div class="body"><div class="head"><h1 class="mono">${stream}</h1>${info.config.storage === "memory" && html`<span class="tag">in memory</span>`}${info.config.retention !== "limits" && html`<span class="tag info">${info.config.retention}</span>`}<span class="grow"></span>
      ${writes && html`<button type="button" class="btn" onClick=${() => setOpen("purge")} disabled=${!info.state.messages}>Purge…</button><button type="button" class="btn danger-quiet" onClick=${() => setOpen("delete")}>Delete…</button>`}</div>
    <${Facts} info=${info} />
    <div class="tabs page-tabs" role="tablist" aria-label="Parts of the stream">${TABS.map(([name, words]) => html`<button type="button" role="tab" key=${name} id=${`tab-${name}`} aria-controls="stream-part" aria-selected=${tab === name ? "true" : "false"} onClick=${() => setQuery({ tab: name === "messages" ? null : name })}>${words}</button>`)}</div>
    <div id="stream-part" role="tabpanel" aria-labelledby=${`tab-${tab}`}>
      ${tab === "messages" && html`<${Messages} base=${base} namespace=${namespace} info=${info} writes=${writes} changed=${resource.reload} />`}
      ${tab === "consumers" && html`<${Consumers} base=${base} info=${info} writes=${writes} />`}
      ${tab === "settings" && html`<${SettingsTab} namespace=${namespace} info=${info} edit=${writes && (() => setOpen("edit"))} />`}</div>
    <${Dialogs} open=${open} close=${() => setOpen(null)} namespace=${namespace} base=${base} info=${info} reload=${resource.reload} /></div>`;
}

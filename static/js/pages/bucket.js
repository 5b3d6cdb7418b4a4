// One key-value bucket: its keys, the history of one, putting and deleting. It looks again every two seconds.
import { html, useEffect, useMemo, useState } from "../lib/preact.js";
import { get, put, remove, url } from "../lib/http.js";
import { ago, bytes, count, exact, plural, toMs } from "../lib/format.js";
import { useEvery, useNow, useResource } from "../lib/resource.js";
import { go, route, setQuery } from "../lib/router.js";
import { mayWrite } from "../state/session.js";
import { CopyButton } from "../components/copy.js";
import { Dialog, confirmAnd } from "../components/dialog.js";
import { Area, FormError, Input, SubmitButton, useSubmit } from "../components/form.js";
import { Icon } from "../components/icons.js";
import { Empty, ErrorNote, Failed, Loaded, Loading } from "../components/states.js";
import { toast } from "../components/toast.js";
import { bytesOf } from "../data/base64.js";
import { DeleteDialog } from "../data/delete-dialog.js";
import { ageWords } from "../data/units.js";
import { preview, strictText } from "../live/decode.js";
import { hexDump, inspect, prettyJson } from "../live/payload.js";
import { namespacePath } from "../shell/places.js";

const REFRESH_MS = 2000;
const LIMIT = 100;
const GONE = { DEL: "Deleted", PURGE: "Purged" };

const entryPath = (base, key) => `${base}/entry?key=${encodeURIComponent(key)}`;

/** The whole value as text; null where it is binary, or longer than what the API shows. */
function textOf(one) {
  const payload = bytesOf(one.payload_base64);
  return payload.length < one.size ? null : strictText(payload);
}

function KeyRow({ one, on, choose, now }) {
  const [words, binary] = useMemo(() => preview(bytesOf(one.payload_base64)), [one.payload_base64]);
  const press = (event) => (event.key === "Enter" || event.key === " ") && (event.preventDefault(), choose(one.key));
  return html`<tr class=${on ? "pick on" : "pick"} tabindex="0" aria-selected=${on ? "true" : "false"} onClick=${() => choose(one.key)} onKeyDown=${press}>
    <td><b class="mono clip">${one.key}</b></td><td data-label="Value" class="value">${GONE[one.operation] ? html`<span class="tag">${GONE[one.operation]}</span>` : html`<span class=${binary ? "mono clip dim" : "mono clip"}>${words || html`<span class="dim">empty</span>`}</span>`}</td>
    <td class="right num" data-label="Size">${bytes(one.size)}</td><td class="right num" data-label="Revision">${count(one.revision)}</td><td data-label="Changed"><span title=${exact(toMs(one.created))}>${ago(toMs(one.created), now)}</span></td></tr>`;
}

function Keys({ data, chosen, choose, more }) {
  const now = useNow(2000);
  return html`<div class="card table-wrap"><table class="table stack kv-keys"><thead><tr><th>Key</th><th>Value</th><th class="right">Size</th><th class="right">Revision</th><th>Changed</th></tr></thead>
    <tbody>${data.keys.map((one) => html`<${KeyRow} key=${one.key} one=${one} on=${chosen === one.key} choose=${choose} now=${now} />`)}</tbody></table></div>
    ${data.total_count > data.keys.length ? html`<div class="pager"><span class="dim num">${count(data.keys.length)} of ${plural(data.total_count, "key")}</span><button type="button" class="btn small" onClick=${more}>Show more</button></div>` : null}`;
}

function Value({ one }) {
  const payload = useMemo(() => bytesOf(one.payload_base64), [one.payload_base64]);
  const found = useMemo(() => inspect(payload, payload.length < one.size), [payload]);
  if (GONE[one.operation]) return html`<p class="dim">${GONE[one.operation]}.</p>`;
  if (!one.size) return html`<p class="dim">Empty.</p>`;
  if (found.json) return html`<pre class="block" tabindex="0">${prettyJson(found.text).map(([words, kind]) => (kind ? html`<span class=${kind}>${words}</span>` : words))}</pre>`;
  return html`<pre class="block wrap" tabindex="0">${found.text ?? hexDump(payload)}</pre>${payload.length < one.size && html`<p class="dim">The first ${bytes(payload.length)} of ${bytes(one.size)}.</p>`}`;
}

/** The value is sent with the revision that was looked at: what somebody else put meanwhile isn't overwritten. */
function Edit({ base, newest, name, done, cancel }) {
  const before = newest && !GONE[newest.operation] ? textOf(newest) : "";
  const [value, setValue] = useState(before ?? "");
  const form = useSubmit(async () => {
    const { revision } = await put(entryPath(base, name), { payload: value, revision: newest ? newest.revision : 0 });
    toast(`${name} has revision ${count(revision)}.`);
    done();
  });
  return html`<form class="form" onSubmit=${form.submit}><${Area} label="New value" rows="8" hint=${before === null ? "The present value is binary or too long to be edited here: this replaces it whole." : ""} autofocus value=${value} onValue=${setValue} /><${ErrorNote} error=${form.error} />
    <div class="actions"><button type="button" class="btn" onClick=${cancel} disabled=${form.busy}>Cancel</button><${SubmitButton} form=${form}>Put<//></div></form>`;
}

function Revision({ one, at, choose, now }) {
  return html`<li><button type="button" class="history-item" aria-pressed=${at ? "true" : "false"} onClick=${choose}><span class="num">${count(one.revision)} ${GONE[one.operation] ? html`<span class="tag">${GONE[one.operation]}</span>` : html`<span class="dim">${bytes(one.size)}</span>`}</span><span class="dim">${ago(toMs(one.created), now)}</span></button></li>`;
}

function Key({ base, name, revision, writes, close, changed }) {
  const resource = useResource((signal) => get(entryPath(base, name), { signal }), [base, name]);
  const [shown, setShown] = useState(null);
  const [editing, setEditing] = useState(false);
  const now = useNow(2000);
  useEffect(() => void (resource.data && resource.data.history[0]?.revision !== revision && resource.reload()), [revision]);
  const history = resource.data?.history || [];
  const one = history.find((entry) => entry.revision === shown) || history[0];
  const refresh = () => (setShown(null), setEditing(false), resource.reload(), changed());
  const erase = async (purge) => {
    const text = purge ? "The key goes with all its older values." : "The key is marked as deleted; its older values stay in the history.";
    if (await confirmAnd({ title: `${purge ? "Purge" : "Delete"} ${name}?`, text, action: purge ? "Purge" : "Delete", danger: true, run: async () => (await remove(`${entryPath(base, name)}${purge ? "&purge=1" : ""}`), true) })) refresh();
  };
  return html`<section class="card once" aria-label=${`Key ${name}`}><header><h2 class="mono clip">${name}</h2><span class="grow"></span><button type="button" class="icon-btn" aria-label="Close the key" onClick=${close}><${Icon} name="close" /></button></header>
    <div class="inside"><${Loaded} resource=${resource} lines=${4}>${() => (one ? html`<dl class="kv"><dt>Revision</dt><dd class="num">${count(one.revision)}</dd><dt>Changed</dt><dd class="num">${exact(toMs(one.created))}</dd></dl>
      ${editing ? html`<${Edit} base=${base} name=${name} newest=${history[0]} done=${refresh} cancel=${() => setEditing(false)} />` : html`<${Value} key=${one.revision} one=${one} />
      <div class="pane-actions">${writes && html`<button type="button" class="btn" onClick=${() => setEditing(true)}>${history[0] && !GONE[history[0].operation] && textOf(history[0]) === null ? "Replace" : "Edit"}</button>`}${!GONE[one.operation] && textOf(one) !== null && html`<${CopyButton} className="btn quiet" label="Copy" text=${textOf(one)} />`}
        ${writes && html`<button type="button" class="btn quiet danger-quiet" onClick=${() => erase(false)}>Delete</button><button type="button" class="btn quiet danger-quiet" onClick=${() => erase(true)}>Purge</button>`}</div>`}
      ${history.length > 1 ? html`<div class="history"><h3>History</h3><ol>${history.map((entry) => html`<${Revision} key=${entry.revision} one=${entry} at=${entry === one} choose=${() => setShown(entry.revision)} now=${now} />`)}</ol></div>` : null}`
      : html`<p class="dim">The key is gone.</p>`)}<//></div></section>`;
}

function PutDialog({ base, close, done }) {
  const [key, setKey] = useState("");
  const [value, setValue] = useState("");
  const form = useSubmit(async () => {
    await put(entryPath(base, key.trim()), { payload: value });
    close();
    done(key.trim());
  });
  return html`<${Dialog} title="Put a value" onClose=${() => !form.busy && close()}><form class="form" onSubmit=${form.submit}>
    <${Input} label="Key" mono required autofocus autocomplete="off" spellcheck=${false} placeholder="app.feature.limit" hint="Letters, digits, - _ = / and dots inside" wrong=${form.fields.key} value=${key} onValue=${setKey} />
    <${Area} label="Value" rows="6" wrong=${form.fields.payload} value=${value} onValue=${setValue} /><${FormError} form=${form} shown=${["key", "payload"]} />
    <div class="actions"><button type="button" class="btn" onClick=${close}>Cancel</button><${SubmitButton} form=${form}>Put<//></div></form><//>`;
}

function FilterForm({ filter, set }) {
  const [text, setText] = useState(filter);
  return html`<form class="tools" onSubmit=${(event) => (event.preventDefault(), set(text.trim()))}><input class="input mono filter" placeholder="Filter, e.g. app.>" aria-label="Filter of keys" autocomplete="off" spellcheck=${false} value=${text} onInput=${(e) => setText(e.target.value)} /><button type="submit" class="btn">Show</button></form>`;
}

export function BucketPage({ namespace }) {
  const { bucket } = route.value.params;
  const { query } = route.value;
  const [filter, chosen] = [query.get("filter") || "", query.get("key")];
  const [limit, setLimit] = useState(LIMIT);
  const [open, setOpen] = useState(null);
  const base = url`/api/namespaces/${namespace.id}/kv/${bucket}`;
  const asked = new URLSearchParams({ limit, ...(filter && { filter }) }).toString();
  const resource = useResource((signal) => get(`${base}?${asked}`, { signal }), [base, asked]);
  useEvery(REFRESH_MS, () => open !== "delete" && !resource.loading && !resource.error && resource.reload()); // what is being deleted isn't asked for
  const writes = mayWrite(namespace.role);
  const choose = (key) => setQuery({ filter, key });
  const { data } = resource;
  if (!data && resource.error?.status === 404) return html`<div class="body"><${Failed} error=${resource.error} retry=${resource.reload} /></div>`;
  const add = writes && html`<button type="button" class="btn primary" onClick=${() => setOpen("put")}><${Icon} name="plus" />Put a value</button>`;
  return html`<div class="body"><div class="head"><h1 class="mono">${bucket}</h1>${data && html`<span class="dim">${plural(data.bucket.keys, "key")} · ${data.bucket.history > 1 ? `${data.bucket.history} values of each` : "the newest value of each"}${data.bucket.ttl ? ` · for ${ageWords(data.bucket.ttl)}` : ""}</span>`}<span class="grow"></span>
      ${add}${writes && html`<button type="button" class="btn danger-quiet" onClick=${() => setOpen("delete")}>Delete…</button>`}</div>
    <${FilterForm} filter=${filter} set=${(text) => setQuery({ filter: text })} />
    ${resource.error && html`<${ErrorNote} error=${resource.error} />`}
    <div class=${chosen ? "with-side" : ""}><div class="stack-gap">${data ? (data.keys.length ? html`<${Keys} data=${data} chosen=${chosen} choose=${choose} more=${() => setLimit(Math.min(limit + LIMIT, 500))} />`
        : html`<div class="card"><${Empty} icon="kv" title=${filter ? "No key matches" : "No key yet"}><p>${filter ? "Nothing in the bucket fits the filter." : "Keys appear here as soon as somebody puts a value."}</p>${!filter && add}<//></div>`) : resource.error ? null : html`<${Loading} lines=${8} what="Loading the keys" />`}</div>
      ${chosen && html`<div class="side"><${Key} key=${chosen} base=${base} name=${chosen} revision=${data?.keys.find((one) => one.key === chosen)?.revision} writes=${writes} close=${() => setQuery({ filter })} changed=${resource.reload} /></div>`}</div>
    ${open === "put" && html`<${PutDialog} base=${base} close=${() => setOpen(null)} done=${(key) => (resource.reload(), choose(key))} />`}
    ${open === "delete" && html`<${DeleteDialog} base=${base} name=${bucket} what="bucket" text="Every key and its history are gone for good." close=${() => setOpen(null)} done=${() => go(namespacePath(namespace.id, "kv"))} />`}</div>`;
}

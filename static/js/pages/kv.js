// Key-value: the buckets, creating one.
import { html, useState } from "../lib/preact.js";
import { get, post, url } from "../lib/http.js";
import { ago, bytes, count, exact, toMs } from "../lib/format.js";
import { useEvery, useNow, useResource } from "../lib/resource.js";
import { go, route, setQuery } from "../lib/router.js";
import { mayWrite } from "../state/session.js";
import { Code } from "../components/copy.js";
import { Dialog } from "../components/dialog.js";
import { Choices, FormError, Input, SubmitButton, useSubmit } from "../components/form.js";
import { Icon } from "../components/icons.js";
import { Empty, Loaded } from "../components/states.js";
import { ageWords, parseDuration, parseSize, sizeWords } from "../data/units.js";
import { bucketPath } from "../shell/places.js";

const REFRESH_MS = 3000;
const STORAGE = [["file", "File", "On disk before it is acknowledged"], ["memory", "Memory", "Gone when the broker restarts"]];

function Row({ namespace, one, now }) {
  const last = one.values ? toMs(one.last_ts) : null;
  return html`<tr><td class="lead"><a class="link mono" href=${bucketPath(namespace.id, one.bucket)}>${one.bucket}</a><small>${one.description}</small></td>
    <td class="right num" data-label="Keys">${count(one.keys)}</td><td class="right num" data-label="Values">${count(one.values)}</td><td class="right num" data-label="Size">${bytes(one.bytes)}</td>
    <td class="right num" data-label="History">${count(one.history)}</td><td data-label="Time to live">${one.ttl ? ageWords(one.ttl) : html`<span class="dim">for ever</span>`}</td>
    <td data-label="Changed">${last === null ? html`<span class="dim">never</span>` : html`<span title=${exact(last)}>${ago(last, now)}</span>`}</td><td class="wide-only" data-label="At most">${sizeWords(one.max_bytes)}<small>${one.storage === "memory" ? "in memory" : "on disk"}</small></td></tr>`;
}

function Table({ namespace, list }) {
  const now = useNow();
  return html`<div class="card table-wrap"><table class="table stack"><thead><tr><th>Bucket</th><th class="right">Keys</th><th class="right">Values</th><th class="right">Size</th><th class="right">History</th><th>Time to live</th><th>Changed</th><th class="wide-only">At most</th></tr></thead>
    <tbody>${list.map((one) => html`<${Row} key=${one.bucket} namespace=${namespace} one=${one} now=${now} />`)}</tbody></table></div>`;
}

function CreateDialog({ namespace, close }) {
  const [values, setValues] = useState({ bucket: "", description: "", history: "1", ttl: "", max_bytes: "", storage: "file" });
  const set = (name) => (value) => setValues({ ...values, [name]: value });
  const ttl = parseDuration(values.ttl);
  const most = parseSize(values.max_bytes);
  const form = useSubmit(async () => {
    const made = await post(url`/api/namespaces/${namespace.id}/kv`, { bucket: values.bucket.trim(), description: values.description, history: Number(values.history), ttl, max_bytes: most, storage: values.storage });
    go(bucketPath(namespace.id, made.bucket));
  });
  return html`<${Dialog} title="New bucket" onClose=${() => !form.busy && close()}><form class="form" onSubmit=${form.submit}>
    <${Input} label="Name" hint="Letters, digits, _ and -" required maxlength="200" autofocus mono autocomplete="off" spellcheck=${false} placeholder="CONFIG" wrong=${form.fields.bucket} value=${values.bucket} onValue=${set("bucket")} />
    <div class="form-row three"><${Input} label="Values kept of a key" type="number" min="1" max="64" required wrong=${form.fields.history} value=${values.history} onValue=${set("history")} />
      <${Input} label="Time to live" placeholder="for ever" autocomplete="off" wrong=${Number.isNaN(ttl) ? "A time such as 12h." : form.fields.ttl} value=${values.ttl} onValue=${set("ttl")} />
      <${Input} label="Size at most" placeholder="no limit" autocomplete="off" wrong=${Number.isNaN(most) ? "A size such as 512 MiB." : form.fields.max_bytes} value=${values.max_bytes} onValue=${set("max_bytes")} /></div>
    <${Choices} label="Storage" name="storage" value=${values.storage} onValue=${set("storage")} options=${STORAGE} />
    <${Input} label="Description" autocomplete="off" wrong=${form.fields.description} value=${values.description} onValue=${set("description")} />
    <${FormError} form=${form} shown=${Object.keys(values)} />
    <div class="actions"><button type="button" class="btn" onClick=${close} disabled=${form.busy}>Cancel</button><${SubmitButton} form=${form} disabled=${form.busy || Number.isNaN(ttl) || Number.isNaN(most)}>Create bucket<//></div></form><//>`;
}

export function BucketsPage({ namespace }) {
  const resource = useResource((signal) => get(url`/api/namespaces/${namespace.id}/kv`, { signal }), [namespace.id]);
  useEvery(REFRESH_MS, () => !resource.loading && resource.reload());
  const writes = mayWrite(namespace.role);
  const create = writes && html`<button type="button" class="btn primary" onClick=${() => setQuery({ new: "1" }, { replace: false })}><${Icon} name="plus" />New bucket</button>`;
  return html`<div class="body"><div class="head"><h1>Key-value</h1>${resource.data && html`<span class="dim num">${count(resource.data.total_count)}</span>`}<span class="grow"></span>${create || html`<span class="dim">Your role may look, not change.</span>`}</div>
    <${Loaded} resource=${resource}>${({ buckets }) => (buckets.length ? html`<${Table} namespace=${namespace} list=${buckets} />`
      : html`<div class="card"><${Empty} icon="kv" title="No bucket yet"><p>A bucket holds the newest value of each key, and as many older ones as you want; programs can watch it change.</p>${create}
          <${Code} text="nats kv add CONFIG --history 5" label="Copy the command" /><//></div>`)}<//>
    ${writes && route.value.query.get("new") === "1" && html`<${CreateDialog} namespace=${namespace} close=${() => setQuery({})} />`}</div>`;
}

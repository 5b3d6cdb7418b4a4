// Streams: the table, creating one. Those that carry a bucket are listed where buckets are.
import { html } from "../lib/preact.js";
import { get, url } from "../lib/http.js";
import { ago, bytes, count, exact, plural, toMs } from "../lib/format.js";
import { useEvery, useNow, useResource } from "../lib/resource.js";
import { go, route, setQuery } from "../lib/router.js";
import { mayWrite } from "../state/session.js";
import { Code } from "../components/copy.js";
import { Icon } from "../components/icons.js";
import { Empty, Loaded } from "../components/states.js";
import { StreamForm } from "../data/stream-form.js";
import { streamPath } from "../shell/places.js";

const REFRESH_MS = 3000;
const RETENTION = { limits: "Limits", interest: "Interest", workqueue: "Work queue" };
const isBucket = (name) => /^(KV|OBJ)_/.test(name);

/** "0001-01-01…" is JetStream's word for never. */
const when = (time) => (!time || time.startsWith("0001-") ? null : toMs(time));

function Row({ namespace, info, now }) {
  const { config, state } = info;
  const last = when(state.last_ts);
  return html`<tr><td class="lead"><a class="link mono" href=${streamPath(namespace.id, config.name)}>${config.name}</a><small>${config.description || ""}</small></td>
    <td data-label="Subjects" class="mono">${(config.subjects || []).slice(0, 3).join(", ") || html`<span class="dim">${config.mirror ? `mirror of ${config.mirror.name}` : "none"}</span>`}${(config.subjects || []).length > 3 ? ` +${config.subjects.length - 3}` : ""}</td>
    <td class="right num" data-label="Messages">${count(state.messages)}</td>
    <td class="right num" data-label="Size">${bytes(state.bytes)}</td>
    <td class="right num" data-label="Consumers">${count(state.consumer_count)}</td>
    <td data-label="Newest">${last === null || !state.last_seq ? html`<span class="dim">none yet</span>` : html`<span title=${exact(last)}>${ago(last, now)}</span>`}</td>
    <td data-label="Kept by" class="wide-only">${RETENTION[config.retention]}<small>${config.storage === "memory" ? "in memory" : "on disk"}</small></td></tr>`;
}

function Table({ namespace, list }) {
  const now = useNow();
  return html`<div class="card table-wrap"><table class="table stack"><thead><tr><th>Name</th><th>Subjects</th><th class="right">Messages</th><th class="right">Size</th><th class="right">Consumers</th><th>Newest</th><th class="wide-only">Kept by</th></tr></thead>
    <tbody>${list.map((info) => html`<${Row} key=${info.config.name} namespace=${namespace} info=${info} now=${now} />`)}</tbody></table></div>`;
}

function NoStreams({ writes, open }) {
  return html`<div class="card"><${Empty} icon="streams" title="No stream yet"><p>A stream stores what is published on its subjects, so that consumers can read it when they want, again if they want.</p>
    ${writes && html`<button type="button" class="btn primary" onClick=${open}><${Icon} name="plus" />New stream</button>`}
    <${Code} text=${"nats stream add ORDERS --subjects 'orders.>' --defaults"} label="Copy the command" /><//></div>`;
}

export function StreamsPage({ namespace }) {
  const resource = useResource((signal) => get(url`/api/namespaces/${namespace.id}/streams`, { signal }), [namespace.id]);
  useEvery(REFRESH_MS, () => !resource.loading && resource.reload());
  const writes = mayWrite(namespace.role);
  const open = () => setQuery({ new: "1" }, { replace: false });
  const list = (resource.data?.streams || []).filter(({ config }) => !isBucket(config.name)).sort((a, b) => a.config.name.localeCompare(b.config.name));
  const buckets = (resource.data?.streams.length || 0) - list.length;
  return html`<div class="body"><div class="head"><h1>Streams</h1>${resource.data && html`<span class="dim num">${count(list.length)}</span>`}<span class="grow"></span>
      ${writes ? html`<button type="button" class="btn primary" onClick=${open}><${Icon} name="plus" />New stream</button>` : html`<span class="dim">Your role may look, not change.</span>`}</div>
    <${Loaded} resource=${resource}>${() => (list.length ? html`<${Table} namespace=${namespace} list=${list} />` : html`<${NoStreams} writes=${writes} open=${open} />`)}<//>
    ${buckets ? html`<p class="dim">${plural(buckets, "stream")} more ${buckets === 1 ? "carries" : "carry"} key-value and object buckets.</p>` : null}
    ${route.value.query.get("new") === "1" && writes && html`<${StreamForm} namespace=${namespace} config=${null} close=${() => setQuery({})} done=${(info) => go(streamPath(namespace.id, info.config.name))} />`}</div>`;
}

// Who is connected now; a click closes one.
import { html, useState } from "../lib/preact.js";
import { get, remove, url } from "../lib/http.js";
import { ago, bytes, count, elapsed, exact, shortKey, toMs } from "../lib/format.js";
import { useEvery, useNow, useResource } from "../lib/resource.js";
import { route, setQuery } from "../lib/router.js";
import { mayWrite } from "../state/session.js";
import { confirmAnd } from "../components/dialog.js";
import { Icon } from "../components/icons.js";
import { Empty, Loaded } from "../components/states.js";
import { toast } from "../components/toast.js";
import { namespacePath } from "../shell/places.js";

const REFRESH_MS = 2000;

function Row({ one, names, now, kick }) {
  const who = names.get(one.user);
  const client = [one.lang, one.version].filter(Boolean).join(" ");
  return html`<tr>
    <td class="lead"><b>${one.name || html`<span class="dim">unnamed</span>`}</b><small class="mono">#${one.cid} · ${client || one.kind}</small></td>
    <td data-label="Credential">${who || html`<span class="mono" title=${one.user}>${shortKey(one.user || "–")}</span>`}</td>
    <td data-label="Address" class="mono num">${one.ip}:${one.port}</td>
    <td class="right num" data-label="Subscriptions">${count(one.subscriptions)}</td>
    <td class="right num" data-label="In"><span title=${bytes(one.in_bytes)}>${count(one.in_msgs)}</span></td>
    <td class="right num" data-label="Out"><span title=${bytes(one.out_bytes)}>${count(one.out_msgs)}</span></td>
    <td class="right num wide-only" data-label="Pending">${one.pending_bytes ? bytes(one.pending_bytes) : html`<span class="dim">0</span>`}</td>
    <td class="right num wide-only" data-label="RTT">${one.rtt_s === null ? html`<span class="dim">–</span>` : elapsed(one.rtt_s * 1000)}</td>
    <td data-label="Since"><span title=${exact(toMs(one.start))}>${ago(toMs(one.start), now)}</span></td>
    <td class="act">${kick && html`<button type="button" class="btn small quiet danger-quiet" aria-label=${`Disconnect ${one.name || `client ${one.cid}`}`} onClick=${() => kick(one)}>Disconnect</button>`}</td></tr>`;
}

const HEADS = [["Client", ""], ["Credential", ""], ["Address", ""], ["Subscriptions", "right"], ["In", "right"], ["Out", "right"], ["Pending", "right wide-only"], ["RTT", "right wide-only"], ["Since", ""]];

const textOf = (one, names) => `${one.name} ${one.ip}:${one.port} ${one.lang} ${one.version} ${one.user} ${names.get(one.user) || ""} ${one.cid}`.toLowerCase();

function Table({ list, total, names, kick, filter }) {
  const now = useNow();
  const found = filter ? list.filter((one) => textOf(one, names).includes(filter.toLowerCase())) : list;
  if (!found.length) return html`<div class="card"><${Empty} icon="search" title="No connection matches"><p>Nothing of the ${count(list.length)} contains “${filter}”.</p><//></div>`;
  return html`<div class="card table-wrap"><table class="table stack"><thead><tr>${HEADS.map(([words, kind]) => html`<th class=${kind}>${words}</th>`)}<th><span class="sr-only">Actions</span></th></tr></thead>
    <tbody>${found.map((one) => html`<${Row} key=${one.cid} one=${one} names=${names} now=${now} kick=${kick} />`)}</tbody></table></div>
    ${total > list.length ? html`<p class="dim">The first ${count(list.length)} of ${count(total)}.</p>` : null}`;
}

function useConnections(namespace) {
  const resource = useResource((signal) => get(url`/api/namespaces/${namespace.id}/connections`, { signal }), [namespace.id]);
  const credentials = useResource((signal) => get(url`/api/namespaces/${namespace.id}/credentials`, { signal }), [namespace.id]);
  useEvery(REFRESH_MS, () => !resource.loading && resource.reload());
  return { resource, names: new Map((credentials.data?.credentials || []).map((c) => [c.public_key, c.name])) };
}

async function disconnect(namespace, one) {
  return confirmAnd({
    title: `Disconnect ${one.name || `client ${one.cid}`}?`, action: "Disconnect", danger: true,
    text: "Its connection is closed now. Most clients connect again by themselves; revoke the credential to keep it out.",
    run: async () => (await remove(url`/api/namespaces/${namespace.id}/connections/${one.cid}`), true),
  });
}

export function ConnectionsPage({ namespace }) {
  const { resource, names } = useConnections(namespace);
  const [filter, setFilter] = useState(route.value.query.get("q") || "");
  const change = (text) => (setFilter(text), setQuery({ q: text }));
  const kick = mayWrite(namespace.role) && (async (one) => {
    if (!(await disconnect(namespace, one))) return;
    toast(`${one.name || `Client ${one.cid}`} is disconnected.`);
    resource.reload();
  });
  return html`<div class="body"><div class="head"><h1>Connections</h1>${resource.data && html`<span class="dim num">${count(resource.data.total_count)}</span>`}
      <span class="grow"></span><input class="input filter" type="search" placeholder="Filter" aria-label="Filter the connections" value=${filter} onInput=${(e) => change(e.target.value)} /></div>
    ${resource.error && resource.data && html`<div class="note warn" role="status"><${Icon} name="warn" />These are ${count(REFRESH_MS / 1000)} s old or older: ${resource.error.message}</div>`}
    <${Loaded} resource=${resource}>${({ connections, total_count }) => connections.length ? html`<${Table} list=${connections} total=${total_count} names=${names} kick=${kick} filter=${filter} />`
      : html`<div class="card"><${Empty} icon="connections" title="Nobody is connected"><p>Clients appear here the moment they connect with one of this namespace's credentials.</p>
          <a class="btn" href=${namespacePath(namespace.id, "credentials")}>Credentials</a><//></div>`}<//></div>`;
}

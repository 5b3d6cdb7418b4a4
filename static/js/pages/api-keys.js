// The person's API keys: the table, creating one, revoking one.
import { html } from "../lib/preact.js";
import { get, remove, url } from "../lib/http.js";
import { ago, count, exact, toMs, until } from "../lib/format.js";
import { useNow, useResource } from "../lib/resource.js";
import { route, setQuery } from "../lib/router.js";
import { createdKey, forgetKey } from "../state/created-key.js";
import { projects } from "../state/session.js";
import { CreateKey } from "../components/create-key.js";
import { confirmAnd } from "../components/dialog.js";
import { Icon } from "../components/icons.js";
import { OnceKey } from "../components/once-key.js";
import { Empty, Loaded } from "../components/states.js";
import { toast } from "../components/toast.js";
import { API_DOCS } from "../shell/places.js";

const SOON_MS = 3 * 86_400_000;

const nameOf = (key) => key.description || key.access_key;
const projectOf = (key) => projects.value.find((p) => p.id === key.project_id)?.name || (key.project_id ? "a project that you left" : "no default project");

function Expiry({ expires, now }) {
  if (expires === null) return html`<span class="dim">never</span>`;
  if (expires <= now) return html`<span class="tag bad" title=${exact(expires)}>Expired ${ago(expires, now)}</span>`;
  return html`<span class=${expires - now < SOON_MS ? "tag warn" : "nowrap"} title=${exact(expires)}>${until(expires, now)}</span>`;
}

function Row({ one, now, revoke }) {
  const used = toMs(one.last_used_at);
  const made = exact(toMs(one.created_at));
  return html`<tr class=${createdKey.value?.api_key.access_key === one.access_key ? "fresh" : ""}>
    <td><b title=${`created ${made}`}>${one.description || html`<span class="dim">no description</span>`}</b><small class="mono">${one.access_key}</small></td>
    <td data-label="Project">${projectOf(one)}</td>
    <td data-label="Expires"><${Expiry} expires=${toMs(one.expires_at)} now=${now} /></td>
    <td data-label="Last used">${used === null ? html`<span class="dim">never</span>` : html`<span class="nowrap" title=${`${exact(used)}, to the minute`}>${ago(used, now)}</span>`}</td>
    <td class="act"><button type="button" class="btn small quiet danger-quiet" aria-label=${`Revoke ${nameOf(one)}`} onClick=${() => revoke(one)}>Revoke</button></td></tr>`;
}

function Table({ list, revoke }) {
  const now = useNow();
  return html`<div class="card table-wrap"><table class="table stack"><thead><tr><th>Key</th><th>Default project</th><th>Expires</th><th>Last used</th><th><span class="sr-only">Actions</span></th></tr></thead>
    <tbody>${list.map((one) => html`<${Row} key=${one.access_key} one=${one} now=${now} revoke=${revoke} />`)}</tbody></table></div>`;
}

async function revokeAndTell(key) {
  const done = await confirmAnd({
    title: `Revoke ${nameOf(key)}?`, action: "Revoke", danger: true,
    text: "Programs that use this key are refused from their next request on. What they made stays. This can't be undone.",
    run: async () => (await remove(url`/api/api-keys/${key.access_key}`), true),
  });
  if (!done) return false;
  if (createdKey.value?.api_key.access_key === key.access_key) forgetKey();
  toast(`${nameOf(key)} is revoked.`);
  return true;
}

async function closeOnce() {
  const { saved, api_key: key } = createdKey.value;
  const sure = saved || (await confirmAnd({
    title: "Close without copying the secret key?", action: "Close", danger: true,
    text: `The secret key of ${nameOf(key)} exists only here. Once this panel is closed, nobody can get it again; you would revoke it and create another.`,
  }));
  if (sure) forgetKey();
}

function None({ create }) {
  return html`<div class="card"><${Empty} icon="credentials" title="No API key yet"><p>With an API key a program makes namespaces and credentials: Scaleway's CLI, their SDKs and Terraform provider, or plain HTTP. It never connects to NATS; that takes a credential.</p>
    <button type="button" class="btn primary" onClick=${create}><${Icon} name="plus" />New API key</button><//></div>`;
}

export function ApiKeysPage() {
  const resource = useResource((signal) => get("/api/api-keys", { signal }), []);
  const create = () => setQuery({ new: "1" }, { replace: false });
  const revoke = async (key) => (await revokeAndTell(key)) && resource.reload();
  const once = createdKey.value;
  return html`<div class="body"><div class="head"><h1>API keys</h1>${resource.data && html`<span class="dim num">${count(resource.data.total_count)}</span>`}<span class="grow"></span>
      <a class="btn" href=${API_DOCS} target="_blank">API reference</a>
      <button type="button" class="btn primary" onClick=${create}><${Icon} name="plus" />New API key</button></div>
    <div class=${once ? "with-side" : ""}>
      <${Loaded} resource=${resource}>${({ api_keys: list }) => (list.length ? html`<${Table} list=${list} revoke=${revoke} />` : html`<${None} create=${create} />`)}<//>
      ${once && html`<div class="side"><${OnceKey} once=${once} close=${closeOnce} /></div>`}
    </div>
    ${route.value.query.get("new") === "1" && html`<${CreateKey} close=${() => setQuery({})} done=${resource.reload} />`}</div>`;
}

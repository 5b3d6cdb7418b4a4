// Credentials: the table, creating one, revoking one.
import { html, useEffect, useState } from "../lib/preact.js";
import { get, post, remove, url } from "../lib/http.js";
import { listen } from "../lib/control.js";
import { ago, count, exact, plural, toMs, until } from "../lib/format.js";
import { useNow, useResource } from "../lib/resource.js";
import { route, setQuery } from "../lib/router.js";
import { created, forgetCreated } from "../state/created.js";
import { mayWrite } from "../state/session.js";
import { confirmAnd } from "../components/dialog.js";
import { Icon } from "../components/icons.js";
import { Empty, Loaded } from "../components/states.js";
import { toast } from "../components/toast.js";
import { CreateCredential } from "../components/create-credential.js";
import { OncePanel } from "../components/once-panel.js";
import { RotateCredential } from "../components/rotate-credential.js";

const SOON_MS = 3 * 86_400_000;

function statusOf(credential, now) {
  if (credential.status === "revoked") return ["bad", "Revoked"];
  const expires = toMs(credential.expires_at);
  if (credential.status === "expired" || (expires !== null && expires <= now)) return ["bad", "Expired"];
  if (credential.revoke_at) return ["warn", "Rotated"];
  if (expires !== null && expires - now < SOON_MS) return ["warn", "Expires soon"];
  return credential.first_used_at ? ["ok", "Active"] : ["", "Not used yet"];
}

const short = (list) => (list.length > 2 ? `${list.slice(0, 2).join(", ")} +${list.length - 2}` : list.join(", "));

function oneSide(verb, side) {
  const { allow = [], deny = [] } = side || {};
  if (deny.includes(">")) return "";
  return `${verb} ${allow.length ? short(allow) : "all"}${deny.length ? ` except ${short(deny)}` : ""}`;
}

/** One line of what a credential may do. */
export function permissionsText(permissions) {
  const sides = [permissions?.publish, permissions?.subscribe];
  if (sides.every((side) => !side?.allow?.length && !side?.deny?.length)) return "all subjects";
  return [oneSide("publish", sides[0]), oneSide("subscribe", sides[1])].filter(Boolean).join(" · ") || "nothing";
}

/** What it may, and where from. */
function termsText(credential) {
  const { connection_types: types = [], source_networks: networks = [] } = credential;
  const listener = types.length ? `${types.join(", ").replace("STANDARD", "NATS").replace("WEBSOCKET", "WebSocket")} only` : "";
  return [permissionsText(credential.permissions), listener, networks.length && `from ${short(networks)}`].filter(Boolean).join(" · ");
}

function lastUsed(credential, now) {
  if (!credential.last_used_at) return html`<span class="dim">never</span>`;
  const from = [credential.last_client, credential.last_used_from].filter(Boolean).join(" · ");
  return html`<span><span title=${exact(toMs(credential.last_used_at))}>${credential.connections ? "now" : ago(toMs(credential.last_used_at), now)}</span>${from && html`<small class="mono">${from}</small>`}</span>`;
}

function expiry(credential, now) {
  if (credential.revoked_at) return html`<span title=${exact(toMs(credential.revoked_at))}>revoked ${ago(toMs(credential.revoked_at), now)}</span>`;
  if (credential.revoke_at) return html`<span title=${exact(toMs(credential.revoke_at))}>revoked ${until(toMs(credential.revoke_at), now)}</span>`;
  if (!credential.expires_at) return html`<span class="dim">never</span>`;
  return html`<span title=${exact(toMs(credential.expires_at))}>${until(toMs(credential.expires_at), now)}</span>`;
}

function Actions({ credential, actions }) {
  if (!actions || credential.status === "revoked") return null;
  return html`${credential.status === "active" && !credential.revoke_at ? html`<button type="button" class="btn small quiet" aria-label=${`Rotate ${credential.name}`} onClick=${() => actions.rotate(credential)}>Rotate</button>` : null}
    <button type="button" class="btn small quiet danger-quiet" aria-label=${`Revoke ${credential.name}`} onClick=${() => actions.revoke(credential)}>Revoke</button>`;
}

function Row({ credential, now, actions, fresh }) {
  const [kind, words] = statusOf(credential, now);
  const title = `by ${credential.created_by?.email || "somebody"}, ${exact(toMs(credential.created_at))}; token ${credential.jti}`;
  return html`<tr class=${fresh ? "fresh" : ""}>
    <td><b title=${title}>${credential.name}</b><small>${termsText(credential)}</small></td>
    <td data-label="Status"><span class=${`tag ${kind}`}>${words}</span></td>
    <td data-label="Expires">${expiry(credential, now)}</td>
    <td data-label="Last used">${lastUsed(credential, now)}</td>
    <td class="right num" data-label="Live"><span class=${credential.connections ? "live-count on" : "live-count"}>${credential.connections === null ? "–" : count(credential.connections)}</span></td>
    <td class="act"><${Actions} credential=${credential} actions=${actions} /></td>
  </tr>`;
}

function Table({ list, actions }) {
  const now = useNow();
  return html`<div class="card table-wrap"><table class="table stack"><thead><tr><th>Name</th><th>Status</th><th>Expires</th><th>Last used</th><th class="right">Live</th>
    <th><span class="sr-only">Actions</span></th></tr></thead>
    <tbody>${list.map((one) => html`<${Row} key=${one.id} credential=${one} now=${now} actions=${actions} fresh=${created.value?.credential.id === one.id} />`)}</tbody></table></div>`;
}

function revokeText(credential) {
  const n = credential.connections;
  const live = n === null ? "Live connections with it are closed." : n ? html`<b>${plural(n, "live connection")}</b> will be closed within a second.` : "No connection uses it now.";
  return html`${live} Clients with this file are refused from then on. This can't be undone.`;
}

async function revokeAndTell(namespace, credential) {
  const answer = await confirmAnd({
    title: `Revoke ${credential.name}?`, text: revokeText(credential), action: "Revoke", danger: true,
    run: () => remove(url`/api/namespaces/${namespace.id}/credentials/${credential.id}`),
  });
  if (!answer) return false;
  if (created.value?.credential.id === credential.id) forgetCreated();
  toast(answer.broker === "pending" ? `${credential.name} is revoked; the broker takes it as soon as it is back.` : `${credential.name} is revoked; ${plural(answer.closed_connections, "connection")} closed.`);
  return true;
}

async function revokeAll(namespace) {
  const answer = await confirmAnd({
    title: "Revoke every credential?", action: "Revoke all", danger: true,
    text: "Whatever was issued in this namespace until now is refused from now on, and its live connections are closed. Use it when a key may have leaked and you can't tell which. This can't be undone.",
    run: () => post(url`/api/namespaces/${namespace.id}/revoke-before`, {}),
  });
  if (!answer) return false;
  forgetCreated();
  toast(`${plural(answer.revoked, "credential")} revoked; ${plural(answer.closed_connections, "connection")} closed.`);
  return true;
}

/** Loads again when the broker or somebody else changed something that this table shows. */
function useCredentials(namespace) {
  const resource = useResource((signal) => get(url`/api/namespaces/${namespace.id}/credentials`, { signal }), [namespace.id]);
  useEffect(() => {
    let timer = 0;
    const soon = () => (timer ||= setTimeout(() => ((timer = 0), resource.reload()), 300)); // one reload for a burst of events
    const end = listen((message) => {
      const about = message.namespace_id || message.event?.namespace_id;
      if ((message.op === "changed" || message.op === "event") && (!about || about === namespace.id)) soon();
    });
    return () => (end(), clearTimeout(timer));
  }, [namespace.id, resource.reload]);
  return resource;
}

async function closeOnce() {
  const { saved, credential } = created.value;
  const sure = saved || (await confirmAnd({
    title: "Close without saving the file?", action: "Close", danger: true,
    text: `The file of ${credential.name} exists only here. Once this panel is closed, nobody can get it again; you would revoke it and create another.`,
  }));
  if (sure) forgetCreated();
}

export function CredentialsPage({ namespace }) {
  const resource = useCredentials(namespace);
  const creating = route.value.query.get("new") === "1" && mayWrite(namespace.role);
  const writes = mayWrite(namespace.role);
  const once = created.value?.namespaceId === namespace.id ? created.value : null;
  const open = () => setQuery({ new: "1" }, { replace: false });
  const [rotating, setRotating] = useState(null);
  const actions = writes && { rotate: setRotating, revoke: async (credential) => (await revokeAndTell(namespace, credential)) && resource.reload() };
  const endAll = async () => (await revokeAll(namespace)) && resource.reload();
  return html`<div class="body">
    <div class="head"><h1>Credentials</h1>${resource.data && html`<span class="dim num">${count(resource.data.total_count)}</span>`}<span class="grow"></span>
      ${namespace.role === "owner" && resource.data?.credentials.some((one) => one.status === "active") ? html`<button type="button" class="btn quiet danger-quiet" onClick=${endAll}>Revoke all…</button>` : null}
      ${writes ? html`<button type="button" class="btn primary" onClick=${open}><${Icon} name="plus" />New credential</button>` : html`<span class="dim">Your role may look, not change.</span>`}</div>
    <div class=${once ? "with-side" : ""}>
      <${Loaded} resource=${resource}>${({ credentials }) => credentials.length ? html`<${Table} list=${credentials} actions=${actions} />`
        : html`<div class="card"><${Empty} icon="credentials" title="No credential yet"><p>A credential is one file that lets a client into this namespace. Give each program its own, so that each can be revoked alone.</p>
            ${writes && html`<button type="button" class="btn primary" onClick=${open}><${Icon} name="plus" />New credential</button>`}<//></div>`}<//>
      ${once && html`<div class="side"><${OncePanel} once=${once} namespace=${namespace} close=${closeOnce} /></div>`}
    </div>
    ${rotating && html`<${RotateCredential} namespace=${namespace} credential=${rotating} close=${() => setRotating(null)} done=${resource.reload} />`}
    ${creating && html`<${CreateCredential} namespace=${namespace} close=${() => setQuery({})} done=${resource.reload} />`}
  </div>`;
}

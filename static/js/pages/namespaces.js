// All namespaces: a table with live numbers, or the first of three steps when there is none.
import { html, useState } from "../lib/preact.js";
import { usage } from "../lib/control.js";
import { ago, count, rate, shortKey, toMs } from "../lib/format.js";
import { useNow } from "../lib/resource.js";
import { go } from "../lib/router.js";
import { createNamespace, loadNamespaces, namespaces, namespacesError } from "../state/namespaces.js";
import { mayWrite, projects } from "../state/session.js";
import { Dialog } from "../components/dialog.js";
import { FormError, Input, Select, SubmitButton, useSubmit } from "../components/form.js";
import { Icon } from "../components/icons.js";
import { Steps } from "../components/onboarding.js";
import { Empty, Failed, Loading } from "../components/states.js";
import { namespacePath } from "../shell/places.js";

const NAME_HINT = "1 to 64 letters, digits, - _ and dots";

const writable = () => projects.value.filter((p) => mayWrite(p.role));

function CreateForm({ cancel }) {
  const [name, setName] = useState("");
  const [project, setProject] = useState(writable()[0]?.id);
  const form = useSubmit(async () => {
    const made = await createNamespace(name.trim(), project);
    go(namespacePath(made.id));
  });
  return html`<form class="form" onSubmit=${form.submit}>
    <${Input} label="Name" hint=${NAME_HINT} wrong=${form.fields.name} required maxlength="64" autofocus autocomplete="off" spellcheck=${false}
      placeholder="orders-prod" value=${name} onValue=${setName} />
    ${writable().length > 1 && html`<${Select} label="Project" value=${project} onValue=${setProject} options=${writable().map((p) => [p.id, p.name])} />`}
    <${FormError} form=${form} shown=${["name"]} />
    <div class="actions">${cancel && html`<button type="button" class="btn" onClick=${cancel}>Cancel</button>`}<${SubmitButton} form=${form}>Create namespace<//></div>
  </form>`;
}

function Row({ one, now }) {
  const live = usage.value[one.id] || one.usage;
  return html`<tr>
    <td><a class="link" href=${namespacePath(one.id)}>${one.name}</a><small class="mono">${shortKey(one.id)}</small></td>
    ${projects.value.length > 1 && html`<td data-label="Project">${projects.value.find((p) => p.id === one.project_id)?.name}</td>`}
    <td class="right num" data-label="Messages/s">${live ? rate(live.in_rate || 0) : "–"}</td>
    <td class="right num" data-label="Connections"><span class=${live?.connections ? "live-count on" : "live-count"}>${live ? count(live.connections) : "–"}</span></td>
    <td class="right num" data-label="Credentials">${count(one.credential_count)}</td>
    <td class="dim" data-label="Created">${ago(toMs(one.created_at), now)}</td>
    <td class="act"><a class="btn small" href=${namespacePath(one.id, "live")} aria-label=${`Live traffic of ${one.name}`}><${Icon} name="live" />Live</a></td>
  </tr>`;
}

function Table({ list }) {
  const now = useNow(10_000);
  return html`<div class="card table-wrap"><table class="table stack"><thead><tr><th>Name</th>${projects.value.length > 1 && html`<th>Project</th>`}
    <th class="right">Messages/s</th><th class="right">Connections</th><th class="right">Credentials</th><th>Created</th><th><span class="sr-only">Actions</span></th></tr></thead>
    <tbody>${list.map((one) => html`<${Row} key=${one.id} one=${one} now=${now} />`)}</tbody></table></div>`;
}

function Welcome() {
  if (!writable().length) return html`<${Empty} title="No namespace is shared with you yet"><p>Ask an owner of a project to create one, or to let you create them.</p><//>`;
  return html`<div class="body narrow-body"><div><h1>Welcome. Three steps to the first message</h1><p class="dim">A namespace is a NATS account of its own: nothing inside is visible from outside.</p></div>
    <${Steps} steps=${[
      { title: "Create a namespace", state: "now", body: html`<${CreateForm} />` },
      { title: "Download a credential", state: "later", body: html`<p>One <span class="mono">.creds</span> file that every NATS client takes as it is.</p>` },
      { title: "Send a message and watch it arrive", state: "later", body: html`<p>From your terminal, or straight from this page.</p>` },
    ]} /></div>`;
}

export function NamespacesPage() {
  const [creating, setCreating] = useState(false);
  const list = namespaces.value;
  if (list === null) return namespacesError.value ? html`<${Failed} error=${namespacesError.value} retry=${loadNamespaces} />` : html`<div class="body"><${Loading} lines=${6} /></div>`;
  if (!list.length) return html`<${Welcome} />`;
  return html`<div class="body">
    <div class="head"><h1>Namespaces</h1><span class="dim num">${count(list.length)}</span><span class="grow"></span>
      ${writable().length > 0 && html`<button type="button" class="btn primary" onClick=${() => setCreating(true)}><${Icon} name="plus" />New namespace</button>`}</div>
    <${Table} list=${list} />
    ${creating && html`<${Dialog} title="New namespace" narrow onClose=${() => setCreating(false)}><${CreateForm} cancel=${() => setCreating(false)} /><//>`}
  </div>`;
}

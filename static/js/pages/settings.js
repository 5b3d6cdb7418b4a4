// A namespace's name, its identity, and its end.
import { html, useState } from "../lib/preact.js";
import { exact, toMs } from "../lib/format.js";
import { go } from "../lib/router.js";
import { deleteNamespace, renameNamespace } from "../state/namespaces.js";
import { mayWrite, natsUrl } from "../state/session.js";
import { CopyIcon } from "../components/copy.js";
import { Dialog } from "../components/dialog.js";
import { FormError, Input, SubmitButton, useSubmit } from "../components/form.js";
import { toast } from "../components/toast.js";

function Rename({ namespace, writes }) {
  const [name, setName] = useState(namespace.name);
  const form = useSubmit(async () => {
    await renameNamespace(namespace.id, name.trim());
    toast("Renamed.");
  });
  return html`<section class="card"><header><h2>Name</h2></header><form class="inside" onSubmit=${form.submit}>
    <${Input} label="Name" wrong=${form.fields.name} hint="Clients don't see it: they keep working." required maxlength="64" autocomplete="off" spellcheck=${false} disabled=${!writes} value=${name} onValue=${setName} />
    <${FormError} form=${form} shown=${["name"]} />
    ${writes && html`<div><${SubmitButton} form=${form} className="btn">Rename<//></div>`}</form></section>`;
}

function Identity({ namespace }) {
  return html`<section class="card"><header><h2>Identity</h2></header><div class="inside"><dl class="kv">
    <dt>Account</dt><dd class="mono">${namespace.id} <${CopyIcon} text=${namespace.id} label="Copy the account's public key" /></dd>
    <dt>Server</dt><dd class="mono">${natsUrl.value} <${CopyIcon} text=${natsUrl.value} label="Copy the server's URL" /></dd>
    <dt>Your role</dt><dd>${namespace.role}</dd>
    <dt>Created</dt><dd>${exact(toMs(namespace.created_at))}</dd><dt>Changed</dt><dd>${exact(toMs(namespace.updated_at))}</dd></dl></div></section>`;
}

function DeleteDialog({ namespace, close }) {
  const [typed, setTyped] = useState("");
  const form = useSubmit(async () => {
    await deleteNamespace(namespace.id, typed);
    close();
    go("/");
    toast(`${namespace.name} is deleted.`);
  });
  return html`<${Dialog} title=${`Delete ${namespace.name}?`} narrow onClose=${() => !form.busy && close()}><form class="form" onSubmit=${form.submit}>
    <p>Every connection is closed, every credential stops working, and the account is gone for good. This can't be undone.</p>
    <${Input} label=${`Type ${namespace.name} to confirm`} wrong=${form.fields.name} autofocus autocomplete="off" spellcheck=${false} mono value=${typed} onValue=${setTyped} />
    <${FormError} form=${form} shown=${["name"]} />
    <div class="actions"><button type="button" class="btn" onClick=${close}>Cancel</button>
      <${SubmitButton} form=${form} className="btn danger" disabled=${form.busy || typed !== namespace.name}>Delete namespace<//></div></form><//>`;
}

export function SettingsPage({ namespace }) {
  const [deleting, setDeleting] = useState(false);
  const writes = mayWrite(namespace.role);
  return html`<div class="body narrow-body"><div class="head"><h1>Settings</h1></div>
    <${Rename} namespace=${namespace} writes=${writes} /><${Identity} namespace=${namespace} />
    ${namespace.role === "owner" && html`<section class="card danger-zone"><header><h2>Delete this namespace</h2></header><div class="inside">
      <p>Closes every connection and ends every credential. Messages in flight are lost.</p>
      <div><button type="button" class="btn danger-quiet" onClick=${() => setDeleting(true)}>Delete…</button></div></div></section>`}
    ${deleting && html`<${DeleteDialog} namespace=${namespace} close=${() => setDeleting(false)} />`}</div>`;
}

// What a namespace shares: its exports, and what it imports of others.
import { html, useEffect, useState } from "../lib/preact.js";
import { get, post, remove, url } from "../lib/http.js";
import { listen } from "../lib/control.js";
import { count, plural } from "../lib/format.js";
import { useResource } from "../lib/resource.js";
import { mayWrite } from "../state/session.js";
import { confirmAnd, Dialog } from "../components/dialog.js";
import { Choices, FormError, Input, Select, SubmitButton, useSubmit } from "../components/form.js";
import { Icon } from "../components/icons.js";
import { Empty, Loaded } from "../components/states.js";
import { toast } from "../components/toast.js";

const KINDS = [["stream", "Stream", "Others see the messages"], ["service", "Service", "Others send requests"]];
const AUDIENCE = [["no", "Private", "Imported by those who may write in both namespaces"], ["yes", "Public", "Any namespace here may import it, and sees its name"]];
const KIND_WORDS = { stream: "Stream", service: "Service" };

function ExportForm({ namespace, close, done }) {
  const [values, setValues] = useState({ name: "", kind: "stream", subject: "", public: "no" });
  const set = (field) => (value) => setValues({ ...values, [field]: value });
  const form = useSubmit(async () => {
    const body = { ...values, name: values.name.trim(), subject: values.subject.trim(), public: values.public === "yes" };
    await post(url`/api/namespaces/${namespace.id}/exports`, body);
    close();
    done();
  });
  return html`<${Dialog} title="Export a subject" onClose=${() => !form.busy && close()}><form class="form" onSubmit=${form.submit}>
    <${Input} label="Name" hint="What it is, for those who import it" required maxlength="64" autofocus autocomplete="off" wrong=${form.fields.name} placeholder="Paid orders" value=${values.name} onValue=${set("name")} />
    <${Choices} label="Kind" name="kind" value=${values.kind} onValue=${set("kind")} options=${KINDS} />
    <${Input} label="Subject" mono required autocomplete="off" spellcheck=${false} wrong=${form.fields.subject} placeholder="orders.*.paid" value=${values.subject} onValue=${set("subject")} />
    <${Choices} label="For whom" name="public" value=${values.public} onValue=${set("public")} options=${AUDIENCE} />
    <${FormError} form=${form} shown=${["name", "subject"]} />
    <div class="actions"><button type="button" class="btn" onClick=${close} disabled=${form.busy}>Cancel</button><${SubmitButton} form=${form}>Export<//></div>
  </form><//>`;
}

function ImportFields({ namespace, exports, close, done }) {
  const [chosen, setChosen] = useState(exports[0].id);
  const [local, setLocal] = useState("");
  const form = useSubmit(async () => {
    await post(url`/api/namespaces/${namespace.id}/imports`, { export_id: chosen, local_subject: local.trim() });
    close();
    done();
  });
  const subject = exports.find((one) => one.id === chosen)?.subject || "";
  const options = exports.map((one) => [one.id, `${one.namespace.name}: ${one.name} (${one.subject})`]);
  return html`<form class="form" onSubmit=${form.submit}>
    <${Select} label="Export" wrong=${form.fields.export_id} value=${chosen} onValue=${setChosen} options=${options} />
    <${Input} label="Its subject here" mono hint="Empty: as there. $1, $2 … stand for its wildcards in turn." wrong=${form.fields.local_subject} placeholder=${subject} autocomplete="off" spellcheck=${false} value=${local} onValue=${setLocal} />
    <${FormError} form=${form} shown=${["export_id", "local_subject"]} />
    <div class="actions"><button type="button" class="btn" onClick=${close} disabled=${form.busy}>Cancel</button><${SubmitButton} form=${form}>Import<//></div></form>`;
}

function ImportForm({ namespace, close, done }) {
  const resource = useResource((signal) => get(url`/api/namespaces/${namespace.id}/importable`, { signal }), [namespace.id]);
  return html`<${Dialog} title="Import a subject" onClose=${close}><${Loaded} resource=${resource}>${({ exports }) => (exports.length
    ? html`<${ImportFields} ...${{ namespace, exports, close, done }} />`
    : html`<p class="dim">Nothing can be imported yet. Another namespace has to export a subject first: publicly, or from where you may write.</p>`)}<//><//>`;
}

function ExportRow({ row, take }) {
  return html`<tr><td><b>${row.name}</b></td><td data-label="Subject" class="mono">${row.subject}</td><td data-label="Kind">${KIND_WORDS[row.kind]}</td>
    <td data-label="For whom">${row.public ? "Public" : "Private"}</td><td class="right num" data-label="Importers">${count(row.import_count)}</td>
    <td class="act">${take && html`<button type="button" class="btn small quiet danger-quiet" aria-label=${`Withdraw ${row.name}`} onClick=${() => take(row)}>Withdraw</button>`}</td></tr>`;
}

function ImportRow({ row, drop }) {
  const { export: from, local_subject: local } = row;
  return html`<tr><td><b>${from.name}</b><small>of ${from.namespace.name}</small></td><td data-label="Here" class="mono">${local}</td>
    <td data-label="There" class="mono">${from.subject}</td><td data-label="Kind">${KIND_WORDS[from.kind]}</td>
    <td class="act">${drop && html`<button type="button" class="btn small quiet danger-quiet" aria-label=${`Remove the import ${from.name}`} onClick=${() => drop(row)}>Remove</button>`}</td></tr>`;
}

function Section({ title, words, action, resource, empty, children }) {
  return html`<section class="card table-wrap"><header><h2 class="grow">${title}</h2>${action}</header>
    <${Loaded} resource=${resource}>${(data) => children(data) || html`<${Empty} icon="sharing" title=${empty}><p>${words}</p><//>`}<//></section>`;
}

function useShared(namespace, what) {
  const resource = useResource((signal) => get(url`/api/namespaces/${namespace.id}/${what}`, { signal }), [namespace.id]);
  useEffect(() => listen((message) => message.op === "changed" && message.what === "sharing" && resource.reload()), [resource.reload]);
  return resource;
}

async function withdraw(namespace, row) {
  const importers = row.import_count ? html`<b>${plural(row.import_count, "import")}</b> of it will end.` : "Nobody imports it.";
  return confirmAnd({ title: `Withdraw ${row.name}?`, text: importers, action: "Withdraw", danger: true, run: async () => (await remove(url`/api/namespaces/${namespace.id}/exports/${row.id}`), true) });
}

async function drop(namespace, row) {
  return confirmAnd({ title: `Remove ${row.export.name}?`, text: `Clients here no longer reach ${row.local_subject} of ${row.export.namespace.name}.`, action: "Remove", danger: true, run: async () => (await remove(url`/api/namespaces/${namespace.id}/imports/${row.id}`), true) });
}

const heads = (words) => html`<thead><tr>${words.map((word) => html`<th key=${word} class=${word === "Importers" ? "right" : ""}>${word}</th>`)}<th><span class="sr-only">Actions</span></th></tr></thead>`;

export function SharingPage({ namespace }) {
  const [dialog, setDialog] = useState("");
  const exports = useShared(namespace, "exports");
  const imports = useShared(namespace, "imports");
  const writes = mayWrite(namespace.role);
  const both = () => (exports.reload(), imports.reload());
  const act = (run) => writes && (async (row) => (await run(namespace, row)) && (toast("Done."), both()));
  const button = (name, words) => writes && html`<button type="button" class="btn small" onClick=${() => setDialog(name)}><${Icon} name="plus" />${words}</button>`;
  const close = () => setDialog("");
  return html`<div class="body"><div class="head"><h1>Sharing</h1><span class="dim">Namespaces are closed to one another, but for what is shared here.</span></div>
    <${Section} title="Exports" resource=${exports} action=${button("export", "Export")} empty="Nothing is exported" words="An export lets other namespaces see messages on a subject, or send requests to it.">${(data) => data.exports.length > 0 && html`<table class="table stack">${heads(["Name", "Subject", "Kind", "For whom", "Importers"])}
      <tbody>${data.exports.map((row) => html`<${ExportRow} key=${row.id} row=${row} take=${act(withdraw)} />`)}</tbody></table>`}<//>
    <${Section} title="Imports" resource=${imports} action=${button("import", "Import")} empty="Nothing is imported" words="An import brings what another namespace exports under a subject of this one.">${(data) => data.imports.length > 0 && html`<table class="table stack">${heads(["Name", "Here", "There", "Kind"])}
      <tbody>${data.imports.map((row) => html`<${ImportRow} key=${row.id} row=${row} drop=${act(drop)} />`)}</tbody></table>`}<//>
    ${dialog === "export" && html`<${ExportForm} namespace=${namespace} close=${close} done=${both} />`}
    ${dialog === "import" && html`<${ImportForm} namespace=${namespace} close=${close} done=${both} />`}</div>`;
}

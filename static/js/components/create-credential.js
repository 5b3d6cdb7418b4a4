// The dialog that creates a credential: name, permissions, lifetime.
import { html, useState } from "../lib/preact.js";
import { post, url } from "../lib/http.js";
import { keepCreated, unsavedFile } from "../state/created.js";
import { Dialog } from "./dialog.js";
import { Area, Choices, FormError, Input, Select, SubmitButton, useSubmit } from "./form.js";
import { DEFAULT_LIFETIME, Lifetime, secondsOf } from "./lifetime.js";
import { Unsaved } from "./unsaved.js";

const PRESETS = [
  ["full", "Full", "Publish and subscribe to every subject"],
  ["publish", "Publish only", "Sends; reads nothing but replies to its own requests"],
  ["subscribe", "Subscribe only", "Reads; can't publish anything"],
  ["custom", "Custom", "Lists of subjects to allow and to deny"],
];
const NOTHING = { allow: [], deny: [] };

const LISTENERS = [["", "NATS and WebSocket"], ["STANDARD", "NATS only"], ["WEBSOCKET", "WebSocket only"]];

const lines = (text) => text.split(/[\s,]+/).filter(Boolean);

/** What the API takes; null = everything. Publish-only keeps the inboxes, without which no request gets its answer. */
export function permissionsOf(preset, custom) {
  if (preset === "full") return null;
  if (preset === "publish") return { publish: NOTHING, subscribe: { allow: ["_INBOX.>"], deny: [] } };
  if (preset === "subscribe") return { publish: { allow: [], deny: [">"] }, subscribe: NOTHING };
  return {
    publish: { allow: lines(custom.pubAllow), deny: lines(custom.pubDeny) },
    subscribe: { allow: lines(custom.subAllow), deny: lines(custom.subDeny) },
  };
}

function Custom({ custom, setCustom, wrong }) {
  const area = (name, label, placeholder) => html`<${Area} label=${label} rows="2" placeholder=${placeholder} value=${custom[name]} onValue=${(value) => setCustom({ ...custom, [name]: value })} />`;
  return html`<div class="form-row">${area("pubAllow", "Publish: allow", "orders.>")}${area("pubDeny", "Publish: deny", "orders.internal.>")}
    ${area("subAllow", "Subscribe: allow", "_INBOX.>\norders.*.paid")}${area("subDeny", "Subscribe: deny", "")}</div>
    <p class="dim">Subjects with * and &gt;, one a line. An empty allow list allows every subject that isn't denied. Requests need <span class="mono">_INBOX.></span> under subscribe.</p>
    ${wrong && html`<span class="wrong" role="alert">${wrong}</span>`}`;
}

function WhereFrom({ place, setPlace, form }) {
  return html`<details class="more"><summary>Where it may connect from</summary><div class="form">
    <${Select} label="Listener" wrong=${form.fields.connection_types} value=${place.type} onValue=${(type) => setPlace({ ...place, type })} options=${LISTENERS} />
    <${Area} label="Networks" rows="2" hint="Addresses or networks, one a line. Empty: from everywhere." wrong=${form.fields.source_networks} placeholder="10.0.0.0/8" value=${place.networks} onValue=${(networks) => setPlace({ ...place, networks })} />
  </div></details>`;
}

export function CreateCredential({ namespace, close, done }) {
  const [name, setName] = useState("");
  const [preset, setPreset] = useState("full");
  const [lifetime, setLifetime] = useState(DEFAULT_LIFETIME);
  const [custom, setCustom] = useState({ pubAllow: "", pubDeny: "", subAllow: "", subDeny: "" });
  const [place, setPlace] = useState({ type: "", networks: "" });
  const form = useSubmit(async () => {
    const permissions = permissionsOf(preset, custom);
    const body = { name: name.trim(), expires_in_s: secondsOf(lifetime), ...(permissions && { permissions }) };
    if (place.type) body.connection_types = [place.type];
    if (lines(place.networks).length) body.source_networks = lines(place.networks);
    keepCreated(namespace.id, await post(url`/api/namespaces/${namespace.id}/credentials`, body));
    close();
    done();
  });
  const wrongPermissions = Object.entries(form.fields).find(([field]) => field.startsWith("permissions"))?.[1];
  return html`<${Dialog} title="New credential" onClose=${() => !form.busy && close()}><form class="form" onSubmit=${form.submit}>
    <${Unsaved} what=${unsavedFile()} />
    <${Input} label="Name" hint="What uses it: a program, a person, a machine" wrong=${form.fields.name} required maxlength="64" autofocus autocomplete="off" spellcheck=${false}
      placeholder="checkout-api" value=${name} onValue=${setName} />
    <${Choices} label="May" name="preset" value=${preset} onValue=${setPreset} options=${PRESETS} />
    ${preset === "custom" && html`<${Custom} custom=${custom} setCustom=${setCustom} wrong=${wrongPermissions} />`}
    <${Lifetime} hint="An expired credential is refused, and its live connections are closed." wrong=${form.fields.expires_in_s} value=${lifetime} onValue=${setLifetime} />
    <${WhereFrom} place=${place} setPlace=${setPlace} form=${form} />
    <${FormError} form=${form} shown=${["name", "expires_in_s", "connection_types", "source_networks"]} />
    <div class="actions"><button type="button" class="btn" onClick=${close} disabled=${form.busy}>Cancel</button><${SubmitButton} form=${form}>Create credential<//></div>
  </form><//>`;
}

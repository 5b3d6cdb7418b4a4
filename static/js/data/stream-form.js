// The form of a stream's settings: for a new one, and to change one. Only what was touched is sent with a change.
import { html, useState } from "../lib/preact.js";
import { patch, post, url } from "../lib/http.js";
import { Dialog } from "../components/dialog.js";
import { Area, Choices, FormError, Input, Select, SubmitButton, useSubmit } from "../components/form.js";
import { countText, durationText, parseCount, parseDuration, parseSize, sizeText } from "./units.js";

const RETENTION = [
  ["limits", "Limits", "Keeps messages until a limit is reached"],
  ["interest", "Interest", "Keeps them until every consumer has acknowledged"],
  ["workqueue", "Work queue", "Each is taken by one consumer, and then gone"],
];
const STORAGE = [["file", "File", "On disk before it is acknowledged"], ["memory", "Memory", "Gone when the broker restarts"]];
const DISCARD = [["old", "the oldest go"], ["new", "new ones are refused"]];

const lines = (text) => text.split(/[\s,]+/).filter(Boolean);

/** name → [text of a config, value of a text, what is wrong with NaN] */
const FIELDS = {
  max_msgs: [countText, parseCount, "A whole number, or nothing."],
  max_msgs_per_subject: [countText, parseCount, "A whole number, or nothing."],
  max_bytes: [sizeText, parseSize, "A size such as 512 MiB, or nothing."],
  max_msg_size: [sizeText, parseSize, "A size such as 64 KiB, or nothing."],
  max_age: [durationText, parseDuration, "A time such as 7d or 12h 30m, or nothing."],
  duplicate_window: [durationText, parseDuration, "A time such as 2m."],
};
const BLANK = { subjects: [], retention: "limits", storage: "file", discard: "old", description: "", max_msgs: -1, max_msgs_per_subject: -1, max_bytes: -1, max_msg_size: -1, max_age: 0, duplicate_window: 120e9 };

function textsOf(config) {
  const texts = Object.fromEntries(Object.entries(FIELDS).map(([name, [write]]) => [name, write(config[name])]));
  return { ...texts, name: config.name || "", description: config.description || "", subjects: (config.subjects || []).join("\n"), retention: config.retention, storage: config.storage, discard: config.discard };
}

/** {body, wrong}: what the API takes of these texts, and what it couldn't. */
function read(texts) {
  const wrong = {};
  const body = { description: texts.description, subjects: lines(texts.subjects), retention: texts.retention, discard: texts.discard };
  for (const [name, [, parse, sentence]] of Object.entries(FIELDS)) {
    body[name] = parse(texts[name]);
    if (Number.isNaN(body[name])) wrong[name] = sentence;
  }
  return { body, wrong };
}

function Limits({ texts, set, wrong }) {
  const field = (name, label, placeholder = "no limit") => html`<${Input} label=${label} placeholder=${placeholder} autocomplete="off" spellcheck=${false} wrong=${wrong[name]} value=${texts[name]} onValue=${set(name)} />`;
  return html`<div class="form-row three">${field("max_age", "Keep for at most", "7d")}${field("max_bytes", "Size at most", "10 GiB")}${field("max_msgs", "Messages at most")}</div>
    <div class="form-row three">${field("max_msgs_per_subject", "Messages for each subject")}${field("max_msg_size", "One message at most")}<${Select} label="When it is full" value=${texts.discard} onValue=${set("discard")} options=${DISCARD} /></div>`;
}

/** `config` is null for a new stream. `done(info)` gets what JetStream answered. */
export function StreamForm({ namespace, config, close, done }) {
  const [texts, setTexts] = useState(() => textsOf(config || BLANK));
  const [unread, setUnread] = useState({});
  const set = (name) => (value) => setTexts({ ...texts, [name]: value });
  const form = useSubmit(async () => {
    const { body, wrong } = read(texts);
    setUnread(wrong);
    if (Object.keys(wrong).length) return;
    const before = config && read(textsOf(config)).body;
    const changes = config && Object.fromEntries(Object.entries(body).filter(([name, value]) => JSON.stringify(value) !== JSON.stringify(before[name])));
    const made = config ? await patch(url`/api/namespaces/${namespace.id}/streams/${config.name}`, changes) : await post(url`/api/namespaces/${namespace.id}/streams`, { ...body, name: texts.name.trim(), storage: texts.storage });
    close();
    done(made);
  });
  const wrong = { ...form.fields, ...unread };
  return html`<${Dialog} title=${config ? `Settings of ${config.name}` : "New stream"} wide onClose=${() => !form.busy && close()}><form class="form" onSubmit=${form.submit}>
    ${!config && html`<${Input} label="Name" hint="No blanks, dots, *, > and slashes" wrong=${wrong.name} required maxlength="255" autofocus mono autocomplete="off" spellcheck=${false} placeholder="ORDERS" value=${texts.name} onValue=${set("name")} />`}
    <${Area} label="Subjects" hint="What it stores; * and > allowed, one a line" rows="2" required placeholder="orders.>" wrong=${wrong.subjects} value=${texts.subjects} onValue=${set("subjects")} />
    <${Choices} label="Retention" name="retention" value=${texts.retention} onValue=${set("retention")} options=${RETENTION} />
    ${!config && html`<${Choices} label="Storage" name="storage" value=${texts.storage} onValue=${set("storage")} options=${STORAGE} />`}
    <${Limits} texts=${texts} set=${set} wrong=${wrong} />
    <div class="form-row"><${Input} label="Duplicate window" hint="Nats-Msg-Id is remembered so long" placeholder="2m" autocomplete="off" wrong=${wrong.duplicate_window} value=${texts.duplicate_window} onValue=${set("duplicate_window")} />
      <${Input} label="Description" autocomplete="off" wrong=${wrong.description} value=${texts.description} onValue=${set("description")} /></div>
    <${FormError} form=${form} shown=${["name", "subjects", "description", ...Object.keys(FIELDS)]} />
    <div class="actions"><button type="button" class="btn" onClick=${close} disabled=${form.busy}>Cancel</button><${SubmitButton} form=${form}>${config ? "Save" : "Create stream"}<//></div>
  </form><//>`;
}

// The consumers of a stream: who is behind, by how much; create, pause, delete.
import { html, useState } from "../lib/preact.js";
import { get, post, remove } from "../lib/http.js";
import { ago, count, exact, toMs } from "../lib/format.js";
import { useEvery, useNow, useResource } from "../lib/resource.js";
import { confirmAnd, Dialog } from "../components/dialog.js";
import { Area, FormError, Input, Select, SubmitButton, useSubmit } from "../components/form.js";
import { Icon } from "../components/icons.js";
import { Empty, Loaded } from "../components/states.js";
import { toast } from "../components/toast.js";
import { parseDuration } from "./units.js";

const REFRESH_MS = 2000;
const BEHIND = 1000;
const PAUSE_MS = 100 * 365 * 86_400_000; // until somebody says so
const DELIVER = [["all", "every message"], ["new", "messages from now on"], ["last", "the last message"], ["last_per_subject", "the last of each subject"]];
const ACK = [["explicit", "each message"], ["all", "a message and all before it"], ["none", "nothing"]];

/** [tone, words] */
function stateOf(one) {
  if (one.paused) return ["", "Paused"];
  const most = one.config.max_ack_pending;
  if (most > 0 && one.num_ack_pending >= 0.9 * most) return ["warn", "Acks pending"];
  if (one.num_pending >= BEHIND) return ["warn", "Behind"];
  if (one.num_pending && !one.num_ack_pending && !one.num_waiting && !one.config.deliver_subject) return ["", "Nobody pulls"];
  return one.num_pending || one.num_ack_pending ? ["info", "Working"] : ["ok", "Up to date"];
}

const filtersOf = (config) => config.filter_subjects || (config.filter_subject ? [config.filter_subject] : []);

function Row({ one, now, actions }) {
  const [tone, words] = stateOf(one);
  const active = one.delivered?.last_active ? toMs(one.delivered.last_active) : null;
  return html`<tr><td class="lead"><b class="mono">${one.name}</b><small>${one.config.deliver_subject ? "push" : "pull"} · acks ${one.config.ack_policy}${filtersOf(one.config).length ? html` · <span class="mono">${filtersOf(one.config).join(", ")}</span>` : ""}</small></td>
    <td data-label="State"><span class=${`tag ${tone}`}>${words}</span></td>
    <td class="right num" data-label="To deliver">${count(one.num_pending)}</td><td class="right num" data-label="To acknowledge">${count(one.num_ack_pending)}${one.config.max_ack_pending > 0 ? html` <span class="dim">of ${count(one.config.max_ack_pending)}</span>` : null}</td>
    <td class="right num wide-only" data-label="Redelivered">${count(one.num_redelivered)}</td><td class="right num wide-only" data-label="Waiting pulls">${count(one.num_waiting || 0)}</td>
    <td class="right num" data-label="Acknowledged up to">${count(one.ack_floor?.stream_seq || 0)}</td><td data-label="Last delivery">${active === null ? html`<span class="dim">never</span>` : html`<span title=${exact(active)}>${ago(active, now)}</span>`}</td>
    <td class="act">${actions && html`<button type="button" class="btn small quiet" onClick=${() => actions.pause(one)}>${one.paused ? "Resume" : "Pause"}</button>
      <button type="button" class="btn small quiet danger-quiet" aria-label=${`Delete ${one.name}`} onClick=${() => actions.erase(one)}>Delete</button>`}</td></tr>`;
}

const HEADS = [["Name", ""], ["State", ""], ["To deliver", "right"], ["To acknowledge", "right"], ["Redelivered", "right wide-only"], ["Waiting pulls", "right wide-only"], ["Acked up to", "right"], ["Last delivery", ""]];

function Table({ list, actions }) {
  const now = useNow(2000);
  return html`<div class="card table-wrap"><table class="table stack"><thead><tr>${HEADS.map(([words, kind]) => html`<th class=${kind}>${words}</th>`)}<th><span class="sr-only">Actions</span></th></tr></thead>
    <tbody>${list.map((one) => html`<${Row} key=${one.name} one=${one} now=${now} actions=${actions} />`)}</tbody></table></div>`;
}

function CreateDialog({ base, close, done }) {
  const [values, setValues] = useState({ name: "", deliver_policy: "all", ack_policy: "explicit", filters: "", ack_wait: "30s", max_deliver: "" });
  const set = (name) => (value) => setValues({ ...values, [name]: value });
  const wait = parseDuration(values.ack_wait);
  const form = useSubmit(async () => {
    const filters = values.filters.split(/[\s,]+/).filter(Boolean);
    await post(`${base}/consumers`, {
      name: values.name.trim(), deliver_policy: values.deliver_policy, ack_policy: values.ack_policy, ...(filters.length && { filter_subjects: filters }),
      ...(values.ack_policy !== "none" && wait > 0 && { ack_wait: wait }), ...(values.max_deliver.trim() && { max_deliver: Number(values.max_deliver) }),
    });
    close();
    toast(`${values.name.trim()} is created.`);
    done();
  });
  return html`<${Dialog} title="New consumer" onClose=${() => !form.busy && close()}><form class="form" onSubmit=${form.submit}>
    <p class="dim">A durable pull consumer: programs that name it share its messages and go on where it stopped.</p>
    <${Input} label="Name" hint="No blanks, dots, *, > and slashes" mono required maxlength="255" autofocus autocomplete="off" spellcheck=${false} placeholder="billing" wrong=${form.fields.name} value=${values.name} onValue=${set("name")} />
    <div class="form-row"><${Select} label="Begins with" value=${values.deliver_policy} onValue=${set("deliver_policy")} options=${DELIVER} /><${Select} label="Acknowledged is" value=${values.ack_policy} onValue=${set("ack_policy")} options=${ACK} /></div>
    <${Area} label="Only these subjects" hint="* and > allowed, one a line; nothing: all of the stream" rows="2" wrong=${form.fields.filter_subjects} value=${values.filters} onValue=${set("filters")} />
    <div class="form-row"><${Input} label="Delivered again after" placeholder="30s" autocomplete="off" wrong=${Number.isNaN(wait) ? "A time such as 30s." : form.fields.ack_wait} value=${values.ack_wait} onValue=${set("ack_wait")} />
      <${Input} label="Deliveries at most" placeholder="no limit" type="number" min="1" wrong=${form.fields.max_deliver} value=${values.max_deliver} onValue=${set("max_deliver")} /></div>
    <${FormError} form=${form} shown=${["name", "filter_subjects", "ack_wait", "max_deliver"]} />
    <div class="actions"><button type="button" class="btn" onClick=${close}>Cancel</button><${SubmitButton} form=${form} disabled=${form.busy || Number.isNaN(wait)}>Create consumer<//></div></form><//>`;
}

export function Consumers({ base, writes }) {
  const resource = useResource((signal) => get(`${base}/consumers`, { signal }), [base]);
  const [creating, setCreating] = useState(false);
  useEvery(REFRESH_MS, () => !resource.loading && resource.reload());
  const erase = async (one) => {
    const text = "It forgets what was delivered and acknowledged; the messages stay. Programs that use it stop receiving.";
    if (await confirmAnd({ title: `Delete ${one.name}?`, text, action: "Delete", danger: true, run: async () => (await remove(`${base}/consumers/${encodeURIComponent(one.name)}`), true) })) resource.reload();
  };
  const pause = async (one) => {
    const until = one.paused ? null : new Date(Date.now() + PAUSE_MS).toISOString();
    try {
      await post(`${base}/consumers/${encodeURIComponent(one.name)}/pause`, { pause_until: until });
      toast(until ? `${one.name} is paused: it delivers nothing until it is resumed.` : `${one.name} goes on.`);
    } catch (error) {
      toast(error.message, { bad: true });
    }
    resource.reload();
  };
  const add = writes && html`<button type="button" class="btn primary" onClick=${() => setCreating(true)}><${Icon} name="plus" />New consumer</button>`;
  return html`<div class="stack-gap"><div class="tools"><span class="grow"></span>${resource.data?.consumers.length ? add : null}</div>
    <${Loaded} resource=${resource}>${({ consumers }) => (consumers.length ? html`<${Table} list=${consumers} actions=${writes && { erase, pause }} />`
      : html`<div class="card"><${Empty} icon="consumers" title="No consumer yet"><p>A consumer remembers how far programs have read, and delivers again what they didn't acknowledge.</p>${add}<//></div>`)}<//>
    ${creating && html`<${CreateDialog} base=${base} close=${() => setCreating(false)} done=${resource.reload} />`}</div>`;
}

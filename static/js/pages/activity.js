// What was done to this namespace, and what happened to its clients; newest first.
import { html, useEffect } from "../lib/preact.js";
import { get, url } from "../lib/http.js";
import { listen } from "../lib/control.js";
import { ago, exact, toMs } from "../lib/format.js";
import { useNow, useResource } from "../lib/resource.js";
import { Empty, Loaded } from "../components/states.js";

const TONE = { connect: "ok", auth_refused: "bad", slow_consumer: "warn", limit: "warn" };
const WORDS = { connect: "Connected", disconnect: "Disconnected", auth_refused: "Refused", slow_consumer: "Slow consumer", limit: "Limit reached" };

function toneOf(kind) {
  if (TONE[kind]) return TONE[kind];
  if (/revoke|delete|remove|kick/.test(kind)) return "bad";
  return /create|add/.test(kind) ? "info" : "";
}

const wordsOf = (kind) => WORDS[kind] || kind.replace(/[._]/g, " ").replace(/^./, (c) => c.toUpperCase());

const textOf = (value) => (typeof value === "object" && value !== null ? JSON.stringify(value) : String(value));

function Row({ row, now }) {
  const details = Object.entries(row.details || {}).filter(([, v]) => v !== null && v !== "").map(([k, v]) => `${k}: ${textOf(v)}`);
  return html`<li><time class="dim num" title=${exact(toMs(row.at))}>${ago(toMs(row.at), now)}</time>
    <span><span class=${`tag ${toneOf(row.kind)}`}>${wordsOf(row.kind)}</span></span>
    <div>${row.message || row.target}<small>${[row.actor, row.address, ...details].filter(Boolean).join(" · ")}</small></div></li>`;
}

export function ActivityPage({ namespace }) {
  const resource = useResource((signal) => get(url`/api/namespaces/${namespace.id}/activity`, { signal }), [namespace.id]);
  const now = useNow();
  useEffect(() => {
    let timer = 0;
    const end = listen((m) => (m.op === "event" || m.op === "changed") && (timer ||= setTimeout(() => ((timer = 0), resource.reload()), 400)));
    return () => (end(), clearTimeout(timer));
  }, [resource.reload]);
  return html`<div class="body"><div class="head"><h1>Activity</h1></div>
    <${Loaded} resource=${resource} lines=${8}>${({ activity }) => activity.length ? html`<ol class="card feed">${activity.map((row, i) => html`<${Row} key=${`${row.at}-${i}`} row=${row} now=${now} />`)}</ol>`
      : html`<div class="card"><${Empty} icon="activity" title="Nothing has happened yet"><p>Changes that people make, and connections that come and go, are listed here.</p><//></div>`}<//></div>`;
}

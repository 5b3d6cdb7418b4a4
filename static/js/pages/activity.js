// What was done to this namespace, and what happened to its clients; newest first.
import { html, useEffect } from "../lib/preact.js";
import { get, url } from "../lib/http.js";
import { listen } from "../lib/control.js";
import { ago, exact, shortKey, toMs } from "../lib/format.js";
import { useNow, useResource } from "../lib/resource.js";
import { Empty, Loaded } from "../components/states.js";

const TONE = { connect: "ok", auth_refused: "bad", slow_consumer: "warn", limit: "warn" };
const WORDS = { connect: "Connected", disconnect: "Disconnected", auth_refused: "Refused", slow_consumer: "Slow consumer", limit: "Limit reached" };

/** What says nothing to people, or is in the sentence already. */
const LEFT_OUT = new Set(["jti", "user", "reason", "lang", "version"]);

/** "client.connect" → "connect": what a client did needs no prefix. */
const bare = (kind) => kind.replace(/^client\./, "");

function toneOf(kind) {
  if (TONE[kind]) return TONE[kind];
  if (/revoke|delete|remove|kick/.test(kind)) return "bad";
  return /create|add/.test(kind) ? "info" : "";
}

const wordsOf = (kind) => WORDS[kind] || kind.replace(/[._]/g, " ").replace(/^./, (c) => c.toUpperCase());

function textOf(value) {
  if (typeof value === "object" && value !== null) return JSON.stringify(value);
  if (/^[A-Z2-7]{56}$/.test(value)) return shortKey(value);
  return /^\d{4}-\d\d-\d\dT/.test(value) ? exact(toMs(value)) : String(value);
}

/** "name: orders → orders-prod": what an audit row says of before and after. */
function changesOf({ before = {}, after = {} }) {
  const names = Object.keys({ ...before, ...after }).filter((name) => !LEFT_OUT.has(name) && (before[name] ?? after[name] ?? null) !== null);
  return names.map((name) => {
    const [from, to] = [before[name], after[name]].map((value) => (value === undefined || value === null ? "" : textOf(value)));
    return `${name.replaceAll("_", " ")}: ${from && to ? `${from} → ${to}` : to || from}`;
  });
}

function factsOf(details) {
  const client = [details.lang, details.version].filter(Boolean).join(" ");
  const others = Object.entries(details).filter(([name, value]) => !["before", "after"].includes(name) && !LEFT_OUT.has(name) && value !== null && value !== "");
  return [client, ...others.map(([name, value]) => `${name.replaceAll("_", " ")}: ${textOf(value)}`), ...changesOf(details)];
}

function Row({ row, now }) {
  const kind = bare(row.kind);
  return html`<li><time class="dim num" title=${exact(toMs(row.at))}>${ago(toMs(row.at), now)}</time>
    <span><span class=${`tag ${toneOf(kind)}`}>${wordsOf(kind)}</span></span>
    <div>${row.message || row.target}<small>${[row.actor, row.address, ...factsOf(row.details || {})].filter(Boolean).join(" · ")}</small></div></li>`;
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

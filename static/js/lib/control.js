// The control socket: one per page. What happens to the person's namespaces, as signals and events.
import { computed, signal } from "./preact.js";

const BACKOFF_S = [0.5, 1, 2, 4, 8, 15];
const PING_MS = 20_000;
const HISTORY = 60;

/** "connecting" | "open" | "waiting" */
export const controlState = signal("connecting");
/** Presence of each server, or null before the first report. */
export const servers = signal(null);
/** {namespace id: Usage} with rates per second beside the cumulative numbers. */
export const usage = signal({});
/** Messages a second into all servers; null until two reports can be compared. */
export const brokerRate = signal(null);
export const brokerUp = computed(() => (servers.value === null ? null : servers.value.length > 0));

const listeners = new Set();
let socket = null;
let failures = 0;
let pingTimer = 0;
let retryTimer = 0;
let tickTimer = 0;
let wanted = false;

/** Calls `listener(message)` for each "event", "changed" and "signed_out"; gives a function that ends it. */
export function listen(listener) {
  listeners.add(listener);
  return () => listeners.delete(listener);
}

function perSecond(now, before, name) {
  const seconds = now.at - before.at;
  return seconds > 0 && now[name] >= before[name] ? (now[name] - before[name]) / seconds : 0;
}

function withRates(report, before) {
  if (!report) return null;
  const fresh = !before || report.at > before.at;
  const rates = before && fresh
    ? { in_rate: perSecond(report, before, "in_msgs"), out_rate: perSecond(report, before, "out_msgs"), in_bytes_rate: perSecond(report, before, "in_bytes"), out_bytes_rate: perSecond(report, before, "out_bytes") }
    : { in_rate: before?.in_rate ?? 0, out_rate: before?.out_rate ?? 0, in_bytes_rate: before?.in_bytes_rate ?? 0, out_bytes_rate: before?.out_bytes_rate ?? 0 };
  return { ...report, ...rates };
}

/** Reports come only while something changes: a missing one means that nothing was sent. */
function takeUsage(reports) {
  const next = { ...usage.value };
  for (const [id, report] of Object.entries(reports)) {
    const before = next[id];
    const now = withRates(report, before);
    if (!now) continue;
    next[id] = { ...now, history: before?.history || [], received_ms: Date.now() };
  }
  usage.value = next;
}

const STILL = { in_rate: 0, out_rate: 0, in_bytes_rate: 0, out_bytes_rate: 0 };

/** Once a second each namespace's rates go into its history; a namespace without a report for 2.5 s stands still. */
function tick() {
  const next = {};
  for (const [id, report] of Object.entries(usage.value)) {
    const now = Date.now() - report.received_ms > 2500 ? { ...report, ...STILL } : report;
    next[id] = { ...now, history: [...report.history, { in: now.in_rate, out: now.out_rate, in_bytes: now.in_bytes_rate, out_bytes: now.out_bytes_rate }].slice(-HISTORY) };
  }
  usage.value = next;
}

function takeServers(list) {
  const before = new Map((servers.value || []).map((s) => [s.server_id, s]));
  let total = 0;
  let fresh = false;
  for (const server of list) {
    const old = before.get(server.server_id);
    if (!old || server.at <= old.at) continue;
    fresh = true;
    total += perSecond(server, old, "in_msgs");
  }
  if (fresh || !list.length) brokerRate.value = total;
  servers.value = list;
}

function take(message) {
  if (message.op === "usage") takeUsage(message.namespaces || {});
  else if (message.op === "servers") takeServers(message.servers || []);
  else for (const listener of [...listeners]) listener(message);
}

function onClose(event) {
  clearInterval(pingTimer);
  socket = null;
  if (!wanted) return;
  if (event.code === 4401) {
    take({ op: "signed_out" });
    return;
  }
  controlState.value = "waiting";
  const wait = BACKOFF_S[Math.min(failures++, BACKOFF_S.length - 1)] * (0.8 + 0.4 * Math.random());
  retryTimer = setTimeout(open, wait * 1000);
}

function open() {
  controlState.value = controlState.value === "waiting" ? "waiting" : "connecting";
  socket = new WebSocket(`${location.protocol === "https:" ? "wss" : "ws"}://${location.host}/ws/control`);
  socket.onmessage = (event) => {
    let message;
    try {
      message = JSON.parse(event.data);
    } catch {
      return;
    }
    if (message.op === "hello") {
      const again = failures > 0;
      failures = 0;
      controlState.value = "open";
      if (again) take({ op: "changed", what: "everything" }); // whatever happened meanwhile wasn't told
    }
    take(message);
  };
  socket.onopen = () => (pingTimer = setInterval(() => socket?.readyState === 1 && socket.send('{"op":"ping"}'), PING_MS));
  socket.onclose = onClose;
}

export function connectControl() {
  if (wanted) return;
  wanted = true;
  tickTimer = setInterval(tick, 1000);
  open();
}

export function disconnectControl() {
  wanted = false;
  clearInterval(tickTimer);
  clearTimeout(retryTimer);
  socket?.close();
  servers.value = null;
  usage.value = {};
  brokerRate.value = null;
}

/** A first report from an HTTP answer, so that a page isn't empty until the next second. */
export function seedUsage(id, report) {
  if (report && !usage.value[id]) takeUsage({ [id]: report });
}

// The live worker: the tail's socket, the ring and the counters, away from the page's thread. It acknowledges every
// frame at once, and gives the page only the rows that it asks for: one answer per question, at most one per frame drawn.
import { decodeFrame } from "./frames.js";
import { Ring } from "./ring.js";
import { Meter } from "./meter.js";
import { exportLine, messageOf, rowOf } from "./decode.js";

const BACKOFF_S = [0.5, 1, 2, 4, 8, 10];
const TELL_MS = 250;
const FINAL = { 4401: "signed-out", 4403: "denied", 4404: "unknown" };

const ring = new Ring();
const meter = new Meter();
let address = "";
let filters = null;
let socket = null;
let failures = 0;
let retryTimer = 0;
let lostAt = 0; // when the socket was lost, 0 while it is there
let asked = 0; // "open" messages sent over this socket
let opened = 0; // which of them the server serves: 0 for none yet
let hiddenSince = 0;
let wanted = null; // the page's unanswered question: {top, count}
let dirty = true;
let stateNow = {};
let told = "";

const tell = (message, transfer) => postMessage(message, transfer);

function setState(state, more = {}) {
  stateNow = { op: "state", state, ...more };
  tell(stateNow);
}

// Rows -------------------------------------------------------------------------------------------------

function answerRows() {
  if (!wanted || !dirty) return;
  const { first, next } = ring.range;
  const count = Math.min(wanted.count, next - first);
  const top = wanted.top === null ? next - count : Math.max(first, Math.min(wanted.top, next - count));
  const rows = [];
  for (let index = top; index < top + count; index++) rows.push(rowOf(index, ring.row(index)));
  tell({ op: "rows", first, next, top, rows, held: ring.heldChunks !== null });
  wanted = null;
  dirty = false;
}

function changed() {
  dirty = true;
  answerRows();
}

function mark(kind, text) {
  ring.pushMarker({ kind, text, ms: Date.now() });
}

function tellStats() {
  meter.sample(performance.now());
  const stats = { totals: meter.totals(), rates: meter.rates(), history: meter.history, rows: ring.rows, bytes: ring.bytes, behind: ring.behind };
  const text = JSON.stringify(stats);
  if (text === told) return;
  told = text;
  tell({ op: "stats", ...stats });
}

// Socket -----------------------------------------------------------------------------------------------

const send = (message) => socket?.readyState === 1 && socket.send(JSON.stringify(message));

function sendOpen() {
  asked += 1;
  send({ op: "open", ...filters });
}

function takeFrame(buffer) {
  const frame = decodeFrame(buffer);
  send({ op: "ack", seq: frame.seq });
  if (opened !== asked) return; // of the tail before the filters changed
  meter.take(frame.counters);
  ring.push(buffer, frame.offsets);
  if (frame.offsets.length && !ring.heldChunks) changed();
}

function onOpened(message) {
  opened = Number(message.tail);
  if (opened !== asked) return;
  meter.restart();
  failures = 0;
  if (lostAt) {
    mark("gap", `Reconnected after ${((Date.now() - lostAt) / 1000).toFixed(1)} s: messages in between were not seen`);
    lostAt = 0;
  }
  if (hiddenSince) send({ op: "hidden", hidden: true });
  setState("live", { limits: message.limits });
  changed();
}

function onText(message) {
  if (message.op === "opened") onOpened(message);
  else if (message.op === "error") tell({ op: "error", field: message.field, message: message.message });
  else if (message.op === "gap") {
    const seconds = message.seconds === undefined || message.seconds === null ? "" : ` after ${Number(message.seconds).toFixed(1)} s`;
    mark("gap", `${message.reason || "Interrupted"}${seconds}: messages in between were not counted`.replace(/^./, (c) => c.toUpperCase()));
    changed();
  } else if (message.op === "broker") tell({ op: "broker", up: message.up });
}

function onMessage({ data }) {
  try {
    if (typeof data === "string") onText(JSON.parse(data));
    else takeFrame(data);
  } catch (error) {
    // A frame that can't be read means that page and server don't fit together: counting on would be a guess.
    tell({ op: "error", field: "", message: `The server sent something that this page can't read (${error.message}). Reload the page.` });
    socket.close(4000);
  }
}

function onClose({ code, reason }) {
  socket = null;
  asked = opened = 0;
  if (!lostAt && stateNow.state === "live") lostAt = Date.now();
  if (FINAL[code]) {
    setState(FINAL[code], { reason });
    return;
  }
  const slow = code === 4429 ? 4 : 0;
  const wait = BACKOFF_S[Math.min(failures++ + slow, BACKOFF_S.length - 1)] * 1000 * (0.8 + 0.4 * Math.random());
  setState("waiting", { code, reason, retryAt: Date.now() + wait });
  retryTimer = setTimeout(connect, wait);
}

function connect() {
  clearTimeout(retryTimer);
  if (socket) return;
  if (!lostAt) setState("connecting");
  socket = new WebSocket(address);
  socket.binaryType = "arraybuffer";
  socket.onopen = sendOpen;
  socket.onmessage = onMessage;
  socket.onclose = onClose;
}

// The page's requests --------------------------------------------------------------------------------------

function changeFilters(next) {
  filters = next;
  ring.forget();
  meter.reset();
  if (socket?.readyState === 1) sendOpen();
  changed();
}

function setHidden(hidden) {
  if (hidden === Boolean(hiddenSince)) return;
  send({ op: "hidden", hidden });
  if (!hidden && ring.next > 0) mark("gap", `This tab was in the background for ${Math.round((Date.now() - hiddenSince) / 1000)} s: messages were counted, not listed`);
  hiddenSince = hidden ? Date.now() : 0;
  changed();
}

function exportRows() {
  const { first, next } = ring.range;
  const parts = [];
  for (let index = first; index < next; index++) {
    const found = ring.row(index);
    if (!found.marker) parts.push(exportLine(messageOf(index, found)) + "\n");
  }
  return { op: "exported", blob: new Blob(parts, { type: "application/x-ndjson" }), count: parts.length };
}

function detail({ index, id }) {
  const found = ring.row(index);
  const message = found && !found.marker ? messageOf(index, found) : null;
  tell({ op: "answer", id, value: message }, message ? [message.payload.buffer] : []);
}

const OPS = {
  start: (m) => ((address = m.address), (filters = m.filters), connect(), setInterval(tellStats, TELL_MS)),
  filters: (m) => changeFilters(m.filters),
  view: (m) => ((wanted = m), (dirty ||= m.fresh), answerRows()),
  hold: (m) => (m.on ? ring.hold(m.next) : ring.release(), changed(), tellStats()),
  hidden: (m) => setHidden(m.hidden),
  retry: () => connect(),
  clear: () => (ring.release(), ring.forget(), changed()),
  message: detail,
  export: (m) => tell({ op: "answer", id: m.id, value: exportRows() }),
};

onmessage = ({ data }) => OPS[data.op](data);

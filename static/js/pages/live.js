// Live: the tail of a namespace. This module wires the parts: filters in the URL, worker, rows, meter, message, publish.
import { html, useEffect, useMemo, useRef, useState } from "../lib/preact.js";
import { post, url } from "../lib/http.js";
import { download } from "../lib/files.js";
import { count, rate } from "../lib/format.js";
import { useKeys } from "../lib/keys.js";
import { route, setQuery } from "../lib/router.js";
import { mayWrite } from "../state/session.js";
import { Icon } from "../components/icons.js";
import { toast } from "../components/toast.js";
import { base64 } from "../live/decode.js";
import { Detail } from "../live/detail.js";
import { FilterBar, ModePicker } from "../live/filter-bar.js";
import { fromQuery, toOpen, toQuery, withChip } from "../live/filters.js";
import { MeterView } from "../live/meter-view.js";
import { BLANK, Publish, bodyOf } from "../live/publish.js";
import { RowView } from "../live/rows.js";
import { LiveState } from "../live/state.js";
import { Tail } from "../live/tail.js";

const SPOKEN_EVERY_MS = 5000;

/** The tail lives as long as the page; a change of the filters goes to the worker, which begins anew. */
function useTail(namespace, filters) {
  const open = JSON.stringify(toOpen(filters));
  const tail = useRef(null);
  const sent = useRef(open);
  if (!tail.current) tail.current = new Tail(namespace.id, JSON.parse(open));
  useEffect(() => () => tail.current.close(), []);
  useEffect(() => {
    if (sent.current === open) return;
    sent.current = open;
    tail.current.setFilters(JSON.parse(open));
  }, [open]);
  return tail.current;
}

/** What a screen reader hears: one sentence every five seconds, and only when it changed. */
function Spoken({ tail }) {
  const [words, setWords] = useState("");
  useEffect(() => {
    const timer = setInterval(() => {
      const { totals, rates } = tail.stats.value || {};
      if (totals) setWords(`${count(totals[0])} messages, ${rate(rates[0])} a second, ${count(totals.slice(4).reduce((a, b) => a + b, 0))} dropped`);
    }, SPOKEN_EVERY_MS);
    return () => clearInterval(timer);
  }, []);
  return html`<p class="sr-only" role="status">${words}</p>`;
}

/** The rows' view and everything that moves it. `held` is null, "paused" (by key or button) or "scrolled". */
function useRows(tail) {
  const scroller = useRef(null);
  const body = useRef(null);
  const view = useRef(null);
  const [held, setHeld] = useState(null);
  const [selected, setSelected] = useState(null);
  const [message, setMessage] = useState(null);
  const now = useRef({});
  now.current = { held, selected };
  const hold = (why, next = view.current.next) => {
    if (!now.current.held) tail.post({ op: "hold", on: true, next });
    now.current.held = why;
    view.current.following = false;
    setHeld(why);
  };
  const follow = () => {
    tail.post({ op: "hold", on: false });
    now.current.held = null;
    setHeld(null);
    view.current.setFollowing(true);
  };
  const select = async (index) => {
    if (!now.current.held) hold("scrolled");
    now.current.selected = index;
    setSelected(index);
    view.current.select(index);
    const found = await tail.ask({ op: "message", index });
    if (now.current.selected === index) setMessage(found);
  };
  const unselect = () => {
    now.current.selected = null;
    setSelected(null);
    setMessage(null);
    view.current.select(null);
    scroller.current.focus({ preventScroll: true });
  };
  const move = (step) => {
    const { first, next } = view.current;
    if (next === first) return;
    const from = now.current.selected ?? (step > 0 ? next - 2 : next);
    const to = Math.max(first, Math.min(next - 1, from + step));
    select(to);
    view.current.reveal(to);
  };
  useEffect(() => {
    view.current = new RowView(scroller.current, body.current, {
      ask: (question) => tail.post({ op: "view", ...question }),
      hold: (next) => hold("scrolled", next),
      reachedEnd: () => now.current.held === "scrolled" && follow(),
      select,
    });
    tail.onRows = (answer) => view.current.take(answer);
    return () => view.current.close();
  }, []);
  return { scroller, body, held, message, hold, follow, select, unselect, move, page: () => view.current.visibleRows - 1 };
}

function rowKeys(rows) {
  const { move, page } = rows;
  return {
    j: () => move(1), k: () => move(-1), ArrowDown: () => move(1), ArrowUp: () => move(-1),
    PageDown: () => move(page()), PageUp: () => move(-page()), G: () => rows.follow(), End: () => rows.follow(), Home: () => move(-Infinity),
    p: () => (rows.held === "paused" ? rows.follow() : rows.hold("paused")),
    Escape: () => (rows.message ? rows.unselect() : false),
  };
}

function Grid({ rows, tail, filters, publish }) {
  const stats = tail.stats.value;
  const behind = stats?.behind || 0;
  return html`<div class="rows-area"><div class="rows" ref=${rows.scroller} role="grid" tabindex="0" aria-label="Messages" aria-live="off" aria-colcount="4" data-held=${rows.held || "no"}>
      <div class="tr h" role="row" aria-rowindex="1"><span role="columnheader">Received</span><span role="columnheader">Subject</span><span role="columnheader" class="sz">Size</span><span role="columnheader">Payload</span></div>
      <div class="rows-body" role="rowgroup" ref=${rows.body}></div></div>
    <${LiveState} tail=${tail} filters=${filters} publish=${publish} />
    ${rows.held && html`<button type="button" class="pill" onClick=${rows.follow}>${rows.held === "paused" ? html`<${Icon} name="pause" />` : null}
      <span><span class="num" data-behind=${behind}>${count(behind)}</span> new below</span> <kbd>G</kbd></button>`}</div>`;
}

async function exportRows(tail, namespace) {
  const { blob, count: n } = await tail.ask({ op: "export" });
  if (!n) return toast("There is nothing to export yet.");
  download(`${namespace.name}-${new Date().toISOString().slice(0, 19).replaceAll(":", "")}.ndjson`, blob, "application/x-ndjson");
  return toast(`${count(n)} messages exported.`);
}

async function sendAgain(namespace, message, text) {
  const draft = { subject: message.subject, reply: message.reply, headers: message.headers, ...(text === null ? { payload_base64: base64(message.payload) } : { payload: text }) };
  try {
    await post(url`/api/namespaces/${namespace.id}/publish`, bodyOf(draft));
    toast(`Sent again on ${message.subject}.`);
  } catch (error) {
    toast(error.message, { bad: true });
  }
}

function Actions({ rows, writes, publishing, toggle, save }) {
  const paused = rows.held === "paused";
  return html`<button type="button" class=${paused ? "btn on" : "btn"} aria-pressed=${paused ? "true" : "false"} onClick=${() => (paused ? rows.follow() : rows.hold("paused"))}>
      <${Icon} name=${paused ? "play" : "pause"} />${paused ? "Resume" : "Pause"} <kbd>p</kbd></button>
    <button type="button" class="btn quiet" onClick=${save}>Export</button>
    ${writes && html`<button type="button" class=${publishing ? "btn on" : "btn primary"} aria-expanded=${publishing ? "true" : "false"} onClick=${toggle}><${Icon} name="send" />Publish</button>`}`;
}

export function LivePage({ namespace }) {
  const { query } = route.value;
  const filters = useMemo(() => fromQuery(query), [query.toString()]);
  const tail = useTail(namespace, filters);
  const rows = useRows(tail);
  const [adding, setAdding] = useState(false);
  const [publishing, setPublishing] = useState(false);
  const [draft, setDraft] = useState(BLANK);
  const writes = mayWrite(namespace.role);
  const change = (next) => {
    setQuery(toQuery(next));
    if (rows.held) rows.follow();
  };
  const addFilter = (kind, value) => change(withChip(filters, kind, value));
  const togglePublish = () => writes && setPublishing((on) => !on);
  const edit = (message, text) => (setDraft({ subject: message.subject, reply: message.reply, headers: message.headers, payload: text }), setPublishing(true));
  useKeys({ ...rowKeys(rows), "/": () => setAdding(true), x: togglePublish });
  return html`<div class="live">
    <section class="live-head"><div class="live-row"><h1>Live</h1><${FilterBar} filters=${filters} change=${change} opened=${adding} setOpened=${setAdding} /><span class="grow"></span>
        <div class="live-actions"><${ModePicker} filters=${filters} change=${change} /><${Actions} rows=${rows} writes=${writes} publishing=${publishing} toggle=${togglePublish} save=${() => exportRows(tail, namespace)} /></div></div>
      <${MeterView} stats=${tail.stats.value} /></section>
    <section class=${publishing || rows.message ? "live-split with-pane" : "live-split"}>
      <${Grid} rows=${rows} tail=${tail} filters=${filters} publish=${writes && togglePublish} />
      ${publishing ? html`<${Publish} namespace=${namespace} draft=${draft} setDraft=${setDraft} close=${() => setPublishing(false)} />`
        : rows.message && html`<${Detail} message=${rows.message} close=${rows.unselect} addFilter=${addFilter} resend=${(m, text) => sendAgain(namespace, m, text)} edit=${edit} writes=${writes} />`}
    </section><${Spoken} tail=${tail} /></div>`;
}

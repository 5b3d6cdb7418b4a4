// What stands over the rows while there is nothing to show, or while the socket is away.
import { html } from "../lib/preact.js";
import { useNow } from "../lib/resource.js";
import { Icon } from "../components/icons.js";
import { Empty, Loading } from "../components/states.js";

const CLOSED = {
  4408: "The server heard nothing from this page for 30 seconds.", 4429: "Too many live views are open; close one.",
  4503: "The broker, or what connects it to the console, is away.", 1012: "The console restarts.",
};
const ENDED = {
  denied: ["Your role here changed", "Reload the page to see what you may do now."],
  unknown: ["This namespace is gone", "It was deleted, or it isn't shared with you any more."],
  "signed-out": ["You are signed out", "Sign in again to go on."],
  failed: ["The live view can't start", "This browser didn't start its worker. A Content-Security-Policy set by a proxy may forbid it."],
};

function Countdown({ tail }) {
  const now = useNow(250);
  const { retryAt, code } = tail.state.value;
  const seconds = Math.max(0, Math.ceil((retryAt - now) / 1000));
  return html`<div class="live-lost" role="status"><${Icon} name="offline" /><span><b>The live connection is lost.</b> ${CLOSED[code] || ""} ${seconds ? html`Next try in <span class="num">${seconds}</span> s.` : "Connecting…"}</span>
    <button type="button" class="btn small" onClick=${() => tail.post({ op: "retry" })}>Try now</button></div>`;
}

function Listening({ filters, publish }) {
  const subjects = filters.subject.length ? filters.subject.join(", ") : ">";
  const narrowed = filters.not.length || filters.header.length || filters.contains;
  return html`<div class="live-empty"><${Empty} icon="live" title="Listening. Nothing yet"><p>Messages on <span class="mono">${subjects}</span>${narrowed ? " that pass your filters" : ""} appear here the moment a client publishes them.</p>
    ${publish && html`<button type="button" class="btn" onClick=${publish}><${Icon} name="send" />Publish one from here</button>`}<//></div>`;
}

export function LiveState({ tail, filters, publish }) {
  const { state } = tail.state.value;
  const refusal = tail.refusal.value;
  const empty = !tail.stats.value?.rows;
  if (ENDED[state]) return html`<div class="live-empty"><${Empty} bad icon="warn" title=${ENDED[state][0]}><p>${ENDED[state][1]}</p><button type="button" class="btn" onClick=${() => location.reload()}>Reload</button><//></div>`;
  if (refusal) return html`<div class="live-empty"><${Empty} bad icon="warn" title="These filters can't be used"><p role="alert">${refusal.message}</p><//></div>`;
  if (state === "waiting") return html`<${Countdown} tail=${tail} />`;
  if (!tail.brokerUp.value) return html`<div class="live-lost" role="status"><${Icon} name="offline" /><span><b>The broker is away.</b> The view goes on by itself as soon as it is back.</span></div>`;
  if (state === "connecting" && empty) return html`<div class="live-loading"><${Loading} lines=${9} what="Opening the live view" /></div>`;
  return empty ? html`<${Listening} filters=${filters} publish=${publish} />` : null;
}

// The meter: what was seen, and where each message went. The numbers always add up; hovering or focusing says how.
import { html } from "../lib/preact.js";
import { count, rate } from "../lib/format.js";
import { Spark } from "../components/spark.js";
import { COUNTERS } from "./frames.js";

const DROPS = [
  ["dropped_budget", "over the tail's budget of messages or bytes a second"],
  ["dropped_redis", "could not be handed over by the broker"],
  ["dropped_transit", "lost between broker and console"],
  ["dropped_slow_tab", "this page didn't keep up"],
  ["dropped_hidden", "this tab was in the background"],
];
const ZERO = COUNTERS.map(() => 0);

const named = (list) => Object.fromEntries(COUNTERS.map((name, i) => [name, list[i]]));
const dropped = (n) => DROPS.reduce((sum, [name]) => sum + n[name], 0);

function Cell({ name, words, total, perSecond, children, bad }) {
  return html`<div class="meter-cell" role="group" tabindex="0" aria-label=${`${words}: ${count(total)}, ${rate(perSecond)} a second`}>
    <div class="meter-name">${name !== "seen" && html`<i class=${`swatch ${name}`}></i>`}${words}</div>
    <div class=${bad ? "meter-value bad" : "meter-value"}><span data-counter=${name} data-value=${total}>${count(total)}</span> <small>${rate(perSecond)}/s</small></div>
    <div class="tip" role="tooltip">${children}</div></div>`;
}

function Equation({ n }) {
  return html`<p>Every message that matched a subject filter since this view began.</p>
    <p class="num">${count(n.seen)} seen = ${count(n.shown)} shown + ${count(n.filtered)} filtered out + ${count(n.sampled)} sampled out + ${count(dropped(n))} dropped</p>`;
}

function Reasons({ n }) {
  return html`<p>Not shown, although they passed the filters:</p><dl class="reasons">${DROPS.map(([name, words]) => html`<dt class="num" data-counter=${name} data-value=${n[name]}>${count(n[name])}</dt><dd>${words}</dd>`)}</dl>`;
}

function Bar({ n }) {
  const parts = [["shown", n.shown], ["filtered", n.filtered], ["sampled", n.sampled], ["dropped", dropped(n)]];
  let x = 0;
  return html`<svg class="meter-bar" viewBox="0 0 1000 5" preserveAspectRatio="none" aria-hidden="true">${parts.map(([name, value]) => {
    const width = n.seen ? (value / n.seen) * 1000 : 0;
    const part = html`<rect class=${name} x=${x.toFixed(1)} width=${width.toFixed(1)} height="5" />`;
    x += width;
    return part;
  })}</svg>`;
}

export function MeterView({ stats }) {
  const n = named(stats?.totals || ZERO);
  const r = named(stats?.rates || ZERO);
  const lost = dropped(n);
  return html`<div class="meter" role="group" aria-label="Meter">
    <${Cell} name="seen" words="Seen" total=${n.seen} perSecond=${r.seen}><${Equation} n=${n} /><//>
    <${Cell} name="shown" words="Shown" total=${n.shown} perSecond=${r.shown}><p>Sent to this page. The newest 50,000 rows (or 32 MiB) stay in its memory${stats ? html`: <span class="num">${count(stats.rows)}</span> now` : ""}.</p><//>
    <${Cell} name="filtered" words="Filtered out" total=${n.filtered} perSecond=${r.filtered}><p>On a subject that you watch, but kept out by an exclusion, a header or a payload filter.</p><//>
    <${Cell} name="sampled" words="Sampled out" total=${n.sampled} perSecond=${r.sampled}><p>Thinned by the mode: 1 in N, or replaced by a newer message on the same subject.</p><//>
    <${Cell} name="dropped" words="Dropped" total=${lost} perSecond=${dropped(r)} bad=${lost > 0}><${Reasons} n=${n} /><//>
    <div class="meter-spark"><${Spark} values=${stats?.history || []} height=${34} label=${`Seen: ${rate(r.seen)} messages a second; the last minute`} /></div>
    <${Bar} n=${n} /></div>`;
}

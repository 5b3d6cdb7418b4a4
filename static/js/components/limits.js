// What is used of each limit, when the namespace has any.
import { html } from "../lib/preact.js";
import { count } from "../lib/format.js";

const SHOWN = [["conn", "Connections", "connections"], ["subs", "Subscriptions", "subscriptions"]];

function Bar({ words, used, limit }) {
  const part = Math.min(1, used / limit);
  const kind = part >= 1 ? "full" : part >= 0.8 ? "near" : "";
  return html`<div class="limit"><div class="limit-text"><span>${words}</span><span class="num">${count(used)} of ${count(limit)}</span></div>
    <div class=${`limit-bar ${kind}`} role="meter" aria-label=${words} aria-valuemin="0" aria-valuemax=${limit} aria-valuenow=${used}>
      <svg viewBox="0 0 100 6" preserveAspectRatio="none" aria-hidden="true"><rect width=${part * 100} height="6" /></svg></div></div>`;
}

/** `limits` has NATS's own names (conn, subs); -1 or nothing means no limit. */
export function Limits({ limits, usage }) {
  const set = SHOWN.filter(([name]) => limits?.[name] > 0);
  return set.map(([name, words, used]) => html`<${Bar} key=${name} words=${words} used=${usage?.[used] || 0} limit=${limits[name]} />`);
}

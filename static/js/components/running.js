// Which broker runs, and which build of its data path.
import { html } from "../lib/preact.js";
import { servers } from "../lib/control.js";

const BUILDS = { compiled: "compiled", python: "plain Python" };

const wordsOf = (server) => [`${server.server_name || server.server_id} ${server.version}`, BUILDS[server.build] || server.build].filter(Boolean).join(", ");

/** "one 2.15.1, compiled; two …", or "" when none has reported. */
export const runningText = () => (servers.value || []).map(wordsOf).join("; ");

export function Running() {
  return html`<dt>Broker</dt><dd>${runningText() || html`<span class="dim">none has reported</span>`}</dd>`;
}

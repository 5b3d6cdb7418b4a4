// Which broker runs, and which build of its data path.
import { html } from "../lib/preact.js";
import { plural } from "../lib/format.js";
import { servers } from "../lib/control.js";

const BUILDS = { compiled: "compiled", python: "plain Python" };

const wordsOf = (server) => [`${server.server_name || server.server_id} ${server.version}`, BUILDS[server.build] || server.build].filter(Boolean).join(", ");

/** "one 2.15.1, compiled; two …", or "" when none has reported. */
export const runningText = () => (servers.value || []).map(wordsOf).join("; ");

/** When an acknowledged message of a file stream is on disk; the stream's settings, then the namespace's, then the broker's say it. */
export function onDiskText(namespace, config) {
  const interval = namespace.limits?.sync_interval_s || Math.max(0, ...(servers.value || []).map((server) => server.sync_interval_s || 0));
  if (interval) return `up to ${plural(interval, "second")} after it is acknowledged`;
  return config.persist_mode === "async" ? "up to 1 second after it is acknowledged" : "before it is acknowledged";
}

export function Running() {
  return html`<dt>Broker</dt><dd>${runningText() || html`<span class="dim">none has reported</span>`}</dd>`;
}

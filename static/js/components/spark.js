// A sparkline: the last values as one line, the newest at the right edge.
import { html } from "../lib/preact.js";

/** Path data for `values` in a box; the line starts at the right when there are fewer than `slots` values. */
export function sparkPath(values, width, height, slots) {
  const top = Math.max(...values, 1e-9);
  const step = width / Math.max(1, slots - 1);
  const x0 = width - step * (values.length - 1);
  return values.map((v, i) => `${i ? "L" : "M"}${(x0 + i * step).toFixed(1)} ${(height - 1 - (v / top) * (height - 3)).toFixed(1)}`).join("");
}

export function Spark({ values, slots = 60, width = 190, height = 36, label }) {
  const shown = values.length > 1 ? values.slice(-slots) : [0, 0];
  const line = sparkPath(shown, width, height, slots);
  const x0 = width - (width / (slots - 1)) * (shown.length - 1);
  return html`<svg class="spark" width=${width} height=${height} viewBox=${`0 0 ${width} ${height}`} preserveAspectRatio="none" role="img" aria-label=${label}>
    <path class="base" d=${`M0 ${height - 1}H${x0.toFixed(1)}`} /><path class="under" d=${`${line}L${width} ${height}L${x0.toFixed(1)} ${height}Z`} /><path d=${line} />
  </svg>`;
}

// The tail's counters: exact sums over reconnections, rates over the last second, a minute of history. Pure.
import { COUNTERS } from "./frames.js";

const WINDOW_MS = 1000;
const HISTORY = 60;
const zero = () => COUNTERS.map(() => 0);
const sum = (a, b) => a.map((n, i) => n + b[i]);

export class Meter {
  constructor() {
    this.reset();
  }

  /** Everything begins at zero: the filters changed. */
  reset() {
    this.base = zero();
    this.current = zero();
    this.samples = [];
    this.history = [];
    this.historyAt = 0;
    this.historySeen = 0;
  }

  /** The server's counters begin at zero again; what was counted stays counted. */
  restart() {
    this.base = this.totals();
    this.current = zero();
  }

  take(counters) {
    this.current = counters;
  }

  totals() {
    return sum(this.base, this.current);
  }

  /** To be called a few times a second: keeps the window for `rates` and a point a second for the sparkline. */
  sample(nowMs) {
    const totals = this.totals();
    this.samples.push({ at: nowMs, totals });
    while (this.samples.length > 2 && this.samples[1].at <= nowMs - WINDOW_MS) this.samples.shift();
    if (!this.historyAt) (this.historyAt = nowMs), (this.historySeen = totals[0]);
    if (nowMs - this.historyAt < 1000) return;
    this.history = [...this.history, ((totals[0] - this.historySeen) * 1000) / (nowMs - this.historyAt)].slice(-HISTORY);
    this.historyAt = nowMs;
    this.historySeen = totals[0];
  }

  rates() {
    const first = this.samples[0];
    const last = this.samples.at(-1);
    if (!first || last.at <= first.at) return zero();
    return last.totals.map((n, i) => ((n - first.totals[i]) * 1000) / (last.at - first.at));
  }
}

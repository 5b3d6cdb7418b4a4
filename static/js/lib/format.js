// Numbers, sizes and times as people read them. Pure.

const grouped = new Intl.NumberFormat("en-US");
const clock = new Intl.DateTimeFormat("en-GB", { hour: "2-digit", minute: "2-digit", second: "2-digit", hour12: false });
const dated = new Intl.DateTimeFormat("en-GB", { day: "numeric", month: "short", year: "numeric", hour: "2-digit", minute: "2-digit", second: "2-digit" });

export const count = (n) => grouped.format(n);
export const plural = (n, one, many = one + "s") => `${count(n)} ${n === 1 ? one : many}`;

export function rate(perSecond) {
  if (perSecond > 0 && perSecond < 9.95) return perSecond.toFixed(1);
  return count(Math.round(perSecond));
}

const UNITS = ["B", "KiB", "MiB", "GiB", "TiB"];

export function bytes(n) {
  let unit = 0;
  while (n >= 1024 && unit < UNITS.length - 1) (n /= 1024), unit++;
  return `${unit === 0 || n >= 100 ? Math.round(n) : n.toFixed(1)} ${UNITS[unit]}`;
}

/** "14:32:21.119" local time from milliseconds since 1970. */
export function clockMs(ms) {
  return `${clock.format(ms)}.${String(Math.floor(ms % 1000)).padStart(3, "0")}`;
}

export const clockOf = (ms) => clock.format(ms);
export const exact = (ms) => dated.format(ms);

/** Milliseconds from an RFC 3339 text, Unix seconds, or null. */
export function toMs(time) {
  if (time === null || time === undefined || time === "") return null;
  return typeof time === "number" ? time * 1000 : Date.parse(time);
}

export function duration(seconds) {
  const s = Math.max(0, Math.round(seconds));
  if (s < 60) return `${s} s`;
  if (s < 3600) return `${Math.floor(s / 60)} min`;
  if (s < 172_800) return plural(Math.round(s / 3600), "hour");
  return plural(Math.round(s / 86_400), "day");
}

export function ago(ms, now = Date.now()) {
  if (ms === null) return "never";
  const seconds = (now - ms) / 1000;
  return seconds < 3 ? "just now" : `${duration(seconds)} ago`;
}

export function until(ms, now = Date.now()) {
  return ms <= now ? `${duration((now - ms) / 1000)} ago` : `in ${duration((ms - now) / 1000)}`;
}

/** "ADQ4…7KZL": enough of a public key to recognise it. */
export const shortKey = (key) => (key.length > 12 ? `${key.slice(0, 4)}…${key.slice(-4)}` : key);

export function elapsed(ms) {
  if (ms < 1) return `${ms.toFixed(2)} ms`;
  return ms < 1000 ? `${ms.toFixed(1)} ms` : `${(ms / 1000).toFixed(2)} s`;
}

export function initials(name) {
  const words = name.replace(/@.*/, "").split(/[\s._-]+/).filter(Boolean);
  return ((words[0]?.[0] || "?") + (words[1]?.[0] || words[0]?.[1] || "")).toUpperCase();
}

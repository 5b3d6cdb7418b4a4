// JetStream's units as people write them: durations in nanoseconds, sizes in bytes, -1 for no limit. Pure.
import { bytes, count } from "../lib/format.js";

const SECOND_NS = 1_000_000_000;
const PARTS = [["d", 86_400], ["h", 3600], ["m", 60], ["s", 1], ["ms", 0.001]];
const SIZES = { "": 1, b: 1, k: 1024, kb: 1024, kib: 1024, m: 1024 ** 2, mb: 1024 ** 2, mib: 1024 ** 2, g: 1024 ** 3, gb: 1024 ** 3, gib: 1024 ** 3, t: 1024 ** 4, tib: 1024 ** 4 };

/** "1d 12h" → nanoseconds; "" or "0" → 0 (none); NaN when it can't be read. */
export function parseDuration(text) {
  const compact = text.replace(/\s+/g, "").toLowerCase();
  if (compact === "" || compact === "0") return 0;
  if (!/^(\d+(\.\d+)?(d|h|ms|m|s))+$/.test(compact)) return NaN;
  let seconds = 0;
  for (const [, number, unit] of compact.matchAll(/(\d+(?:\.\d+)?)(d|h|ms|m|s)/g)) seconds += Number(number) * PARTS.find(([name]) => name === unit)[1];
  return Math.round(seconds * 1000) * 1_000_000;
}

/** 129600000000000 → "1d 12h"; 0 → "". */
export function durationText(ns) {
  let left = Math.round((ns || 0) / 1e6) / 1000;
  const out = [];
  for (const [unit, size] of PARTS.slice(0, 4)) {
    const n = unit === "s" ? Math.round(left * 1000) / 1000 : Math.floor(left / size);
    if (n) out.push(`${n}${unit}`);
    left -= n * size;
  }
  return out.join(" ");
}

/** "10 MiB" → bytes; "" → -1 (no limit); NaN when it can't be read. */
export function parseSize(text) {
  const found = /^\s*(\d+(?:\.\d+)?)\s*([a-z]*)\s*$/i.exec(text);
  if (!text.trim()) return -1;
  const unit = found && SIZES[found[2].toLowerCase()];
  return unit ? Math.round(Number(found[1]) * unit) : NaN;
}

/** -1 → "", 1048576 → "1 MiB": what `parseSize` reads back exactly. */
export function sizeText(n) {
  if (n === undefined || n < 0) return "";
  for (const [unit, size] of [["TiB", 1024 ** 4], ["GiB", 1024 ** 3], ["MiB", 1024 ** 2], ["KiB", 1024]]) if (n >= size && n % size === 0) return `${n / size} ${unit}`;
  return String(n);
}

export function parseCount(text) {
  if (!text.trim()) return -1;
  return /^\d+$/.test(text.replace(/[\s,_]/g, "")) ? Number(text.replace(/[\s,_]/g, "")) : NaN;
}

export const countText = (n) => (n === undefined || n < 0 ? "" : String(n));
export const limitWords = (n, words = count) => (n === undefined || n < 0 ? "no limit" : words(n));
export const sizeWords = (n) => limitWords(n, bytes);
export const ageWords = (ns) => (ns ? durationText(ns) : "no limit");
export const seconds = (ns) => ns / SECOND_NS;

// A payload for people: which view fits and why; JSON with its own tokens kept (no number is rewritten); hex. Pure.
import { strictText } from "./decode.js";

const HIGHLIGHT_MAX = 48 * 1024;
const TOKEN = /"[^"\\]*(?:\\.[^"\\]*)*"|-?\d+(?:\.\d+)?(?:[eE][+-]?\d+)?|true|false|null|[{}[\],:]/g;

function isJson(text) {
  try {
    JSON.parse(text);
    return true;
  } catch {
    return false;
  }
}

/** {text, json, best, why}: what the bytes are. `text` is null when they aren't UTF-8; `why` tells the reason for `best`. */
export function inspect(bytes, truncated) {
  const text = strictText(bytes);
  if (!bytes.length) return { text: "", json: false, best: "text", why: "Empty payload" };
  if (text === null) return { text, json: false, best: "hex", why: truncated ? "Hex, because the bytes aren't UTF-8 (or were cut inside a character)" : "Hex, because the bytes aren't UTF-8" };
  if (isJson(text)) return { text, json: true, best: "json", why: "JSON, because the whole payload parses" };
  if (/[\u0000-\u0008\u000e-\u001f]/.test(text)) return { text, json: false, best: "hex", why: "Hex, because there are control characters in it" };
  return { text, json: false, best: "text", why: truncated ? "Text: UTF-8; cut off, so it can't be parsed as JSON" : "Text, because it is UTF-8 but not JSON" };
}

function kindOf(token, next) {
  if (token[0] === '"') return next === ":" ? "k" : "s";
  return /[-\dtfn]/.test(token[0]) ? "d" : "";
}

/** [[text, kind], …] of indented JSON; kind is "k" key, "s" string, "d" number or word, "" punctuation. */
export function prettyJson(text) {
  const tokens = text.match(TOKEN) || [];
  const out = [];
  let depth = 0;
  const line = () => "\n" + "  ".repeat(depth);
  tokens.forEach((token, i) => {
    const next = tokens[i + 1];
    if (token === "{" || token === "[") {
      const closed = next === "}" || next === "]";
      if (!closed) depth += 1;
      out.push([token + (closed ? "" : line()), ""]);
    } else if (token === "}" || token === "]") {
      const opened = tokens[i - 1] === "{" || tokens[i - 1] === "[";
      if (!opened) depth -= 1;
      out.push([(opened ? "" : line()) + token, ""]);
    } else if (token === ",") out.push(["," + line(), ""]);
    else if (token === ":") out.push([": ", ""]);
    else out.push([token, kindOf(token, next)]);
  });
  return text.length > HIGHLIGHT_MAX ? [[out.map(([words]) => words).join(""), ""]] : out;
}

/** "00000000  7b 22 69 64 …  |{"id…|", sixteen bytes a line. */
export function hexDump(bytes) {
  const lines = [];
  for (let at = 0; at < bytes.length; at += 16) {
    const part = bytes.subarray(at, at + 16);
    const numbers = Array.from(part, (b) => b.toString(16).padStart(2, "0"));
    const left = numbers.slice(0, 8).join(" ").padEnd(23);
    const right = numbers.slice(8).join(" ").padEnd(23);
    const words = Array.from(part, (b) => (b > 31 && b < 127 ? String.fromCharCode(b) : "·")).join("");
    lines.push(`${at.toString(16).padStart(6, "0")}  ${left}  ${right}  ${words}`);
  }
  return lines.join("\n");
}

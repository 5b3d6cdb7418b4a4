// From bytes in the ring to what the page shows: one row, one whole message, one line of an export.
import { parseHeader, recordParts, textIn } from "./frames.js";

const PREVIEW_BYTES = 240;
const strict = new TextDecoder("utf-8", { fatal: true });

/** Control characters other than tab and line ends mean that these bytes aren't for reading. */
function looksBinary(bytes) {
  for (const byte of bytes) if (byte < 32 && byte !== 9 && byte !== 10 && byte !== 13) return true;
  return false;
}

const hex = (bytes) => Array.from(bytes, (b) => b.toString(16).padStart(2, "0")).join(" ");

/** [words, whether they are hex]: one line of a payload. */
export function preview(payload) {
  const bytes = payload.subarray(0, PREVIEW_BYTES);
  if (looksBinary(bytes)) return [hex(bytes.subarray(0, 48)), true];
  return [textIn(bytes.buffer, bytes.byteOffset, bytes.byteOffset + bytes.length).replace(/\s+/g, " "), false];
}

/** What a row of the table needs. */
export function rowOf(index, found) {
  if (found.marker) return { index, marker: found.marker };
  const { buffer, at } = found;
  const p = recordParts(buffer, at);
  const [words, binary] = preview(new Uint8Array(buffer, p.payload, p.end - p.payload));
  return { index, ms: p.ms, subject: textIn(buffer, p.subject, p.reply), replied: p.header > p.reply, headed: p.payload > p.header, size: p.size, preview: words, binary };
}

/** The whole message; `payload` is a copy, so that the ring may forget its frame. */
export function messageOf(index, { buffer, at }) {
  const p = recordParts(buffer, at);
  const payload = new Uint8Array(buffer.slice(p.payload, p.end));
  return {
    index, ms: p.ms, ns: p.ns.toString(), subject: textIn(buffer, p.subject, p.reply), reply: textIn(buffer, p.reply, p.header),
    ...parseHeader(textIn(buffer, p.header, p.payload)), payload, size: p.size, truncated: payload.length < p.size,
  };
}

export function base64(bytes) {
  let binary = "";
  for (let i = 0; i < bytes.length; i += 32_768) binary += String.fromCharCode(...bytes.subarray(i, i + 32_768));
  return btoa(binary);
}

/** The text when all bytes are UTF-8, else null. */
export function strictText(bytes) {
  try {
    return strict.decode(bytes);
  } catch {
    return null;
  }
}

/** One line of NDJSON. `received_at` keeps the nanoseconds. */
export function exportLine(message) {
  const words = strictText(message.payload);
  const headers = {};
  for (const [name, value] of message.headers) (headers[name] ||= []).push(value);
  return JSON.stringify({
    received_at: `${new Date(message.ms).toISOString().slice(0, 19)}.${message.ns.slice(-9)}Z`, subject: message.subject,
    ...(message.reply && { reply: message.reply }), ...(message.headers.length && { headers }), ...(message.status && { status: message.status }),
    ...(words === null ? { payload_base64: base64(message.payload) } : { payload: words }), size: message.size, ...(message.truncated && { truncated: true }),
  });
}

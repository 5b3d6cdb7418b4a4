// The tail's binary frames, as the server sends them. Pure; all integers big endian.
//
//   frame   "WV" · u8 version · u8 flags (1 = counters only) · u64 seq · u64 at_ns · u64 × 9 counters · u32 count · records
//   record  u32 length of what follows · u64 received_ns · u16 subject · u16 reply · u32 header · u32 payload here
//           · u32 true payload size · subject · reply · header · payload
//
// Records stay in the frame's buffer; only the ones on screen are decoded.

export const VERSION = 1;
export const COUNTERS = ["seen", "shown", "filtered", "sampled", "dropped_budget", "dropped_redis", "dropped_transit", "dropped_slow_tab", "dropped_hidden"];
const HEAD_BYTES = 4 + 8 + 8 + 8 * COUNTERS.length + 4;
const RECORD_BYTES = 28;

const text = new TextDecoder();

/** Exact up to 2^53, which no counter reaches. */
const u64 = (view, at) => view.getUint32(at) * 4294967296 + view.getUint32(at + 4);

/** {seq, counters, offsets}: `offsets` has the start of each record. Throws when the bytes are no such frame. */
export function decodeFrame(buffer) {
  const view = new DataView(buffer);
  if (buffer.byteLength < HEAD_BYTES || view.getUint16(0) !== 0x5756 || view.getUint8(2) !== VERSION) throw new Error(`tail frame: not version ${VERSION}`);
  const counters = COUNTERS.map((_, i) => u64(view, 20 + 8 * i));
  return { seq: u64(view, 4), counters, offsets: recordOffsets(view, HEAD_BYTES, view.getUint32(HEAD_BYTES - 4)) };
}

function recordOffsets(view, at, count) {
  if (count > (view.byteLength - at) / RECORD_BYTES) throw new Error("tail frame: more records than bytes");
  const offsets = new Uint32Array(count);
  for (let i = 0; i < count; i++) {
    if (at + RECORD_BYTES > view.byteLength) throw new Error("tail record: cut short");
    offsets[i] = at;
    const end = at + 4 + view.getUint32(at);
    const parts = view.getUint16(at + 12) + view.getUint16(at + 14) + view.getUint32(at + 16) + view.getUint32(at + 20);
    if (end > view.byteLength || at + RECORD_BYTES + parts !== end) throw new Error("tail record: lengths disagree");
    at = end;
  }
  if (at !== view.byteLength) throw new Error("tail frame: bytes after the last record");
  return offsets;
}

/** Where the parts of a record lie: byte ranges in its buffer, and its numbers. */
export function recordParts(buffer, at) {
  const view = new DataView(buffer);
  const subject = at + RECORD_BYTES;
  const reply = subject + view.getUint16(at + 12);
  const header = reply + view.getUint16(at + 14);
  const payload = header + view.getUint32(at + 16);
  return { ms: u64(view, at + 4) / 1e6, ns: view.getBigUint64(at + 4), size: view.getUint32(at + 24), subject, reply, header, payload, end: payload + view.getUint32(at + 20) };
}

export const textIn = (buffer, from, to) => text.decode(new Uint8Array(buffer, from, to - from));

/** [[name, value], …] and the status line's rest ("503 No Responders") from a NATS/1.0 header block. */
export function parseHeader(block) {
  const [first = "", ...lines] = block.split("\r\n");
  const headers = [];
  for (const line of lines) {
    const colon = line.indexOf(":");
    if (colon > 0) headers.push([line.slice(0, colon), line.slice(colon + 1).trim()]);
  }
  return { status: first.replace(/^NATS\/1\.0\s*/, ""), headers };
}

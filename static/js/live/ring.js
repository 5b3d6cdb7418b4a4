// The newest rows of a tail, bounded in rows and in bytes. Pure.
//
// A row has an index that only grows. Frames are kept whole as chunks and forgotten whole, the oldest first. A held ring
// keeps what was there when it was held, beside what goes on arriving: twice the bound at most.

const CHUNK_OVERHEAD_BYTES = 320;

export class Ring {
  constructor(rowsMax = 50_000, bytesMax = 32 * 1024 * 1024) {
    this.rowsMax = rowsMax;
    this.bytesMax = bytesMax;
    this.next = 0; // index of the next row
    this.heldNext = 0;
    this.forget();
  }

  /** Drops every row; indices go on, so that none is used twice. */
  forget() {
    this.chunks = [];
    this.bytes = 0;
    this.heldChunks = null;
  }

  /** Index of the oldest row that is kept by the live part. */
  get first() {
    return this.chunks.length ? this.chunks[0].first : this.next;
  }

  get rows() {
    return this.next - this.first;
  }

  /** One frame: its buffer and where its records start. */
  push(buffer, offsets) {
    if (offsets.length) this.append({ first: this.next, count: offsets.length, bytes: buffer.byteLength + 4 * offsets.length + CHUNK_OVERHEAD_BYTES, buffer, offsets, marker: null });
  }

  /** A row that is no message: {kind, text, ms}. */
  pushMarker(marker) {
    this.append({ first: this.next, count: 1, bytes: CHUNK_OVERHEAD_BYTES, buffer: null, offsets: null, marker });
  }

  append(chunk) {
    this.chunks.push(chunk);
    this.next += chunk.count;
    this.bytes += chunk.bytes;
    let gone = 0;
    while (gone < this.chunks.length - 1 && (this.next - this.chunks[gone].first > this.rowsMax || this.bytes > this.bytesMax)) this.bytes -= this.chunks[gone++].bytes;
    if (gone) this.chunks.splice(0, gone);
  }

  /** Freezes the view at the rows before `next`; what arrives later is counted by `behind`. */
  hold(next = this.next) {
    this.heldChunks = this.chunks.slice();
    this.heldNext = Math.min(next, this.next);
  }

  release() {
    this.heldChunks = null;
  }

  /** {first, next}: the rows that can be looked at now. */
  get range() {
    if (!this.heldChunks) return { first: this.first, next: this.next };
    const first = this.heldChunks.length ? this.heldChunks[0].first : this.heldNext;
    return { first: Math.min(first, this.heldNext), next: this.heldNext };
  }

  get behind() {
    return this.heldChunks ? this.next - this.heldNext : 0;
  }

  /** {buffer, at} or {marker} of a row in `range`, else null. */
  row(index) {
    const chunks = this.heldChunks || this.chunks;
    let low = 0;
    let high = chunks.length - 1;
    while (low <= high) {
      const middle = (low + high) >> 1;
      const chunk = chunks[middle];
      if (index < chunk.first) high = middle - 1;
      else if (index >= chunk.first + chunk.count) low = middle + 1;
      else return chunk.marker ? { marker: chunk.marker } : { buffer: chunk.buffer, at: chunk.offsets[index - chunk.first] };
    }
    return null;
  }
}

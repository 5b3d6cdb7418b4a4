// Bytes from base64, as answers carry them. Pure.

export function bytesOf(encoded) {
  return Uint8Array.from(atob(encoded || ""), (c) => c.charCodeAt(0));
}

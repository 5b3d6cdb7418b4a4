"""An invented key-value bucket, as the console's API tells it."""

import base64
from typing import Any

BUCKET = {
    "bucket": "SETTINGS", "description": "what the shop is told", "history": 5, "ttl": 0, "storage": "file", "max_bytes": -1,
    "max_value_size": -1, "values": 5, "bytes": 486, "keys": 2, "last_ts": "2026-11-25T10:00:00Z", "created": "2026-11-20T10:00:00Z",
}  # fmt: skip


def entry(key: str, revision: int, value: bytes, operation: str = "PUT") -> dict[str, Any]:
    return {
        "key": key, "revision": revision, "created": "2026-11-25T10:00:00Z", "operation": operation,
        "payload_base64": base64.b64encode(value).decode(), "size": len(value),
    }  # fmt: skip


LIMITS = [entry("shop.limits", n, b'{"max_items": %d}' % n) for n in (4, 3, 1)]


def answer(method: str, rest: str) -> tuple[int, Any]:
    """``rest`` is what stands behind ``/kv``."""
    if rest == "":
        return 200, {"buckets": [BUCKET], "total_count": 1}
    if rest == "/SETTINGS":
        gone = entry("old.key", 2, b"", "DEL")
        return 200, {"bucket": BUCKET, "keys": [gone, LIMITS[0]], "total_count": 2}
    if rest == "/SETTINGS/entry":
        return 200, {"key": "shop.limits", "history": LIMITS} if method == "GET" else {
            "revision": 5
        }
    return 404, {"type": "not_found", "message": "Stream not found.", "err_code": 10059}

"""An invented stream with its messages and consumers, as JetStream would tell them."""

import base64
import json
import re
from typing import Any

CONFIG = {
    "name": "ORDERS", "description": "what was ordered", "subjects": ["orders.>"], "retention": "limits", "storage": "file",
    "discard": "old", "max_msgs": -1, "max_msgs_per_subject": -1, "max_bytes": 10 * 1024**3, "max_msg_size": -1, "max_age": 604800 * 10**9,
    "max_consumers": -1, "duplicate_window": 120 * 10**9, "compression": "none", "allow_direct": True,
}  # fmt: skip
STATE = {
    "messages": 120, "bytes": 17_000, "first_seq": 1, "first_ts": "2026-11-20T10:00:00.1Z", "last_seq": 120,
    "last_ts": "2026-11-25T10:00:00.1Z", "num_subjects": 3, "consumer_count": 2,
}  # fmt: skip
INFO = {"config": CONFIG, "state": STATE, "created": "2026-11-20T10:00:00Z"}


def consumer(name: str, **more: Any) -> dict[str, Any]:
    return {
        "name": name, "stream_name": "ORDERS", "created": "2026-11-20T10:00:00Z", "num_pending": 0, "num_ack_pending": 0, "num_redelivered": 0,
        "num_waiting": 1, "config": {"ack_policy": "explicit", "max_ack_pending": 1000, "filter_subject": "orders.eu.>"},
        "delivered": {"consumer_seq": 9, "stream_seq": 9, "last_active": "2026-11-25T10:00:00Z"}, "ack_floor": {"consumer_seq": 9, "stream_seq": 9},
    } | more  # fmt: skip


def message(seq: int) -> dict[str, Any]:
    payload = json.dumps({"id": f"ord_{seq:06x}", "total": seq, "currency": "EUR"}).encode()
    return {
        "seq": seq, "subject": "orders.eu.paid", "time": "2026-11-25T10:00:00.123456789Z", "headers": [["Trace-Id", "7"]],
        "payload_base64": base64.b64encode(payload).decode(), "size": len(payload),
    }  # fmt: skip


def answer(method: str, rest: str) -> tuple[int, Any]:
    """``rest`` is what stands behind ``/streams``."""
    if rest == "":
        return 200, {"streams": [INFO], "total_count": 1}
    if re.fullmatch(r"/ORDERS/messages", rest):
        listed = [message(seq) for seq in range(120, 70, -1)]
        return 200, {
            "messages": listed,
            "first_seq": 1,
            "last_seq": 120,
            "next": 70,
            "complete": True,
        }
    if rest == "/ORDERS/consumers":
        behind = consumer("billing", num_pending=4_000, num_ack_pending=950)
        return 200, {"consumers": [behind, consumer("mail", paused=True)], "total_count": 2}
    if rest == "/ORDERS":
        return 200, INFO
    return 404, {"type": "not_found", "message": "Stream not found.", "err_code": 10059}

"""Pull requests that wait for messages: their order, what each still takes, and the words that end one.

Wire     body of `$JS.API.CONSUMER.MSG.NEXT.S.C`: empty, a number, or JSON; statuses are header blocks without payload
Source   nats-server ``consumer.go`` (nextReqFromMsg, waitQueue, nextWaiting, processWaiting); ADR-13, ADR-42
"""

import json
from collections import deque
from collections.abc import Callable
from itertools import islice
from typing import Any

from broker.jetstream import json_text

#: Sent to a request's inbox: status and description, with or without what was left of it.
Tell = Callable[[bytes, bytes], object]

PRIORITY_MAX = 9
_NS_MAX = 2**63 - 1
#: Fields of a request, and what Go calls their types.
_TYPES = {
    "batch": "int", "expires": "time.Duration", "max_bytes": "int", "idle_heartbeat": "time.Duration",
    "min_pending": "int64", "min_ack_pending": "int64", "priority": "int",
    "group": "string", "id": "string", "no_wait": "bool",
}  # fmt: skip
_KINDS: dict[type, str] = {bool: "bool", str: "string", list: "array", dict: "object"}


class BadRequest(ValueError):
    """The body can't be understood; the text is the end of the 400."""


class PullRequest:
    """``left`` messages and, when ``bytes_left`` isn't 0, so many bytes. Times in ns since 1970, 0 = never."""

    __slots__ = (
        "bytes_left", "delivered", "expires_ns", "formal", "group", "heartbeat_due_ns", "heartbeat_ns", "left",
        "min_ack_pending", "min_pending", "no_wait", "pin", "priority", "received_ns", "reply",
    )  # fmt: skip

    def __init__(self, reply: bytes, now_ns: int, fields: dict[str, Any]) -> None:
        self.reply = reply
        self.received_ns = now_ns
        self.delivered = 0
        #: The body was JSON, which alone can name a priority group.
        self.formal = "group" in fields
        self.left: int = fields.get("batch", 0)
        self.bytes_left: int = fields.get("max_bytes", 0)
        self.no_wait: bool = fields.get("no_wait", False)
        expires: int = fields.get("expires", 0)
        self.expires_ns = now_ns + expires if expires else 0
        self.heartbeat_ns: int = max(0, fields.get("idle_heartbeat", 0))
        self.heartbeat_due_ns = now_ns + self.heartbeat_ns if self.heartbeat_ns else 0
        self.group: str = fields.get("group", "")
        self.pin: str = fields.get("id", "")
        self.priority: int = fields.get("priority", 0)
        self.min_pending: int = fields.get("min_pending", 0)
        self.min_ack_pending: int = fields.get("min_ack_pending", 0)

    def rest(self) -> bytes:
        """The header lines that say what it didn't get."""
        return b"Nats-Pending-Messages: %d\r\nNats-Pending-Bytes: %d\r\n" % (
            self.left,
            self.bytes_left,
        )


def parse(reply: bytes, body: bytes, now_ns: int) -> PullRequest:
    """Raises BadRequest."""
    text = body.strip()
    if not text.startswith(b"{"):
        try:
            batch = int(text) if text else 1
        except ValueError:
            batch = 1
        return PullRequest(reply, now_ns, {"batch": batch})
    try:
        fields = json.loads(text, parse_float=_Literal)
    except ValueError:
        raise BadRequest(_fault(text)) from None
    _check_types(fields)
    if 0 < fields.get("idle_heartbeat", 0) > fields.get("expires", 0) / 2:
        raise BadRequest("heartbeat value too large")
    return PullRequest(reply, now_ns, fields)


def _fault(text: bytes) -> str:
    """What is wrong with it, in Go's words."""
    try:
        json_text.loads(text)
    except ValueError as error:
        return str(error).replace("unexpected EOF", "unexpected end of JSON input")
    return "invalid character"


class _Literal(str):
    """A number with a fraction or an exponent, as it was written."""

    __slots__ = ()


def _check_types(fields: dict[str, Any]) -> None:
    """Leaves no ``null``. Raises BadRequest in Go's words."""
    for name, value in tuple(fields.items()):
        wanted = _TYPES.get(name)
        if value is None:
            del fields[name]
        elif wanted is not None and not _fits(value, wanted):
            found = _KINDS.get(type(value), "number")
            if found == "number" and wanted not in ("string", "bool"):
                found += f" {value}"
            text = f"cannot unmarshal {found} into Go struct field .{name} of type {wanted}"
            raise BadRequest(f"json: {text}")
    fields.setdefault("group", "")


def _fits(value: Any, wanted: str) -> bool:
    if wanted == "bool":
        return isinstance(value, bool)
    if wanted == "string":
        return type(value) is str
    return type(value) is int and -_NS_MAX - 1 <= value <= _NS_MAX


def status(code: int, text: str, lines: bytes = b"") -> bytes:
    """Wire   ``NATS/1.0 <code> <text>`` and further header lines."""
    return b"NATS/1.0 %d %b\r\n%b\r\n" % (code, text.encode(), lines)


class Requests:
    """A queue of at most ``limit``. ``tell`` sends a status, ``listens`` knows whether an inbox has interest."""

    def __init__(self, limit: int, tell: Tell, listens: Callable[[bytes], bool]) -> None:
        self._limit = limit
        self._tell = tell
        self._listens = listens
        self._queue: deque[PullRequest] = deque()
        #: When a request came last, for the inactivity of the consumer.
        self.last_ns = 0
        #: Lower numbers go first; within one number, first come, first served.
        self.by_priority = False

    def __len__(self) -> int:
        return len(self._queue)

    @property
    def full(self) -> bool:
        return len(self._queue) >= self._limit

    def of_one_inbox(self, now_ns: int) -> tuple[bytes, int]:
        """The inbox of all requests and how many messages they take; nothing when it's not that simple."""
        queue = self._queue
        if not queue or (self.by_priority and len(queue) > 1):
            return b"", 0
        inbox = queue[0].reply
        for request in queue:
            late = 0 < request.expires_ns <= now_ns
            if late or request.bytes_left > 0 or request.reply != inbox:
                return b"", 0
        return inbox, self.wanted()

    def add(self, request: PullRequest) -> bool:
        """False when the queue is full."""
        if self.full:
            return False
        self._insert(request)
        self.last_ns = request.received_ns
        return True

    def _insert(self, request: PullRequest) -> None:
        queue = self._queue
        if self.by_priority:
            for at, other in enumerate(queue):
                if other.priority > request.priority:
                    queue.insert(at, request)
                    return
        queue.append(request)

    def next(
        self,
        size: int,
        now_ns: int,
        admits: Callable[[PullRequest], "bool | None"] | None = None,
        passed_over: Callable[[PullRequest], None] | None = None,
    ) -> PullRequest | None:
        """Who gets a message of ``size`` bytes; it is counted off and the request goes to the end of the queue.

        ``admits`` says True, False (not now: keep it) or None (end it, the reason was told). Those that expired, have
        lost their inbox or can't take so many bytes are ended on the way; ``passed_over`` is told of one that was
        admitted and can't.
        """
        queue, kept = self._queue, 0
        while kept < len(queue):
            request = queue[0]
            if request.expires_ns and request.expires_ns <= now_ns:
                self._end(request, 408, "Request Timeout")
                continue
            verdict = True if admits is None else admits(request)
            if verdict is None:
                self._discard(request)
                continue
            if not verdict:
                queue.rotate(-1)
                kept += 1
                continue
            if request.bytes_left > 0 and size > request.bytes_left:
                self._end(request, 409, "Message Size Exceeds MaxBytes")
                if passed_over is not None:
                    passed_over(request)
                continue
            if not self._listens(request.reply):
                queue.popleft()
                continue
            self._count_off(request, size)
            return request
        return None

    def count_off(self, count: int) -> list[PullRequest]:
        """So many messages went out, to one request after the other, as ``next`` gives them. Returns who got some."""
        queue = self._queue
        given = list(islice(queue, count))
        rounds = min(min(request.left for request in queue) - 1, count // len(queue))
        for request in queue:
            request.left -= rounds
            request.delivered += rounds
        for _ in range(count - rounds * len(queue)):
            self._count_off(queue[0], 0)
        return given

    def _count_off(self, request: PullRequest, size: int) -> None:
        if request.bytes_left > 0:
            request.bytes_left -= size
            if request.bytes_left == 0:
                request.left = 1
        request.left -= 1
        request.delivered += 1
        self._queue.popleft()
        if request.left > 0:
            self._insert(request)

    def sweep(self, now_ns: int, *, at_end: bool, heartbeat: Callable[[bytes], None]) -> int:
        """End what expired, lost its inbox or, ``at_end`` of the stream, doesn't wait; send heartbeats. Returns when
        to look again, 0 = never."""
        due_ns = 0
        for request in tuple(self._queue):
            if request.expires_ns and request.expires_ns <= now_ns:
                self._end(request, 408, "Request Timeout")
            elif at_end and request.no_wait and (not request.expires_ns or request.delivered):
                self._discard(request)
                self._tell(request.reply, status(404, "No Messages"))
            elif not self._listens(request.reply):
                self._discard(request)
            else:
                if request.heartbeat_ns and request.heartbeat_due_ns <= now_ns:
                    heartbeat(request.reply)
                    request.heartbeat_due_ns = now_ns + request.heartbeat_ns
                for each in (request.heartbeat_due_ns, request.expires_ns):
                    if each and (not due_ns or each < due_ns):
                        due_ns = each
        return due_ns

    def wanted(self) -> int:
        """How many messages all requests still take."""
        return sum(request.left for request in self._queue)

    def end_all(self, code: int, text: str) -> None:
        for request in tuple(self._queue):
            self._discard(request)
            self._tell(request.reply, status(code, text))

    def end_each(self, code: int, text: str) -> None:
        """As ``end_all``, saying how much of each is left."""
        for request in tuple(self._queue):
            self._end(request, code, text)

    def _end(self, request: PullRequest, code: int, text: str) -> None:
        self._discard(request)
        self._tell(request.reply, status(code, text, request.rest()))

    def _discard(self, request: PullRequest) -> None:
        self._queue.remove(request)

"""The pull side of a consumer: requests come in, are checked in nats-server's order, and are served.

With the policy ``pinned_client`` one client is served, the one that sends the pin it was given; ``overflow`` serves
a request only when enough waits for it; ``prioritized`` serves lower numbers first.
Source   nats-server ``consumer.go`` (processNextMsgRequest, nextWaiting); ADR-42
"""

from typing import TYPE_CHECKING

from broker.jetstream import consumer_events as events
from broker.jetstream import times
from broker.jetstream.consumer_requests import (
    PRIORITY_MAX,
    BadRequest,
    PullRequest,
    Requests,
    parse,
    status,
)
from broker.protocol import headers

if TYPE_CHECKING:
    from broker.jetstream.consumer import Consumer

_WRONG_PIN = "Nats-Wrong-Pin-Id"
#: A full queue is looked through for expired requests this often.
_SWEEP_NS = 1_000_000_000


class Refused(Exception):
    """A request is answered with this status."""

    def __init__(self, code: int, text: str) -> None:
        super().__init__(text)
        self.code = code
        self.text = text


class Pull:
    """Requests and, with ``pinned_client``, the pin."""

    is_pull = True

    def __init__(self, consumer: "Consumer") -> None:
        self._consumer = consumer
        outlet = consumer.outlet
        self.requests = Requests(consumer.config.max_waiting, outlet.tell, outlet.listens)
        self.requests.by_priority = consumer.config.priority_policy == "prioritized"
        self.requests.last_ns = consumer.engine.now_ns()
        self.pin = ""
        self.pinned_ns = 0
        self._pin_due_ns = 0
        self._pinned_now = False
        self._swept_ns = 0
        self.end = 0

    # Requests come ------------------------------------------------------------------------------

    def receive(self, reply: bytes, body: bytes) -> None:
        now_ns = self._consumer.engine.now_ns()
        try:
            request = self._admit(reply, body, now_ns)
            if self.requests.full and now_ns - self._swept_ns > _SWEEP_NS:
                self.sweep(now_ns, at_end=False)
            if request.no_wait:
                self._check_no_wait(request, now_ns)
        except Refused as refusal:
            self._consumer.outlet.tell(reply, status(refusal.code, refusal.text))
        else:
            if self.requests.add(request):
                self._consumer.wake()
            elif not request.heartbeat_ns:
                self._consumer.outlet.tell(reply, status(409, "Exceeded MaxWaiting"))
        self._consumer.outlet.flush()

    def _admit(self, reply: bytes, body: bytes, now_ns: int) -> PullRequest:
        """Raises Refused."""
        try:
            request = parse(reply, body, now_ns)
        except BadRequest as error:
            raise Refused(400, f"Bad Request - {error}") from error
        config = self._consumer.config
        if 0 < config.max_batch < request.left:
            raise Refused(409, f"Exceeded MaxRequestBatch of {config.max_batch}")
        if request.expires_ns and 0 < config.max_expires < request.expires_ns - now_ns:
            limit = times.duration_text(config.max_expires)
            raise Refused(409, f"Exceeded MaxRequestExpires of {limit}")
        if 0 < config.max_bytes < request.bytes_left:
            raise Refused(409, f"Exceeded MaxRequestMaxBytes of {config.max_bytes}")
        self._check_priority(request, now_ns)
        return request

    def _check_priority(self, request: PullRequest, now_ns: int) -> None:
        policy = self._consumer.config.priority_policy
        if (request.min_pending or request.min_ack_pending) and policy != "overflow":
            raise Refused(400, "Bad Request - Not a Overflow Priority consumer")
        if request.pin and policy != "pinned_client":
            raise Refused(400, "Bad Request - Not a Pinned Client Priority consumer")
        if not 0 <= request.priority <= PRIORITY_MAX:
            raise Refused(400, "Bad Request - Priority must be between 0 and 9")
        if policy == "none" or not request.formal:
            return
        if not request.group:
            raise Refused(400, "Bad Request - Priority Group missing")
        if request.group not in self._consumer.config.priority_groups:
            raise Refused(400, "Bad Request - Invalid Priority Group")
        if self.pin and request.pin == self.pin:
            self._extend_pin(now_ns)
        elif self.pin and request.pin:
            raise Refused(423, "Nats-Pin-Id mismatch")

    def _check_no_wait(self, request: PullRequest, now_ns: int) -> None:
        ledger, end = self._consumer.ledger, self._consumer.stream.end
        available = ledger.num_pending(end) + ledger.redeliveries
        if not available and not request.expires_ns:
            self.requests.last_ns = now_ns
            raise Refused(404, "No Messages")
        if available:
            self.sweep(now_ns, at_end=False)
            if available < self.requests.wanted():
                self.requests.last_ns = now_ns
                raise Refused(408, "Requests Pending")

    # Messages go --------------------------------------------------------------------------------

    def is_open(self, now_ns: int) -> bool:
        return len(self.requests) > 0

    def take(self, size: int, now_ns: int) -> PullRequest | None:
        """Whose inbox gets a message of this size."""
        policy = self._consumer.config.priority_policy
        if policy in ("none", "prioritized"):
            return self.requests.next(size, now_ns)
        self._pinned_now = False
        admits = self._admits_pinned if policy == "pinned_client" else self._admits_overflow
        return self.requests.next(size, now_ns, admits, self._passed_over)

    def _admits_overflow(self, request: PullRequest) -> bool:
        if not request.min_pending and not request.min_ack_pending:
            return True
        consumer = self._consumer
        waiting = consumer.ledger.num_pending(consumer.stream.end)
        unacked = len(consumer.ledger.record.state.pending)
        return 0 < request.min_pending <= waiting or 0 < request.min_ack_pending <= unacked

    def _admits_pinned(self, request: PullRequest) -> bool | None:
        if not self.pin and not request.pin:
            self._assign_pin(request)
            return True
        if self.pin and request.pin == self.pin:
            return True
        if not request.pin:
            return False
        self._consumer.outlet.tell(request.reply, status(423, _WRONG_PIN, request.rest()))
        return None

    def _passed_over(self, request: PullRequest) -> None:
        """It can't take the message; if it has just been given the pin for it, the pin is free again."""
        if self._pinned_now:
            self._pinned_now = False
            self.release_pin()

    def shaped(self, header: bytes) -> bytes:
        """The header of a message as it goes out."""
        return headers.with_field(header, b"Nats-Pin-Id", self.pin.encode()) if self.pin else header

    def sent(self, request: object, size: int, now_ns: int) -> None:
        """After a message went out to the request."""
        assert isinstance(request, PullRequest), "take gave a request"
        if request.left <= 0 and request.bytes_left > 0:
            self._consumer.outlet.tell(
                request.reply, status(409, "Batch Completed", request.rest())
            )
        elif request.heartbeat_ns:
            request.heartbeat_due_ns = now_ns + request.heartbeat_ns

    # The pin ------------------------------------------------------------------------------------

    def _assign_pin(self, request: PullRequest) -> None:
        if not request.group:
            return
        consumer = self._consumer
        now_ns = consumer.engine.now_ns()
        self.pin = request.pin = consumer.engine.unique()
        self.pinned_ns = now_ns
        self._pinned_now = True
        self._extend_pin(now_ns)
        events.pinned(consumer, request.group, self.pin)

    def _extend_pin(self, now_ns: int) -> None:
        self._pin_due_ns = now_ns + self._consumer.config.priority_timeout

    def release_pin(self) -> None:
        self.pin = ""
        self.pinned_ns = self._pin_due_ns = 0

    def unpin(self, group: str) -> None:
        """An administrator takes the pin away."""
        self.release_pin()
        events.unpinned(self._consumer, group, "admin")
        self._consumer.wake()

    # Time ---------------------------------------------------------------------------------------

    def sweep(self, now_ns: int, *, at_end: bool) -> int:
        """End what is over, send heartbeats; when to look again, 0 = never."""
        if self._pin_due_ns and self._pin_due_ns <= now_ns:
            self.release_pin()
            events.unpinned(self._consumer, self._consumer.config.priority_groups[0], "timeout")
            self._consumer.wake()
        self._swept_ns = now_ns
        due_ns = self.requests.sweep(now_ns, at_end=at_end, heartbeat=self._consumer.heartbeat)
        dues = [due for due in (due_ns, self._pin_due_ns) if due]
        return min(dues, default=0)

    def is_active(self, now_ns: int) -> bool:
        """Whether somebody waits; what is over is ended first."""
        self.sweep(now_ns, at_end=True)
        return len(self.requests) > 0

    def close(self, *, deleted: bool) -> None:
        if deleted:
            self.requests.end_all(409, "Consumer Deleted")
        else:
            self.requests.end_each(409, "Server Shutdown")

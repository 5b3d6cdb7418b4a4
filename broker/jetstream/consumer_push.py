"""The push side of a consumer: messages go to the deliver subject as long as somebody listens there.

Flow control: once half a window of bytes is out, the client is asked for a word; until it answers, a whole window may
go out, and the window doubles with each answer. Idle heartbeats name the last sequences and, when stalled, where to
answer. Under the ack policy ``flow_control`` an answer also acknowledges all up to what it names, so one is asked for
when as much waits as may, and with each heartbeat as long as anything does.
Wire     NATS/1.0\r\nNats-Last-Consumer: <consumer seq>\r\nNats-Last-Stream: <stream seq>\r\n\r\n, to where it was asked
Source   nats-server ``consumer.go`` (needFlowControl, processFlowControl, sendIdleHeartbeat)
"""

from typing import TYPE_CHECKING

from broker.core.message import Message
from broker.core.subscription import InternalSubscription
from broker.jetstream.consumer_requests import status
from broker.protocol import headers

if TYPE_CHECKING:
    from broker.jetstream.consumer import Consumer

#: The window at its widest, and how much narrower it begins.
WINDOW_MAX_BYTES = 32 * 1024 * 1024
_WINDOW_BEGIN = 16
#: How far a consumer has come: in heartbeats, and in answers to flow control.
LAST_CONSUMER, LAST_STREAM = b"Nats-Last-Consumer", b"Nats-Last-Stream"
_LETTERS = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"


class Push:
    """``active`` while somebody listens on the deliver subject (in the deliver group, if there is one)."""

    is_pull = False

    def __init__(self, consumer: "Consumer") -> None:
        self._consumer = consumer
        config = consumer.config
        self.reply = config.deliver_subject.encode()
        self.active = False
        self._window = WINDOW_MAX_BYTES // _WINDOW_BEGIN if config.flow_control else 0
        self._acks = config.ack_policy == "flow_control"
        #: Bytes that are out and not answered for; where the answer is awaited, and how many bytes it is about.
        self._out_bytes = self._asked_bytes = 0
        self._asked = b""
        self._heartbeat_due_ns = 0
        self._quiet_ns = consumer.engine.now_ns()
        self._subs: list[InternalSubscription] = []
        if config.flow_control:
            subject = f"$JS.FC.{consumer.stream.name}.{consumer.name}.*".encode()
            self._subs.append(consumer.stream.account.subscribe(subject, self._answered))
        self._watch()
        self.look()

    # Interest -----------------------------------------------------------------------------------

    def _watch(self) -> None:
        sublist = self._consumer.stream.account.core.sublist
        sublist.watch(self.reply, self._consumer.wake)

    def look(self) -> bool:
        """Whether it is active now. What it knows is renewed."""
        was, self.active = self.active, self._somebody_listens()
        if was and not self.active:
            self._quiet_ns = self._consumer.engine.now_ns()
        return self.active

    def _somebody_listens(self) -> bool:
        """Wildcard subscriptions receive, but only those to the very subject count, as on nats-server."""
        match = self._consumer.stream.account.core.sublist.match(self.reply)
        group = self._consumer.config.deliver_group.encode()
        groups = match.queues if group else (match.plain,)
        return any(
            sub.subject == self.reply and sub.queue == group
            for members in groups
            for sub in members
        )

    def move(self, subject: str) -> None:
        """Deliver to another subject from now on."""
        sublist = self._consumer.stream.account.core.sublist
        sublist.unwatch(self.reply, self._consumer.wake)
        self.reply = subject.encode()
        self.active = False
        self._watch()

    # Messages go --------------------------------------------------------------------------------

    def is_open(self, now_ns: int) -> bool:
        return self.active and not (self._window and self._out_bytes > self._window)

    def room(self) -> int:
        """Bytes that may go out before flow control has something to say; 0 = without end."""
        if not self._window:
            return 0
        limit = self._window if self._asked else self._window // 2
        return max(limit - self._out_bytes, 1)

    def take(self, size: int, now_ns: int) -> "Push | None":
        return self

    def shaped(self, header: bytes) -> bytes:
        return header

    def sent(self, target: object, size: int, now_ns: int) -> None:
        heartbeat_ns = self._consumer.config.idle_heartbeat
        if heartbeat_ns:
            self._heartbeat_due_ns = now_ns + heartbeat_ns
        if not self._window:
            return
        self._out_bytes += size
        if not self._asked and (self._out_bytes > self._window // 2 or self._is_full()):
            self._ask()
        elif self._asked and self._out_bytes - self._asked_bytes >= self._window:
            self._asked_bytes += size

    def _is_full(self) -> bool:
        """Nothing more goes out before an answer acknowledges something."""
        return self._acks and self._consumer.ledger.stalled

    def _ask(self) -> None:
        consumer = self._consumer
        token = "".join(consumer.engine.random.choices(_LETTERS, k=4))
        self._asked = f"$JS.FC.{consumer.stream.name}.{consumer.name}.{token}".encode()
        self._asked_bytes = self._out_bytes
        consumer.outlet.tell(self.reply, status(100, "FlowControl Request"), self._asked)

    def _answered(self, message: Message) -> None:
        if message.subject != self._asked:
            return
        self._window = min(2 * self._window, WINDOW_MAX_BYTES)
        self._out_bytes = max(0, self._out_bytes - self._asked_bytes)
        self._asked, self._asked_bytes = b"", 0
        if self._acks and message.header:
            header = message.header
            self._consumer.acknowledge(_number(header, LAST_STREAM), _number(header, LAST_CONSUMER))
        self._consumer.wake()

    # Time ---------------------------------------------------------------------------------------

    def sweep(self, now_ns: int, *, at_end: bool) -> int:
        """Send a heartbeat when one is due; when the next is, 0 = never."""
        heartbeat_ns = self._consumer.config.idle_heartbeat
        if not heartbeat_ns:
            return 0
        if not self._heartbeat_due_ns:
            self._heartbeat_due_ns = now_ns + heartbeat_ns
        elif self._heartbeat_due_ns <= now_ns:
            if self.active:
                stalled = b"Nats-Consumer-Stalled: %b\r\n" % self._asked if self._asked else b""
                self._consumer.heartbeat(self.reply, stalled)
                if self._acks and not self._asked and self._consumer.ledger.record.state.pending:
                    self._ask()
            self._heartbeat_due_ns = now_ns + heartbeat_ns
        return self._heartbeat_due_ns

    def is_active(self, now_ns: int) -> bool:
        return self.look()

    @property
    def quiet_ns(self) -> int:
        """Since when nobody listens; meaningless while ``active``."""
        return self._quiet_ns

    def close(self, *, deleted: bool) -> None:
        account = self._consumer.stream.account
        account.core.sublist.unwatch(self.reply, self._consumer.wake)
        account.unsubscribe(self._subs)


def _number(header: bytes, name: bytes) -> int:
    """The value of a field; 0 where there is none, or no sequence."""
    value = headers.get(header, name)
    return int(value) if value and value.isdigit() and len(value) < 20 else 0

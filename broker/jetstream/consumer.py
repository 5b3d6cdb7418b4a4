"""One consumer: what it is set to do, when it runs, and what is on disk of it.

woken     by a message that was stored, a request, an acknowledgement that made room, interest, time
turn      at the end of the loop's turn: up to so many messages from the stream to whoever they are for
flushed   changes of its record go to disk beside the loop; confirmations wait for that
"""

import logging
from collections.abc import Callable, Iterable
from typing import TYPE_CHECKING, Final

from broker.core.message import Message
from broker.core.subscription import InternalSubscription
from broker.jetstream import consumer_acks as acks
from broker.jetstream import consumer_events as events
from broker.jetstream.consumer_config import ConsumerConfig
from broker.jetstream.consumer_delivery import Delivery
from broker.jetstream.consumer_filter import ConsumerFilter
from broker.jetstream.consumer_ledger import AckPolicy, Ledger, Terms
from broker.jetstream.consumer_outlet import Outlet
from broker.jetstream.consumer_pull import Pull
from broker.jetstream.consumer_push import Push
from broker.jetstream.consumer_requests import status
from broker.jetstream.consumer_rules import EPHEMERAL_THRESHOLD, sample_percent
from broker.jetstream.environment import Timer
from broker.jetstream.versions import REQUIRED_LEVEL_HEADER, demands_too_much
from broker.protocol import headers
from broker.storage.consumer_store import ConsumerRecord
from broker.storage.store import Job

if TYPE_CHECKING:
    from broker.jetstream.stream import Stream

log = logging.getLogger("broker")

_SECOND_NS: Final = 1_000_000_000
#: Changes that nobody waits for go to disk this much later.
_FLUSH_S: Final = 0.25
#: Looking for what waited too long costs about this much a message, and shall take a tenth of the time at most.
_EXPIRE_COST_NS: Final = 5_000
_MILLISECOND_NS: Final = 1_000_000
#: An inactive consumer goes up to so much later than its threshold says, as on nats-server.
_INACTIVE_SPREAD_NS: Final = 900_000_000
_INACTIVE_EXTRA_NS: Final = 100_000_000
#: Said of an awaited message that has left the stream.
_REMOVED: Final = "Unacknowledged message was deleted"


class Consumer:
    """``record`` holds its state; ``start`` makes it reachable."""

    def __init__(
        self,
        stream: "Stream",
        name: str,
        config: ConsumerConfig,
        created_ns: int,
        record: ConsumerRecord,
    ) -> None:
        self.stream = stream
        self.engine = stream.engine
        self.name = name
        self.config = config
        self.created_ns = created_ns
        self.outlet = Outlet(stream.account.core)
        found = ConsumerFilter(stream.store.index, filters_of(stream, config))
        self.ledger = Ledger(record, found, terms_of(config))
        self.mode: Pull | Push = Pull(self) if config.is_pull else Push(self)
        self.delivery = Delivery(self)
        self.closed = False
        #: When a message was delivered last, and when one was acknowledged; 0 = never.
        self.delivered_ns = self.acked_ns = 0
        self._subs: list[InternalSubscription] = []
        self._woken = False
        self._timer: Timer | None = None
        self._timer_ns = 0
        #: When waits for acknowledgements are looked at; 0 = never.
        self._silence_ns = 0
        self._inactive_ns = 0
        self._flushing = False
        self._flush_timer: Timer | None = None
        self.flush_wanted = False
        #: Called when the next flush is done.
        self._confirmations: list[Callable[[], object]] = []
        self.set_inactive_threshold()

    # Beginning and end ------------------------------------------------------------------------------

    def start(self) -> None:
        """Takes requests and acknowledgements from now on."""
        account, name = self.stream.account, f"{self.stream.name}.{self.name}"
        self._subs = account.subscribe_api(f"CONSUMER.MSG.NEXT.{name}".encode(), self._requested)
        self._subs += account.subscribe_api(f"CONSUMER.RESET.{name}".encode(), self._reset)
        if self.config.ack_policy not in ("none", "flow_control"):
            subject = f"$JS.ACK.{name}.*.*.*.*.*".encode()
            self._subs.append(account.subscribe(subject, acks.AckIntake(self).receive))
        now_ns = self.engine.now_ns()
        if self.ledger.record.state.pending:
            self._silence_ns = now_ns
        self.wake()

    def stop(self, *, deleted: bool = False) -> None:
        """Nothing goes out any more. Unless it's deleted, its record is flushed; blocks for that."""
        if self.closed:
            return
        self.closed = True
        self.mode.close(deleted=deleted)
        self.outlet.flush()
        self.stream.account.unsubscribe(self._subs)
        for timer in (self._timer, self._flush_timer):
            if timer is not None:
                timer.cancel()
        if not deleted:
            self._flush_now()
        if not self._flushing:
            self.ledger.record.close()

    def change(self, config: ConsumerConfig) -> None:
        """``config`` holds from now on; it was checked."""
        before, self.config = self.config, config
        self.ledger.terms = terms_of(config)
        if config.deliver_subject != before.deliver_subject and isinstance(self.mode, Push):
            self.ledger.requeue_all()
            self.mode.move(config.deliver_subject)
        if config.filters != before.filters:
            self.stream.consumers.filtered_anew(self)
        if config.inactive_threshold != before.inactive_threshold:
            self.set_inactive_threshold()
        if (config.pause_until or 0) != (before.pause_until or 0):
            events.paused(self, self.engine.now_ns())
        if self.ledger.record.state.pending:
            self._silence_ns = self.engine.now_ns()
        self.delivery.configure()
        self.wake()

    # Words of clients -------------------------------------------------------------------------------

    def _requested(self, message: Message) -> None:
        if not message.reply:
            return
        level = headers.get(message.header, REQUIRED_LEVEL_HEADER) if message.header else None
        if demands_too_much(level):
            self.outlet.tell(message.reply, status(412, "Required Api Level"))
            self.outlet.flush()
        else:
            self.request(message.reply, message.payload)

    def _reset(self, message: Message) -> None:
        from broker.jetstream import api_consumers

        api_consumers.reset(self, message)

    def acknowledge(self, seq: int, consumer_seq: int) -> None:
        """An answer to flow control says that everything up to here has arrived."""
        settled = self.ledger.ack(seq, consumer_seq)
        if settled:
            self.acked_ns = self.engine.now_ns()
            self.settled(settled)
            self.flush_later()

    def reset(self, seq: int) -> None:
        """Deliver anew from ``seq`` on; nothing is pending."""
        self.ledger.reset(seq)
        self.delivered_ns = self.acked_ns = 0
        self.stream.consumers.skipped()
        self.wake()

    def request(self, reply: bytes, body: bytes) -> None:
        """A pull request."""
        if isinstance(self.mode, Pull):
            self.mode.receive(reply, body)
        else:
            self.outlet.tell(reply, status(409, "Consumer is push based"))
            self.outlet.flush()

    def answer(self, reply: bytes) -> None:
        """An empty message, now."""
        if reply:
            self.stream.account.publish(reply, b"")

    def confirm(self, reply: bytes) -> None:
        """An empty message, once everything up to now is on disk."""
        self.acked_ns = self.engine.now_ns()
        if reply:
            self.when_flushed(lambda: self.answer(reply))

    def samples(self) -> bool:
        """Whether this acknowledgement is one that is reported."""
        if not self.config.sample_freq:
            return False
        percent = sample_percent(self.config.sample_freq)
        return percent >= 100 or (percent > 0 and self.engine.random.random() * 100 <= percent)

    def settled(self, seqs: Iterable[int]) -> None:
        """It needs these no more; the stream lets go what nobody needs."""
        if self.stream.config.retention != "limits":
            self.stream.consumers.settled(seqs)

    # Running ----------------------------------------------------------------------------------------

    def wake(self) -> None:
        """Look at the end of this turn whether something can be delivered."""
        if not self._woken and not self.closed:
            self._woken = True
            self.engine.soon(self._turn)

    def committed(self) -> None:
        """The stream has new messages."""
        mode = self.mode
        if not self._woken and (not mode.is_pull or mode.is_open(0)):
            self.wake()

    def removed(self, seq: int, subject: bytes) -> None:
        """A message has left the stream; if it was awaited, that is over."""
        pending = self.ledger.removed(seq, subject)
        if pending is None:
            return
        self.acked_ns = self.engine.now_ns()
        events.terminated(self, pending.consumer_seq, seq, pending.deliveries, _REMOVED)
        self.flush_later()
        self.wake()

    def purged(self, first_seq: int) -> None:
        """Many messages have left the stream."""
        if self.ledger.purged(first_seq):
            self.acked_ns = self.engine.now_ns()
        self.flush_later()
        self.wake()

    def _turn(self) -> None:
        self._woken = False
        if not self.closed:
            self._run(timed=False)

    def _run(self, *, timed: bool) -> None:
        now_ns = self.engine.now_ns()
        if 0 < self._silence_ns <= now_ns:
            self._expire(now_ns)
        if isinstance(self.mode, Push):
            self.mode.look()
        due_ns = 0
        if not self.paused(now_ns):
            due_ns = self.delivery.run(now_ns)
        stalled = self.ledger.stalled and not self.ledger.redeliveries
        dues = [due_ns, self.mode.sweep(now_ns, at_end=timed or not stalled)]
        self.outlet.flush()
        self._arm(now_ns, dues)
        if self.delivery.changed:
            self.delivery.changed = False
            self.flush_later()

    def paused(self, now_ns: int) -> bool:
        return self.config.pause_until is not None and now_ns < self.config.pause_until

    def heartbeat(self, inbox: bytes, lines: bytes = b"") -> None:
        state = self.ledger.record.state
        last = b"Nats-Last-Consumer: %d\r\nNats-Last-Stream: %d\r\n" % (
            state.delivered_consumer_seq,
            self.ledger.looked_up_to(),
        )
        self.outlet.tell(inbox, status(100, "Idle Heartbeat", last + lines))

    # Time -------------------------------------------------------------------------------------------

    def _arm(self, now_ns: int, dues: list[int]) -> None:
        if self.config.pause_until is not None and self.config.pause_until > now_ns:
            dues.append(self.config.pause_until)
        dues += (self._silence_ns, self._inactive_due(now_ns))
        due_ns = min((due for due in dues if due), default=0)
        if not due_ns or (self._timer is not None and self._timer_ns <= due_ns):
            return
        if self._timer is not None:
            self._timer.cancel()
        self._timer_ns = due_ns
        wait_s = max(due_ns - now_ns, _MILLISECOND_NS) / _SECOND_NS
        self._timer = self.engine.after(wait_s, self._due)

    def _due(self) -> None:
        self._timer = None
        now_ns = self.engine.now_ns()
        until_ns = self.config.pause_until
        if until_ns is not None and self._timer_ns <= until_ns <= now_ns:
            events.paused(self, now_ns)
        if self._is_forgotten(now_ns):
            self.stream.consumers.delete_one(self)
        else:
            self._run(timed=True)

    def expect_silence(self, due_ns: int) -> None:
        """A wait ends at ``due_ns``."""
        if not self._silence_ns or due_ns < self._silence_ns:
            self._silence_ns = due_ns
            self._arm(self.engine.now_ns(), [])

    def exhaust(self) -> None:
        """What went out as often as allowed isn't awaited any more."""
        spent = self.ledger.exhaust()
        for seq, pending in spent:
            events.max_deliveries(self, seq, pending.deliveries)
        if spent:
            self.flush_later()

    def _expire(self, now_ns: int) -> None:
        due_ns = self.ledger.expire(now_ns)
        pause_ns = max(len(self.ledger.record.state.pending) * _EXPIRE_COST_NS, _MILLISECOND_NS)
        self._silence_ns = max(due_ns, now_ns + pause_ns) if due_ns else 0
        if self.ledger.redeliveries:
            self.exhaust()
            self.wake()

    # Inactivity -------------------------------------------------------------------------------------

    def set_inactive_threshold(self) -> None:
        """A default, and a pull consumer's, last a little longer than they say."""
        threshold_ns = self.config.inactive_threshold
        by_default = not self.config.durable_name and threshold_ns == EPHEMERAL_THRESHOLD
        if threshold_ns and (self.config.is_pull or by_default):
            spread = int(self.engine.random.random() * _INACTIVE_SPREAD_NS)
            threshold_ns += _INACTIVE_EXTRA_NS + spread
        self._inactive_ns = threshold_ns

    def _inactive_due(self, now_ns: int) -> int:
        """When it goes if nothing happens; 0 = never."""
        if not self._inactive_ns:
            return 0
        mode = self.mode
        if isinstance(mode, Push):
            return 0 if mode.active else mode.quiet_ns + self._inactive_ns
        if mode.is_open(now_ns):
            return now_ns + self._inactive_ns
        return max(mode.requests.last_ns, self.delivered_ns) + self._inactive_ns

    def _is_forgotten(self, now_ns: int) -> bool:
        due_ns = self._inactive_due(now_ns)
        if not due_ns or due_ns > now_ns or self.mode.is_active(now_ns):
            return False
        if isinstance(self.mode, Push):
            return True
        terms = self.ledger.terms
        ends = (
            pending.time_ns + terms.wait_ns(pending.deliveries) + self._inactive_ns
            for pending in self.ledger.record.state.pending.values()
        )
        return all(end <= now_ns for end in ends)

    # Disk -------------------------------------------------------------------------------------------

    def flush_later(self) -> None:
        if self._flush_timer is None and not self.closed:
            self._flush_timer = self.engine.after(_FLUSH_S, self._flush)

    def _flush(self) -> None:
        if not self.flush_wanted and not self.closed:
            self.flush_wanted = True
            self.engine.soon(self._begin_flush)

    def when_flushed(self, callback: Callable[[], object]) -> None:
        """Called once everything up to now is on disk; never if that fails."""
        self._confirmations.append(callback)
        self._flush()

    def _begin_flush(self) -> None:
        self.flush_wanted = False
        if self._flush_timer is not None:
            self._flush_timer.cancel()
            self._flush_timer = None
        if self._flushing or self.closed:
            return
        confirmations, self._confirmations = self._confirmations, []
        sync = bool(confirmations) and self.stream.account.sync_interval_s == 0
        job = self.ledger.record.begin_flush(sync=sync)
        if job is None:
            self._confirm(confirmations)
            return
        self._flushing = True
        self.engine.run_job(job, lambda error: self._flushed(job, confirmations, error))

    def _flushed(
        self, job: Job, confirmations: list[Callable[[], object]], error: OSError | None
    ) -> None:
        record = self.ledger.record
        self._flushing = False
        record.finish_flush(job, error)
        if error is not None:
            log.error("JetStream consumer %s > %s: %s", self.stream.name, self.name, record.error)
        else:
            self._confirm(confirmations)
        if self.closed:
            record.close()
        elif self._confirmations:
            self._flush()

    def _confirm(self, confirmations: list[Callable[[], object]]) -> None:
        if self.ledger.record.error:
            return
        for confirm in confirmations:
            confirm()

    def _flush_now(self) -> None:
        if self._flushing:
            return
        record = self.ledger.record
        job = record.begin_flush(sync=True)
        if job is None:
            return
        try:
            job.run()
        except OSError as error:
            record.finish_flush(job, error)
            log.error("JetStream consumer %s > %s: %s", self.stream.name, self.name, record.error)
        else:
            record.finish_flush(job)


def terms_of(config: ConsumerConfig) -> Terms:
    policies: dict[str, AckPolicy] = {"none": "none", "all": "all", "flow_control": "all"}
    return Terms(
        policies.get(config.ack_policy, "explicit"),
        config.ack_wait,
        tuple(config.backoff),
        max(config.max_deliver, 0),
        max(config.max_ack_pending, 0) if config.ack_policy != "none" else 0,
    )


def filters_of(stream: "Stream", config: ConsumerConfig) -> tuple[bytes, ...]:
    """None for filters that take everything the stream can hold."""
    filters = tuple(each.encode() for each in config.filters)
    return () if b">" in filters else filters

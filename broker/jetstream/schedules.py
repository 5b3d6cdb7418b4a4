"""Messages that are stored again later, under another subject: once, at intervals, or by a cron pattern.

    Nats-Schedule  ``@at <RFC 3339>``, ``@every <duration>``, six cron fields, ``@daily`` and the like
    produced       the schedule's message or the last one of Nats-Schedule-Source, with Nats-Scheduler (the schedule's
                   subject) and Nats-Schedule-Next: the time of the next one, or ``purge``: the schedule goes with it

A subject's last message is its schedule; when that goes, or another comes, the schedule ends. Schedules are found
after a restart by the mark of their records; what was missed meanwhile happens once.
Source   ADR-51; nats-server ``scheduler.go``
"""

import datetime
import heapq
import logging
import zoneinfo
from typing import TYPE_CHECKING, Final

from broker.jetstream import cron, errors, subjects, times, ttl
from broker.jetstream.alarm import Alarm
from broker.jetstream.errors import ApiError
from broker.jetstream.feature import Feature
from broker.jetstream.stream_config import StreamConfig
from broker.protocol import headers
from broker.protocol.subject import is_valid_literal
from broker.storage.store import Message, StoreFailed

if TYPE_CHECKING:
    from broker.jetstream.publish import Draft
    from broker.jetstream.stream import Stream

log = logging.getLogger("broker")

PATTERN: Final = b"Nats-Schedule"
TARGET: Final = b"Nats-Schedule-Target"
SOURCE: Final = b"Nats-Schedule-Source"
TTL: Final = b"Nats-Schedule-TTL"
ROLLUP: Final = b"Nats-Schedule-Rollup"
TIME_ZONE: Final = b"Nats-Schedule-Time-Zone"
NEXT: Final = b"Nats-Schedule-Next"
SCHEDULER: Final = b"Nats-Scheduler"
PURGE: Final = b"purge"
#: The mark of a schedule's record.
MARK: Final = 1

_PREDEFINED: Final = {
    "@yearly": "0 0 0 1 1 *",
    "@annually": "0 0 0 1 1 *",
    "@monthly": "0 0 0 1 * *",
    "@weekly": "0 0 0 * * 0",
    "@daily": "0 0 0 * * *",
    "@midnight": "0 0 0 * * *",
    "@hourly": "0 0 * * * *",
}
_NOT_PRODUCED: Final = (b"Nats-Msg-Id", ttl.TTL, b"Nats-Rollup")
_PREFIXES_NOT_PRODUCED: Final = (b"Nats-Schedule", b"Nats-Expected-", b"Nats-Batch-")
#: A schedule whose message the stream didn't take is tried again after this.
_RETRY_S: Final = 5


# When ------------------------------------------------------------------------------------------------


def next_time(header: bytes, after_ns: int, now_ns: int) -> tuple[int, str, bool]:
    """When (ns), the same as text, and whether it repeats. Raises ApiError.

    ``after_ns`` is when it was stored or due last; what lies before ``now_ns`` is skipped, but for ``@at``.
    """
    zone = _zone(headers.get(header, TIME_ZONE))
    pattern = (headers.get(header, PATTERN) or b"").decode(errors="replace")
    try:
        if pattern.startswith("@at "):
            if zone is not None:
                raise ValueError("no time zone with @at")
            at_ns = times.parse_time(pattern[4:])
            return at_ns, times.time_text(at_ns), False
        if pattern.startswith("@every "):
            if zone is not None:
                raise ValueError("no time zone with @every")
            at_ns = _every(times.parse_duration(pattern[7:]), after_ns, now_ns)
            return at_ns, times.time_text(at_ns), True
        parsed = cron.parse(_PREDEFINED.get(pattern, pattern))
        moment = parsed.next_after(_moment(after_ns), zone or datetime.UTC)
        if _ns(moment) < now_ns:
            moment = parsed.next_after(_moment(_rounded(now_ns)), zone or datetime.UTC)
    except ValueError as error:
        raise errors.MESSAGE_SCHEDULES_PATTERN_INVALID() from error
    return _ns(moment), moment.isoformat().replace("+00:00", "Z"), True


def _every(interval_ns: int, after_ns: int, now_ns: int) -> int:
    if interval_ns < times.SECOND:
        raise ValueError("an interval is at least a second")
    at_ns = _rounded(after_ns) + interval_ns
    return _rounded(now_ns) + interval_ns if at_ns < now_ns else at_ns


def _rounded(ns: int) -> int:
    return (ns + times.SECOND // 2) // times.SECOND * times.SECOND


def _moment(ns: int) -> datetime.datetime:
    return datetime.datetime.fromtimestamp(ns // times.SECOND, datetime.UTC)


def _ns(moment: datetime.datetime) -> int:
    return int(moment.timestamp()) * times.SECOND


def _zone(name: bytes | None) -> datetime.tzinfo | None:
    if name is None:
        return None
    try:
        if not name:
            raise ValueError("empty")
        return zoneinfo.ZoneInfo(name.decode())
    except (ValueError, OSError, zoneinfo.ZoneInfoNotFoundError) as error:
        raise errors.MESSAGE_SCHEDULES_TIME_ZONE_INVALID() from error


# Checks ----------------------------------------------------------------------------------------------


def check(stream: "Stream", draft: "Draft") -> None:
    """The headers of a schedule, and those that only the server may set."""
    if draft.sourced:
        return
    allowed = stream.config.allow_msg_schedules
    if draft.fields.get(PATTERN) or headers.get(draft.header, TIME_ZONE) is not None:
        try:
            _check_schedule(stream, draft)
        except ApiError as error:
            raise error if allowed else errors.MESSAGE_SCHEDULES_DISABLED() from error
    if draft.fields.get(NEXT):
        _check_purge(stream, draft)
    elif draft.fields.get(SCHEDULER):
        raise errors.MESSAGE_SCHEDULES_SCHEDULER_INVALID()


def _check_schedule(stream: "Stream", draft: "Draft") -> None:
    fields, config = draft.fields, stream.config
    if not fields.get(PATTERN):
        _zone(headers.get(draft.header, TIME_ZONE))
        return
    now_ns = stream.engine.now_ns()
    next_time(draft.header, now_ns, now_ns)
    if not config.allow_msg_schedules:
        raise errors.MESSAGE_SCHEDULES_DISABLED()
    try:
        ttl.seconds(fields.get(TTL, b"1"))
    except ValueError as error:
        raise errors.MESSAGE_SCHEDULES_TTL_INVALID() from error
    if fields.get(ROLLUP, b"sub") != b"sub":
        raise errors.MESSAGE_SCHEDULES_ROLLUP_INVALID()
    if TTL in fields and not config.allow_msg_ttl:
        raise errors.MESSAGE_TTL_DISABLED()
    target, source = fields.get(TARGET, b""), fields.get(SOURCE)
    if not _is_ours(config, target) or target == draft.subject:
        raise errors.MESSAGE_SCHEDULES_TARGET_INVALID()
    if source is not None and (source in (target, draft.subject) or not _is_ours(config, source)):
        raise errors.MESSAGE_SCHEDULES_SOURCE_INVALID()
    rollup = fields.get(b"Nats-Rollup")
    if rollup is None:
        fields[b"Nats-Rollup"] = b"sub"
        draft.header = headers.with_field(draft.header, b"Nats-Rollup", b"sub")
    elif rollup.lower() != b"sub":
        raise errors.MESSAGE_SCHEDULES_ROLLUP_INVALID()
    draft.mark = MARK


def _is_ours(config: StreamConfig, subject: bytes) -> bool:
    """A subject to publish to that the stream captures."""
    if not subject or not is_valid_literal(subject):
        return False
    text = subject.decode(errors="replace")
    return subjects.is_valid(text) and any(subjects.collide(each, text) for each in config.subjects)


def _check_purge(stream: "Stream", draft: "Draft") -> None:
    """A client may end a schedule together with storing its own message."""
    scheduler = draft.fields.get(SCHEDULER, b"")
    if draft.fields[NEXT] != PURGE or not scheduler or scheduler == draft.subject:
        raise errors.MESSAGE_SCHEDULES_SCHEDULER_INVALID()
    if not is_valid_literal(scheduler):
        raise errors.MESSAGE_SCHEDULES_SCHEDULER_INVALID()
    if not stream.config.allow_msg_schedules:
        raise errors.MESSAGE_SCHEDULES_DISABLED()
    index = stream.store.index
    last = index.subjects.last(scheduler)
    if last is not None and index.marks.get(last) != MARK:
        raise errors.MESSAGE_SCHEDULES_SCHEDULER_INVALID()


def purge_after(stream: "Stream", draft: "Draft") -> None:
    """The schedule that a stored message ends."""
    if draft.fields.get(NEXT) == PURGE and stream.config.allow_msg_schedules:
        for seq in stream.store.index.subjects.sequences(draft.fields.get(SCHEDULER, b"")):
            stream.remove(seq, "Purge")


# Schedules -------------------------------------------------------------------------------------------


class Schedules(Feature):
    """The schedules of one stream, and the timer of the next one."""

    def __init__(self, stream: "Stream") -> None:
        super().__init__(stream)
        #: Subject → sequence and when it's due.
        self._by_subject: dict[bytes, tuple[int, int]] = {}
        #: (when, subject); some are no longer so.
        self._due: list[tuple[int, bytes]] = []
        self._alarm = Alarm(stream.engine, self._run)

    @classmethod
    def wanted(cls, config: StreamConfig) -> bool:
        return config.allow_msg_schedules

    def start(self) -> None:
        marks = self.stream.store.index.marks
        for seq in sorted(seq for seq, mark in marks.items() if mark == MARK):
            self._add(seq)
        self._arm()

    def stop(self) -> None:
        self._alarm.stop()

    def committed(self, first: int, last: int) -> None:
        index = self.stream.store.index
        for seq in index.seqs(first, last + 1):
            if index.marks.get(seq) == MARK:
                self._add(seq)
            elif self._by_subject:
                known = self._by_subject.get(index.subject_of(seq))
                if known is not None and known[0] < seq:
                    del self._by_subject[index.subject_of(seq)]
        self._arm()

    def removed(self, seq: int, subject: bytes, reason: str) -> None:
        known = self._by_subject.get(subject)
        if known is not None and known[0] == seq:
            del self._by_subject[subject]

    def _add(self, seq: int) -> None:
        index = self.stream.store.index
        message = self.stream.read(seq)
        if message is None or index.subjects.last(message.subject) != seq:
            return
        try:
            due_ns, _text, _repeats = self._next(message, message.time_ns)
        except ApiError:
            return  # a pattern without a further time
        self._put(message.subject, seq, due_ns)

    def _next(self, message: Message, after_ns: int) -> tuple[int, str, bool]:
        return next_time(message.header, after_ns, self.stream.engine.now_ns())

    def _put(self, subject: bytes, seq: int, due_ns: int) -> None:
        self._by_subject[subject] = (seq, due_ns)
        heapq.heappush(self._due, (due_ns, subject))

    def _arm(self) -> None:
        if self._due:
            self._alarm.set(self._due[0][0])

    def _run(self) -> None:
        now_ns = self.stream.engine.now_ns()
        due: list[tuple[int, bytes]] = []
        while self._due and self._due[0][0] <= now_ns:
            due_ns, subject = heapq.heappop(self._due)
            known = self._by_subject.get(subject)
            if known is not None and known[1] == due_ns:
                due.append((known[0], subject))
        for seq, subject in sorted(due):
            self._fire(seq, subject)
        self._arm()

    def _fire(self, seq: int, subject: bytes) -> None:
        stream = self.stream
        message = stream.read(seq)
        if message is None:
            self._by_subject.pop(subject, None)
            return
        _seq, due_ns = self._by_subject[subject]
        try:
            next_ns, text, repeats = self._next(message, due_ns)
            self._produce(message, text.encode() if repeats else PURGE)
        except (ApiError, StoreFailed) as error:
            name = f"{stream.account.name} > {stream.name}"
            log.warning("JetStream stream %s: schedule on %r: %s", name, subject, error)
            self._put(subject, seq, stream.engine.now_ns() + _RETRY_S * times.SECOND)
            return
        if repeats:
            self._put(subject, seq, next_ns)

    def _produce(self, schedule: Message, next_text: bytes) -> None:
        stream = self.stream
        content = self._content(schedule)
        header = headers.without_prefixes(content.header, _PREFIXES_NOT_PRODUCED)
        for name in _NOT_PRODUCED:
            header = headers.without(header, name)
        header = headers.with_field(header, SCHEDULER, schedule.subject)
        header = headers.with_field(header, NEXT, next_text)
        for name, produced in ((TTL, ttl.TTL), (ROLLUP, b"Nats-Rollup")):
            value = headers.get(schedule.header, name)
            if value:
                header = headers.with_field(header, produced, value)
        target = headers.get(schedule.header, TARGET) or b""
        stream.intake.store_own(stream.intake.stored_as(target), header, content.payload)

    def _content(self, schedule: Message) -> Message:
        """The last message of the source; the schedule's own content when there is none."""
        source = headers.get(schedule.header, SOURCE)
        seq = self.stream.store.index.subjects.last(source) if source else None
        return (self.stream.read(seq) if seq is not None else None) or schedule

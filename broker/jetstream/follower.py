"""Following another stream through its API, in this account or, by imports, in another: what mirrors and sources share.

    create    a push consumer of the origin that delivers to a subject of our own, with flow control and heartbeats
    messages  come with ``$JS.ACK…``; a gap in its consumer's sequence, silence or a refusal make it begin anew
    ack       where the origin keeps messages for its consumers (interest, work queue), its consumer is durable and
              acknowledged by flow control: a new beginning is where our copies on disk end
    durable   instead of one that is made, a consumer of the origin that is there already and delivers to a subject
              that is agreed on; it is only RESET, and left alone in the end

Flow control is answered when everything that came is on disk, with the sequences of that; so the origin's pace is ours.
Source   ADR-60; nats-server ``stream.go`` (setupMirrorConsumer, trySetupSourceConsumer, handleFlowControl)
"""

import json
from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

from broker.core.message import Message
from broker.core.subscription import InternalSubscription
from broker.jetstream import errors, json_form, times
from broker.jetstream.consumer_push import LAST_CONSUMER, LAST_STREAM
from broker.jetstream.environment import Timer
from broker.jetstream.stream_config import StreamSource
from broker.protocol import headers

if TYPE_CHECKING:
    from broker.jetstream.stream import Stream

_HEARTBEAT: Final = times.SECOND
#: Never redelivered by time: a new beginning asks for what is missing.
_ACK_WAIT: Final = 22 * 3600 * times.SECOND
#: The origin may forget a consumer that nobody listens to after this.
_INACTIVE: Final = 10 * times.SECOND
#: Silence for longer, where heartbeats are due: begin anew.
_SILENCE_NS: Final = 5 * times.SECOND
_LOOK_S: Final = 2.5
_ANSWER_S: Final = 5.0
_RETRY_FIRST_S: Final = 0.5
_RETRY_MAX_S: Final = 10.0
#: So many heartbeats that name the same unanswered request are a failure.
_STALLED_TIMES: Final = 3
IDENTITY: Final = b"Nats-Stream-Identity"
_OTHER_STREAM: Final = errors.CONSUMER_STREAM_IDENTITY_MISMATCH.err_code
#: Not taken over from the origin: they were judged there.
_PREFIXES_LEFT: Final = (b"Nats-Expected-", b"Nats-Batch-")


@dataclass(slots=True)
class Copy:
    """A message of the origin on its way into the stream."""

    seq: int
    time_ns: int
    subject: bytes
    header: bytes
    payload: bytes


class Follower:
    """``take`` stages a copy and says whether that went well; ``begun`` is told what the consumer had delivered,
    ``forget`` that the origin is another stream than the one that was followed."""

    def __init__(
        self,
        stream: "Stream",
        source: StreamSource,
        consumer_name: str,
        last_seq: Callable[[], int],
        take: Callable[[Copy], bool],
        begun: Callable[[int], None],
        forget: Callable[[], None],
    ) -> None:
        self._stream = stream
        self.source = source
        self._name = consumer_name
        self._last_seq = last_seq
        self._take = take
        self._begun = begun
        self._forget = forget
        #: Which stream of that name it follows; "" = whichever there is. A mirror doesn't ask.
        self.identity = ""
        self._letter = "M" if stream.config.mirror is not None else "S"
        self.lag = 0
        self.error: dict[str, Any] | None = None
        self._heard_ns: int | None = None
        self._consumer_seq = 0
        self._created_name = ""
        self._acks = False
        self._subs: list[InternalSubscription] = []
        self._timer: Timer | None = None
        self._retry_s = _RETRY_FIRST_S
        #: The last message of the origin that this consumer has brought.
        self._received_seq = 0
        #: Where the origin waits for an answer to flow control, and how often it has said so.
        self._stalled_at, self._stalled_times = b"", 0
        self.stopped = False

    # Beginning --------------------------------------------------------------------------------------

    def start(self) -> None:
        self._timer = None
        self._drop()
        if self.stopped or self._stream.closed:
            return
        self._consumer_seq = self._received_seq = 0
        durable = self.source.consumer
        if durable is not None:
            self._deliver = durable.deliver_subject
            self._ask(f"CONSUMER.RESET.{self.source.name}.{durable.name}", {}, self._created)
            return
        self._deliver = self._deliver_subject()
        self._ask(f"CONSUMER.CREATE.{self._subject_rest()}", self._request(), self._created)

    def _subject_rest(self) -> str:
        filters = self._filters()
        rest = f"{self.source.name}.{self._name}"
        return f"{rest}.{filters[0]}" if len(filters) == 1 else rest

    def _filters(self) -> list[str]:
        cuts = [transform.src or ">" for transform in self.source.subject_transforms]
        if self.source.filter_subject:
            cuts = [self.source.filter_subject]
        return cuts

    def _deliver_subject(self) -> str:
        unique, external = self._stream.engine.unique(), self.source.external
        if external is not None and external.deliver:
            return f"{external.deliver}.{self._letter}.{unique}".replace("..", ".")
        return f"$JS.{self._letter}.{unique}"

    def _request(self) -> dict[str, Any]:
        source, filters = self.source, self._filters()
        config: dict[str, Any] = {
            "name": self._name,
            "deliver_subject": self._deliver,
            "deliver_policy": "all",
            "ack_policy": "none",
            "ack_wait": _ACK_WAIT,
            "max_deliver": 1,
            "idle_heartbeat": _HEARTBEAT,
            "flow_control": True,
            "replay_policy": "instant",
            "direct": True,
            "sourcing": True,
            "inactive_threshold": _INACTIVE,
            "metadata": self._purpose(),
        }
        if len(filters) == 1:
            config["filter_subject"] = filters[0]
        elif filters:
            config["filter_subjects"] = filters
        start = self._last_seq() + 1 if self._last_seq() else source.opt_start_seq
        if start:
            config |= {"deliver_policy": "by_start_sequence", "opt_start_seq": start}
        elif source.opt_start_time is not None:
            at = times.time_text(source.opt_start_time)
            config |= {"deliver_policy": "by_start_time", "opt_start_time": at}
        return {"stream_name": source.name, "config": config, "action": ""}

    def _purpose(self) -> dict[str, str]:
        """Whoever looks at the origin's consumers sees whom this one feeds."""
        stream = self._stream
        kind = "mirror" if self._letter == "M" else "src"
        told = {"stream": stream.name, "acc": stream.account.name}
        if stream.engine.options.domain:
            told["domain"] = stream.engine.options.domain
        return {f"_nats.{kind}.{name}": value for name, value in told.items()}

    def _ask(
        self, operation: str, body: dict[str, Any], answered: Callable[[dict[str, Any]], None]
    ) -> None:
        """One request to the origin's API; without an answer it begins anew later."""
        account = self._stream.account
        inbox = f"$JS.R.{self._stream.engine.unique()}".encode()

        def receive(message: Message) -> None:
            account.unsubscribe([sub])
            if sub in self._subs:
                self._subs.remove(sub)
                self._cancel()
                self._read(message, answered)

        sub = account.subscribe(inbox, receive)
        self._subs.append(sub)
        self._timer = self._stream.engine.after(_ANSWER_S, self._unanswered)
        api = self.source.external.api if self.source.external else ""
        subject = f"{api or '$JS.API'}.{operation}".replace("..", ".").encode()
        payload = json_form.dumps(body) if body else b""
        header = headers.build({IDENTITY: self.identity.encode()})
        if not account.publish(subject, payload, inbox, header) and sub in self._subs:
            self._unreachable()

    def _unreachable(self) -> None:
        if self.source.consumer is None:
            self._fail(errors.CLUSTER_NOT_AVAIL().to_json())
        else:
            self._unanswered()

    def _unanswered(self) -> None:
        """A durable consumer may be made later: what it delivers then says so."""
        self.retry()
        if self.source.consumer is not None and not self.stopped:
            subject = self._deliver.encode()
            self._subs.append(self._stream.account.subscribe(subject, self._heard))

    def _heard(self, message: Message) -> None:
        self._retry_s = _RETRY_FIRST_S
        self.start()

    def _read(self, message: Message, answered: Callable[[dict[str, Any]], None]) -> None:
        try:
            answer = json.loads(message.payload)
            if not isinstance(answer, dict):
                raise ValueError("not an object")
        except ValueError:
            self._fail(errors.INVALID_JSON(err="not an object").to_json())
            return
        error = answer.get("error")
        if not isinstance(error, dict):
            self._identify((headers.get(message.header, IDENTITY) or b"").decode())
            answered(answer)
        elif error.get("err_code") == _OTHER_STREAM:
            self.identity = ""
            self._forget()
            self.start()
        else:
            self._fail(error)

    def _identify(self, identity: str) -> None:
        """A consumer that is only reset says of which stream it is, whichever that is."""
        if identity and self.identity and identity != self.identity:
            self._forget()
        self.identity = identity or self.identity

    def _created(self, answer: dict[str, Any]) -> None:
        config = answer.get("config") or {}
        self._created_name = str(answer.get("name", ""))
        self._acks = config.get("ack_policy") == "flow_control"
        if self.source.consumer is None or self._acks:
            self._listen(answer)
        elif self._letter == "M":
            self._fail(errors.MIRROR_CONSUMER_REQUIRES_ACK_FC().to_json())
        else:
            self._fail(errors.SOURCE_CONSUMER_REQUIRES_ACK_FC().to_json())

    def _listen(self, answer: dict[str, Any]) -> None:
        self.error = None
        delivered = answer.get("delivered") or {}
        self._consumer_seq = int(delivered.get("consumer_seq", 0))
        self._begun(int(delivered.get("stream_seq", 0)))
        subject = self._deliver.encode()
        self._subs.append(self._stream.account.subscribe(subject, self._receive))
        self._heard_ns = self._stream.engine.now_ns()
        self._watch()

    # Messages ---------------------------------------------------------------------------------------

    def _receive(self, message: Message) -> None:
        self._heard_ns = self._stream.engine.now_ns()
        reply = message.reply
        if message.header.startswith(b"NATS/1.0 100") and not message.payload:
            self._control(message)
            return
        tokens = reply.split(b".")
        if len(tokens) != 9 or tokens[3].decode(errors="replace") != self._created_name:
            return
        deliveries, seq, consumer_seq, time_ns, pending = (int(token) for token in tokens[4:])
        if consumer_seq != self._consumer_seq + 1 or (deliveries > 1 and not self._acks):
            self.retry()
            return
        self._consumer_seq, self._received_seq = consumer_seq, seq
        self._flows()
        header = headers.without_prefixes(message.header, _PREFIXES_LEFT) if message.header else b""
        if seq > self._last_seq():
            self.lag = max(pending - 1, 0)
            if not self._take(Copy(seq, time_ns, message.subject, header, message.payload)):
                self.retry()
                return
        self._retry_s = _RETRY_FIRST_S

    def _control(self, message: Message) -> None:
        if message.reply:
            self._answer_when_settled(message.reply, self._progress())
            return
        last = headers.get(message.header, LAST_CONSUMER)
        if last and last.isdigit() and len(last) < 20 and int(last) > self._consumer_seq:
            self.retry()
            return
        stalled = headers.get(message.header, b"Nats-Consumer-Stalled")
        if stalled:
            self._stalls(stalled)
        else:
            self._flows()

    def _progress(self) -> bytes:
        last = {LAST_CONSUMER: b"%d" % self._consumer_seq, LAST_STREAM: b"%d" % self._received_seq}
        return headers.build(last)

    def _stalls(self, reply: bytes) -> None:
        """The origin waits at ``reply``. When it keeps saying so, answers don't reach it."""
        if reply != self._stalled_at:
            self._stalled_at, self._stalled_times = reply, 0
        self._stalled_times += 1
        if self._stalled_times == _STALLED_TIMES:
            self.error = errors.SOURCE_CONSUMER_FLOW_CONTROL_STALLED().to_json()
        self._answer_when_settled(reply, b"")

    def _flows(self) -> None:
        if self._stalled_at:
            self._stalled_at, self._stalled_times, self.error = b"", 0, None

    def _answer_when_settled(self, reply: bytes, header: bytes) -> None:
        def answer(error: str) -> None:
            if not error and not self.stopped:
                self._stream.account.publish(reply, b"", header=header)

        self._stream.when_settled(answer)

    # Failing ----------------------------------------------------------------------------------------

    def _watch(self) -> None:
        self._timer = self._stream.engine.after(_LOOK_S, self._look)

    def _look(self) -> None:
        now_ns = self._stream.engine.now_ns()
        if self._heard_ns is not None and now_ns - self._heard_ns > _SILENCE_NS:
            self.retry()
        else:
            self._watch()

    def _fail(self, error: dict[str, Any]) -> None:
        self.error = error
        self.retry()

    def retry(self) -> None:
        """Begin anew after a while, longer each time until a message comes."""
        self._drop()
        if self.stopped or self._stream.closed:
            return
        self._timer = self._stream.engine.after(self._retry_s, self.start)
        self._retry_s = min(self._retry_s * 2, _RETRY_MAX_S)

    def _cancel(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None

    def _drop(self) -> None:
        self._cancel()
        self._stream.account.unsubscribe(self._subs)
        self._subs = []

    def stop(self, *, forget: bool = False) -> None:
        """``forget``: for good, so the origin's consumer goes too."""
        self.stopped = True
        if forget and self._created_name and self.source.consumer is None:
            api = (self.source.external.api if self.source.external else "") or "$JS.API"
            subject = f"{api}.CONSUMER.DELETE.{self.source.name}.{self._created_name}"
            self._stream.account.publish(subject.replace("..", ".").encode(), b"", b"$JS.R.nobody")
        self._drop()

    # Looking at it ----------------------------------------------------------------------------------

    def info(self) -> dict[str, Any]:
        source = self.source
        found: dict[str, Any] = {"name": source.name}
        if source.external is not None:
            found["external"] = json_form.encode(source.external)
        now_ns = self._stream.engine.now_ns()
        active = -1 if self._heard_ns is None else now_ns - self._heard_ns
        found["lag"] = self.lag
        if self._letter == "S" and self._last_seq():
            found["seq"] = self._last_seq()
        found["active"] = active
        if self.error is not None:
            found["error"] = self.error
        if source.filter_subject:
            found["filter_subject"] = source.filter_subject
        if source.subject_transforms:
            found["subject_transforms"] = [
                json_form.encode(transform) for transform in source.subject_transforms
            ]
        return found

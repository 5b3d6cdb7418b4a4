"""Answers that are still to come from one account to others: a reply subject of its own for each request.

Wire     ``_R_.<6 letters and digits of the account>.<6 of the request>``
Limit    AWAITED_MAX requests of one account without an answer; the oldest is forgotten, counted in ``dropped``
"""

import logging
from typing import TYPE_CHECKING, Final

from broker.core.exports import THRESHOLD_S
from broker.core.message import Message
from broker.protocol.subject import has_wildcards

if TYPE_CHECKING:
    from broker.core.account import Account
    from broker.core.exchange import Exchange
    from broker.core.exports import Export
    from broker.core.service_import import Passage
    from broker.core.timers import Timer

log = logging.getLogger(__name__)

AWAITED_MAX: Final = 65_536
#: Replies whose asker may be gone are looked for at most so often.
_SWEEP_S: Final = 1.0
_DIGITS: Final = b"0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"


class Response:
    """A way back: what ``owner``'s clients publish to ``subject`` goes to ``asker`` under ``reply``."""

    __slots__ = ("asker", "export", "last_s", "owner", "reply", "share", "subject")

    is_response: Final = True

    def __init__(
        self, subject: bytes, owner: "Responses", asker: "Account", reply: bytes, passage: "Passage"
    ) -> None:
        self.subject = subject
        self.owner = owner
        self.asker = asker
        self.reply = reply
        self.export = passage.export
        self.share = passage.share
        self.last_s = 0.0

    @property
    def threshold_s(self) -> float:
        return self.export.threshold_s if self.export is not None else THRESHOLD_S

    @property
    def single(self) -> bool:
        return self.export is None or self.export.response_type == "Singleton"


class Responses:
    """Of one account: what it still has to answer (``len``), and what its clients still wait for (``awaited``)."""

    __slots__ = (
        "_account",
        "_awaited",
        "_exchange",
        "_expected",
        "_order",
        "_prefix",
        "_sweep",
        "_timers",
        "dropped",
    )

    def __init__(self, account: "Account", exchange: "Exchange") -> None:
        self._account = account
        self._exchange = exchange
        self._prefix = b""
        self._expected: dict[bytes, Response] = {}
        #: Reply subject → the ways back to it, and all of them by age.
        self._awaited: dict[bytes, dict[Response, None]] = {}
        self._order: dict[Response, None] = {}
        self._timers: dict[Export | None, Timer] = {}
        self._sweep: Timer | None = None
        self.dropped = 0

    def __len__(self) -> int:
        return len(self._expected)

    @property
    def awaited(self) -> int:
        return len(self._order)

    # The side that answers ----------------------------------------------------------------------------

    def expect(self, passage: "Passage", asker: "Account", reply: bytes) -> Response:
        """A way for the answers to a request that ``asker`` made with ``reply``."""
        if not self._prefix:
            self._prefix = b"_R_.%b." % self._letters()
            self._account.subscribe(self._prefix + b">", self._arrived, kind="service")
        subject = self._prefix + self._letters()
        while subject in self._expected:
            subject = self._prefix + self._letters()
        response = self._expected[subject] = Response(subject, self, asker, reply, passage)
        response.last_s = self._exchange.now_s()
        asker.responses.wait_for(response)
        if response.export not in self._timers:
            self._watch(response.export, response.threshold_s)
        return response

    def asked_with(self, reply: bytes) -> bytes:
        """The reply subject that the first asker gave, where ``reply`` took its place on the way."""
        owner: Responses = self
        while (response := owner._expected.get(reply)) is not None:
            reply, owner = response.reply, response.asker.responses
        return reply

    def drop(self, response: Response) -> None:
        """Idempotent."""
        if self._expected.pop(response.subject, None) is not None:
            response.asker.responses.forget(response)

    def close(self) -> None:
        """The account is gone: nobody answers, nobody waits."""
        for response in (*self._expected.values(), *self._order):
            response.owner.drop(response)
        for timer in self._timers.values():
            timer.cancel()
        self._timers.clear()

    def _letters(self) -> bytes:
        random = self._account.random
        return bytes(_DIGITS[int(random() * len(_DIGITS))] for _ in range(6))

    def _arrived(self, message: Message) -> None:
        """An answer always counts as taken: whoever gives one isn't told that nobody waits for it any more."""
        response = self._expected.get(message.routed or message.subject)
        if response is None or any(passage.export is response.export for passage in message.via):
            return
        asker = response.asker
        subject, reply, further = response.reply, message.reply, None
        if asker.mapping is not None:
            subject = asker.mapping(subject)
        if reply and not reply.startswith(b"$JS.ACK."):
            further = asker.responses.expect(response, self._account, reply)
            reply = further.subject
        delivered = _deliver(asker, subject, reply, message, (*message.via, response))
        if further is not None and not delivered:
            asker.responses.drop(further)
        if not delivered or response.single or not (message.header or message.payload):
            self.drop(response)
        else:
            response.last_s = self._exchange.now_s()

    def _watch(self, export: "Export | None", threshold_s: float) -> None:
        self._timers[export] = self._exchange.after(threshold_s, lambda: self._expire(export))

    def _expire(self, export: "Export | None") -> None:
        """One timer for all answers of an export, as long as there are some."""
        del self._timers[export]
        now_s = self._exchange.now_s()
        ours = [r for r in self._expected.values() if r.export is export]
        late = [r for r in ours if now_s - r.last_s >= r.threshold_s]
        for response in late:
            self.drop(response)
        if len(late) < len(ours):
            self._watch(export, next(r.threshold_s for r in ours))

    # The side that asked ------------------------------------------------------------------------------

    def wait_for(self, response: Response) -> None:
        self._awaited.setdefault(response.reply, {})[response] = None
        self._order[response] = None
        if len(self._order) > AWAITED_MAX:
            oldest = next(iter(self._order))
            oldest.owner.drop(oldest)
            self.dropped += 1
            if self.dropped % AWAITED_MAX == 1:
                log.warning("Account %.56s: more than %d requests to services of other accounts are unanswered; "
                            "the oldest are forgotten", self._account.name, AWAITED_MAX)  # fmt: skip

    def forget(self, response: Response) -> None:
        self._order.pop(response, None)
        same = self._awaited.get(response.reply)
        if same is not None:
            same.pop(response, None)
            if not same:
                del self._awaited[response.reply]

    def unsubscribed(self, subject: bytes) -> None:
        """A subscription of this account has ended; it may have been the one that waited."""
        if not self._order:
            return
        if not has_wildcards(subject):
            self._look_after(subject)
        elif self._sweep is None:
            self._sweep = self._exchange.after(_SWEEP_S, self._sweep_all)

    def _look_after(self, reply: bytes) -> None:
        if reply in self._awaited and not self._account.has_interest(reply):
            for response in tuple(self._awaited[reply]):
                response.owner.drop(response)

    def _sweep_all(self) -> None:
        self._sweep = None
        for reply in tuple(self._awaited):
            self._look_after(reply)


def _deliver(
    asker: "Account", subject: bytes, reply: bytes, message: Message, via: "tuple[Passage, ...]"
) -> bool:
    """What a stream sends keeps the subject that it shows."""
    shown = subject if message.routed in (b"", message.subject) else message.subject
    answer = Message(shown, reply, message.header, message.payload, message.publisher, via=via)
    answer.routed = subject if shown != subject else b""
    return asker.sublist.match(subject).deliver(answer, asker)

"""How the server speaks in its system account: answers and events, each with the block that says who speaks.

Wire     ``{"server":{"name","host","id",…,"seq","time"},"data"|"error":…}``; compressed when the request takes gzip
Source   nats-server ``events.go`` (internalSendLoop, ServerAPIResponse)
"""

import secrets
import string
from collections.abc import Mapping
from typing import Any, Final

from broker import NATS_VERSION
from broker.core.account import Account
from broker.core.message import Message
from broker.core.message_trace import MessageTrace
from broker.monitor.facts import Monitor
from broker.monitor.forms import compact, present, timestamp
from broker.monitor.varz import feature_flags
from broker.protocol import headers

_ENCODING: Final = b"Accept-Encoding"
_LETTERS: Final = string.digits + string.ascii_uppercase + string.ascii_lowercase
#: Capability bits of the server block: JetStream, and streams' snapshots in binary.
_JETSTREAM_FLAGS: Final = 3


def event_id() -> str:
    """22 letters and digits, as NUIDs have them."""
    return "".join(secrets.choice(_LETTERS) for _ in range(22))


class Outbox:
    """Publishes in ``account``, the system account."""

    def __init__(self, monitor: Monitor, account: Account) -> None:
        self.monitor = monitor
        self.account = account
        self._seq = 0

    def server(self) -> dict[str, Any]:
        """The block that stands in every message; each has the next number."""
        self._seq += 1
        facts, options = self.monitor.facts, self.monitor.server.options
        jetstream = options.jetstream
        return {
            "name": self.monitor.name,
            "host": options.host,
            "id": self.monitor.server.server_id,
            **present({"cluster": facts.cluster_name, "domain": facts.domain}),
            "ver": NATS_VERSION,
            **present({"tags": list(facts.tags), "metadata": facts.metadata}),
            "feature_flags": feature_flags(facts.feature_flags),
            "jetstream": jetstream,
            "flags": _JETSTREAM_FLAGS if jetstream else 0,
            "seq": self._seq,
            "time": timestamp(self.monitor.now_s()),
        }

    # Answers -----------------------------------------------------------------------------------------

    def answer(self, request: Message, data: Any) -> None:
        self._respond(request, {"server": self.server(), "data": data})

    def done(self, request: Message) -> None:
        """It worked, and there is nothing more to say."""
        self._respond(request, {"server": self.server()})

    def fail(self, request: Message, code: int, text: str, *, attempted: bool = False) -> None:
        """``attempted``: the answer was being made, so nats-server shows that there is none."""
        body = {"server": self.server(), **({"data": None} if attempted else {})}
        error = {"code": code, **present({"description": text})}
        self.reply(request, compact({**body, "error": error}))

    def _respond(self, request: Message, body: dict[str, Any]) -> None:
        raw = compact(body)
        accepted = (headers.get(request.header, _ENCODING) or b"").lower()
        if b"gzip" in accepted:
            import gzip

            self.reply(request, gzip.compress(raw), {b"Content-Encoding": b"gzip"})
        elif accepted:
            self.reply(request, raw, {b"Content-Encoding": b"identity"})
        else:
            self.reply(request, raw)

    def reply(self, request: Message, raw: bytes, fields: dict[bytes, bytes] | None = None) -> None:
        """Bytes as they are; nothing happens when no answer is wanted."""
        if request.reply:
            header = headers.build(fields) if fields else b""
            self.account.publish(request.reply, raw, header=header)

    # Events ------------------------------------------------------------------------------------------

    def wanted(self, *subjects: str) -> bool:
        """Whether somebody listens: nothing is put together for nobody."""
        return any(self.account.has_interest(subject.encode()) for subject in subjects)

    def typed(self, kind: str) -> dict[str, Any]:
        """The head of an event; ``kind`` is the end of its schema's name."""
        return {
            "type": f"io.nats.server.advisory.v1.{kind}",
            "id": event_id(),
            "timestamp": timestamp(self.monitor.now_s()),
            "server": self.server(),
        }

    def trace(self, trace: MessageTrace) -> None:
        """What became of a traced publish, in the account of its publisher."""
        if not trace.account.has_interest(trace.destination):
            return
        event = {"server": self.server(), "request": trace.request, "events": trace.events}
        raw, header = compact(event), b""
        if "gzip" in trace.encoding:
            import gzip

            raw, header = gzip.compress(raw), headers.build({b"Content-Encoding": b"gzip"})
        trace.account.publish(trace.destination, raw, header=header)

    def publish(self, body: Mapping[str, Any], *subjects: str) -> None:
        raw = compact(body)
        for subject in subjects:
            self.account.publish(subject.encode(), raw)

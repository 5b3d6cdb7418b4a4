"""JetStream of one account: its streams, what it may use and what it uses, its API and its advisories."""

import logging
from collections.abc import Callable
from typing import TYPE_CHECKING, Any, Final

from broker.core.account import Account, JetStreamTerms
from broker.core.message import Message
from broker.core.subscription import Deliver, InternalSubscription
from broker.jetstream import catalog, json_form, times
from broker.jetstream.answers import Answers
from broker.jetstream.stream_config import StreamConfig

if TYPE_CHECKING:
    from broker.jetstream.engine import JetStream
    from broker.jetstream.stream import Stream

log = logging.getLogger("broker")

API: Final = b"$JS.API."
#: Tier of everything that isn't replicated, where the claims have tiers.
R1: Final = "R1"


def sync_words(interval_s: float) -> str:
    """As the log says it."""
    return f"every {interval_s:g}s" if interval_s else "always"


class JetStreamAccount:
    """One for each account but the system's, also where JetStream is off: then only to say so."""

    def __init__(self, engine: "JetStream", core: Account) -> None:
        from broker.jetstream.api import Api

        self.engine = engine
        self.core = core
        self.name = core.name
        self.streams: dict[str, Stream] = {}
        self.api_total = self.api_errors = self.api_pending = 0
        self.memory_bytes = self.store_bytes = 0
        self.directory = f"{engine.environment.directory}/{catalog.directory_name(core.name)}"
        self.home = catalog.AccountDirectory(engine.environment.disk, self.directory, core.name)
        #: Directories of streams that can't be opened, and why.
        self.unreadable: dict[str, str] = {}
        self.closed = False
        domain = engine.options.domain
        self.prefixes = (API, b"$JS.%b.API." % domain.encode()) if domain else (API,)
        self.answers = Answers(core)
        self._api = Api(self)
        self._enabled = self.enabled
        #: As the log has it.
        self._told_sync_interval_s = engine.options.sync_interval_s
        self._tell_sync_interval()

    @property
    def enabled(self) -> bool:
        return self.core.jetstream is not None

    @property
    def terms(self) -> JetStreamTerms | None:
        """Of unreplicated streams; None = JetStream is off, or no tier applies."""
        tiers = self.core.jetstream
        return None if tiers is None else tiers.get("") or tiers.get(R1)

    @property
    def sync_interval_s(self) -> float:
        """Seconds that what was acknowledged may not be on disk yet; 0 = it's there first."""
        terms = self.terms
        if terms is None or terms.sync_interval_s is None:
            return self.engine.options.sync_interval_s
        return terms.sync_interval_s

    @property
    def tiered(self) -> bool:
        return self.core.jetstream is not None and "" not in self.core.jetstream

    def terms_changed(self) -> None:
        """New limits hold for what comes. Turned off, the streams are closed, and stay on disk."""
        if self.enabled != self._enabled:
            self._enabled = self.enabled
            self._api.configure()
            if self.enabled:
                self.recover()
            else:
                self._close_streams()
        self._tell_sync_interval()
        for stream in self.streams.values():
            stream.terms_changed()

    def _tell_sync_interval(self) -> None:
        interval_s = self.sync_interval_s
        if interval_s != self._told_sync_interval_s:
            self._told_sync_interval_s = interval_s
            log.info("JetStream of account %s: sync interval %s", self.name, sync_words(interval_s))

    # Use --------------------------------------------------------------------------------------------

    def use(self, storage: str, change: int) -> None:
        """Account for bytes that streams took or gave back."""
        if storage == "memory":
            self.memory_bytes += change
            self.engine.memory_bytes += change
        else:
            self.store_bytes += change
            self.engine.store_bytes += change

    def would_exceed(self, storage: str, more: int) -> bool:
        """Whether so many more bytes are more than the account may use."""
        terms = self.terms
        if terms is None:
            return True
        if storage == "memory":
            return 0 <= terms.memory < self.memory_bytes + more
        return 0 <= terms.store < self.store_bytes + more

    def reserved(self, storage: str, but: "Stream | None" = None) -> int:
        """Bytes that streams have been promised by ``max_bytes``."""
        return sum(
            max(stream.config.max_bytes, 0)
            for stream in self.streams.values()
            if stream is not but and stream.config.storage == storage
        )

    def config_of(self, name: str) -> StreamConfig | None:
        stream = self.streams.get(name)
        return stream.config if stream is not None else None

    # Messages ---------------------------------------------------------------------------------------

    def publish(
        self, subject: bytes, payload: bytes, reply: bytes = b"", header: bytes = b""
    ) -> bool:
        return self.core.publish(subject, payload, reply, header)

    def deliver(
        self, inbox: bytes, subject: bytes, reply: bytes, header: bytes, payload: bytes
    ) -> bool:
        """To whoever listens on ``inbox``, who is shown ``subject``. False when nobody does."""
        message = Message(subject, reply, header, payload)
        message.routed = inbox
        return self.core.sublist.match(inbox).deliver(message, self.core)

    def has_interest(self, subject: bytes) -> bool:
        return self.core.has_interest(subject)

    def subscribe(self, subject: bytes, callback: Deliver) -> InternalSubscription:
        return self.core.subscribe(subject, callback)

    def subscribe_api(
        self, subject: bytes, callback: Deliver, queue: bytes = b""
    ) -> list[InternalSubscription]:
        """``subject`` without ``$JS.API.``; also under the domain's prefix."""
        return [self.core.subscribe(prefix + subject, callback, queue) for prefix in self.prefixes]

    def unsubscribe(self, subs: list[InternalSubscription]) -> None:
        for sub in subs:
            self.core.unsubscribe(sub)

    def advise(self, subject: bytes, kind: str, fields: dict[str, Any]) -> None:
        """Wire   ``$JS.EVENT.<subject>`` ``{"type": kind, "id": …, "timestamp": …, **fields}``, if somebody listens."""
        target = b"$JS.EVENT." + subject
        if not self.core.has_interest(target):
            return
        engine = self.engine
        body: dict[str, Any] = {
            "type": kind,
            "id": engine.unique(),
            "timestamp": times.time_text(engine.now_ns()),
            **fields,
        }
        if engine.options.domain:
            body["domain"] = engine.options.domain
        self.core.publish(target, json_form.dumps(body))

    def dropped_request(self) -> None:
        """More requests wait for the disk than may."""
        self.engine.api_dropped += 1
        server = self.engine.server.info_fields()["server_name"]
        kind = "io.nats.jetstream.advisory.v1.api_limit_reached"
        self.advise(b"ADVISORY.API.LIMIT_REACHED", kind, {"server": server, "dropped": 1})

    # Streams ----------------------------------------------------------------------------------------

    def recover(self) -> None:
        """Opens the streams that are on disk."""
        from broker.jetstream import recovery

        if self.enabled and not self.streams:
            recovery.open_streams(self)

    def close(self) -> None:
        """Nothing is taken any more; streams stay on disk."""
        self.closed = True
        self._api.close()
        self._close_streams()

    def delete(self, then: Callable[[], None]) -> None:
        """The account is gone for good: its streams go, and ``then`` is called."""
        self.closed = True
        self._api.close()
        streams = tuple(self.streams.values())
        left = len(streams)
        if not left:
            then()

        def gone(_error: OSError | None) -> None:
            nonlocal left
            left -= 1
            if not left:
                then()

        for stream in streams:
            stream.delete(gone)

    def _close_streams(self) -> None:
        for stream in tuple(self.streams.values()):
            stream.close()
        self.streams.clear()
        self.use("memory", -self.memory_bytes)
        self.use("file", -self.store_bytes)

"""What an account takes from others: its imports as they are claimed, and those of them that hold.

Claims and configuration name imports; whether one holds depends on the other account: is it there, does it export that,
to this account, does the activation still hold, does it close a circle. ``link`` looks at all of it again and opens
and closes what has to be; it is called whenever one side has changed.
Source   nats-server ``accounts.go`` (addServiceImportWithClaim, addMappedStreamImportWithClaim, check…ForCycles)
"""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from broker.core.activation import Activation
from broker.core.exports import Kind
from broker.core.subscription import InternalSubscription, Subscription
from broker.protocol.subject import has_wildcards, is_subset, is_valid_subject, overlaps

if TYPE_CHECKING:
    from broker.core.account import Account
    from broker.core.exchange import Exchange
    from broker.core.service_import import ServiceImport
    from broker.core.stream_import import StreamImport
    from broker.core.timers import Timer

#: How many accounts a search for circles goes through.
_DEPTH_MAX: Final = 256
_UNAUTHORIZED: Final = "{} import not authorized"
_CYCLE: Final = "import forms a cycle"


@dataclass(frozen=True, slots=True)
class ImportTerms:
    """``subject`` is the exporting account's; ``local`` the importing one's, empty for the same."""

    kind: Kind
    account: str
    subject: bytes
    local: bytes = b""
    share: bool = False
    allow_trace: bool = False
    activation: Activation | None = None


class Refused(Exception):
    """An import that doesn't hold; the text is nats-server's."""


class Imports:
    """All imports of one account. ``problems``: why those that don't hold don't."""

    __slots__ = (
        "_account", "_exchange", "_internal", "_services", "_streams", "_timer", "problems", "streams",
        "terms",
    )  # fmt: skip

    def __init__(self, account: "Account", exchange: "Exchange") -> None:
        self._account = account
        self._exchange = exchange
        self._services: dict[ImportTerms, ServiceImport] = {}
        self._streams: dict[ImportTerms, StreamImport] = {}
        self._internal: dict[tuple[bytes, bytes], ServiceImport] = {}
        self._timer: Timer | None = None
        self.terms: tuple[ImportTerms, ...] = ()
        self.problems: dict[ImportTerms, str] = {}
        #: What subscriptions of the account's clients have to be shown to.
        self.streams: tuple[StreamImport, ...] = ()

    def __len__(self) -> int:
        return len(self._services) + len(self._streams)

    @property
    def services(self) -> "Iterable[ServiceImport]":
        yield from self._internal.values()
        yield from self._services.values()

    # Subscriptions of the account's own -----------------------------------------------------------------

    def take(self, sub: Subscription) -> None:
        if isinstance(sub, InternalSubscription) and sub.kind == "service":
            return
        for stream in self.streams:
            stream.take(sub)

    def release(self, sub: Subscription) -> None:
        for stream in self.streams:
            stream.release(sub)

    def refresh(self, sub: Subscription) -> None:
        for stream in self.streams:
            stream.refresh(sub)

    # Changes --------------------------------------------------------------------------------------------

    def add_internal(self, exporter: "Account", subject: bytes, local: bytes, share: bool) -> None:
        """An import of the server's own, which no claims take away. Idempotent."""
        key = (local, subject)
        known = self._internal.get(key)
        if known is not None and known.exporter is exporter:
            return
        if known is not None:
            known.close()
        from broker.core.service_import import ServiceImport

        made = self._internal[key] = ServiceImport(
            self._account, exporter, subject, local, share=share
        )
        made.open()

    def link(self) -> None:
        """Opens what of ``terms`` holds now, closes what doesn't."""
        self.problems = {}
        wanted = set(self.terms)
        for terms in [t for t in (*self._services, *self._streams) if t not in wanted]:
            self._close(terms)
        for terms in self.terms:
            try:
                self._judge(terms)
            except Refused as error:
                self._close(terms)
                self.problems[terms] = str(error)
        self._watch_activations()

    def close(self) -> None:
        """The account is gone."""
        self.terms = ()
        self.link()
        for service in self._internal.values():
            service.close()
        self._internal.clear()

    def _judge(self, terms: ImportTerms) -> None:
        exporter = self._exchange.find(terms.account)
        if exporter is None:
            raise Refused(f'"{terms.account}" account not defined for {terms.kind} import')
        if not exporter.exports.grants(
            terms.kind, terms.subject, self._account.name, terms.activation, self._exchange.wall_s()
        ):
            raise Refused(_UNAUTHORIZED.format(terms.kind))
        stream, service = self._streams.get(terms), self._services.get(terms)
        if stream is not None and stream.exporter is exporter:
            return
        if service is not None and service.exporter is exporter:
            service.export = exporter.exports.find("service", service.subject)
            return
        self._close(terms)
        if terms.kind == "service":
            self._open_service(terms, exporter)
        else:
            self._open_stream(terms, exporter)

    def _open_service(self, terms: ImportTerms, exporter: "Account") -> None:
        from broker.core.service_import import ServiceImport
        from broker.protocol.transform import TransformError, untokenize

        local = terms.local or terms.subject
        if not is_valid_subject(local):
            raise Refused("invalid subject")
        check_services(
            exporter,
            untokenize(local) if has_wildcards(terms.subject) else local,
            {self._account.name},
        )
        try:
            made = ServiceImport(self._account, exporter, terms.subject, local, share=terms.share)
        except TransformError as error:
            raise _no_transform("service", local, terms.subject, error) from error
        for known in self.services:
            if known.exporter is exporter and known.local == made.local:
                raise Refused(
                    f'duplicate service import subject "{local.decode()}", previously used in import for account '
                    f'"{exporter.name}", subject "{known.subject.decode()}"'
                )
        self._services[terms] = made
        made.open()

    def _open_stream(self, terms: ImportTerms, exporter: "Account") -> None:
        from broker.core.stream_import import StreamImport
        from broker.protocol.transform import TransformError

        for other in self.streams:
            if other.exporter is exporter and other.source == terms.subject:
                raise Refused("stream import already exists")
        check_streams(exporter, terms.local or terms.subject, {self._account.name})
        check_streams(exporter, terms.subject, {self._account.name})
        try:
            made = StreamImport(exporter, terms.subject, terms.local, allow_trace=terms.allow_trace)
        except TransformError as error:
            raise _no_transform("stream", terms.subject, terms.local, error) from error
        self._streams[terms] = made
        self.streams = tuple(self._streams.values())
        for sub in self._account.sublist.all():
            if not (isinstance(sub, InternalSubscription) and sub.kind == "service"):
                made.take(sub)

    def _close(self, terms: ImportTerms) -> None:
        known = self._services.pop(terms, None) or self._streams.pop(terms, None)
        if known is not None:
            known.close()
            self.streams = tuple(self._streams.values())

    def _watch_activations(self) -> None:
        """``link`` again when the first activation in use runs out."""
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        ends = [
            terms.activation.expires_at
            for terms in (*self._services, *self._streams)
            if terms.activation is not None and terms.activation.expires_at
        ]
        if ends:
            wait_s = max(0.0, min(ends) - self._exchange.wall_s()) + 0.01
            self._timer = self._exchange.after(wait_s, self.link)


def _no_transform(kind: Kind, source: bytes, to: bytes, error: Exception) -> Refused:
    return Refused(
        f'failed to create mapping transform for {kind} import subject from "{source.decode()}" '
        f'to "{to.decode()}": {error}'
    )


def check_services(account: "Account", local: bytes, visited: set[str]) -> None:
    """Whether requests to ``local`` of an account that imports from ``account`` could come back. Raises Refused."""
    if len(visited) >= _DEPTH_MAX:
        raise Refused("search cycle depth exhausted")
    for service in account.imports.services:
        if overlaps(local, service.subject):
            if service.exporter.name in visited:
                raise Refused(_CYCLE)
            visited.add(account.name)
            further = service.local if is_subset(service.local, local) else local
            check_services(service.exporter, further, visited)


def check_streams(account: "Account", local: bytes, visited: set[str]) -> None:
    """The same for streams."""
    if len(visited) >= _DEPTH_MAX:
        raise Refused("search cycle depth exhausted")
    if account.exports.find("stream", local) is None:
        return
    for stream in account.imports.streams:
        if overlaps(local, stream.local):
            if stream.exporter.name in visited:
                raise Refused(_CYCLE)
            visited.add(account.name)
            further = stream.local if is_subset(stream.local, local) else local
            check_streams(stream.exporter, further, visited)

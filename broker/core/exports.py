"""What an account offers to other accounts: streams and services, and who may import them.

Source   nats-server ``accounts.go`` (checkStreamExportApproved, checkServiceExportApproved, checkAuth, checkActivation)
"""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from typing import Final, Literal

from broker.core.activation import Activation
from broker.protocol.subject import is_subset

Kind = Literal["stream", "service"]
ResponseType = Literal["Singleton", "Stream", "Chunked"]
#: In ``revocations``: the activations of every account.
_ALL: Final = "*"
#: How long a service may take to answer, where its export doesn't say.
THRESHOLD_S: Final = 120.0


@dataclass(frozen=True, slots=True, eq=True)
class Export:
    """Public unless one of ``accounts``, ``token_required`` and ``token_position`` says otherwise.

    ``token_position`` (from 1): that token of an import's subject must be the importing account.
    """

    kind: Kind
    subject: bytes
    accounts: frozenset[str] | None = None
    token_required: bool = False
    token_position: int = 0
    #: Account → Unix seconds; activations issued then or earlier are void.
    revocations: Mapping[str, int] = field(default_factory=dict, hash=False)
    response_type: ResponseType = "Singleton"
    threshold_s: float = THRESHOLD_S
    allow_trace: bool = False

    @property
    def public(self) -> bool:
        return not (self.accounts or self.token_required or self.token_position)

    def revoked(self, activation: Activation) -> bool:
        at = self.revocations.get(activation.importer, -1)
        return max(at, self.revocations.get(_ALL, -1)) >= activation.issued_at


class Exports:
    """All exports of one account. ``signers``: the keys that may sign activations for it."""

    __slots__ = ("_account", "_found", "_internal", "signers")

    def __init__(self, account: str) -> None:
        self._account = account
        self._found: dict[tuple[Kind, bytes], Export] = {}
        self._internal: dict[tuple[Kind, bytes], Export] = {}
        self.signers: frozenset[str] = frozenset()

    def __len__(self) -> int:
        return len(self._found)

    def __iter__(self) -> Iterator[Export]:
        yield from self._found.values()

    def replace(self, exports: Iterable[Export], signers: Iterable[str]) -> None:
        """An export that stays as it is keeps its identity; what is internal stays."""
        before, self._found = self._found, {}
        for export in exports:
            key = (export.kind, export.subject)
            double = self._found.get(key)
            if double is not None and double.accounts and export.accounts:
                export = replace(export, accounts=double.accounts | export.accounts)
            old = before.get(key)
            self._found[key] = old if old == export and old is not None else export
        self.signers = frozenset(signers)

    def offer(self, export: Export) -> None:
        """For the server's own services."""
        self._internal.setdefault((export.kind, export.subject), export)

    def find(self, kind: Kind, subject: bytes) -> Export | None:
        """The export of just this subject, else the first that covers it."""
        for known in (self._found, self._internal):
            exact = known.get((kind, subject))
            if exact is not None:
                return exact
        for export in (*self._found.values(), *self._internal.values()):
            if export.kind == kind and is_subset(subject, export.subject):
                return export
        return None

    def grants(
        self, kind: Kind, subject: bytes, importer: str, activation: Activation | None, now_s: float
    ) -> bool:
        """Whether ``importer`` may import ``subject``."""
        export = self.find(kind, subject)
        if export is None:
            return False
        if export.public:
            return True
        if export.token_position:
            return export.subject != subject and _token(subject, export) == importer.encode()
        if export.token_required:
            return activation is not None and self._activates(export, activation, now_s)
        return export.accounts is not None and importer in export.accounts

    def _activates(self, export: Export, activation: Activation, now_s: float) -> bool:
        if activation.issuer_account and (
            activation.issuer_account != self._account or activation.issuer not in self.signers
        ):
            return False
        return activation.in_time(now_s) and not export.revoked(activation)


def _token(subject: bytes, export: Export) -> bytes:
    tokens = subject.split(b".")
    at = export.token_position - 1
    return tokens[at] if at < len(tokens) else b""

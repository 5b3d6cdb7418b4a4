"""What the accounts of one server export and import, and who has to look again when one of them changes."""

from collections.abc import Callable, Iterable
from typing import TYPE_CHECKING

from broker.core.exports import Export, ResponseType
from broker.core.imports import ImportTerms

if TYPE_CHECKING:
    from broker.core.account import Account
    from broker.core.timers import Timer


class Exchange:
    """``find`` gives an account by name, loading it where that is done; it may be replaced.

    ``now_s`` is monotonic, ``wall_s`` Unix time, ``after`` runs a callback so many seconds later.
    """

    def __init__(
        self,
        find: "Callable[[str], Account | None]",
        now_s: Callable[[], float],
        wall_s: Callable[[], float],
        after: "Callable[[float, Callable[[], None]], Timer]",
    ) -> None:
        self.find = find
        self.now_s = now_s
        self.wall_s = wall_s
        self.after = after
        self._to_link: dict[Account, None] = {}
        #: Exporting account → those that claim an import from it, whether it holds or not.
        self._importers: dict[str, dict[Account, None]] = {}

    @property
    def in_use(self) -> bool:
        """Whether any account claims imports."""
        return bool(self._importers)

    def set(
        self,
        account: "Account",
        exports: Iterable[Export],
        imports: Iterable[ImportTerms],
        signers: Iterable[str] = (),
    ) -> None:
        """This is what ``account`` exports and imports from now on; everybody concerned is looked at again."""
        account.exports.replace(exports, signers)
        terms = tuple(imports)
        for name in {known.account for known in account.imports.terms}:
            self._no_importer(name, account)
        for name in {new.account for new in terms}:
            self._importers.setdefault(name, {})[account] = None
        account.imports.terms = terms
        self._link((account, *self._importers.get(account.name, ())))

    def look_again(self, exporter: str) -> None:
        """At the imports of others from that account: it changed, came or went."""
        self._link(tuple(self._importers.get(exporter, ())))

    def _link(self, accounts: "Iterable[Account]") -> None:
        """Linking may load further accounts, which are linked after it: chains of imports may be long."""
        running = bool(self._to_link)
        self._to_link.update(dict.fromkeys(accounts))
        if running:
            return
        try:
            while self._to_link:
                account = next(iter(self._to_link))
                account.imports.link()
                del self._to_link[account]
        finally:
            self._to_link.clear()

    def forget(self, account: "Account") -> None:
        """The account is gone, and ``find`` doesn't know it any more."""
        for name in {known.account for known in account.imports.terms}:
            self._no_importer(name, account)
        account.imports.close()
        account.responses.close()
        self.look_again(account.name)

    def _no_importer(self, exporter: str, importer: "Account") -> None:
        importers = self._importers.get(exporter)
        if importers is not None:
            importers.pop(importer, None)
            if not importers:
                del self._importers[exporter]

    # The server's own services --------------------------------------------------------------------------

    def export_service(
        self, account: "Account", subject: bytes, response_type: ResponseType = "Singleton"
    ) -> None:
        """Whoever subscribes to ``subject`` in ``account`` serves other accounts; no claims take that away."""
        account.exports.offer(Export("service", subject, response_type=response_type))

    def import_service(
        self,
        importer: "Account",
        exporter: "Account",
        subject: bytes,
        local: bytes = b"",
        *,
        share: bool = False,
    ) -> None:
        """Requests of ``importer`` to ``local`` go to ``subject`` of ``exporter``, whatever its exports. Idempotent."""
        importer.imports.add_internal(exporter, subject, local or subject, share)

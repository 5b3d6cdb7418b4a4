"""Account claims from Redis to this server: read, verified, saved, applied, in this order.

Wire     channels.CLAIMS; the command ``apply_claims``
Rule     Redis is not trusted: an entry counts only when a trusted operator signed it for the account that it stands
         under, and it is newer than what is kept. An entry that is absent means nothing; only a tombstone deletes.

When the disk refuses, claims hold all the same (a revocation must not wait for a disk); they are written at the
next chance, and who brought them is told the reason.
"""

import asyncio
import logging
from collections.abc import Iterator, Mapping
from typing import Any, Protocol

from broker.contract import channels
from broker.contract.commands import APPLY_MAX
from broker.coordination.bus import Bus
from broker.coordination.commands import CommandError
from broker.core.account_claims import Judged, OperatorAccounts
from broker.core.clock import Clock
from broker.identity import nkeys
from broker.identity.jwt import TOKEN_MAX, JwtError

#: Entries that are compared, verified and saved at a time; between batches the loop serves clients.
BATCH = 100
#: Verifications between two breaths of the loop.
_BREATH = 10
_UNREADABLE = "not a token under an account's public key"

log = logging.getLogger(__name__)

#: What the command says of one account.
Outcome = dict[str, Any]


class Store(Protocol):
    """``ClaimsStore`` or ``MemoryClaims``."""

    def get(self, account: str) -> str | None: ...
    def put(self, tokens: Mapping[str, str]) -> None: ...

    @property
    def unsaved(self) -> Mapping[str, str]: ...


class ClaimsSync:
    """``changing`` is held while claims change, also by others who change them."""

    def __init__(
        self,
        bus: Bus,
        accounts: OperatorAccounts,
        store: Store,
        clock: Clock,
        changing: asyncio.Lock | None = None,
    ) -> None:
        self._bus = bus
        self._accounts = accounts
        self._store = store
        self._clock = clock
        self._one_at_a_time = changing or asyncio.Lock()
        self.refused = 0

    async def resync(self) -> int:
        """Takes everything that differs in Redis; how many accounts changed. Raises BusError."""
        changed = 0
        batch: dict[str, str] = {}
        async for name, raw in self._bus.hash_scan(channels.CLAIMS):
            token = self._text(name, raw)
            if token is not None:
                batch[name] = token
            if len(batch) >= BATCH:
                changed += await self._take_changed(batch)
                batch = {}
        return changed + await self._take_changed(batch)

    async def apply_claims(self, args: dict[str, Any]) -> dict[str, Any]:
        """The command's handler."""
        names = _accounts(args)
        raw = await self._bus.hash_get(channels.CLAIMS, names)
        outcomes, tokens = dict[str, Outcome](), dict[str, str]()
        for name, entry in zip(names, raw, strict=True):
            token = None if entry is None else self._text(name, entry)
            if token is not None:
                tokens[name] = token
            else:
                reason = "no claims are stored for this account" if entry is None else _UNREADABLE
                outcomes[name] = _refused(reason)
        async with self._one_at_a_time:
            return {"outcomes": outcomes | await self._take(tokens)}

    async def _take(self, tokens: dict[str, str]) -> dict[str, Outcome]:
        """One write to the disk for all of them."""
        outcomes: dict[str, Outcome] = {}
        judged = [j async for j in _breathing(self._judge_all(tokens, outcomes))]
        failure = await self._save(judged)
        for each in judged:
            closed = self._apply(each)
            outcomes[each.entry.subject] = (
                _refused(f"claims applied, but not saved: {failure}", closed)
                if failure
                else {"status": each.status, "closed": closed, "error": ""}
            )
        return outcomes

    async def _take_changed(self, batch: dict[str, str]) -> int:
        async with self._one_at_a_time:
            changed = await asyncio.to_thread(self._changed, batch)
            outcomes = await self._take(changed)
        return sum(outcome["status"] in ("applied", "deleted") for outcome in outcomes.values())

    def _changed(self, batch: dict[str, str]) -> dict[str, str]:
        """Reads files; runs in a thread."""
        return {name: token for name, token in batch.items() if self._store.get(name) != token}

    def _judge_all(self, tokens: dict[str, str], outcomes: dict[str, Outcome]) -> Iterator[Judged]:
        """Those that verify; the others go into ``outcomes``."""
        for name, token in tokens.items():
            try:
                yield self._accounts.judge(token, name, self._clock.wall_s())
            except JwtError as error:
                self._refuse(name, error)
                outcomes[name] = _refused(f"claims refused: {error}")

    async def _save(self, judged: list[Judged]) -> str:
        """Why it couldn't, or ""."""
        tokens = {each.entry.subject: each.token for each in judged if each.changes}
        tokens = {**self._store.unsaved, **tokens}
        if not tokens:
            return ""
        try:
            await asyncio.to_thread(self._store.put, tokens)
        except OSError as error:
            log.error("Claims of %d accounts can't be saved: %s", len(tokens), error.strerror)
            return error.strerror or "disk error"
        return ""

    def _apply(self, judged: Judged) -> int:
        return self._accounts.apply(judged, self._clock.wall_s()) if judged.changes else 0

    def _text(self, name: str, raw: bytes) -> str | None:
        if nkeys.is_public(name, "account") and len(raw) <= TOKEN_MAX and raw.isascii():
            return raw.decode("ascii").strip()
        self._refuse(name, _UNREADABLE)
        return None

    def _refuse(self, name: str, reason: object) -> None:
        self.refused += 1
        log.warning("Claims of account %.56r refused: %s", name, reason)


def _accounts(args: dict[str, Any]) -> list[str]:
    """Raises CommandError."""
    names = args.get("accounts")
    if not isinstance(names, list) or not 1 <= len(names) <= APPLY_MAX:
        raise CommandError(f"accounts: must be a list of 1 to {APPLY_MAX} accounts")
    if not all(isinstance(name, str) and nkeys.is_public(name, "account") for name in names):
        raise CommandError("accounts: not an account's public key")
    return list(dict.fromkeys(names))


def _refused(error: str, closed: int = 0) -> Outcome:
    return {"status": "refused", "closed": closed, "error": error}


async def _breathing(items: Iterator[Judged]) -> Any:
    """The same items, with the loop served now and then."""
    for count, item in enumerate(items, 1):
        yield item
        if count % _BREATH == 0:
            await asyncio.sleep(0)

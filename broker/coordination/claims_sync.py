"""Account claims from Redis to this server: read, verified, saved, applied, in this order.

Wire     channels.CLAIMS; the command ``apply_claims``
Rule     Redis is not trusted: an entry counts only when a trusted operator signed it for the account that it stands
         under, and it is newer than what is kept. An entry that is absent means nothing; only a tombstone deletes.

When the disk refuses, claims hold all the same (a revocation must not wait for a disk); they are written at the
next chance, and the command that brought them fails with the reason.
"""

import asyncio
import logging
from collections.abc import Iterator, Mapping
from typing import Any, Protocol

from broker.contract import channels
from broker.coordination.bus import Bus
from broker.coordination.commands import CommandError, text_argument
from broker.core.account_claims import Judged, OperatorAccounts
from broker.core.clock import Clock
from broker.identity import nkeys
from broker.identity.jwt import TOKEN_MAX, JwtError

#: Entries that are compared, verified and saved at a time; between batches the loop serves clients.
BATCH = 100
#: Verifications between two breaths of the loop.
_BREATH = 10

log = logging.getLogger(__name__)


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
        name = text_argument(args, "account")
        if not nkeys.is_public(name, "account"):
            raise CommandError("account: not an account's public key")
        raw = await self._bus.hash_get(channels.CLAIMS, name)
        if raw is None:
            raise CommandError("no claims are stored for this account")
        token = self._text(name, raw)
        if token is None:
            raise CommandError("claims: not a token")
        async with self._one_at_a_time:
            return await self._take_one(name, token)

    async def _take_one(self, name: str, token: str) -> dict[str, Any]:
        try:
            judged = self._accounts.judge(token, name, self._clock.wall_s())
        except JwtError as error:
            self._refuse(name, error)
            raise CommandError(f"claims refused: {error}") from None
        failure = await self._save([judged])
        closed = self._apply(judged)
        if failure:
            raise CommandError(f"claims applied, but not saved: {failure}")
        return {"status": judged.status, "closed": closed}

    async def _take_changed(self, batch: dict[str, str]) -> int:
        async with self._one_at_a_time:
            changed = await asyncio.to_thread(self._changed, batch)
            judged = [j async for j in _breathing(self._judge_all(changed))]
            await self._save(judged)
            for each in judged:
                self._apply(each)
        return sum(each.changes for each in judged)

    def _changed(self, batch: dict[str, str]) -> dict[str, str]:
        """Reads files; runs in a thread."""
        return {name: token for name, token in batch.items() if self._store.get(name) != token}

    def _judge_all(self, tokens: dict[str, str]) -> Iterator[Judged]:
        for name, token in tokens.items():
            try:
                yield self._accounts.judge(token, name, self._clock.wall_s())
            except JwtError as error:
                self._refuse(name, error)

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
        self._refuse(name, "not a token under an account's public key")
        return None

    def _refuse(self, name: str, reason: object) -> None:
        self.refused += 1
        log.warning("Claims of account %.56r refused: %s", name, reason)


async def _breathing(items: Iterator[Judged]) -> Any:
    """The same items, with the loop served now and then."""
    for count, item in enumerate(items, 1):
        yield item
        if count % _BREATH == 0:
            await asyncio.sleep(0)

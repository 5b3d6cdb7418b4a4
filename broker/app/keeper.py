"""The claims of a running server as the system account's requests need them: writes on a thread, then in force."""

import asyncio
from collections.abc import Callable, Coroutine, Iterator
from typing import Any

from broker.app.operator import Operation
from broker.core.clock import Clock
from broker.identity.jwt import JwtError
from broker.system.claims import Done

Spawn = Callable[[Coroutine[Any, Any, None], str], None]


class ClaimsKeeper:
    """A ``system.claims.Keeper``; one change at a time, in the order of the requests."""

    def __init__(self, operation: Operation, clock: Clock, spawn: Spawn) -> None:
        self._operation = operation
        self._clock = clock
        self._spawn = spawn

    def get(self, account: str) -> str | None:
        return self._operation.claims.get(account)

    def accounts(self) -> Iterator[str]:
        return self._operation.claims.accounts()

    def update(self, account: str, token: str, done: Done) -> None:
        self._spawn(self._update(account, token, done), "claims update")

    def delete(self, accounts: list[str], done: Done) -> None:
        self._spawn(self._delete(accounts, done), "claims delete")

    async def _update(self, account: str, token: str, done: Done) -> None:
        operation = self._operation
        async with operation.changing:
            try:
                judged = operation.accounts.judge(
                    token, account, self._clock.wall_s(), same_second=True
                )
            except JwtError as error:
                done(str(error))
                return
            if judged.status == "stale":
                done("the token was issued before the one that is kept")
                return
            failure = ""
            if judged.changes:
                failure = await _saved(operation.claims.put, {account: token})
                operation.accounts.apply(judged, self._clock.wall_s())
        done(failure)

    async def _delete(self, accounts: list[str], done: Done) -> None:
        async with self._operation.changing:
            failure = await _saved(self._operation.claims.remove, accounts)
            for account in accounts:
                self._operation.accounts.delete(account)
        done(failure)


async def _saved(write: Callable[[Any], None], what: object) -> str:
    """Why the disk refused, or ""."""
    try:
        await asyncio.to_thread(write, what)
    except OSError as error:
        return error.strerror or "disk error"
    return ""

"""Account claims through the system account, as ``nsc push`` and ``nats auth account push`` send them.

Wire     $SYS.REQ.CLAIMS.UPDATE, .LIST, .DELETE, .PACK; $SYS.REQ.ACCOUNT.<id>.CLAIMS.UPDATE, .LOOKUP
Answers  ``{"server":…,"data":{"account","code":200,"message"}}`` or ``{"server":…,"error":{"account","code":500,…}}``
Rule     unlike nats-server, claims that no trusted operator signed, or that are older than those kept, are refused
Source   nats-server ``accounts.go`` (DirAccResolver.Start, handleDeleteRequest), ``dirstore.go`` (Hash)
"""

import hashlib
from collections.abc import Callable, Iterator
from typing import Any, Protocol

from broker.core.message import Message
from broker.identity import nkeys
from broker.identity.claims import AccountClaims
from broker.identity.jwt import JwtError, decode
from broker.identity.rules import account_problems
from broker.identity.trust import Trust
from broker.monitor.forms import compact, present
from broker.system.outbox import Outbox

#: Told why it failed, or "".
Done = Callable[[str], None]


class Keeper(Protocol):
    """Who keeps the claims: reads at once, writes in its own time."""

    def get(self, account: str) -> str | None: ...
    def accounts(self) -> Iterator[str]: ...

    def update(self, account: str, token: str, done: Done) -> None:
        """Verified against the operator, on disk and in force before ``done``."""

    def delete(self, accounts: list[str], done: Done) -> None:
        """Gone from disk, their connections closed, before ``done``."""


class ClaimsRequests:
    """``lists``: a resolver with a directory, which takes every account; else only those in use can be updated."""

    def __init__(
        self, outbox: Outbox, keeper: Keeper, trust: Trust, *, lists: bool, allow_delete: bool
    ) -> None:
        self._outbox = outbox
        self._keeper = keeper
        self._trust = trust
        self._lists = lists
        self._allow_delete = allow_delete

    def subscribe(self) -> None:
        on = self._outbox.account.subscribe
        on(b"$SYS.REQ.ACCOUNT.*.CLAIMS.UPDATE", lambda m: self._update(m, _token(m, 3)))
        on(b"$SYS.ACCOUNT.*.CLAIMS.UPDATE", lambda m: self._update(m, _token(m, 2)))
        if self._lists:
            on(b"$SYS.REQ.CLAIMS.UPDATE", lambda m: self._update(m, ""))
            on(b"$SYS.REQ.ACCOUNT.*.CLAIMS.LOOKUP", self._lookup)
            on(b"$SYS.REQ.CLAIMS.LIST", self._list)
            on(b"$SYS.REQ.CLAIMS.PACK", self._pack)
            on(b"$SYS.REQ.CLAIMS.DELETE", self._delete)

    # Update ------------------------------------------------------------------------------------------

    def _update(self, request: Message, named: str) -> None:
        """``named`` is the account in the subject; "" when it isn't there."""
        token = request.payload.decode("utf-8", "replace").strip()
        try:
            claims = AccountClaims.decode(token)
        except JwtError as error:
            unknown = named if named and not self._lists else "n/a"
            self._fail(request, unknown, "jwt update resulted in error", _reason(error))
            return
        account = claims.subject
        if problems := account_problems(claims):
            self._fail(request, account, "jwt validation failed", f"validation errors: {problems}")
        elif named and named != account:
            text = "subject does not match jwt content"
            self._fail(request, named, "jwt update resulted in error", text)
        elif self._trust.only_signing_keys(claims.issuer):
            text = "operator requires issuer to be a signing key"
            self._fail(request, account, "jwt update resulted in error", text)
        elif not self._lists and self._keeper.get(account) is None:
            self._succeed(request, account, "jwt update skipped")
        else:
            self._keeper.update(
                account, token, lambda error: self._updated(request, account, error)
            )

    def _updated(self, request: Message, account: str, error: str) -> None:
        if error:
            self._fail(request, account, "jwt update resulted in error", error)
        else:
            self._succeed(request, account, "jwt updated")

    def _succeed(self, request: Message, account: str, message: str) -> None:
        data = {**present({"account": account}), "code": 200, "message": message}
        self._outbox.answer(request, data)

    def _fail(self, request: Message, account: str, message: str, reason: str) -> None:
        error = {
            **present({"account": account}),
            "code": 500,
            "description": f"{message} - {reason}",
        }
        body = {"server": self._outbox.server(), "error": error}
        self._outbox.reply(request, compact(body))

    # Reading -----------------------------------------------------------------------------------------

    def _lookup(self, request: Message) -> None:
        """The token itself; nothing for an account that isn't known."""
        name = _token(request, 3)
        known = self._keeper.get(name) if nkeys.is_public(name, "account") else None
        self._outbox.reply(request, (known or "").encode())

    def _list(self, request: Message) -> None:
        body = {"data": list(self._keeper.accounts()), "server": self._outbox.server()}
        self._outbox.reply(request, compact(body))

    def _pack(self, request: Message) -> None:
        """A message ``id|token`` for each account, then an empty one; only that when the asker has the same."""
        kept = {name: self._keeper.get(name) or "" for name in self._keeper.accounts()}
        if request.payload != _digest(kept.values()):
            for name, token in kept.items():
                self._outbox.reply(request, f"{name}|{token}".encode())
        self._outbox.reply(request, b"")

    # Delete ------------------------------------------------------------------------------------------

    def _delete(self, request: Message) -> None:
        """Payload   a generic token that an operator's key issued for itself, with ``nats.accounts``"""
        subject, names, problem = self._read_deletion(request.payload)
        if problem:
            self._fail(request, "", f"delete accounts request by {subject} failed", problem)
            return

        def deleted(error: str) -> None:
            if error:
                self._fail(request, "", f"deleted 0 accounts, failed for {len(names)}", error)
            else:
                self._succeed(request, "", f"deleted {len(names)} accounts")

        self._keeper.delete(names, deleted)

    def _read_deletion(self, payload: bytes) -> tuple[str, list[str], str]:
        """Who asks, for which accounts, and what is wrong with it."""
        try:
            token = decode(payload.decode("utf-8", "replace").strip())
        except JwtError as error:
            return "", [], _reason(error)
        names: Any = token.body.get("accounts")
        problem = ""
        if not self._allow_delete:
            problem = "delete must be enabled in server config"
        elif token.subject != token.issuer:
            problem = "not self signed"
        elif not self._trust.trusts(token.issuer):
            problem = "not trusted"
        elif not isinstance(names, list) or not all(_is_account(name) for name in names):
            problem = "malformed request"
        elif self._outbox.account.name in names:
            problem = "not allowed to delete system account"
        return token.subject, names if not problem else [], problem


def _token(request: Message, index: int) -> str:
    return request.subject.decode("utf-8", "replace").split(".")[index]


def _is_account(name: object) -> bool:
    return isinstance(name, str) and nkeys.is_public(name, "account")


def _reason(error: JwtError) -> str:
    return str(error).removeprefix("token: ")


def _digest(tokens: Any) -> bytes:
    """The tokens' SHA-256 added without carry, so that their order doesn't matter."""
    total = 0
    for token in tokens:
        total ^= int.from_bytes(hashlib.sha256(token.encode()).digest(), "big")
    return total.to_bytes(32, "big")

"""What the system account is told: who came and went, who was refused, how the server is doing.

Wire     $SYS.ACCOUNT.<id>.CONNECT, .DISCONNECT, .SERVER.CONNS and the older $SYS.SERVER.ACCOUNT.<id>.CONNS;
         $SYS.SERVER.<id>.CLIENT.AUTH.ERR, .STATSZ, .SHUTDOWN, .LAMEDUCK; $SYS.ACCOUNT.CLIENT.AUTH.ERR in the
         account of a user who was refused
Source   nats-server ``events.go``
"""

from typing import Any, Final

from broker.core.account import GLOBAL_ACCOUNT, Account
from broker.core.auth import Refusal
from broker.core.client import Client
from broker.monitor.accounts import account_stat
from broker.monitor.connz import client_type
from broker.monitor.forms import compact, present, round_trip_ns, timestamp
from broker.monitor.varz import statsz
from broker.protocol.errors import Reason
from broker.system.outbox import Outbox

#: How often an account's connections are told again when nothing changes.
CONNECTIONS_EVERY_S: Final = 30.0
#: STATSZ begins this soon, and doubles its interval until the other is reached.
STATSZ_FIRST_S: Final = 0.25
STATSZ_EVERY_S: Final = 10.0


class Events:
    """Hooked into the server by ``SystemService``."""

    def __init__(self, outbox: Outbox) -> None:
        self._outbox = outbox
        self._server = outbox.monitor.server
        self._id = self._server.server_id
        #: Account → monotonic seconds when its connections were last told.
        self._told_s: dict[str, float] = {}
        self._statsz_every_s = STATSZ_FIRST_S
        self._statsz_due_s = self._server.clock.monotonic_s() + STATSZ_FIRST_S

    # Clients -----------------------------------------------------------------------------------------

    def connected(self, client: Client) -> None:
        self.connections_changed(client.account)
        subject = f"$SYS.ACCOUNT.{client.account.name}.CONNECT"
        if self._outbox.wanted(subject):
            event = self._outbox.typed("client_connect")
            self._outbox.publish({**event, "client": _client(client, client.account)}, subject)

    def disconnected(self, client: Client) -> None:
        if client.connected:
            self.connections_changed(client.account)
        subject = f"$SYS.ACCOUNT.{client.account.name}.DISCONNECT"
        if self._outbox.wanted(subject):
            event = self._disconnect(client, client.account, client.reason, client.stop_s)
            self._outbox.publish(event, subject)

    def refused(self, client: Client, refusal: Refusal) -> None:
        now_s, reason = self._outbox.monitor.now_s(), Reason.AUTHENTICATION_FAILURE
        own = self._server.accounts.get(refusal.account, client.account)
        subject = "$SYS.ACCOUNT.CLIENT.AUTH.ERR"
        if own.has_interest(subject.encode()):
            event = self._disconnect(client, own, reason, now_s)
            own.publish(subject.encode(), compact(event))
        subject = f"$SYS.SERVER.{self._id}.CLIENT.AUTH.ERR"
        if self._outbox.wanted(subject):
            self._outbox.publish(self._disconnect(client, client.account, reason, now_s), subject)

    def _disconnect(
        self, client: Client, account: Account, reason: str, stop_s: float
    ) -> dict[str, Any]:
        """``sent`` and ``received`` as the client sees it."""
        return {
            **self._outbox.typed("client_disconnect"),
            "client": _client(client, account, stop_s),
            "sent": {"msgs": client.in_msgs, "bytes": client.in_bytes},
            "received": {"msgs": client.out_msgs, "bytes": client.out_bytes},
            "reason": reason,
        }

    # Accounts ----------------------------------------------------------------------------------------

    def connections_changed(self, account: Account) -> None:
        name = account.name
        if name == GLOBAL_ACCOUNT:
            return
        if account.clients:
            self._told_s[name] = self._server.clock.monotonic_s()
        else:
            self._told_s.pop(name, None)
        subjects = (f"$SYS.SERVER.ACCOUNT.{name}.CONNS", f"$SYS.ACCOUNT.{name}.SERVER.CONNS")
        if self._outbox.wanted(*subjects):
            self._outbox.publish(self.connections(account), *subjects)

    def connections(self, account: Account) -> dict[str, Any]:
        return {**self._outbox.typed("account_connections"), **account_stat(account)}

    # The server --------------------------------------------------------------------------------------

    def tick(self, now_s: float) -> float:
        """Tells what is due at ``now_s`` (monotonic); when the next is."""
        for name, told_s in tuple(self._told_s.items()):
            account = self._server.accounts.get(name)
            if account is None:
                del self._told_s[name]
            elif told_s + CONNECTIONS_EVERY_S <= now_s:
                self.connections_changed(account)
        if self._statsz_due_s <= now_s:
            self.statsz()
            self._statsz_every_s = min(self._statsz_every_s * 2, STATSZ_EVERY_S)
            self._statsz_due_s = now_s + self._statsz_every_s
        return self._statsz_due_s

    def statsz(self) -> None:
        subject = f"$SYS.SERVER.{self._id}.STATSZ"
        if self._outbox.wanted(subject):
            body = {"server": self._outbox.server(), "statsz": statsz(self._outbox.monitor)}
            self._outbox.publish(body, subject)

    def ending(self, how: str) -> None:
        """``how``: SHUTDOWN or LAMEDUCK."""
        subject = f"$SYS.SERVER.{self._id}.{how}"
        if self._outbox.wanted(subject):
            self._outbox.publish(self._outbox.server(), subject)


def _client(client: Client, account: Account, stop_s: float = 0.0) -> dict[str, Any]:
    options, grant = client.options, client.grant
    return {
        "start": timestamp(client.start_s),
        **present({"host": client.peer.ip, "id": client.cid, "acc": account.name}),
        **present({"user": client.user, "name": options.name}),
        **present({"lang": options.lang, "ver": options.version}),
        **(present({"rtt": round_trip_ns(client.rtt_s)}) if stop_s else {}),
        **({"stop": timestamp(stop_s)} if stop_s else {}),
        **present(
            {
                "jwt": options.jwt,
                "issuer_key": grant.issuer if grant is not None else "",
                "name_tag": account.label,
                "tags": list(grant.tags) if grant is not None else [],
            }
        ),
        "kind": "Client",
        "client_type": client_type(client.peer),
    }

"""A server in operator mode without sockets, and users who come to it."""

import base64
import json
from dataclasses import dataclass, field

from broker.coordination.claims_store import MemoryClaims
from broker.core.account_claims import Judged, OperatorAccounts
from broker.core.auth import ConnectionType, Peer
from broker.core.client import Client
from broker.core.operator_auth import OperatorAuthenticator
from broker.core.options import ServerOptions
from broker.core.server import Server
from broker.identity.claims import AccountClaims, Tombstone, UserBody, UserClaims
from broker.identity.nkeys import KeyPair
from broker.identity.trust import Trust

NONCE = b"abcdefghijklmno"


@dataclass
class ManualClock:
    now: float = 1_700_000_000.0

    def wall_s(self) -> float:
        return self.now

    def monotonic_s(self) -> float:
        return self.now


@dataclass
class FakeWire:
    """Keeps what was written; ``ended`` after the server ended the connection."""

    client: Client | None = None
    sent: bytes = b""
    ended: bool = False

    def flush(self) -> None:
        assert self.client is not None
        self.sent += b"".join(bytes(chunk) for chunk in self.client.outbound.take())

    def finish(self) -> None:
        self.flush()
        self.ended = True

    def abort(self) -> None:
        self.ended = True

    def hold(self, seconds: float) -> None:
        """Nothing reads here."""


@dataclass
class World:
    """One operator, one account with a signing key, one server."""

    clock: ManualClock = field(default_factory=ManualClock)
    operator: KeyPair = field(default_factory=lambda: KeyPair.generate("operator"))
    account: KeyPair = field(default_factory=lambda: KeyPair.generate("account"))
    signing: KeyPair = field(default_factory=lambda: KeyPair.generate("account"))

    def __post_init__(self) -> None:
        self.trust = Trust(keys=[self.operator.public])
        self.store = MemoryClaims()
        self.server = Server(ServerOptions(), KeyPair.generate("server").public, clock=self.clock)
        self.accounts = OperatorAccounts(self.server, self.trust, self.store)
        self.server.authenticator = OperatorAuthenticator(self.accounts)
        self.reasons: list[str] = []
        self.server.on_auth_refused.append(lambda _, refusal: self.reasons.append(refusal.reason))
        self.claims = AccountClaims(
            subject=self.account.public, name="acme", issued_at=int(self.clock.now)
        )
        self.claims.body.signing_keys = {self.signing.public: None}
        self.push()

    def token(self, signer: KeyPair | None = None) -> str:
        return self.claims.encode(signer or self.operator)

    def push(self) -> int:
        """The account's claims as they stand now, one second newer than before; how many were closed."""
        self.claims.issued_at += 1
        return self.take(self.token())[1]

    def take(self, token: str, name: str = "") -> tuple[Judged, int]:
        judged = self.accounts.judge(token, name or self.account.public, self.clock.now)
        if judged.changes:
            self.store.put({judged.entry.subject: token})
            return judged, self.accounts.apply(judged, self.clock.now)
        return judged, 0

    def delete(self) -> int:
        self.claims.issued_at += 1
        tombstone = Tombstone.of(self.account.public, issued_at=self.claims.issued_at)
        return self.take(tombstone.encode(self.operator))[1]

    def user(self, key: KeyPair | None = None, **body: object) -> UserClaims:
        key = key or KeyPair.generate("user")
        claims = UserClaims(subject=key.public, name="bob", issued_at=int(self.clock.now))
        claims.body = UserBody(issuer_account=self.account.public, **body)  # type: ignore[arg-type]
        return claims

    def come(
        self,
        claims: UserClaims | str,
        key: KeyPair,
        *,
        signer: KeyPair | None = None,
        signature: str | None = None,
        ip: str = "127.0.0.1",
        connection_type: ConnectionType = "STANDARD",
    ) -> tuple[Client, FakeWire]:
        token = claims if isinstance(claims, str) else claims.encode(signer or self.signing)
        sig = base64.urlsafe_b64encode(key.sign(NONCE)).rstrip(b"=").decode()
        wire = FakeWire()
        client = self.server.accept(Peer(ip, 1, connection_type, NONCE), wire, greet=False)
        wire.client = client
        options = {"jwt": token, "sig": sig if signature is None else signature, "verbose": False,
                   "name": "app", "headers": True, "no_responders": True}  # fmt: skip
        client.receive(b"CONNECT " + json.dumps(options).encode() + b"\r\nPING\r\n")
        self.server.flush()
        return client, wire

    def bob(self, **body: object) -> tuple[Client, FakeWire]:
        key = KeyPair.generate("user")
        client, wire = self.come(self.user(key, **body), key)
        assert wire.sent.startswith(b"PONG"), self.reasons
        return client, wire

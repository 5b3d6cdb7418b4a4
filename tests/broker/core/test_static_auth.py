"""Who is let in by what the configuration names, in nats-server's order: nkey, certificate, user, token."""

import base64
from collections.abc import Callable

import bcrypt
import pytest

from broker.core.auth import Answer, Checking, ConnectionType, Grant, Peer, Refusal
from broker.core.options import ServerOptions
from broker.core.passwords import bcrypted
from broker.core.permissions import Permissions
from broker.core.server import Server
from broker.core.static_auth import (
    Login,
    StaticAuthenticator,
    StaticRules,
    StaticUser,
    signed,
)
from broker.identity.nkeys import KeyPair
from broker.protocol.ops import ConnectOptions
from tests.support.wire import Wired

NONCE = b"abcdefghijklmno"
HASH = bcrypt.hashpw(b"s3cret", bcrypt.gensalt(4)).decode()


SERVER = Server(ServerOptions(), "N" * 56)
ANYBODYS, ORDERS, WEB = map(SERVER.add_account, ("$G", "ORDERS", "WEB"))
KEY = KeyPair.generate("user")
USERS = (
    StaticUser("plain", ORDERS, "s3cret"),
    StaticUser("hashed", ORDERS, HASH),
    StaticUser("limited", ORDERS, "s3cret", permissions=Permissions((b"a.>",))),
    StaticUser("browser", WEB, "s3cret", connection_types=frozenset(("WEBSOCKET",))),
    StaticUser(KEY.public, ORDERS, is_nkey=True),
    StaticUser("me@example.org", ORDERS),
)


def peer(kind: ConnectionType = "STANDARD", *names: str) -> Peer:
    return Peer("127.0.0.1", 1, kind, NONCE, certificate_names=names)


def decided(answer: Answer | Checking) -> Answer:
    return answer.answer(answer.work()) if isinstance(answer, Checking) else answer


def ask(
    rules: StaticRules, options: ConnectOptions, who: Peer | None = None
) -> tuple[str, str] | str:
    """Account and user of a grant, the reason of a refusal."""
    answer = decided(StaticAuthenticator(rules, ANYBODYS).authenticate(options, who or peer(), 0.0))
    if isinstance(answer, Refusal):
        assert answer.error == "Authorization Violation"
        return answer.reason
    assert isinstance(answer, Grant)
    return answer.account.name, answer.user


def test_nobody_is_asked_where_nothing_is_configured() -> None:
    authenticator = StaticAuthenticator(StaticRules(), ANYBODYS)
    assert not (authenticator.auth_required or authenticator.nonce_required)
    assert ask(StaticRules(), ConnectOptions(user="anything", password="goes")) == ("$G", "")


@pytest.mark.parametrize(
    ("user", "password", "answer"),
    [
        ("plain", "s3cret", ("ORDERS", "plain")),
        ("plain", "s3cre", "wrong password"),
        ("plain", "", "wrong password"),
        ("hashed", "s3cret", ("ORDERS", "hashed")),
        pytest.param("hashed", HASH, "wrong password", id="the hash itself"),
        ("hashed", "s3cret" + "\ud800", "wrong password"),
        ("nobody", "s3cret", "unknown user"),
        pytest.param(KEY.public, "", "unknown user", id="a public key"),
        ("", "s3cret", "unknown user"),
        ("", "", "no credentials"),
    ],
)
def test_users_by_password(user: str, password: str, answer: tuple[str, str] | str) -> None:
    assert ask(StaticRules(USERS), ConnectOptions(user=user, password=password)) == answer


def test_a_hash_is_worked_out_once() -> None:
    authenticator = StaticAuthenticator(StaticRules(USERS), ANYBODYS)
    for password, granted in (("s3cret", True), ("other", False), ("s3cret", True)):
        options = ConnectOptions(user="hashed", password=password)
        answer = decided(authenticator.authenticate(options, peer(), 0.0))
        assert isinstance(answer, Grant) is granted
    known = authenticator.authenticate(
        ConnectOptions(user="hashed", password="s3cret"), peer(), 0.0
    )
    assert isinstance(known, Grant), "a password found right isn't hashed again"


def test_permissions_and_account_limits_go_along() -> None:
    ORDERS.limits.subs, ORDERS.limits.payload = 7, 100
    authenticator = StaticAuthenticator(StaticRules(USERS), ANYBODYS)
    options = ConnectOptions(user="limited", password="s3cret")
    grant = authenticator.authenticate(options, peer(), 0.0)
    assert isinstance(grant, Grant)
    assert grant.permissions is USERS[2].permissions
    assert (grant.subs, grant.payload) == (7, 100)


def test_nkeys_sign_the_nonce() -> None:
    signature = base64.urlsafe_b64encode(KEY.sign(NONCE)).decode()
    rules = StaticRules(USERS)
    assert ask(rules, ConnectOptions(nkey=KEY.public, sig=signature)) == ("ORDERS", KEY.public)
    unsigned = "the nonce's signature doesn't verify"
    assert ask(rules, ConnectOptions(nkey=KEY.public, sig=signature[:-4] + "AAAA")) == unsigned
    assert ask(rules, ConnectOptions(nkey=KEY.public)) == unsigned
    other = KeyPair.generate("user")
    theirs = base64.urlsafe_b64encode(other.sign(NONCE)).decode()
    assert ask(rules, ConnectOptions(nkey=KEY.public, sig=theirs)) == unsigned
    assert ask(rules, ConnectOptions(nkey=other.public, sig=theirs)) == "unknown nkey"
    assert ask(rules, ConnectOptions(nkey="plain", sig=signature)) == "unknown nkey"


def test_signatures_come_in_both_alphabets_and_with_or_without_padding() -> None:
    raw = KEY.sign(NONCE)
    for text in (base64.b64encode(raw).decode(), base64.urlsafe_b64encode(raw).decode()):
        assert signed(KEY.public, NONCE, text)
        assert signed(KEY.public, NONCE, text.rstrip("="))
    assert not signed(KEY.public, b"", base64.b64encode(raw).decode())
    assert not signed(KEY.public, NONCE, "not base64 at all!")


def test_connection_types_are_held_against_the_listener() -> None:
    rules, options = StaticRules(USERS), ConnectOptions(user="browser", password="s3cret")
    assert ask(rules, options) == "connections of type STANDARD are not allowed"
    assert ask(rules, options, peer("WEBSOCKET")) == ("WEB", "browser")


def test_the_certificate_names_the_user() -> None:
    rules = StaticRules(USERS, certificate_maps=True)
    named = peer("STANDARD", "unknown", "me@example.org")
    assert ask(rules, ConnectOptions(user="plain", password="s3cret"), named) == (
        "ORDERS",
        "me@example.org",
    )
    stranger = peer("STANDARD", KEY.public)
    assert (
        ask(rules, ConnectOptions(), stranger) == "no user has a name of the client's certificate"
    )


def test_clients_without_credentials_become_a_user() -> None:
    rules = StaticRules(USERS, no_auth_user="plain")
    assert not StaticAuthenticator(rules, ANYBODYS).announces_auth
    assert ask(rules, ConnectOptions()) == ("ORDERS", "plain")
    assert ask(rules, ConnectOptions(jwt="ey.ey.ey")) == ("ORDERS", "plain")
    assert ask(rules, ConnectOptions(user="plain", password="wrong")) == "wrong password"


def test_websocket_has_users_of_its_own() -> None:
    rules = StaticRules(USERS, no_auth_user="plain", websocket_no_auth_user="browser")
    assert ask(rules, ConnectOptions(), peer("WEBSOCKET")) == ("WEB", "browser")
    assert ask(rules, ConnectOptions()) == ("ORDERS", "plain")
    login = Login(WEB, user="w", password="s3cret")
    rules = StaticRules(USERS, websocket=login)
    assert ask(rules, ConnectOptions(user="w", password="s3cret"), peer("WEBSOCKET")) == (
        "WEB",
        "w",
    )
    refused = ask(rules, ConnectOptions(user="plain", password="s3cret"), peer("WEBSOCKET"))
    assert refused == "wrong user or password"


def test_one_login_or_one_token() -> None:
    login = StaticRules(login=Login(ANYBODYS, user="u", password=HASH))
    assert ask(login, ConnectOptions(user="u", password="s3cret")) == ("$G", "u")
    assert ask(login, ConnectOptions(user="v", password="s3cret")) == "wrong user or password"
    token = StaticRules(login=Login(ANYBODYS, token="t0ken"))
    assert ask(token, ConnectOptions(auth_token="t0ken")) == ("$G", "[REDACTED]")
    assert ask(token, ConnectOptions(auth_token="t0ke")) == "wrong token"
    assert ask(token, ConnectOptions(user="u", password="t0ken")) == "no token"


def test_secrets_are_not_shown() -> None:
    user, login = USERS[0], Login(ANYBODYS, "u", "s3cret", "t0ken")
    assert "s3cret" not in repr(user)
    assert "s3cret" not in repr(login) and "t0ken" not in repr(login)


def test_only_hashes_count_as_hashes() -> None:
    assert bcrypted(HASH)
    assert not bcrypted("$2a$")
    assert not bcrypted("plain $2a$10$")


def test_a_reload_asks_anew_but_not_for_a_signature() -> None:
    before = StaticAuthenticator(StaticRules(USERS), ANYBODYS)
    assert isinstance(before.recheck(ConnectOptions(nkey=KEY.public), peer()), Grant)
    after = StaticAuthenticator(StaticRules(USERS[:1]), ANYBODYS)
    assert isinstance(after.recheck(ConnectOptions(nkey=KEY.public), peer()), Refusal)
    kept = ConnectOptions(user="plain", password="s3cret")
    assert isinstance(after.recheck(kept, peer()), Grant)


def test_what_a_client_sends_waits_while_its_password_is_checked() -> None:
    wired = Wired()
    account = wired.server.add_account("ORDERS")
    users = (StaticUser("hashed", account, HASH),)
    wired.server.authenticator = StaticAuthenticator(StaticRules(users), account)
    jobs: list[tuple[Callable[[], bool], Callable[[bool], None]]] = []
    wired.server.work = lambda job, done: jobs.append((job, done))
    told = []
    for password in (b"s3cret", b"guess", b"left"):
        wire = wired.open()
        connect = (
            b'CONNECT {"verbose":true,"user":"hashed","pass":"%b"}\r\nPING\r\nSUB a 1\r\nPUB a 2'
            % password
        )
        early = wired.send(wire, connect) + wired.send(wire, b"\r\nhi\r\n")
        job, done = jobs.pop()
        if password == b"left":
            assert wire.client is not None
            wire.client.close("gone")
        done(job())
        told.append((early, wired.take(wire), wire.ended, wire.holds))
    ok = b"+OK\r\nPONG\r\n+OK\r\n+OK\r\nMSG a 1 2\r\nhi\r\n"
    assert told[0] == (b"", ok, False, 0)
    assert told[1][:3] == (b"", b"-ERR 'Authorization Violation'\r\n", True)
    assert told[2][:3] == (b"", b"", True)

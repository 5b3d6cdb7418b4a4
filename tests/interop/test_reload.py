"""SIGHUP after the configuration changed: ours and nats-server say the same, and do it."""

import asyncio
import base64
import ipaddress
import json
import re
import signal
import socket
import ssl
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

import nats
import pytest
from cryptography import x509

from broker.identity.claims import AccountClaims, UserClaims
from broker.identity.nkeys import KeyPair
from tests.broker.app.certificates import Authority
from tests.support.servers import CONTENDERS, Contender, Server, running
from tests.support.wait import wait_until

USER = "UDXU4RCSJNZOIQHZNWXHXORDPRTGNJAHAHFRGZNEEJCPQTT2M7NLCNF4"
ENDS = re.compile("Reloaded server configuration|Failed to reload server configuration")
HEAD = re.compile(r"^\[\d+\] (?:\d{4}/\d\d/\d\d \d\d:\d\d:\d\d\.\d{6} )?", re.MULTILINE)

#: One after the other, each instead of the one before.
SETTINGS = f"""
max_payload: 1000
max_payload: 2000, max_pending: 10000
max_connections: 10
max_connections: -1
max_connections: 0
max_subscriptions: 5
max_control_line: 2048
ping_interval: 3
ping_interval: "1500ms"
ping_max: 7
write_deadline: "90s"
client_advertise: "a.b:33"
lame_duck_duration: "50s"
lame_duck_grace_period: "3s"
server_name: x
host: 127.0.0.2
port: 4999
debug: true
trace: true
trace_verbose: true
trace_headers: true
max_traced_msg_len: 10
connect_error_reports: 3
reconnect_error_reports: 3
server_tags: [a, b]
server_metadata {{a: b}}
no_fast_producer_stall: true
no_auth_user: x
no_system_account: true
authorization {{user: a, password: b}}
authorization {{token: b}}
authorization {{user: a, password: b, timeout: 7}}
authorization {{users: [{{user: a, password: b}}, {{user: b, password: b}}]}}
authorization {{users: [{{nkey: {USER}}}]}}
accounts {{A: {{users: [{{user: x, password: y}}]}}}}
mappings {{a: b}}
max_sub_tokens: 4
max_closed_clients: 3
no_header_support: true
write_timeout: close
pid_file: "DIRECTORY/pid"
ports_file_dir: "DIRECTORY"
feature_flags {{a: true}}
log_size_limit: 100
logfile_max_num: 4
resolver: MEM
bad: {{
unknown: 3
tls {{cert_file: nope.pem, key_file: nope.key}}
allow_non_tls: true
logtime: false
log_file: "DIRECTORY/other"
"""


@contextmanager
def both(config: str = "") -> Iterator[list[Server]]:
    with ExitStack() as stack:
        yield [stack.enter_context(running(contender, config)) for contender in CONTENDERS]


def ends(text: str) -> int:
    return len(ENDS.findall(text))


def reload(server: Server, config: str) -> list[str]:
    """What it logs of the new configuration, without what is its own."""
    path, before = server.directory / "server.conf", server.log()
    listen = "\n".join(path.read_text().splitlines()[:2])
    path.write_text(f"{listen}\n{config}\n")
    assert server.process is not None
    server.process.send_signal(signal.SIGHUP)

    def written() -> str:
        log, other = server.log(), server.directory / "other"
        return log[len(before) :] + (other.read_text() if other.exists() else "")

    wait_until(lambda: ends(written()) == 1, f"the reload of {config} by {server.name}", 20)
    text = written().replace(str(server.directory), "DIRECTORY").replace(str(server.port), "PORT")
    return HEAD.sub("", re.sub("sha256:[0-9a-f]+", "DIGEST", text)).splitlines()


def test_the_log_says_what_changed_and_what_cannot(tmp_path: Path) -> None:
    with both() as servers:
        for setting in SETTINGS.strip().splitlines():
            said = []
            for server in servers:
                config = setting.replace("DIRECTORY", str(server.directory))
                said.append(reload(server, config))
            ours, theirs = said
            own_alone = [line for line in theirs if not line.startswith("[ERR] Error cleaning up")]
            assert (setting, ours) == (setting, own_alone)


# TLS -------------------------------------------------------------------------------------------------


@pytest.fixture
def authority(tmp_path: Path) -> Authority:
    return Authority(tmp_path)


def tls(authority: Authority, name: str, more: str = "") -> str:
    loopback = x509.IPAddress(ipaddress.ip_address("127.0.0.1"))
    cert, key = authority.issue(name, loopback, x509.DNSName(name))
    return f'tls {{cert_file: "{cert}", key_file: "{key}", ca_file: "{authority.file}", {more}}}'


def shown(server: Server, authority: Authority, *own: str, first: bool = False) -> str:
    """The name in the server's certificate, once it answers PING; "" where it turns the client away."""
    context = ssl.create_default_context(cafile=str(authority.file))
    if own:
        context.load_cert_chain(*own)
    with socket.create_connection(("127.0.0.1", server.port), timeout=15) as clear:
        try:
            if not first:
                assert b'"tls_required":true' in clear.recv(65536)
            with context.wrap_socket(clear, server_hostname="127.0.0.1") as secured:
                secured.sendall(b"PING\r\n")
                answer = secured.recv(65536)
                if answer.startswith(b"INFO"):
                    answer = secured.recv(65536)
                if not answer.startswith(b"PONG"):
                    return ""
                names = (secured.getpeercert() or {})["subjectAltName"]
                return str(names[-1][1])
        except OSError:
            return ""


@pytest.mark.parametrize("contender", CONTENDERS, ids=lambda contender: contender.name)
async def test_tls_comes_changes_and_goes(authority: Authority, contender: Contender) -> None:
    with running(contender) as server:
        clear = await nats.connect(server.url, allow_reconnect=False)
        reload(server, tls(authority, "one"))
        assert await asyncio.to_thread(shown, server, authority) == "one"
        await clear.flush()  # whoever is there stays as it is
        fresh = tls(authority, "two")
        for part in ("cert", "key"):  # in the same files as before
            name = authority.directory / f"one-{part}.pem"
            name.write_bytes((authority.directory / f"two-{part}.pem").read_bytes())
        reload(server, fresh.replace("two-", "one-"))
        assert await asyncio.to_thread(shown, server, authority) == "two"
        own = authority.issue("me")
        reload(server, tls(authority, "three", "verify: true"))
        assert await asyncio.to_thread(shown, server, authority) == ""
        assert await asyncio.to_thread(shown, server, authority, *own) == "three"
        reload(server, tls(authority, "four", "handshake_first: true"))
        assert await asyncio.to_thread(lambda: shown(server, authority, first=True)) == "four"
        said = reload(server, tls(authority, "five", "verify_and_map: true"))
        assert said[-1].endswith("config reload not supported for TLSMap: old=false, new=true")
        assert await asyncio.to_thread(lambda: shown(server, authority, first=True)) == "four"
        reload(server, "")
        again = await nats.connect(server.url)
        await clear.flush()
        await again.close()
        await clear.close()


# Clients that are there ------------------------------------------------------------------------------

TWO_USERS = "authorization {users: [{user: a, password: x}, {user: b, password: x}]}"
IN_A = "accounts {A: {users: [{user: a, password: x}]}, B: {}}"
#: What a client logs in with, the configuration before, the one after.
CHANGES = [
    ({"auth_token": "t"}, "authorization {token: t}", "authorization {token: t}\nmax_payload: 10"),
    ({"auth_token": "t"}, "authorization {token: t}", "authorization {token: u}"),
    ({"user": "a", "pass": "x"}, TWO_USERS, f"{TWO_USERS}\nmax_payload: 10"),
    ({"user": "a", "pass": "x"}, TWO_USERS, TWO_USERS.replace("a, password: x", "a, password: y")),
    ({"user": "a", "pass": "x"}, TWO_USERS, TWO_USERS.replace("user: a", "user: c")),
    ({"user": "a", "pass": "x"}, IN_A, "accounts {B: {users: [{user: a, password: x}]}, A: {}}"),
    ({}, "", TWO_USERS),
    ({}, "max_payload: 10", "max_connections: 0"),
]


async def session(server: Server, login: dict[str, str], config: str) -> bytes:
    """All that a client hears which logs in, lives through a reload, pings and publishes eleven bytes."""
    reader, writer = await asyncio.open_connection("127.0.0.1", server.port)
    await reader.readline()  # INFO
    options = json.dumps({"verbose": False, **login}).encode()
    writer.write(b"CONNECT " + options + b"\r\nSUB s 1\r\nPING\r\n")
    heard = await reader.readline()
    await asyncio.to_thread(reload, server, config)
    try:
        writer.write(b"PING\r\nPUB s 11\r\nhello world\r\nSUB\r\n")
        async with asyncio.timeout(20):
            heard += await reader.read()
    except OSError:
        heard += b"(reset)"
    writer.close()
    return heard.replace(b"(reset)", b"")


async def test_clients_stay_or_go_alike() -> None:
    with both() as servers:
        for login, before, after in CHANGES:
            heard = []
            for server in servers:
                await asyncio.to_thread(reload, server, before)
                heard.append(await session(server, login, after))
            assert (after, heard[0]) == (after, heard[1])


def account(operator: KeyPair, key: KeyPair) -> str:
    claims = AccountClaims(subject=key.public, name="a", issued_at=int(time.time()) - 100)
    return f"{key.public}: {claims.encode(operator)}"


@pytest.mark.parametrize("contender", CONTENDERS, ids=lambda contender: contender.name)
async def test_preloaded_accounts_change_and_go(contender: Contender) -> None:
    operator, one, two = (KeyPair.generate(kind) for kind in ("operator", "account", "account"))

    def config(*accounts: str) -> str:
        lines = "\n".join(accounts)
        return (
            f"trusted_keys: {operator.public}\nresolver: MEMORY\nresolver_preload {{\n{lines}\n}}"
        )

    with running(contender, config(account(operator, one))) as server:
        gone = asyncio.Event()

        async def closed() -> None:
            gone.set()

        reload(server, config(account(operator, one), account(operator, two)))
        token, key = user(two)
        client = await nats.connect(
            server.url, user_jwt_cb=lambda: token.encode(), signature_cb=signing(key),
            disconnected_cb=closed, allow_reconnect=False,
        )  # fmt: skip
        await client.flush()
        reload(server, config(account(operator, one)))
        await asyncio.wait_for(gone.wait(), 20)
        await client.close()


def user(account_key: KeyPair) -> tuple[str, KeyPair]:
    key = KeyPair.generate("user")
    claims = UserClaims(subject=key.public, name="u", issued_at=int(time.time()) - 5)
    return claims.encode(account_key), key


def signing(key: KeyPair) -> Callable[[str], bytes]:
    return lambda nonce: base64.b64encode(key.sign(nonce.encode()))

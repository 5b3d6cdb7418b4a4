"""TLS as clients meet it: required, handshake first, client certificates, certificates that name the user."""

import asyncio
import ipaddress
import socket
import ssl
from pathlib import Path

import nats
import pytest
from cryptography import x509

from tests.broker.app.certificates import Authority
from tests.broker.app.test_program import program, run

CONFIG = """
listen: 127.0.0.1:-1
ports_file_dir: {{directory}}
http: 127.0.0.1:-1
tls {{{{ cert_file: "{cert}", key_file: "{key}", ca_file: "{ca}", timeout: 15, {more} }}}}
{rest}
"""


@pytest.fixture
def authority(tmp_path: Path) -> Authority:
    return Authority(tmp_path)


def config(authority: Authority, more: str = "verify: false", rest: str = "") -> str:
    cert, key = authority.issue("server", x509.IPAddress(ipaddress.ip_address("127.0.0.1")))
    return CONFIG.format(cert=cert, key=key, ca=authority.file, more=more, rest=rest)


def trusting(authority: Authority, *own: str) -> ssl.SSLContext:
    context = ssl.create_default_context(cafile=str(authority.file))
    if own:
        context.load_cert_chain(*own)
    return context


@pytest.mark.parametrize("first", [False, True])
async def test_messages_travel(authority: Authority, tmp_path: Path, first: bool) -> None:
    more = f"handshake_first: {str(first).lower()}"
    with program(tmp_path, config(authority, more)) as server:
        client = await nats.connect(
            server.ports["nats"][0],
            tls=trusting(authority),
            tls_handshake_first=first,
            connect_timeout=15,
        )
        subscription = await client.subscribe("a")
        await client.publish("a", b"x" * 500_000)
        assert len((await subscription.next_msg(15)).data) == 500_000
        await client.close()


async def test_whoever_begins_the_handshake_is_waited_for(
    authority: Authority, tmp_path: Path
) -> None:
    with program(tmp_path, config(authority, 'handshake_first: "300ms"')) as server:
        for first in (True, False):
            client = await nats.connect(
                server.ports["nats"][0],
                tls=trusting(authority),
                tls_handshake_first=first,
                connect_timeout=15,
            )
            await client.flush()
            await client.close()


def test_clients_may_choose_where_tls_is_optional(authority: Authority, tmp_path: Path) -> None:
    with program(tmp_path, config(authority, rest="allow_non_tls: true")) as server:
        url = server.ports["nats"][0]
        assert ping(url, trusting(authority)).startswith(b"PONG")
        with socket.create_connection(("127.0.0.1", int(url.rpartition(":")[2])), 15) as clear:
            assert b'"tls_available":true' in clear.recv(65536)
            clear.sendall(b'CONNECT {"verbose":false}\r\nPING\r\n')
            assert clear.recv(65536).startswith(b"PONG")
        (secured, in_clear) = server.get("/connz?state=closed&sort=cid")["connections"]
        assert secured["tls_version"] == "1.3"
        assert secured["tls_cipher_suite"].startswith("TLS_")
        assert "tls_version" not in in_clear


async def test_certificate_is_wanted(authority: Authority, tmp_path: Path) -> None:
    own = authority.issue("me")
    with program(tmp_path, config(authority, "verify: true")) as server:
        url = server.ports["nats"][0]
        client = await nats.connect(url, tls=trusting(authority, *own), connect_timeout=15)
        await client.flush()
        await client.close()
        answer = await asyncio.to_thread(ping, url, trusting(authority))
        assert answer == b""


@pytest.mark.parametrize("version", [ssl.TLSVersion.TLSv1_2, ssl.TLSVersion.TLSv1_3])
@pytest.mark.parametrize("first", [False, True])
def test_who_is_turned_away_hears_why(
    authority: Authority, tmp_path: Path, first: bool, version: ssl.TLSVersion
) -> None:
    more = f"verify: true, handshake_first: {str(first).lower()}"
    context = trusting(authority)
    context.maximum_version = version
    with program(tmp_path, config(authority, more)) as server:
        port = int(server.ports["nats"][0].rpartition(":")[2])
        with socket.create_connection(("127.0.0.1", port), timeout=15) as clear:
            if not first:
                assert clear.recv(65536).startswith(b"INFO ")
            with (
                pytest.raises(ssl.SSLError, match="alert"),
                context.wrap_socket(clear, server_hostname="127.0.0.1") as secured,
            ):
                secured.recv(65536)


def ping(url: str, context: ssl.SSLContext) -> bytes:
    """What a client under TLS hears after PING; nothing when it was turned away."""
    port = int(url.rpartition(":")[2])
    with socket.create_connection(("127.0.0.1", port), timeout=15) as clear:
        assert clear.recv(65536).startswith(b"INFO ")
        try:
            with context.wrap_socket(clear, server_hostname="127.0.0.1") as secured:
                secured.sendall(b'CONNECT {"verbose":false}\r\nPING\r\n')
                return secured.recv(65536)
        except OSError:
            return b""


def test_ping_is_heard(authority: Authority, tmp_path: Path) -> None:
    own = authority.issue("me")
    with program(tmp_path, config(authority, "verify: true")) as server:
        answer = ping(server.ports["nats"][0], trusting(authority, *own))
        assert answer.startswith(b"PONG")


async def test_certificate_names_the_user(authority: Authority, tmp_path: Path) -> None:
    own = authority.issue("me", x509.RFC822Name("me@example.org"))
    other = authority.issue("stranger")
    rest = 'authorization { users = [ {user: "me@example.org", permissions: {publish: a}} ] }'
    rest = rest.replace("{", "{{").replace("}", "}}")
    with program(tmp_path, config(authority, "verify_and_map: true", rest)) as server:
        url = server.ports["nats"][0]
        client = await nats.connect(url, tls=trusting(authority, *own), connect_timeout=15)
        await client.flush()
        await client.close()
        answer = await asyncio.to_thread(ping, url, trusting(authority, *other))
        assert answer == b"-ERR 'Authorization Violation'\r\n"


def test_missing_certificate_is_named(tmp_path: Path) -> None:
    path = tmp_path / "bad.conf"
    path.write_text("port: -1\ntls {cert_file: nope.pem, key_file: nope.key}\n")
    answer = run("-c", str(path))
    assert answer.returncode == 1
    assert "open nope.pem: no such file or directory" in answer.stderr

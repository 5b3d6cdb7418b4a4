"""The pure helpers: settings from the environment, hosts and origins, sealing, subjects, times, addresses."""

import base64
import stat
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from console.lib import hosts
from console.lib.addresses import client_address
from console.lib.environment import Environment, SettingError, key_file
from console.lib.sealing import Sealer, SealingError, generate_key
from console.lib.subjects import problem_of_filter, problem_of_literal
from console.lib.times import rfc3339

# Environment ----------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("read", "bad"),
    [
        (lambda e: e.port("X", 1), "65536"),
        (lambda e: e.port("X", 1), "http"),
        (lambda e: e.port("X", 1), "-1"),
        (lambda e: e.flag("X"), "perhaps"),
        (lambda e: e.choice("X", ("open", "closed"), "closed"), "ajar"),
        (lambda e: e.url("X", ("http", "https")), "ftp://a"),
        (lambda e: e.url("X", ("http",)), "http://"),
        (lambda e: e.url("X", ("http",)), "http://a:b"),
        (lambda e: e.url("X", ("http",)), "http://[::1"),
        (lambda e: e.database("X", Path("d")), "mysql://a/b"),
        (lambda e: e.database("X", Path("d")), "postgres://host"),
        (lambda e: e.database("X", Path("d")), "postgres://h:p/n"),
    ],
)
def test_a_bad_value_is_one_sentence_that_names_the_variable(read: Any, bad: str) -> None:
    with pytest.raises(SettingError) as caught:
        read(Environment({"X": bad}))
    assert str(caught.value).startswith("X must")
    assert str(caught.value).endswith(".")


def test_no_sentence_quotes_a_password() -> None:
    for read in (
        lambda e: e.url("X", ("redis",)),
        lambda e: e.database("X", Path("d")),
    ):
        with pytest.raises(SettingError) as caught:
            read(Environment({"X": "mysql://user:hunter2@host:port/"}))
        assert "hunter2" not in str(caught.value)


def test_databases() -> None:
    found = Environment({"X": "postgres://u%40:p%2F@h:5433/n?sslmode=require"}).database(
        "X", Path()
    )
    names = ("NAME", "USER", "PASSWORD", "HOST", "PORT", "OPTIONS")
    assert [found[n] for n in names] == ["n", "u@", "p/", "h", "5433", {"sslmode": "require"}]
    assert Environment({}).database("X", Path("/d/c.sqlite3"))["NAME"] == "/d/c.sqlite3"
    assert Environment({"X": "sqlite:////d/e"}).database("X", Path())["NAME"] == "/d/e"


def test_unix_redis_and_empty_variables() -> None:
    text = "unix://:pw@/tmp/v.sock?db=0"
    assert Environment({"X": text}).url("X", ("unix",)) == text
    assert Environment({"X": "  "}).port("X", 7) == 7


def test_a_key_file_is_made_once_and_only_for_its_owner(tmp_path: Path) -> None:
    path = tmp_path / "data" / "key"
    assert key_file(path, "first", "V") == "first"
    assert key_file(path, "second", "V") == "first"
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert [entry.name for entry in path.parent.iterdir()] == ["key"]
    path.chmod(0o644)
    with pytest.raises(SettingError, match="others may read"):
        key_file(path, "x", "V")


def test_a_key_file_where_none_can_be_made(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(SettingError, match="WIREROOM_DATA_DIR"):
        key_file(tmp_path / "file" / "key", "x", "V")


# Hosts ----------------------------------------------------------------------------------------------------


def test_which_hosts_are_ours() -> None:
    local = hosts.policy(bind="127.0.0.1", public_url="", more=("extra.example",))
    for host in ("localhost:8000", "127.0.0.1", "[::1]:8000", "LOCALHOST.", "extra.example"):
        assert local.allows(host), host
    for host in ("192.168.1.2:8000", "evil.example", "", "localhost.evil.example", "[", "a b"):
        assert not local.allows(host), host
    outer = hosts.policy(bind="0.0.0.0", public_url="https://c.example", more=())
    for host in ("192.168.1.2:8000", "[fe80::1]:8000", "c.example"):
        assert outer.allows(host), host
    assert not outer.allows("evil.example")


def test_which_origins_are_ours() -> None:
    own = hosts.policy(bind="127.0.0.1", public_url="https://c.example", more=())
    assert own.allows_origin("http://127.0.0.1:8000", "127.0.0.1:8000")
    assert own.allows_origin("https://c.example", "127.0.0.1:8000")
    for origin in (
        "",
        "null",
        "http://127.0.0.1:9000",
        "http://evil.example",
        "file://",
        "http://[",
    ):
        assert not own.allows_origin(origin, "127.0.0.1:8000"), origin
    # DNS rebinding: origin and host agree, and are both a stranger's.
    assert not own.allows_origin("http://evil.example", "evil.example")


# Sealing --------------------------------------------------------------------------------------------------


@settings(max_examples=50)
@given(
    st.text(max_size=200),
    st.text(st.characters(codec="ascii", exclude_characters="\0"), max_size=60),
)
def test_what_was_sealed_opens_for_its_context_only(secret: str, context: str) -> None:
    sealer = Sealer(generate_key())
    sealed = sealer.seal(secret, context)
    assert sealer.open(sealed, context) == secret
    with pytest.raises(SealingError, match="something else"):
        sealer.open(sealed, context + "x")
    with pytest.raises(SealingError, match="this sealing key"):
        Sealer(generate_key()).open(sealed, context)
    assert sealer.seal(secret, context) != sealed, "a fresh nonce each time"


@settings(max_examples=50)
@given(st.text(max_size=80))
def test_nonsense_never_opens(text: str) -> None:
    with pytest.raises(SealingError):
        Sealer("00" * 32).open(text, "a")


def test_keys_in_hex_and_base64() -> None:
    sealed = Sealer("11" * 32).seal("s", "c")
    encoded = base64.b64encode(b"\x11" * 32).decode()
    assert Sealer(encoded).open(sealed, "c") == "s"
    for bad in ("", "short", "zz" * 32):
        with pytest.raises(SealingError):
            Sealer(bad)


# Subjects, times, addresses -------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "subject", ["a", "a.b", "a.*.c", ">", "a.>", "*", "ünï.code", "a*.b", "a>b", "$SYS.x"]
)
def test_filters(subject: str) -> None:
    assert problem_of_filter(subject) == ""


@pytest.mark.parametrize(
    "subject", ["", ".", "a.", ".a", "a..b", "a b", "a\tb", "a\r\n", ">.a", "x" * 1025, "\ud800"]
)
def test_no_filters(subject: str) -> None:
    assert problem_of_filter(subject)
    assert problem_of_literal(subject)


def test_wildcards_are_no_literals() -> None:
    assert problem_of_literal("a.*")
    assert problem_of_literal(">")
    assert problem_of_literal("a.b*") == ""


def test_times() -> None:
    assert rfc3339(0.5) == "1970-01-01T00:00:00.500000Z"
    assert rfc3339(None) is None


def test_a_stranger_cant_choose_his_address() -> None:
    meta = {"REMOTE_ADDR": "10.0.0.1", "HTTP_X_FORWARDED_FOR": "1.1.1.1, 2.2.2.2, 3.3.3.3"}
    assert client_address(meta, 0) == "10.0.0.1"
    assert client_address(meta, 1) == "3.3.3.3"
    assert client_address(meta, 2) == "2.2.2.2"
    assert client_address({"REMOTE_ADDR": "10.0.0.1"}, 2) == "10.0.0.1"

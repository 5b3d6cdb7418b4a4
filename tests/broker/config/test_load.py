"""Files and flags → Config, and the sentence for what can't be used."""

from pathlib import Path

import pytest

from broker.config.errors import ConfigError
from broker.config.flags import UsageError, parse
from broker.config.load import load
from broker.config.options import Config


def loaded(tmp_path: Path, text: str, *flags: str) -> Config:
    path = tmp_path / "server.conf"
    path.write_text(text)
    return load(parse(["-c", str(path), *flags])).config


def refusal(tmp_path: Path, text: str) -> str:
    with pytest.raises(ConfigError) as refused:
        loaded(tmp_path, text)
    return str(refused.value).replace(f"{tmp_path}/", "")


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        ("port: 1\nfoo: bar\n", 'server.conf:2:1: unknown field "foo"'),
        ("port: abc\n", "server.conf:1:0: error parsing port: expected integer, got string"),
        ("websocket {port: 1}", "websocket requires TLS configuration"),
        (
            "max_payload: 65MB\n",
            "max_payload (68157440) cannot be higher than max_pending (67108864)",
        ),
        ("no_auth_user: x\n", 'no_auth_user: "x" present, but users/nkeys are not defined'),
        ("system_account: XX\n", 'error resolving system account "XX": account missing'),
        ("tls {cert_file: a}\n", "server.conf:1:0: missing 'key_file' in TLS configuration"),
        (
            "trusted_keys: OABC\n",
            'server.conf:1:0: trust key "OABC" required to be a valid public operator nkey',
        ),
        (
            'ping_interval: "5x"\n',
            'server.conf:1:0: error parsing ping_interval: time: unknown unit "x" in duration "5x"',
        ),
        ("proxy_protocol: true\n", "server.conf:1:0: this setting is not supported by this server"),
        (
            "authorization {users: [{user: a}, {user: a}]}",
            'server.conf:1:0: Duplicate user "a" detected',
        ),
        (
            "authorization {user: a, password: b, users: [{user: c}]}",
            "server.conf:1:0: Can not have a single user/pass and a users array",
        ),
        ("coordination {url: http://x}", "coordination: url must begin with redis://"),
    ],
)
def test_refusals(text: str, sentence: str, tmp_path: Path) -> None:
    assert sentence in refusal(tmp_path, text)


@pytest.mark.parametrize(
    ("text", "interval_s"),
    [("", None), ('sync_interval: "2m"', 120.0), ("sync_interval: always", 0.0)],
)
def test_an_accounts_sync_interval(text: str, interval_s: float | None, tmp_path: Path) -> None:
    config = f"accounts {{ A {{ jetstream: {{max_streams: 1, {text}}} }} }}"
    (account,) = loaded(tmp_path, config).accounts
    assert account.jetstream is not None
    assert account.jetstream.sync_interval == interval_s


def test_flags_win(tmp_path: Path) -> None:
    config = loaded(tmp_path, "port: 4000\nserver_name: a\n", "-p", "4001", "--name=b", "-DV")
    assert (config.port, config.server_name, config.debug, config.trace) == (4001, "b", True, True)


def test_users_and_permissions(tmp_path: Path) -> None:
    text = """
    accounts: {
      A: { users: [ {user: u, pass: p, permissions: {publish: {allow: ["a.>", b], deny: c},
                     subscribe: ["q.> grp"], allow_responses: {max: 3, expires: "1m"}}} ] }
    }
    """
    (user,) = loaded(tmp_path, text).users()
    assert (user.user, user.password, user.account) == ("u", "p", "A")
    assert user.permissions is not None
    assert user.permissions.publish.allow == ("a.>", "b")
    assert user.permissions.publish.deny == ("c",)
    assert user.permissions.subscribe.allow == ("q.> grp",)
    assert user.permissions.allow_responses == (3, 60.0)


def test_peers_are_accepted_with_a_warning(tmp_path: Path) -> None:
    path = tmp_path / "server.conf"
    path.write_text("cluster { name: c, listen: 127.0.0.1:-1, routes: [ nats://127.0.0.1:1 ] }\n")
    result = load(parse(["-c", str(path)]))
    assert result.config.peers["cluster"].port == -1
    assert ["stands alone" in warning for warning in result.warnings] == [True]


def test_secrets_are_not_shown(tmp_path: Path) -> None:
    config = loaded(
        tmp_path, "authorization {token: hidden-token}\ncoordination {url: redis://:hidden-pass@x}"
    )
    assert "hidden" not in repr(config)


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        (["--foo"], "flag provided but not defined: -foo"),
        (["-p"], "flag needs an argument: -p"),
        (["-p", "abc"], 'invalid value "abc" for flag -p: parse error'),
        (["extra"], 'unrecognized command: "extra"'),
        (["-t"], "must specify [-c, --config] option to check configuration file syntax"),
    ],
)
def test_usage_errors(arguments: list[str], sentence: str) -> None:
    with pytest.raises(UsageError) as refused:
        parse(arguments)
    assert str(refused.value) == sentence


def test_go_style_flags() -> None:
    flags = parse(["-sd=DIR", "--user", "a", "-js", "-T=false", "-m", "1"])
    assert flags.values == {
        "store_dir": "DIR", "user": "a", "jetstream": True, "logtime": False, "http_port": 1,
    }  # fmt: skip

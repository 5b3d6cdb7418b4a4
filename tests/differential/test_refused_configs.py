"""Configurations of accounts that can't be: refused at the same place in the same words as nats-server's."""

import subprocess
from pathlib import Path

import pytest

from broker.config.errors import ConfigError
from broker.config.flags import parse
from broker.config.load import load
from tests.support.servers import NATS_SERVER

_A = "A {users = [{user: a, password: x}], %s}"
_B = "B {users = [{user: b, password: x}], imports = [%s]}"


def _accounts(exports: str, imports: str) -> str:
    return (
        f"accounts {{ {_A % exports}, {_B % imports}, C {{users = [{{user: c, password: x}}]}} }}"
    )


def _circle(kind: str) -> str:
    one = 'exports = [{KIND: "s"}], imports = [{KIND: {account: OTHER, subject: "s"}}]'
    of = {name: one.replace("KIND", kind).replace("OTHER", name) for name in ("A", "B")}
    return "accounts { A {%s}, B {%s} }" % (of["B"], of["A"])  # noqa: UP031 — braces


CONFIGS = {
    "a service for somebody else": _accounts(
        'exports = [{service: "s", accounts: [C]}]', '{service: {account: A, subject: "s"}}'
    ),
    "a stream that isn't exported": _accounts(
        'exports = [{stream: "s"}]', '{stream: {account: A, subject: "t"}}'
    ),
    "an account that isn't there": _accounts("", '{stream: {account: X, subject: "s"}}'),
    "wildcards left over": _accounts(
        'exports = [{stream: "s.*.*"}, {service: "v.*.*"}]',
        '{stream: {account: A, subject: "s.*.*"}, to: "x.*"}, {service: {account: A, subject: "v.*.*"}, to: "x.$1"}',
    ),
    "a prefix with a wildcard": _accounts(
        'exports = [{stream: "s"}]', '{stream: {account: A, subject: "s"}, prefix: "x.*"}'
    ),
    "one stream twice": _accounts(
        'exports = [{stream: "s"}]',
        '{stream: {account: A, subject: "s"}, to: "x"}, {stream: {account: A, subject: "s"}, to: "y"}',
    ),
    "a token position without a wildcard": _accounts(
        'exports = [{stream: "s.*", account_token_position: 1}]', ""
    ),
    "a circle of services": _circle("service"),
    "a circle of streams": _circle("stream"),
    "a mapping's wildcard": 'mappings {\n  "a.*": "b.$2"\n}',
    "a mapping's function": 'mappings {\n  "a.*": "b.{{first(1)}}"\n}',
    "a mapping's double": 'mappings {\n  "a": [{destination: b, weight: 50}, {destination: b, weight: 30}]\n}',
    "a mapping's sum": 'mappings {\n  "a": [{destination: b, weight: 50}, {destination: c, weight: 60}]\n}',
}


@pytest.mark.parametrize("name", list(CONFIGS))
def test_both_refuse_alike(name: str, tmp_path: Path) -> None:
    path = tmp_path / "server.conf"
    path.write_text(CONFIGS[name] + "\n")
    with pytest.raises(ConfigError) as refused:
        load(parse(["-c", str(path)]))
    real = subprocess.run(
        [*NATS_SERVER.command, "-t", "-c", str(path)], capture_output=True, text=True, timeout=30
    )
    assert real.returncode == 1
    said = (real.stdout + real.stderr).strip().removeprefix("nats-server: ")
    assert refused.value.lines == said.splitlines()

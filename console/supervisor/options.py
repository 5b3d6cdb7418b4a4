"""The options of ``manage.py up``, each with its environment variable, checked one by one.

An option given on the command line wins over its variable, which wins over the default.
"""

import argparse
import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from console.supervisor.bootstrap import ROOT


class Problem(Exception):
    """``up`` can't start, or can't go on; the text is a sentence that names what to change."""


@dataclass(frozen=True, slots=True)
class Setting:
    """One option: ``name`` as on the command line, ``help`` as shown by ``--help``."""

    name: str
    default: str
    help: str
    metavar: str

    @property
    def variable(self) -> str:
        """``http-port`` → ``WIREROOM_HTTP_PORT``."""
        return "WIREROOM_" + self.name.upper().replace("-", "_")


SETTINGS = (
    Setting("host", "127.0.0.1", "address that the console and NATS listen on", "ADDRESS"),
    Setting("http-port", "8000", "port of the console", "PORT"),
    Setting("nats-port", "4222", "port for NATS clients", "PORT"),
    Setting("ws-port", "9222", "port for NATS over WebSocket; 0 = off", "PORT"),
    Setting(
        "monitor-port", "8222", "port of the broker's monitoring, on loopback; 0 = off", "PORT"
    ),
    Setting("data-dir", ".data", "directory that holds all state", "DIR"),
)
_MAY_BE_OFF = ("ws-port", "monitor-port")


@dataclass(frozen=True, slots=True)
class Options:
    """Checked settings; a port of 0 means off. ``redis_url`` is empty for the embedded Valkey."""

    host: str
    http_port: int
    nats_port: int
    ws_port: int
    monitor_port: int
    data_dir: Path
    redis_url: str

    @property
    def is_default_data_dir(self) -> bool:
        return self.data_dir == (ROOT / ".data").resolve()

    @property
    def ports(self) -> dict[str, int]:
        """Option name → port, of those that are on."""
        named = {
            "--http-port": self.http_port, "--nats-port": self.nats_port,
            "--ws-port": self.ws_port, "--monitor-port": self.monitor_port,
        }  # fmt: skip
        return {name: port for name, port in named.items() if port}

    def environment(self) -> dict[str, str]:
        """What the programs need to know of it; the address of Redis comes from whoever starts it."""
        return {
            "WIREROOM_HOST": self.host,
            "WIREROOM_HTTP_PORT": str(self.http_port),
            "WIREROOM_NATS_PORT": str(self.nats_port),
            "WIREROOM_WS_PORT": str(self.ws_port),
            "WIREROOM_MONITOR_PORT": str(self.monitor_port),
            "WIREROOM_DATA_DIR": str(self.data_dir),
        }


def parse(arguments: Sequence[str], environ: Mapping[str, str] | None = None) -> Options:
    """Raises Problem for a bad value; exits like argparse for an unknown option and for ``--help``."""
    environ = os.environ if environ is None else environ
    given = vars(_parser().parse_args(arguments))
    values = {setting.name: _value(setting, given, environ) for setting in SETTINGS}
    ports = {s.name: _port(s, values[s.name]) for s in SETTINGS if s.metavar == "PORT"}
    _check_distinct(ports)
    host = values["host"][0].strip("[] ")
    if not host or any(c.isspace() or c == "/" for c in host):
        raise Problem(f"{_source('host', values)}: '{values['host'][0]}' is no address.")
    return Options(
        host=host,
        http_port=ports["http-port"],
        nats_port=ports["nats-port"],
        ws_port=ports["ws-port"],
        monitor_port=ports["monitor-port"],
        data_dir=_data_dir(*values["data-dir"]),
        redis_url=environ.get("REDIS_URL", "").strip(),
    )


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="manage.py up",
        description="Run Wireroom: the console, the NATS broker and an embedded Valkey, until Ctrl-C.",
        epilog="REDIS_URL names a Redis or Valkey of yours instead of the embedded one, DATABASE_URL a PostgreSQL.",
        allow_abbrev=False,
    )
    for setting in SETTINGS:
        text = f"{setting.help} (default {setting.default}; environment {setting.variable})"
        parser.add_argument(f"--{setting.name}", metavar=setting.metavar, help=text)
    return parser


def _value(
    setting: Setting, given: Mapping[str, str | None], environ: Mapping[str, str]
) -> tuple[str, str]:
    """The text and where it came from, for sentences."""
    text = given[setting.name.replace("-", "_")]
    if text is not None:
        return text, f"--{setting.name}"
    if text := environ.get(setting.variable):
        return text, f"{setting.variable} (option --{setting.name})"
    return setting.default, f"--{setting.name}"


def _source(name: str, values: Mapping[str, tuple[str, str]]) -> str:
    return values[name][1]


def _port(setting: Setting, value: tuple[str, str]) -> int:
    text, source = value
    lowest = 0 if setting.name in _MAY_BE_OFF else 1
    if not (text.isascii() and text.isdigit() and lowest <= int(text[:6]) <= 65535):
        off = ", or 0 for off" if lowest == 0 else ""
        raise Problem(f"{source}: '{text}' is no port: give a number from 1 to 65535{off}.")
    return int(text)


def _check_distinct(ports: Mapping[str, int]) -> None:
    seen: dict[int, str] = {}
    for name, port in ports.items():
        if port and port in seen:
            raise Problem(
                f"--{seen[port]} and --{name} are both {port}: give one of them another port."
            )
        seen[port] = name


def _data_dir(text: str, source: str) -> Path:
    if "\0" in text:
        raise Problem(f"{source}: is no directory name.")
    path = Path(text).expanduser()
    is_default = source == "--data-dir" and text == ".data"
    return (ROOT if is_default else Path.cwd()).joinpath(path).resolve()

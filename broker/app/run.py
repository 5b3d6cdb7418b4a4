"""The program: command line → configuration → a server that runs until it is told to end.

Exit status 0 after a clean end, 1 when the server couldn't start. What is imported here is paid at every start; the
rest is imported where it is needed first.
"""

import gc
import signal
import sys
from collections.abc import Sequence
from typing import TYPE_CHECKING

from broker import NATS_VERSION
from broker.config.flags import TLS_USAGE, USAGE, Flags, UsageError, parse

if TYPE_CHECKING:
    import socket

PROGRAM = "nats-server"


def main(arguments: Sequence[str]) -> int:
    signal.signal(
        signal.SIGINT, signal.SIG_DFL
    )  # until the server handles it: end, without a traceback
    try:
        flags = parse(arguments)
    except UsageError as error:
        sys.stderr.write(f"{_sentence(str(error))}\n")
        return 1
    if flags.action == "run":
        return _run(flags)
    if flags.action == "test":
        return _test(flags)
    if flags.action == "signal":
        return _signal(flags.get("signal"))
    texts = {"help": USAGE, "help_tls": TLS_USAGE, "version": f"{PROGRAM}: v{NATS_VERSION}\n"}
    sys.stdout.write(texts[flags.action])
    return 0


def _sentence(text: str) -> str:
    """Go's own flag errors stand alone, the server's are preceded by its name."""
    alone = text.startswith(("flag ", "invalid ", "bad "))
    return text if alone else f"{PROGRAM}: {text}"


def _run(flags: Flags) -> int:
    gc.disable()  # what is imported stays; the service collects again once it is ready
    from broker.config.errors import ConfigError
    from broker.config.load import load

    try:
        loaded = load(flags)
    except ConfigError as error:
        sys.stderr.write(f"{PROGRAM}: {error}\n")
        return 1
    # Clients that come while the rest is imported wait in the kernel's queue instead of being refused.
    config = loaded.config
    listening = {"clients": _listen(config.host, config.port)}
    if config.websocket.port:
        listening["websocket"] = _listen(config.websocket.host, config.websocket.port)
    from broker.app.service import serve

    return serve(flags, loaded, listening)


def _listen(host: str, port: int) -> "socket.socket | None":
    """None where it can't be; the service tries again and says why."""
    from broker.net.sockets import ListenError, open_listener

    try:
        return open_listener(host, port)
    except ListenError:
        return None


def _test(flags: Flags) -> int:
    from broker.config.errors import ConfigError
    from broker.config.load import load

    try:
        loaded = load(flags)
    except ConfigError as error:
        sys.stderr.write(f"{PROGRAM}: {error}\n")
        return 1
    if loaded.misuses:
        sys.stderr.write("\n".join([f"{PROGRAM}: {loaded.misuses[0]}", *loaded.misuses[1:], ""]))
        return 1
    path, digest = loaded.config.config_file, loaded.config.config_digest
    for warning in loaded.warnings:
        sys.stderr.write(f"{warning}\n")
    sys.stderr.write(f"{PROGRAM}: configuration file {path} is valid ({digest})\n")
    return 0


def _signal(command: str) -> int:
    from broker.app.signals import SignalError, send

    try:
        send(command)
    except SignalError as error:
        sys.stderr.write(f"{PROGRAM}: {error}\n")
        return 1
    return 0

"""``--signal``: a word for another server process, which is named by pid, pid file or a pattern, or found.

Wire     ``<word>[=<pid>|=<pid file>|=<prefix of pids>*]``; nothing after the word: the only server there is, ``*``: all
Source   nats-server ``signal.go`` (ProcessSignal)
"""

import os
import signal
from pathlib import Path
from typing import Final

PROGRAM: Final = "nats-server"
SIGNALS: Final = {
    "stop": signal.SIGKILL, "quit": signal.SIGINT, "term": signal.SIGTERM,
    "reopen": signal.SIGUSR1, "reload": signal.SIGHUP, "ldm": signal.SIGUSR2,
}  # fmt: skip
_MODULE: Final = [b"-m", b"broker"]


class SignalError(Exception):
    """Nothing was sent, or not to all; the sentence is nats-server's."""


def send(command: str) -> None:
    """Raises SignalError."""
    word, _, target = command.partition("=")
    if word not in SIGNALS:
        raise SignalError(f'unknown signal "{word}"')
    failures = [_kill(pid, word) for pid in _pids(target)]
    if told := "".join(filter(None, failures)):
        raise SignalError(told)


def _kill(pid: int, word: str) -> str:
    try:
        os.kill(pid, SIGNALS[word])
    except OSError as error:
        return f'\nsignal "{word}" {pid}: {(error.strerror or "").lower()}'
    return ""


def _pids(target: str) -> list[int]:
    """Raises SignalError."""
    if target.endswith("*"):
        prefix = target.removesuffix("*")
        if prefix and not prefix.isdigit():
            raise SignalError(f"invalid pid: {prefix}")
        return _some([pid for pid in running() if str(pid).startswith(prefix)])
    if target.isdigit():
        return [int(target)]
    if target:
        return [_from_file(target)]
    found = _some(running())
    if len(found) > 1:
        listed = "".join(f"\n{pid}" for pid in found)
        raise SignalError(f"multiple {PROGRAM} processes running:{listed}")
    return found


def _some(pids: list[int]) -> list[int]:
    if not pids:
        raise SignalError(f"no {PROGRAM} processes running")
    return pids


def _from_file(path: str) -> int:
    try:
        text = Path(path).read_text().strip()
    except OSError:
        raise SignalError(f"invalid pid: {path}") from None
    if not text.isdigit():
        raise SignalError(f"invalid pid: {path}")
    return int(text)


def running() -> list[int]:
    """Servers of this program that this user may see, this process aside; only where the system has /proc."""
    own, found = os.getpid(), []
    for entry in Path("/proc").glob("[0-9]*"):
        try:
            words = (entry / "cmdline").read_bytes().split(b"\0")
        except OSError:
            continue
        if int(entry.name) != own and _is_server(words):
            found.append(int(entry.name))
    return sorted(found)


def _is_server(words: list[bytes]) -> bool:
    at = words.index(b"-m") if b"-m" in words[:4] else -1
    return (
        at > 0
        and words[at : at + 2] == _MODULE
        and b"python" in Path(os.fsdecode(words[0])).name.encode()
    )

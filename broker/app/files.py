"""Files that tell others of this process: its pid, and the addresses that it listens on."""

import contextlib
import json
import os
from pathlib import Path


class FileError(Exception):
    """A file that couldn't be written; the sentence names it."""


def write_pid(path: str) -> None:
    """Raises FileError."""
    try:
        Path(path).write_text(str(os.getpid()))
    except OSError as error:
        raise FileError(f"Unable to write pid file: open {path}: {error.strerror}") from error


def ports_path(directory: str) -> Path:
    return Path(directory) / f"nats-server_{os.getpid()}.ports"


def write_ports(directory: str, addresses: dict[str, list[str]]) -> None:
    """Wire   ``{"nats":["nats://127.0.0.1:4222"],"monitoring":["http://…"],"websocket":["ws://…"],…}``

    It appears as a whole: readers poll for it. Raises FileError.
    """
    path = ports_path(directory)
    unfinished = path.with_suffix(".tmp")
    try:
        unfinished.write_text(json.dumps(addresses, separators=(",", ":")))
        unfinished.rename(path)
    except OSError as error:
        raise FileError(f"Error writing ports file ({path}): {error.strerror}") from error


def remove(config_pid_file: str, ports_directory: str) -> None:
    """At a clean end; what is gone already is no error."""
    with contextlib.suppress(OSError):
        if ports_directory:
            ports_path(ports_directory).unlink()
    with contextlib.suppress(OSError):
        if config_pid_file:
            Path(config_pid_file).unlink()

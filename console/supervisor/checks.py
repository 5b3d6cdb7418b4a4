"""What must hold before anything is started: each failure is a ``Problem`` that names the option to change."""

import fcntl
import os
import socket
import time
from collections.abc import Callable
from pathlib import Path
from urllib.parse import urlsplit, urlunsplit

from console.supervisor.options import Options, Problem

_LOCK = "up.lock"
#: Children of a supervisor that was killed a moment ago may hold their ports for this long.
_PORT_GRACE_S = 2.0
_REDIS_TIMEOUT_S = 3.0


def data_dir(path: Path) -> None:
    """Make it if need be, for this user alone, and see that it can be written."""
    try:
        if not path.is_dir():
            path.mkdir(mode=0o700, parents=True)
        probe = path / f".write-{os.getpid()}"
        probe.write_bytes(b"x")
        probe.unlink()
    except FileExistsError as error:
        raise Problem(f"{path} is no directory: give another with --data-dir.") from error
    except OSError as error:
        raise Problem(
            f"The data directory {path} can't be written ({error.strerror}): "
            "make it writable, or give another with --data-dir."
        ) from error


def lock(path: Path) -> int:
    """Claim the data directory until this process ends; the descriptor that holds the claim."""
    descriptor = os.open(path / _LOCK, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError as error:
        holder = os.read(descriptor, 32).decode("ascii", "replace").strip() or "unknown"
        os.close(descriptor)
        raise Problem(
            f"Wireroom already runs on the data directory {path} (process {holder}): "
            "stop that one, or give this one another with --data-dir and other ports."
        ) from error
    os.ftruncate(descriptor, 0)
    os.pwrite(descriptor, f"{os.getpid()}\n".encode(), 0)
    return descriptor


def ports(options: Options, clock: Callable[[], float] = time.monotonic) -> None:
    """Each port that is on can be listened on."""
    deadline = clock() + _PORT_GRACE_S
    for name, port in options.ports.items():
        host = "127.0.0.1" if name == "--monitor-port" else options.host
        while problem := _port_problem(host, port, name):
            if "in use" not in problem or clock() > deadline:
                raise Problem(problem)
            time.sleep(0.05)


def _port_problem(host: str, port: int, name: str) -> str:
    """Why nothing can listen there; "" when it can."""
    try:
        family, kind, proto, _, address = socket.getaddrinfo(
            host, port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE
        )[0]
        with socket.socket(family, kind, proto) as listener:
            listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            listener.bind(address)
            listener.listen(1)
    except PermissionError:
        return f"Port {port} needs more rights than this user has: give another with {name}."
    except socket.gaierror as error:
        return f"'{host}' is not an address of this machine ({error.strerror}): change --host."
    except OSError as error:
        if error.errno in (99, 49):  # EADDRNOTAVAIL on Linux, on macOS
            return f"'{host}' is not an address of this machine: change --host."
        return (
            f"Port {port} is in use by another program: stop that one, or give another with {name}."
        )
    return ""


def redis(url: str) -> None:
    """The Redis at ``url`` answers."""
    import redis as client
    from redis.backoff import NoBackoff
    from redis.retry import Retry

    shown = without_password(url)
    try:
        connection = client.Redis.from_url(
            url,
            socket_timeout=_REDIS_TIMEOUT_S,
            socket_connect_timeout=_REDIS_TIMEOUT_S,
            retry=Retry(NoBackoff(), 0),
        )
    except ValueError as error:
        raise Problem(f"REDIS_URL: '{shown}' is no address of a Redis ({error}).") from error
    try:
        connection.ping()
    except (client.RedisError, OSError) as error:
        raise Problem(
            f"The Redis at {shown} does not answer ({error}): start it, change REDIS_URL, "
            "or unset REDIS_URL to use the embedded Valkey."
        ) from error
    finally:
        connection.close()


def without_password(url: str) -> str:
    """The URL with its password replaced, for people to see."""
    parts = urlsplit(url)
    if "@" not in parts.netloc:
        return url
    user, _, host = parts.netloc.rpartition("@")
    name = user.partition(":")[0]
    return urlunsplit(parts._replace(netloc=f"{name}:•••@{host}", query=""))

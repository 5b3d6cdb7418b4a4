"""Settings from environment variables, read through typed helpers.

Whatever is wrong with a value is said in one sentence that begins with the variable's name.
"""

import os
import stat
from collections.abc import Mapping
from pathlib import Path
from typing import Any
from urllib.parse import parse_qsl, unquote, urlsplit

from django.core.exceptions import ImproperlyConfigured

PORT_MAX = 65535


class SettingError(ImproperlyConfigured):
    """A setting that can't be used; the message is a sentence for the person who set it."""


class Environment:
    """Reads variables of ``values``; an empty variable counts as absent."""

    def __init__(self, values: Mapping[str, str]) -> None:
        self._values = values

    def text(self, name: str, default: str = "") -> str:
        return self._values.get(name, "").strip() or default

    def flag(self, name: str) -> bool:
        value = self.text(name, "0").lower()
        if value not in ("0", "1", "true", "false", "yes", "no", "on", "off"):
            raise SettingError(f"{name} must be 1 or 0, not {value!r}.")
        return value in ("1", "true", "yes", "on")

    def integer(self, name: str, default: int, *, low: int, high: int) -> int:
        value = self.text(name, str(default))
        if not value.lstrip("-").isdecimal() or not low <= int(value) <= high:
            raise SettingError(
                f"{name} must be a whole number from {low} to {high}, not {value!r}."
            )
        return int(value)

    def port(self, name: str, default: int) -> int:
        return self.integer(name, default, low=0, high=PORT_MAX)

    def choice(self, name: str, options: tuple[str, ...], default: str) -> str:
        value = self.text(name, default)
        if value not in options:
            raise SettingError(f"{name} must be one of {', '.join(options)}, not {value!r}.")
        return value

    def url(self, name: str, schemes: tuple[str, ...], default: str = "") -> str:
        """A URL with a host (``unix``: a path), no trailing slash. Never quotes the value: it may hold a password."""
        value = self.text(name, default).rstrip("/")
        if not value:
            return ""
        try:
            parts = urlsplit(value)
            fine = parts.scheme in schemes and (parts.hostname or parts.scheme == "unix")
            _ = parts.port
        except ValueError:
            fine = False
        if not fine:
            raise SettingError(f"{name} must be a URL that begins with {_either(schemes)}.")
        return value

    def words(self, name: str) -> tuple[str, ...]:
        """Words separated by commas or blanks."""
        return tuple(self.text(name).replace(",", " ").split())

    def database(self, name: str, sqlite_default: Path) -> dict[str, Any]:
        """Django's DATABASES entry for ``postgres://…`` or ``sqlite:///path``; when absent ``sqlite_default``."""
        value = self.text(name)
        if not value:
            return sqlite(sqlite_default)
        try:
            parts = urlsplit(value)
            port = parts.port
        except ValueError:
            raise SettingError(f"{name} must be a URL with a port that is a number.") from None
        if parts.scheme == "sqlite" and len(parts.path) > 1:
            return sqlite(Path(unquote(parts.path[1:])))
        if parts.scheme not in ("postgres", "postgresql") or len(parts.path) < 2:
            raise SettingError(
                f"{name} must be postgres://user:password@host:port/name or sqlite:///path."
            )
        return {
            "ENGINE": "django.db.backends.postgresql",
            "NAME": unquote(parts.path[1:]),
            "USER": unquote(parts.username or ""),
            "PASSWORD": unquote(parts.password or ""),
            "HOST": unquote(parts.hostname or ""),
            "PORT": str(port or ""),
            "OPTIONS": dict(parse_qsl(parts.query)),
            "CONN_MAX_AGE": 0,
        }


def sqlite(path: Path) -> dict[str, Any]:
    """SQLite that several threads and processes can share.

    WAL lets readers go on while one writes; IMMEDIATE takes the write lock at a transaction's start, so that waiting
    for it obeys the busy timeout (a later upgrade would fail at once). A revocation must outlive a power cut: FULL.
    """
    return {
        "ENGINE": "django.db.backends.sqlite3",
        "NAME": str(path),
        "OPTIONS": {
            "timeout": 20,
            "transaction_mode": "IMMEDIATE",
            "init_command": "PRAGMA journal_mode=WAL; PRAGMA synchronous=FULL; PRAGMA busy_timeout=20000;",
        },
    }


def key_file(path: Path, make: str, variable: str) -> str:
    """The text in ``path``, which gets ``make`` and mode 0600 when it doesn't exist yet.

    Two processes that start at once agree on one key: the file appears whole, by a link, and the first one wins.
    """
    try:
        return _read_key(path, variable)
    except (FileNotFoundError, NotADirectoryError):
        pass
    try:
        path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        draft = path.with_name(f".{path.name}.{os.getpid()}")
        draft.unlink(missing_ok=True)
        with os.fdopen(os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w") as file:
            file.write(make + "\n")
            file.flush()
            os.fsync(file.fileno())
        try:
            path.hardlink_to(draft)
        except FileExistsError:
            pass
        finally:
            draft.unlink()
    except OSError as error:
        raise SettingError(
            f"WIREROOM_DATA_DIR must name a directory that can be written: {path}: {error.strerror}."
        ) from None
    return _read_key(path, variable)


def _read_key(path: Path, variable: str) -> str:
    try:
        mode = path.stat().st_mode
        text = path.read_text().strip()
    except (FileNotFoundError, NotADirectoryError):
        raise
    except (OSError, UnicodeDecodeError) as error:
        raise SettingError(
            f"{variable} is read from {path}, which can't be read: {error}."
        ) from None
    if mode & (stat.S_IRWXG | stat.S_IRWXO):
        raise SettingError(f"{variable} is read from {path}, which others may read: chmod 600 it.")
    if not text:
        raise SettingError(f"{variable} is read from {path}, which is empty.")
    return text


def _either(schemes: tuple[str, ...]) -> str:
    return " or ".join(f"{scheme}://" for scheme in schemes)

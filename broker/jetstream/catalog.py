"""Where JetStream's things are on disk, and the small files that describe them.

    <store_dir>/jetstream/<account>/streams/<stream>.<mark>/meta.json  configuration and time of creation
                                                    /messages/          ``storage.FileStore``
                                                    /consumers/<name>/  see ``consumer_files``

A meta file is replaced as a whole: a crash leaves the old one or the new one. Its first line is a checksum of the rest.
"""

import json
import zlib
from dataclasses import dataclass, field
from hashlib import sha256
from threading import Lock
from typing import Any, Final

from broker.storage.disk import Disk, write_atomically

META: Final = "meta.json"
STREAMS: Final = "streams"
#: What a directory that is being removed ends with; found at the start, it goes.
REMOVED: Final = ".removed"
_PLAIN: Final = frozenset(b"abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-_$=")
#: Longer ones are named by a digest: file systems take 255 bytes.
_NAME_BYTES_MAX: Final = 200


class DamagedMeta(Exception):
    """The file isn't what was written; the sentence names it."""


def directory_name(name: str) -> str:
    """A name for the file system, never the same for two names; what isn't plain is %XX."""
    encoded = name.encode()
    text = "".join(chr(byte) if byte in _PLAIN else f"%{byte:02X}" for byte in encoded)
    return text if len(text) <= _NAME_BYTES_MAX else f"%sha256-{sha256(encoded).hexdigest()}"


def read_meta(disk: Disk, directory: str, name: str = META) -> dict[str, Any]:
    """Raises OSError, DamagedMeta."""
    data = disk.read(f"{directory}/{name}")
    checksum, _, body = data.partition(b"\n")
    try:
        if int(checksum, 16) != zlib.crc32(body):
            raise ValueError("the checksum differs")
        found = json.loads(body)
        if not isinstance(found, dict):
            raise ValueError("not an object")
    except ValueError as error:
        raise DamagedMeta(f"{directory}/{name}: {error}") from error
    return found


def write_meta(disk: Disk, directory: str, content: dict[str, Any], name: str = META) -> None:
    """The directory must be there."""
    body = json.dumps(content, separators=(",", ":")).encode()
    write_atomically(disk, directory, name, b"%08x\n%b" % (zlib.crc32(body), body))


@dataclass(slots=True)
class MetaJob:
    """Writes ``directory/name``; every directory on the way is made, durably."""

    disk: Disk
    directory: str
    content: dict[str, Any]
    name: str = META

    def run(self) -> None:
        make_directory(self.disk, self.directory)
        write_meta(self.disk, self.directory, self.content, self.name)


@dataclass(slots=True)
class AccountDirectory:
    """Of one account. Its first streams may be made at the same time, each in a thread of its own: one of them makes
    the directory, the others wait until it is durable."""

    disk: Disk
    path: str
    #: Of the account.
    name: str
    _making: Lock = field(default_factory=Lock)

    def make(self) -> None:
        with self._making:
            if META in self.disk.names(self.path):
                return
            make_directory(self.disk, f"{self.path}/{STREAMS}")
            write_meta(self.disk, self.path, {"name": self.name})


@dataclass(slots=True)
class RemoveJob:
    """Takes a directory away: first its name, so that a crash in between doesn't leave half of it in use."""

    disk: Disk
    directory: str

    def run(self) -> None:
        parent = self.directory.rpartition("/")[0]
        doomed = self.directory + REMOVED
        self.disk.remove_tree(doomed)
        try:
            self.disk.rename(self.directory, doomed)
        except FileNotFoundError:
            return
        self.disk.sync_dir(parent)
        self.disk.remove_tree(doomed)


def make_directory(disk: Disk, directory: str) -> None:
    """With its parents, and durable."""
    missing: list[str] = []
    path = directory
    while path:
        parent, _, name = path.rpartition("/")
        if name in disk.names(parent or "/"):
            break
        missing.append(parent or "/")
        path = parent
    disk.make_dir(directory)
    for parent in reversed(missing):
        disk.sync_dir(parent)

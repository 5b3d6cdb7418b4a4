"""The disk as the stores see it, so that a simulated one can crash at every write.

Everything here may block. ``File`` is used by at most one thread at a time for writing; reading at an offset
that is already written is safe beside it. All failures are OSError.
"""

import os
import shutil
from pathlib import Path
from typing import Protocol


class File(Protocol):
    """An open file; offsets are explicit, there is no position."""

    def read_at(self, size: int, offset: int) -> bytes:
        """Up to ``size`` bytes; fewer at the end of the file."""

    def write_at(self, data: bytes | bytearray, offset: int) -> None:
        """All of ``data`` or OSError."""

    def sync(self) -> None:
        """What was written is on disk when this returns (fdatasync). After OSError nothing may be assumed."""

    def allocate(self, size: int) -> None:
        """Make the file at least ``size`` long, reading as zeros, so that later writes don't change its length."""

    def truncate(self, size: int) -> None: ...

    def size(self) -> int: ...

    def close(self) -> None: ...


class Disk(Protocol):
    """Paths are text, parts joined by ``/``. A name is durable only after ``sync_dir`` of its directory."""

    def open(self, path: str) -> File:
        """Open for reading and writing, created empty when absent."""

    def read(self, path: str) -> bytes:
        """The whole file; FileNotFoundError when absent."""

    def names(self, path: str) -> list[str]:
        """What the directory holds, sorted; empty when there is no such directory."""

    def make_dir(self, path: str) -> None:
        """Create it with its parents; no error when it exists. Durable only after ``sync_dir`` of each parent."""

    def rename(self, source: str, target: str) -> None:
        """Atomic; replaces a file."""

    def unlink(self, path: str) -> None:
        """No error when absent."""

    def remove_tree(self, path: str) -> None: ...

    def sync_dir(self, path: str) -> None: ...


class OsFile:
    """A file descriptor."""

    __slots__ = ("_fd",)

    def __init__(self, fd: int) -> None:
        self._fd = fd

    def fileno(self) -> int:
        return self._fd

    def read_at(self, size: int, offset: int) -> bytes:
        data = os.pread(self._fd, size, offset)
        if len(data) == size or not data:
            return data
        parts = [data]
        while data and (missing := size - sum(map(len, parts))):
            data = os.pread(self._fd, missing, offset + size - missing)
            parts.append(data)
        return b"".join(parts)

    def write_at(self, data: bytes | bytearray, offset: int) -> None:
        written = os.pwrite(self._fd, data, offset)
        while written < len(data):
            written += os.pwrite(self._fd, memoryview(data)[written:], offset + written)

    def sync(self) -> None:
        os.fdatasync(self._fd)

    def allocate(self, size: int) -> None:
        os.posix_fallocate(self._fd, 0, size)

    def truncate(self, size: int) -> None:
        os.ftruncate(self._fd, size)

    def size(self) -> int:
        return os.fstat(self._fd).st_size

    def close(self) -> None:
        if self._fd >= 0:
            os.close(self._fd)
            self._fd = -1


class OsDisk:
    """The operating system's file system; files are readable by their owner only."""

    def open(self, path: str) -> OsFile:
        return OsFile(os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600))

    def read(self, path: str) -> bytes:
        return Path(path).read_bytes()

    def names(self, path: str) -> list[str]:
        try:
            return sorted(entry.name for entry in Path(path).iterdir())
        except (FileNotFoundError, NotADirectoryError):
            return []

    def make_dir(self, path: str) -> None:
        Path(path).mkdir(mode=0o700, parents=True, exist_ok=True)

    def rename(self, source: str, target: str) -> None:
        Path(source).rename(target)

    def unlink(self, path: str) -> None:
        Path(path).unlink(missing_ok=True)

    def remove_tree(self, path: str) -> None:
        shutil.rmtree(path, ignore_errors=True)

    def sync_dir(self, path: str) -> None:
        fd = os.open(path, os.O_RDONLY | os.O_DIRECTORY)
        try:
            os.fsync(fd)
        finally:
            os.close(fd)


def write_atomically(disk: Disk, directory: str, name: str, data: bytes) -> None:
    """Replace ``directory/name``: after a crash it holds the old bytes or the new ones, whole, and it's durable."""
    temporary = f"{directory}/{name}.new"
    disk.unlink(temporary)
    file = disk.open(temporary)
    try:
        file.write_at(data, 0)
        file.sync()
    finally:
        file.close()
    disk.rename(temporary, f"{directory}/{name}")
    disk.sync_dir(directory)

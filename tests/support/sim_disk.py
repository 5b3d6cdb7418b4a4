"""A disk in memory that can crash at any write, and forgets then what was not synced: torn and out of order.

After ``crash`` a file holds what was synced plus a random part of the later writes, cut at sector borders, each
written or not by itself; names follow a random prefix of the unsynced changes of names.
"""

import errno
import random
from dataclasses import dataclass, field


class SimCrash(BaseException):
    """The machine stopped here. Not an Exception: nobody may catch it and go on."""


@dataclass
class _Inode:
    current: bytearray = field(default_factory=bytearray)
    durable: bytes = b""
    #: Since the last sync: (offset, data), or (size, None) for a change of length.
    pending: list[tuple[int, bytes | None]] = field(default_factory=list)

    def write(self, offset: int, data: bytes) -> None:
        self.extend(offset + len(data))
        self.current[offset : offset + len(data)] = data
        self.pending.append((offset, bytes(data)))

    def extend(self, size: int) -> None:
        if size > len(self.current):
            self.current.extend(bytes(size - len(self.current)))

    def resize(self, size: int) -> None:
        if size < len(self.current):
            del self.current[size:]
        self.extend(size)
        self.pending.append((size, None))

    def sync(self) -> None:
        self.durable, self.pending = bytes(self.current), []

    def after_crash(self, rng: random.Random, sector_bytes: int) -> "_Inode":
        image = bytearray(self.durable)
        for offset, data in self.pending:
            if data is None:
                if rng.random() < 0.5:
                    del image[offset:]
                    image.extend(bytes(offset - len(image)))
                continue
            for start in range(0, len(data), sector_bytes):
                if rng.random() < 0.5:
                    sector = data[start : start + sector_bytes]
                    at = offset + start
                    image.extend(bytes(max(0, at + len(sector) - len(image))))
                    image[at : at + len(sector)] = sector
        return _Inode(image, bytes(image))


class SimDisk:
    """Implements ``Disk``. ``crash_after`` counts down the changes until SimCrash; None = never."""

    def __init__(self, rng: random.Random) -> None:
        self._rng = rng
        self._names: dict[str, _Inode] = {}
        self._durable_names: dict[str, _Inode] = {}
        self._journal: list[tuple[str, _Inode | None]] = []
        self.crash_after: int | None = None
        #: Raised by the next write or sync.
        self.failure: OSError | None = None
        self.changes = 0

    def crash(self) -> "SimDisk":
        """The disk as the next boot finds it."""
        after = SimDisk(self._rng)
        names = dict(self._durable_names)
        for name, inode in self._journal[: self._rng.randint(0, len(self._journal))]:
            _apply(names, name, inode)
        sector_bytes = self._rng.choice((7, 64, 512, 4096))
        images: dict[int, _Inode] = {}
        for name, inode in names.items():
            if id(inode) not in images:
                images[id(inode)] = inode.after_crash(self._rng, sector_bytes)
            after._names[name] = images[id(inode)]
        after._durable_names = dict(after._names)
        return after

    def fail_with(self, number: int) -> None:
        self.failure = OSError(number, errno.errorcode[number])

    def step(self) -> None:
        """Called before each change."""
        self.changes += 1
        if self.failure is not None:
            failure, self.failure = self.failure, None
            raise failure
        if self.crash_after is not None:
            self.crash_after -= 1
            if self.crash_after < 0:
                raise SimCrash

    # Disk --------------------------------------------------------------------------------------

    def open(self, path: str) -> "SimFile":
        if path not in self._names:
            self.step()
            self._rename(path, _Inode())
        return SimFile(self, self._names[path])

    def read(self, path: str) -> bytes:
        if path not in self._names:
            raise FileNotFoundError(path)
        return bytes(self._names[path].current)

    def names(self, path: str) -> list[str]:
        prefix = path + "/"
        return sorted(
            {name[len(prefix) :].split("/")[0] for name in self._names if name.startswith(prefix)}
        )

    def make_dir(self, path: str) -> None:
        """Directories are there when something is in them."""

    def rename(self, source: str, target: str) -> None:
        self.step()
        for name in [n for n in self._names if n == source or n.startswith(source + "/")]:
            inode = self._names[name]
            moved = target + name[len(source) :]
            self._names.pop(name)
            self._names[moved] = inode
            self._journal.append((f"{name}\0{moved}", inode))

    def unlink(self, path: str) -> None:
        if path in self._names:
            self.step()
            self._rename(path, None)

    def remove_tree(self, path: str) -> None:
        for name in [n for n in self._names if n.startswith(path + "/")]:
            self.unlink(name)

    def sync_dir(self, path: str) -> None:
        self.step()
        for name, inode in self._journal:
            _apply(self._durable_names, name, inode)
        self._journal = []

    def flip_bit(self, path: str, bit: int) -> None:
        """Decay: what was durable is changed."""
        inode = self._names[path]
        inode.current[bit // 8] ^= 1 << bit % 8
        inode.sync()

    def size_of(self, path: str) -> int:
        return len(self._names[path].current)

    def _rename(self, path: str, inode: _Inode | None) -> None:
        _apply(self._names, path, inode)
        self._journal.append((path, inode))


def _apply(names: dict[str, _Inode], name: str, inode: _Inode | None) -> None:
    if inode is None:
        names.pop(name, None)
    elif "\0" in name:
        source, target = name.split("\0")
        names.pop(source, None)
        names[target] = inode
    else:
        names[name] = inode


class SimFile:
    """Implements ``File``."""

    def __init__(self, disk: SimDisk, inode: _Inode) -> None:
        self._disk, self._inode = disk, inode

    def read_at(self, size: int, offset: int) -> bytes:
        return bytes(self._inode.current[offset : offset + size])

    def write_at(self, data: bytes, offset: int) -> None:
        try:
            self._disk.step()
        except SimCrash:
            self._inode.write(offset, data)
            raise
        self._inode.write(offset, data)

    def sync(self) -> None:
        self._disk.step()
        self._inode.sync()

    def allocate(self, size: int) -> None:
        self._disk.step()
        if size > len(self._inode.current):
            self._inode.resize(size)

    def truncate(self, size: int) -> None:
        self._disk.step()
        self._inode.resize(size)

    def size(self) -> int:
        return len(self._inode.current)

    def close(self) -> None:
        """Nothing is held."""

"""What runs: the children of a process, read from /proc (Linux)."""

import os
import resource
from pathlib import Path


def children(pid: int) -> dict[int, str]:
    """Process id → command line of every living descendant of ``pid``."""
    parents = {p: _parent(p) for p in _all()}
    found: dict[int, str] = {}
    frontier = {pid}
    while frontier:
        frontier = {p for p, parent in parents.items() if parent in frontier}
        found |= {p: command(p) for p in frontier}
    return {p: line for p, line in found.items() if is_alive(p)}


def is_alive(pid: int) -> bool:
    """Whether it runs; a zombie doesn't."""
    try:
        return _stat(pid)[0] not in "ZX"
    except OSError:
        return False


def processor_s(pid: int) -> float:
    """What it and every process it ever started have used of processors."""
    fields = [_stat(pid)[11:15], *(_stat(child)[11:13] for child in children(pid))]
    return sum(int(ticks) for one in fields for ticks in one) / os.sysconf("SC_CLK_TCK")


def resident_bytes(pid: int) -> int:
    """What it holds in memory now."""
    return int(Path(f"/proc/{pid}/statm").read_text().split()[1]) * resource.getpagesize()


def command(pid: int) -> str:
    """Its arguments, joined by spaces; "" when it has gone."""
    try:
        return (
            Path(f"/proc/{pid}/cmdline")
            .read_bytes()
            .replace(b"\0", b" ")
            .decode("utf-8", "replace")
            .strip()
        )
    except OSError:
        return ""


def _all() -> list[int]:
    return [int(entry.name) for entry in Path("/proc").iterdir() if entry.name.isdigit()]


def _parent(pid: int) -> int:
    try:
        return int(_stat(pid)[1])
    except OSError:
        return 0


def _stat(pid: int) -> list[str]:
    """State, parent, … : what stands after the name, which may hold anything."""
    return Path(f"/proc/{pid}/stat").read_text("latin-1").rpartition(")")[2].split()

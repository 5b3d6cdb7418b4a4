"""Does this interpreter have what a requirements file asks for? Read without importing any of it.

Only the forms that this project's files use: ``name[extra]>=1.2,<2; sys_platform != "win32"``, ``-r other``, and
``./directory`` for what pip builds from the sources here, without which everything runs too.
"""

import hashlib
import importlib.metadata
import re
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

_LINE = re.compile(r"^(?P<name>[A-Za-z0-9._-]+)(\[[^]]*\])?\s*(?P<bounds>[^;]*)(;(?P<marker>.*))?$")
_BOUND = re.compile(r"^(>=|<=|==|!=|<|>)\s*([0-9][0-9A-Za-z.]*)$")
_PLATFORM = re.compile(r"""^sys_platform\s*(==|!=)\s*["']([a-z0-9]+)["']$""")


@dataclass(frozen=True, slots=True)
class Requirement:
    """A distribution and the bounds its version must keep, as (operator, version) pairs."""

    name: str
    bounds: tuple[tuple[str, str], ...]


def read(file: Path) -> Iterator[Requirement]:
    """The requirements of ``file`` and of the files it includes. Raises ValueError naming a line it can't read."""
    for line in _lines(file):
        if line.startswith("-r "):
            yield from read(file.parent / line[3:].strip())
        elif not line.startswith("./") and (requirement := _parse(line)):
            yield requirement


def missing(file: Path) -> list[str]:
    """Names of the distributions that are absent or of another version; empty = all is there."""
    return [requirement.name for requirement in read(file) if not _installed(requirement)]


def digest(file: Path) -> str:
    """Changes when ``file``, a file it includes, sources that it names, or the interpreter's version changes."""
    content = "\n".join(sorted(_all_lines(file)))
    version = f"{sys.version_info.major}.{sys.version_info.minor}"
    return hashlib.sha256(f"{version}\n{content}".encode()).hexdigest()


def _lines(file: Path) -> list[str]:
    lines = (line.split("#", 1)[0].strip() for line in file.read_text("utf-8").splitlines())
    return [line for line in lines if line]


def _all_lines(file: Path) -> Iterator[str]:
    for line in _lines(file):
        if line.startswith("-r "):
            yield from _all_lines(file.parent / line[3:].strip())
        elif line.startswith("./"):
            yield f"{line} {_content(file.parent / line)}"
        else:
            yield line


def _content(directory: Path) -> str:
    """The digest of the files in ``directory``."""
    found = hashlib.sha256()
    for path in sorted(path for path in directory.iterdir() if path.is_file()):
        found.update(path.name.encode() + b"\n" + path.read_bytes())
    return found.hexdigest()


def _parse(line: str) -> Requirement | None:
    match = _LINE.match(line)
    if match is None:
        raise ValueError(f"requirement not understood: {line}")
    if not _applies((match["marker"] or "").strip()):
        return None
    bounds = [part.strip() for part in match["bounds"].split(",") if part.strip()]
    return Requirement(match["name"], tuple(_bound(part) for part in bounds))


def _bound(text: str) -> tuple[str, str]:
    match = _BOUND.match(text)
    if match is None:
        raise ValueError(f"version bound not understood: {text}")
    return match[1], match[2]


def _applies(marker: str) -> bool:
    if not marker:
        return True
    match = _PLATFORM.match(marker)
    if match is None:
        raise ValueError(f"marker not understood: {marker}")
    return (sys.platform == match[2]) == (match[1] == "==")


def _installed(requirement: Requirement) -> bool:
    try:
        version = importlib.metadata.version(requirement.name)
    except importlib.metadata.PackageNotFoundError:
        return False
    return all(_holds(version, operator, bound) for operator, bound in requirement.bounds)


def _holds(version: str, operator: str, bound: str) -> bool:
    have, want = _release(version), _release(bound)
    width = max(len(have), len(want))
    have += (0,) * (width - len(have))
    want += (0,) * (width - len(want))
    return {
        ">=": have >= want, "<=": have <= want, "==": have == want,
        "!=": have != want, "<": have < want, ">": have > want,
    }[operator]  # fmt: skip


def _release(version: str) -> tuple[int, ...]:
    """``5.2.1rc1`` → (5, 2, 1): pre-releases and local parts don't matter to our bounds."""
    match = re.match(r"\d+(\.\d+)*", version)
    return tuple(int(part) for part in match[0].split(".")) if match else (0,)

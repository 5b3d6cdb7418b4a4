"""Which subjects a filter takes: ``*`` is one token, ``>`` at the end is one or more."""

import re
from collections.abc import Callable
from functools import lru_cache

#: Compiled filters kept; a filter is written by a peer, so the cache is bounded.
_CACHE_MAX = 4096


def is_literal(subject_filter: bytes) -> bool:
    """Whether it can only take the subject of the same name."""
    if b"*" not in subject_filter and b">" not in subject_filter:
        return True
    tokens = subject_filter.split(b".")
    return b"*" not in tokens and tokens[-1] != b">"


def literal_prefix(subject_filter: bytes) -> bytes:
    """What every subject it takes begins with."""
    kept: list[bytes] = []
    for token in subject_filter.split(b"."):
        if token in (b"*", b">"):
            return b"".join(part + b"." for part in kept)
        kept.append(token)
    return subject_filter


@lru_cache(_CACHE_MAX)
def matcher(subject_filter: bytes) -> Callable[[bytes], object]:
    """A function that is true for the subjects which the filter takes."""
    if is_literal(subject_filter):
        return subject_filter.__eq__
    *front, last = subject_filter.split(b".")
    parts = [_pattern(token) for token in front]
    parts.append(b".+" if last == b">" else _pattern(last))
    return re.compile(rb"\.".join(parts), re.DOTALL).fullmatch


def _pattern(token: bytes) -> bytes:
    return b"[^.]+" if token == b"*" else re.escape(token)


def covers(wider: bytes, narrower: bytes) -> bool:
    """Whether every subject that ``narrower`` takes is taken by ``wider`` too."""
    wide, narrow = wider.split(b"."), narrower.split(b".")
    for index, token in enumerate(wide):
        if token == b">" and index == len(wide) - 1:
            return len(narrow) > index
        if index >= len(narrow) or (narrow[index] == b">" and index == len(narrow) - 1):
            return False
        if token != b"*" and token != narrow[index]:
            return False
    return len(wide) == len(narrow)

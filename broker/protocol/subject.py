"""Subjects and filters: validity, wildcards, containment. Pure functions on ``bytes``.

A subject is dot-separated tokens, none empty and none holding white space. A filter may hold ``*`` as a whole token
(exactly one token) and end with ``>`` as a whole token (one or more).
Source   NATS subject rules (ADR-6); nats-server ``sublist.go``
"""

_SPACE = (b" ", b"\t", b"\r", b"\n", b"\f")


def has_wildcards(subject: bytes) -> bool:
    """True when a whole token is ``*`` or ``>``; ``foo*`` is a literal."""
    if b"*" not in subject and b">" not in subject:
        return False
    tokens = subject.split(b".")
    return b"*" in tokens or b">" in tokens


def is_valid_filter(subject: bytes) -> bool:
    """What may be subscribed to: no empty token, nothing after ``>``."""
    if not subject or b".." in subject or subject.startswith(b".") or subject.endswith(b"."):
        return False
    return b">" not in subject or b">" not in subject.split(b".")[:-1]


def has_space(subject: bytes) -> bool:
    return any(c in subject for c in _SPACE)


def is_valid_subject(subject: bytes) -> bool:
    """A filter without white space, as it may stand in a configuration or a claim."""
    return is_valid_filter(subject) and not has_space(subject)


def is_valid_literal(subject: bytes) -> bool:
    """A subject that may be published to: no empty token, no wildcard token."""
    tokens = subject.split(b".")
    return b"" not in tokens and b"*" not in tokens and b">" not in tokens


def is_subset(subject: bytes, filter_: bytes) -> bool:
    """True when whatever ``subject`` (a subject or a filter) matches, ``filter_`` matches too."""
    ours, theirs = subject.split(b"."), filter_.split(b".")
    for i, token in enumerate(theirs):
        if i >= len(ours):
            return False
        if token == b">":
            return True
        if ours[i] == b">" or (ours[i] == b"*" and token != b"*"):
            return False
        if token != b"*" and token != ours[i]:
            return False
    return len(ours) == len(theirs)


def matches(filter_: bytes, subject: bytes) -> bool:
    """True when a message published to ``subject`` is delivered to ``filter_``; the subject is plain text."""
    if filter_ == subject:
        return True
    ours, theirs = subject.split(b"."), filter_.split(b".")
    for i, token in enumerate(theirs):
        if i >= len(ours):
            return False
        if token == b">":
            return True
        if token != b"*" and token != ours[i]:
            return False
    return len(ours) == len(theirs)


def overlaps(one: bytes, other: bytes) -> bool:
    """True when some subject matches both filters."""
    ours, theirs = one.split(b"."), other.split(b".")
    for a, b in zip(ours, theirs, strict=False):
        if a == b">" or b == b">":
            return True
        if a != b and a != b"*" and b != b"*":
            return False
    return len(ours) == len(theirs)

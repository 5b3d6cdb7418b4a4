"""Subjects as configurations hold them, text, with nats-server's rules for them and for the names of assets."""

from __future__ import annotations

from broker.protocol import subject as plain

_NOT_IN_NAMES = frozenset(" \t\r\n\f.*>\\/")


def is_asset_name(name: str) -> bool:
    """What a stream or a consumer may be called."""
    return bool(name) and _NOT_IN_NAMES.isdisjoint(name)


def is_valid(subject: str) -> bool:
    """A subject or filter without white space."""
    return plain.is_valid_subject(subject.encode())


def is_literal(subject: str) -> bool:
    """No token is a wildcard; says nothing about validity."""
    return not plain.has_wildcards(subject.encode())


def collide(one: str, other: str) -> bool:
    """Some subject matches both."""
    return plain.overlaps(one.encode(), other.encode())


def is_subset(subject: str, filter_: str) -> bool:
    """``filter_`` matches whatever ``subject`` matches."""
    return plain.is_subset(subject.encode(), filter_.encode())

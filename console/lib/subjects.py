"""Subjects and filters as the broker takes them; ADR-6 and nats-server's subject rules.

A subject is tokens joined by dots; no token is empty, none holds whitespace or control characters. In a filter a token
may be ``*`` (one token) or, as the last, ``>`` (one or more). The text form's limit is in bytes.
"""

SUBJECT_BYTES_MAX = 1024
_FORBIDDEN = frozenset(map(chr, (*range(33), 127)))


def problem_of_filter(subject: str) -> str:
    """Why this isn't a filter, as the end of a sentence; empty when it is one."""
    if problem := _problem(subject):
        return problem
    tokens = subject.split(".")
    if ">" in tokens[:-1]:
        return "may have > only as its last token"
    return ""


def problem_of_literal(subject: str) -> str:
    """Why nothing can be published to this; empty when it can."""
    if problem := _problem(subject):
        return problem
    if any(token in ("*", ">") for token in subject.split(".")):
        return "is published to, so it can't have the wildcards * and >"
    return ""


def _problem(subject: str) -> str:
    if not subject:
        return "must not be empty"
    try:
        if len(subject.encode()) > SUBJECT_BYTES_MAX:
            return f"must have at most {SUBJECT_BYTES_MAX} bytes"
    except UnicodeEncodeError:
        return "must be valid Unicode"
    if not _FORBIDDEN.isdisjoint(subject):
        return "must not have blanks or control characters"
    if "" in subject.split("."):
        return "must not have an empty token (a dot at its start or end, or two together)"
    return ""

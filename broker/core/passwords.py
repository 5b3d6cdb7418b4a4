"""Passwords and tokens of the configuration against what clients bring.

Plain ones are compared at once, in constant time. A bcrypt hash takes up to seconds on purpose, so its check is left to
a worker thread (``Checking``); right answers are remembered, so that a reconnecting crowd pays once.
"""

import hashlib
import hmac
import re
import secrets
from collections.abc import Callable
from typing import Final

from broker.core.auth import Answer, Checking

_BCRYPT: Final = re.compile(r"\$2[abxy]\$[0-9]{2}\$.*", re.DOTALL)
#: bcrypt looks at no more of a password.
_BCRYPT_BYTES: Final = 72
#: Passwords known to match their hash.
_KNOWN_MAX: Final = 4096


def bcrypted(password: str) -> bool:
    """True for a configured password that is a bcrypt hash."""
    return _BCRYPT.fullmatch(password) is not None


class Passwords:
    """What was found right so far; it outlives reloads, as a changed hash is another one."""

    __slots__ = ("_key", "_known")

    def __init__(self) -> None:
        self._key = secrets.token_bytes(32)
        self._known: set[bytes] = set()

    def check(
        self, configured: str, given: str, answer: Callable[[bool], Answer]
    ) -> Answer | Checking:
        """``answer`` of whether they match, now or after some work."""
        if not bcrypted(configured):
            same = hmac.compare_digest(configured.encode(), given.encode("utf-8", "replace"))
            return answer(same)
        mark = self._mark(configured, given)
        if mark in self._known:
            return answer(True)

        def checked(right: bool) -> Answer:
            if right:
                self._remember(mark)
            return answer(right)

        return Checking(lambda: _check_bcrypt(configured, given), checked)

    def _remember(self, mark: bytes) -> None:
        if len(self._known) >= _KNOWN_MAX:
            self._known.clear()
        self._known.add(mark)

    def _mark(self, configured: str, given: str) -> bytes:
        text = configured.encode() + b"\0" + given.encode("utf-8", "replace")
        return hashlib.blake2b(text, key=self._key, digest_size=32).digest()


def _check_bcrypt(configured: str, given: str) -> bool:
    import bcrypt

    try:
        return bcrypt.checkpw(given.encode("utf-8", "replace")[:_BCRYPT_BYTES], configured.encode())
    except ValueError:  # a hash that is none
        return False

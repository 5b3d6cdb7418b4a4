"""Names that nats-server derives from others."""

from hashlib import sha256
from typing import Final

_DIGITS: Final = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"


def short_hash(name: str) -> str:
    """Eight letters and digits."""
    digest = sha256(name.encode()).digest()
    return "".join(_DIGITS[byte % len(_DIGITS)] for byte in digest[:8])

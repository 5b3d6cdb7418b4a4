"""Private keys at rest: sealed with a key that isn't in the database.

Wire     base64url( version 1 ‖ 24-byte nonce ‖ secretbox ) of  context ‖ 0x00 ‖ secret
Source   NaCl secretbox (XSalsa20-Poly1305) by PyNaCl

The context (``"namespace:AB…"``) is inside the box: a row copied over another doesn't open as the other's key.
"""

import base64
import binascii
import secrets

from nacl.exceptions import CryptoError
from nacl.secret import SecretBox

_VERSION = b"\x01"


class SealingError(Exception):
    """A key that isn't one, or a box that doesn't open with it. The message holds no secret."""


def generate_key() -> str:
    """A new sealing key as text: 32 bytes, base64url."""
    return base64.urlsafe_b64encode(secrets.token_bytes(SecretBox.KEY_SIZE)).decode()


class Sealer:
    """Seals and opens with one key, given as text: 32 bytes in base64, base64url or hex."""

    def __init__(self, key: str) -> None:
        self._box = SecretBox(_key_bytes(key))

    def seal(self, secret: str, context: str) -> str:
        boxed = self._box.encrypt(context.encode() + b"\0" + secret.encode())
        return base64.urlsafe_b64encode(_VERSION + bytes(boxed)).decode()

    def open(self, sealed: str, context: str) -> str:
        """Raises SealingError when the key is another one, or the box was made for another context."""
        try:
            raw = base64.urlsafe_b64decode(sealed)
            plain = self._box.decrypt(raw[1:]).decode() if raw[:1] == _VERSION else ""
        except (binascii.Error, ValueError, CryptoError):
            plain = ""
        found, separator, secret = plain.partition("\0")
        if not separator:
            raise SealingError(f"{context}: doesn't open with this sealing key")
        if found != context:
            raise SealingError(f"{context}: sealed for something else")
        return secret


def _key_bytes(key: str) -> bytes:
    try:
        if len(key) == 2 * SecretBox.KEY_SIZE:
            raw = bytes.fromhex(key)
        else:
            raw = base64.b64decode(key.translate(str.maketrans("-_", "+/")), validate=True)
    except (binascii.Error, ValueError):
        raw = b""
    if len(raw) != SecretBox.KEY_SIZE:
        raise SealingError("the sealing key must be 32 bytes in base64 or hex")
    return raw

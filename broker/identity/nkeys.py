"""nkeys: Ed25519 keys that tell by their first letter what they stand for.

Wire     public key: base32(prefix ‖ 32-byte key ‖ crc16), 56 characters, no padding
         seed: base32(0x90 | prefix >> 5 ‖ (prefix & 31) << 3 ‖ 32-byte seed ‖ crc16), 58 characters
         crc16 is CRC-16/XMODEM, little endian
Source   github.com/nats-io/nkeys

PyNaCl is imported at first use: a broker without nkey users never pays for it at start.
"""

import base64
import binascii
import os
from dataclasses import dataclass, field
from typing import Literal, NoReturn, Self

Kind = Literal["operator", "account", "user", "server", "curve"]

#: The prefix byte's upper five bits are the index of the letter that the encoded key begins with.
PREFIXES: dict[Kind, int] = {
    "operator": 14 << 3,
    "account": 0,
    "user": 20 << 3,
    "server": 13 << 3,
    "curve": 23 << 3,
}
_KINDS: dict[int, Kind] = {prefix: kind for kind, prefix in PREFIXES.items()}
_SEED = 18 << 3

PUBLIC_LENGTH = 56
SEED_LENGTH = 58
SIGNATURE_BYTES = 64


class NkeyError(ValueError):
    """A key or seed that is malformed or of the wrong kind. Never contains the seed's text."""


@dataclass(frozen=True, slots=True)
class KeyPair:
    """A private key with its public half. Curve keys (``X…``) have no signatures; ``sign`` raises NkeyError."""

    kind: Kind
    public: str
    _secret: bytes = field(repr=False, compare=False)

    @classmethod
    def generate(cls, kind: Kind) -> Self:
        return cls._from_raw(kind, os.urandom(32))

    @classmethod
    def from_seed(cls, seed: str) -> Self:
        """``seed`` as in a .creds file (``SU…``). Raises NkeyError."""
        kind, raw = _decode_seed(seed)
        return cls._from_raw(kind, raw)

    @classmethod
    def _from_raw(cls, kind: Kind, raw: bytes) -> Self:
        return cls(kind, encode_public(kind, _public_half(kind, raw)), raw)

    @property
    def seed(self) -> str:
        """The secret itself, as text; whoever has it is this key."""
        prefix = PREFIXES[self.kind]
        head = bytes((_SEED | prefix >> 5, (prefix & 31) << 3))
        return _encode(head + self._secret)

    def sign(self, data: bytes) -> bytes:
        """The 64 bytes of the Ed25519 signature."""
        if self.kind == "curve":
            raise NkeyError("curve keys can't sign")
        from nacl import bindings

        _, secret = bindings.crypto_sign_seed_keypair(self._secret)
        return bindings.crypto_sign(data, secret)[:SIGNATURE_BYTES]

    def __str__(self) -> str:
        return self.public

    def __reduce__(self) -> NoReturn:
        raise TypeError("a KeyPair can't be pickled: it holds a secret")


def encode_public(kind: Kind, raw: bytes) -> str:
    """The text form of a 32-byte public key."""
    return _encode(bytes((PREFIXES[kind],)) + raw)


def decode_public(key: str, kind: Kind | None = None) -> bytes:
    """The 32 bytes of a public key, of ``kind`` when given. Raises NkeyError."""
    if len(key) != PUBLIC_LENGTH:
        raise NkeyError("public key: not 56 characters")
    raw = _decode(key, "public key", 33)
    found = _KINDS.get(raw[0])
    if found is None or (kind is not None and found != kind):
        raise NkeyError(f"public key: not {_article(kind)} key")
    return raw[1:]


def is_public(key: str, kind: Kind) -> bool:
    """Whether ``key`` is a well-formed public key of this kind (checksum included)."""
    try:
        decode_public(key, kind)
    except NkeyError:
        return False
    return True


def kind_of(key: str) -> Kind | None:
    """The kind of a well-formed public key; None for anything else."""
    if len(key) != PUBLIC_LENGTH:
        return None
    try:
        return _KINDS.get(_decode(key, "public key", 33)[0])
    except NkeyError:
        return None


def verify(public: str, data: bytes, signature: bytes) -> bool:
    """Whether ``signature`` is this key's over ``data``. A malformed key or signature is simply False."""
    if len(signature) != SIGNATURE_BYTES:
        return False
    try:
        raw = decode_public(public)
    except NkeyError:
        return False
    from nacl import bindings, exceptions

    try:
        bindings.crypto_sign_open(signature + data, raw)
    except exceptions.BadSignatureError:
        return False
    return True


def _public_half(kind: Kind, raw: bytes) -> bytes:
    from nacl import bindings

    if kind == "curve":
        return bindings.crypto_scalarmult_base(raw)
    return bindings.crypto_sign_seed_keypair(raw)[0]


def _decode_seed(seed: str) -> tuple[Kind, bytes]:
    if len(seed) != SEED_LENGTH:
        raise NkeyError("seed: not 58 characters")
    raw = _decode(seed, "seed", 34)
    if raw[0] & 0xF8 != _SEED:
        raise NkeyError("seed: doesn't begin with S")
    kind = _KINDS.get((raw[0] & 7) << 5 | raw[1] >> 3)
    if kind is None:
        raise NkeyError("seed: of an unknown kind")
    return kind, raw[2:]


def _encode(raw: bytes) -> str:
    return base64.b32encode(raw + _crc(raw)).rstrip(b"=").decode()


def _decode(text: str, what: str, length: int) -> bytes:
    try:
        raw = base64.b32decode(text + "=" * (-len(text) % 8))
    except (binascii.Error, ValueError):
        raise NkeyError(f"{what}: not base32") from None
    if len(raw) != length + 2:
        raise NkeyError(f"{what}: not {length + 2} bytes")
    if _crc(raw[:-2]) != raw[-2:]:
        raise NkeyError(f"{what}: wrong checksum")
    return raw[:-2]


def _crc(raw: bytes) -> bytes:
    return binascii.crc_hqx(raw, 0).to_bytes(2, "little")


def _article(kind: Kind | None) -> str:
    if kind is None:
        return "a known"
    return f"an {kind}" if kind[0] in "ao" else f"a {kind}"

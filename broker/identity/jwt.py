"""JSON web tokens as NATS has them: signed with an nkey, verified with the key that stands in ``iss``.

Wire     b64url(header).b64url(claims).b64url(signature), base64 without padding
         header {"typ":"JWT","alg":"ed25519-nkey"}; the signature covers header and claims
         version 1: header {"typ":"jwt","alg":"ed25519"}; ``type`` stands beside ``nats``;
         the signature covers the claims chunk only
Limit    TOKEN_MAX characters
Source   github.com/nats-io/jwt v2: decoder.go, claims.go

Here a token proves only that its issuer signed it. What that issuer may sign is decided elsewhere
(``claims.py``: which kinds of keys; the broker's operator authentication: which keys).
"""

import base64
import binascii
import hashlib
import json
import time
from dataclasses import dataclass
from typing import Any

from broker.identity import nkeys

TOKEN_MAX = 1024 * 1024
VERSION = 2
ALGORITHM = "ed25519-nkey"
ALGORITHM_V1 = "ed25519"

#: The kinds of key that may sign each type of claims; a type that isn't here may be signed by any.
ISSUERS: dict[str, tuple[nkeys.Kind, ...]] = {
    "operator": ("operator",),
    "account": ("operator", "account"),
    "user": ("account",),
    "activation": ("account", "operator"),
    "authorization_request": ("server",),
    "authorization_response": ("account",),
}

#: As nsc writes them; what else there is follows.
_ORDER = ("aud", "exp", "jti", "iat", "iss", "name", "nbf", "sub")
_INT64_MAX = 2**63 - 1


class JwtError(ValueError):
    """A token that is malformed, or not signed by whom it names. The message has the reason and no token."""


@dataclass(frozen=True, slots=True)
class Decoded:
    """A token whose signature holds. ``claims`` is the JSON object as sent; times are Unix seconds, 0 = absent."""

    claims: dict[str, Any]
    type: str
    version: int
    issuer: str
    subject: str
    name: str
    audience: str
    jti: str
    issued_at: int
    expires_at: int
    not_before: int

    @property
    def body(self) -> dict[str, Any]:
        """The ``nats`` object."""
        body = self.claims.get("nats")
        return body if isinstance(body, dict) else {}

    def expired(self, now_s: float) -> bool:
        return 0 < self.expires_at <= now_s

    def not_yet_valid(self, now_s: float) -> bool:
        return self.not_before > now_s


def encode(claims: dict[str, Any], signer: nkeys.KeyPair, *, now_s: float | None = None) -> str:
    """Signs ``claims`` with ``signer``, which becomes ``iss``; ``jti`` is made anew, ``iat`` when absent or 0."""
    filled = {key: value for key, value in claims.items() if key not in ("jti", "iss", "iat")}
    filled["iss"] = signer.public
    filled["iat"] = claims.get("iat") or int(time.time() if now_s is None else now_s)
    filled["jti"] = _jti(filled)
    ordered = {key: filled[key] for key in _ORDER if key in filled} | filled
    signed = _chunk({"typ": "JWT", "alg": ALGORITHM}) + "." + _chunk(ordered)
    token = signed + "." + _base64(signer.sign(signed.encode()))
    if len(token) > TOKEN_MAX:
        raise JwtError(f"token: longer than {TOKEN_MAX} characters")
    return token


def decode(token: str) -> Decoded:
    """Checks form, signature and the kind of the signing key. Times are the caller's to judge. Raises JwtError."""
    decoded, signed, signature = _read(token)
    if not nkeys.verify(decoded.issuer, signed, signature):
        raise JwtError("signature: doesn't verify")
    return decoded


def decode_unverified(token: str) -> Decoded:
    """As ``decode`` without the signature check: only for tokens that this program has verified and stored itself."""
    return _read(token)[0]


def _read(token: str) -> tuple[Decoded, bytes, bytes]:
    if len(token) > TOKEN_MAX:
        raise JwtError(f"token: longer than {TOKEN_MAX} characters")
    chunks = token.split(".")
    if len(chunks) != 3 or not token.isascii():
        raise JwtError("token: expected 3 chunks")
    version = _header_version(_object(chunks[0], "header"))
    decoded = _decoded(_object(chunks[1], "claims"))
    if version == 1 and decoded.version > 1:
        raise JwtError("header: version 1 around claims of version 2")
    signed = chunks[1] if decoded.version <= 1 else chunks[0] + "." + chunks[1]
    _check_issuer(decoded)
    return decoded, signed.encode(), _unbase64(chunks[2], "signature")


def _header_version(header: dict[str, Any]) -> int:
    if _text(header, "typ").upper() != "JWT":
        raise JwtError("header: typ isn't JWT")
    match _text(header, "alg").lower():
        case "ed25519-nkey":
            return 2
        case "ed25519":
            return 1
    raise JwtError("header: alg isn't ed25519-nkey")


def _decoded(claims: dict[str, Any]) -> Decoded:
    body = claims.get("nats")
    if body is not None and not isinstance(body, dict):
        raise JwtError("nats: not an object")
    old_type = _text(claims, "type")
    kind = old_type or _text(body or {}, "type", "nats.type")
    version = 1 if old_type else _integer(body or {}, "version", "nats.version")
    if version > VERSION:
        raise JwtError(f"nats.version: {version} is newer than {VERSION}")
    return Decoded(
        claims, kind, version,
        issuer=_text(claims, "iss"),
        subject=_text(claims, "sub"),
        name=_text(claims, "name"),
        audience=_text(claims, "aud"),
        jti=_text(claims, "jti"),
        issued_at=_integer(claims, "iat"),
        expires_at=_integer(claims, "exp"),
        not_before=_integer(claims, "nbf"),
    )  # fmt: skip


def _check_issuer(decoded: Decoded) -> None:
    allowed = ISSUERS.get(decoded.type)
    kind = nkeys.kind_of(decoded.issuer)
    if kind is None:
        raise JwtError("iss: not a public key")
    if allowed is not None and kind not in allowed:
        raise JwtError(f"iss: {decoded.type} claims can't be signed by a key of kind {kind}")
    if not decoded.subject:
        raise JwtError("sub: missing")


def _object(chunk: str, where: str) -> dict[str, Any]:
    raw = _unbase64(chunk, where)
    try:
        value = json.loads(raw, parse_constant=_refuse_constant)
        if b"\\u" in raw:
            json.dumps(value, ensure_ascii=False).encode()  # a lone surrogate is no text
    except (ValueError, RecursionError) as error:
        raise JwtError(f"{where}: not JSON") from error
    if not isinstance(value, dict):
        raise JwtError(f"{where}: not a JSON object")
    return value


def _refuse_constant(name: str) -> None:
    raise ValueError(f"{name} is not JSON")


def _text(data: dict[str, Any], key: str, where: str = "") -> str:
    value = data.get(key)
    if value is None:
        return ""
    if not isinstance(value, str):
        raise JwtError(f"{where or key}: not a string")
    return value


def _integer(data: dict[str, Any], key: str, where: str = "") -> int:
    value = data.get(key)
    if value is None:
        return 0
    if type(value) is not int or abs(value) > _INT64_MAX:
        raise JwtError(f"{where or key}: not a 64-bit integer")
    return value


def _jti(claims: dict[str, Any]) -> str:
    digest = hashlib.new("sha512_256", json.dumps(claims, separators=(",", ":")).encode()).digest()
    return base64.b32encode(digest).rstrip(b"=").decode()


def _chunk(value: dict[str, Any]) -> str:
    return _base64(json.dumps(value, separators=(",", ":"), ensure_ascii=False).encode())


def _base64(raw: bytes) -> str:
    return base64.urlsafe_b64encode(raw).rstrip(b"=").decode()


def _unbase64(chunk: str, where: str) -> bytes:
    try:
        return base64.b64decode(chunk + "=" * (-len(chunk) % 4), altchars=b"-_", validate=True)
    except (binascii.Error, ValueError) as error:
        raise JwtError(f"{where}: not base64") from error

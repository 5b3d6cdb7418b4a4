"""TLS for NATS clients: INFO in clear and then the handshake, or the handshake first.

Wire     INFO with tls_required, then the client's ClientHello; with ``handshake_first`` the ClientHello comes first
Answers  a connection whose handshake fails is told so by TLS; one that takes longer than ``timeout`` is just closed
Source   nats-server ``client.go`` (doTLSServerHandshake), ``auth.go`` (checkClientTLSCertSubject)
"""

import asyncio
import hashlib
import logging
import os
import socket
import ssl
from dataclasses import dataclass, replace
from typing import Any, Final, cast

from broker.core.auth import Peer, PeerTls
from broker.core.server import Server
from broker.net import hello
from broker.net.connection import Connection
from broker.net.handshake import Handshake, log_end
from broker.protocol.errors import Reason

log = logging.getLogger(__name__)

#: Bytes that may come between the handshake's end and the moment when it is known here.
_EARLY_MAX: Final = 1024 * 1024
_VERSIONS: Final = {"1.2": ssl.TLSVersion.TLSv1_2, "1.3": ssl.TLSVersion.TLSv1_3}
#: OpenSSL's long names of what a distinguished name holds, as RFC 2253 shortens them.
_SHORT: Final = {
    "commonName": "CN", "organizationName": "O", "organizationalUnitName": "OU", "countryName": "C",
    "localityName": "L", "stateOrProvinceName": "ST", "domainComponent": "DC",
}  # fmt: skip


class TlsError(Exception):
    """Certificates that can't be used; the sentence names the file where it can."""


@dataclass(frozen=True, slots=True)
class TlsRules:
    """A ``tls`` block as far as listeners need it; files are named, times seconds."""

    certs: tuple[tuple[str, str], ...]
    ca_file: str = ""
    verify: bool = False
    min_version: str = ""
    handshake_first: bool = False
    #: Clients may go on without TLS (``allow_non_tls``).
    optional: bool = False
    timeout_s: float = 2.0


def context_of(rules: TlsRules) -> ssl.SSLContext:
    """Raises TlsError."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.sslobject_class = Handshake
    context.minimum_version = _VERSIONS.get(rules.min_version, ssl.TLSVersion.TLSv1_2)
    load(context, rules)
    try:
        if rules.ca_file:
            context.load_verify_locations(rules.ca_file)
    except (OSError, ssl.SSLError) as error:
        raise TlsError(f"error parsing CA file {rules.ca_file}: {error}") from error
    if rules.verify:
        context.verify_mode = ssl.CERT_REQUIRED
    return context


def load(context: ssl.SSLContext, rules: TlsRules) -> None:
    """Reads certificates and keys, also anew into a context that is in use. Raises TlsError."""
    for cert, key in rules.certs:
        try:
            context.load_cert_chain(cert, key)
        except (OSError, ssl.SSLError) as error:
            raise TlsError(f"error parsing X509 certificate/key pair: {cert}: {error}") from error


def certificate_names(certificate: dict[str, Any]) -> tuple[str, ...]:
    """What ``verify_and_map`` looks up, in its order: e-mail, DNS and URI names, then the subject as in RFC 2253."""
    alternatives: tuple[tuple[str, str], ...] = certificate.get("subjectAltName", ())
    names = [
        value for kind in ("email", "DNS", "URI") for own, value in alternatives if own == kind
    ]
    parts = [
        f"{_SHORT.get(name, name)}={value}"
        for relative in certificate.get("subject", ())
        for name, value in relative
    ]
    subject = [",".join(reversed(parts)), ",".join(parts)] if parts else []
    return tuple(dict.fromkeys([*names, *subject]))


def peer_tls(transport: asyncio.BaseTransport, *, first: bool) -> PeerTls | None:
    """What monitoring shows of a secured transport; None for one in clear."""
    secured = transport.get_extra_info("ssl_object")
    if secured is None:
        return None
    cipher = secured.cipher() or ("", "", 0)
    version = (secured.version() or "").removeprefix("TLSv")
    der = secured.getpeercert(binary_form=True)
    shown = (_shown_certificate(secured.getpeercert() or {}, der),) if der else ()
    return PeerTls(version, iana_cipher(cipher[0]), first, shown)


def _shown_certificate(certificate: dict[str, Any], der: bytes) -> tuple[tuple[str, str], ...]:
    subject = certificate_names({"subject": certificate.get("subject", ())})
    return (
        *((("subject", subject[0]),) if subject else ()),
        ("cert_sha256", hashlib.sha256(der).hexdigest()),
    )


def iana_cipher(name: str) -> str:
    """``ECDHE-RSA-AES128-GCM-SHA256`` → ``TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256``; names of TLS 1.3 are IANA's."""
    if name.startswith("TLS_"):
        return name
    exchange, _, rest = name.partition("-AES") if "-AES" in name else name.partition("-CHACHA")
    if not rest:
        return name
    if "-CHACHA" in name:
        return f"TLS_{exchange.replace('-', '_')}_WITH_CHACHA20_POLY1305_SHA256"
    return f"TLS_{exchange.replace('-', '_')}_WITH_AES_{rest[:3]}_{rest[3:].strip('-').replace('-', '_')}"


class TlsConnection(Connection):
    """A NATS client under TLS, or one that may choose. ``secured``: the listener has done the handshake."""

    __slots__ = ("_context", "_early", "_held", "_negotiation", "_rules", "_secured")

    def __init__(
        self,
        server: Server,
        loop: asyncio.AbstractEventLoop,
        rules: TlsRules,
        context: ssl.SSLContext,
        secured: bool = False,
    ) -> None:
        super().__init__(server, loop)
        self._rules = rules
        self._context = context
        self._secured = secured
        self._negotiation: asyncio.Task[None] | None = None
        #: True while it isn't known how the peer begins, or a handshake is under way: no NATS is read.
        self._held = False
        self._early = b""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        if self._secured:
            super().connection_made(transport)
            return
        clear = cast(asyncio.Transport, transport)
        self.attach(clear)
        self._held = True
        self._negotiation = self.loop.create_task(self._negotiate(clear))

    def peer(self) -> Peer:
        return replace(super().peer(), **self._secured_peer())

    def _secured_peer(self) -> dict[str, Any]:
        assert self.transport is not None  # attached before it begins
        certificate = self.transport.get_extra_info("peercert") or {}
        return {
            "certificate_names": certificate_names(certificate),
            "tls": peer_tls(self.transport, first=self._secured),
        }

    async def _negotiate(self, clear: asyncio.Transport) -> None:
        """INFO, and what follows from the peer's first byte."""
        clear.pause_reading()
        self.begin()
        super().flush()
        assert self.client is not None  # begun
        try:
            if self.client.closed:
                return
            if self._rules.optional and not await self._hello_comes(clear):
                self._go_on()
                clear.resume_reading()
            else:
                await self._secure(clear)
        except (OSError, ssl.SSLError) as error:
            self._refuse(clear, error)
        finally:
            self._negotiation = None

    async def _hello_comes(self, clear: asyncio.Transport) -> bool:
        """Looked at through a second descriptor: the loop doesn't watch a transport's own."""
        own = socket.socket(fileno=os.dup(clear.get_extra_info("socket").fileno()))
        try:
            return await hello.hello_comes(self.loop, own, None)
        finally:
            own.close()

    def _go_on(self) -> None:
        """NATS from here on, with what came early."""
        self._held = False
        self.flush()
        early, self._early = self._early, b""
        if early:
            super().read(memoryview(early))

    async def _secure(self, clear: asyncio.Transport) -> None:
        """What is queued has been written; from here to the handshake's end nothing can be read in between."""
        clear.resume_reading()  # which the change of protocols stops again, before anything is read
        secured = await self.loop.start_tls(
            clear, self, self._context, server_side=True, ssl_handshake_timeout=self._rules.timeout_s,
        )  # fmt: skip
        if secured is None or self.client is None:
            return
        self.attach(secured)
        self.client.peer = replace(self.client.peer, **self._secured_peer())
        self._go_on()

    def read(self, block: memoryview) -> None:
        """What comes in the turn of the handshake's end waits until the certificate is known."""
        if not self._held:
            super().read(block)
        elif len(self._early) + len(block) > _EARLY_MAX:
            self.abort()
        else:
            self._early += bytes(block)

    def _refuse(self, clear: asyncio.Transport, error: Exception) -> None:
        log_end(error)
        self._held = False
        if self.client is not None:
            self.server.close_client(self.client, Reason.TLS_HANDSHAKE, flush=False)
        clear.abort()

    def flush(self) -> None:
        if not self._held:
            super().flush()

    def finish(self) -> None:
        """Nothing is said in clear once the handshake has begun."""
        if not self._held:
            super().finish()
        else:
            self.abort()

    def connection_lost(self, exc: Exception | None) -> None:
        if self._negotiation is not None:
            self._negotiation.cancel()
        super().connection_lost(exc)

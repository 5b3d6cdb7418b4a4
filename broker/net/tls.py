"""TLS for NATS clients: INFO in clear and then the handshake, or the handshake first.

Wire     INFO with tls_required, then the client's ClientHello; with ``handshake_first`` the ClientHello comes first
Answers  a connection whose handshake fails or takes longer than ``timeout`` is closed without a word
Source   nats-server ``client.go`` (doTLSServerHandshake), ``auth.go`` (checkClientTLSCertSubject)
"""

import asyncio
import logging
import ssl
from dataclasses import dataclass, replace
from typing import Any, Final, cast

from broker.core.auth import Peer
from broker.core.server import Server
from broker.net.connection import Connection
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
    timeout_s: float = 2.0


def context_of(rules: TlsRules) -> ssl.SSLContext:
    """Raises TlsError."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
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


class TlsConnection(Connection):
    """A NATS client under TLS."""

    __slots__ = ("_context", "_early", "_handshake", "_rules")

    def __init__(
        self,
        server: Server,
        loop: asyncio.AbstractEventLoop,
        rules: TlsRules,
        context: ssl.SSLContext,
    ) -> None:
        super().__init__(server, loop)
        self._rules = rules
        self._context = context
        self._handshake: asyncio.Task[None] | None = None
        self._early = b""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        if self._rules.handshake_first:  # the listener has done it
            super().connection_made(transport)
            return
        clear = cast(asyncio.Transport, transport)
        self.attach(clear)
        self._handshake = self.loop.create_task(self._secure(clear))

    def peer(self) -> Peer:
        assert self.transport is not None  # attached before it begins
        certificate = self.transport.get_extra_info("peercert") or {}
        return replace(super().peer(), certificate_names=certificate_names(certificate))

    async def _secure(self, clear: asyncio.Transport) -> None:
        """INFO and the change of protocols in one step: nothing can be read in between."""
        self.begin()
        assert self.client is not None  # begun
        super().flush()
        if self.client.closed:
            return
        try:
            secured = await self.loop.start_tls(
                clear, self, self._context, server_side=True,
                ssl_handshake_timeout=self._rules.timeout_s,
            )  # fmt: skip
        except (OSError, ssl.SSLError) as error:
            self._refuse(clear, error)
            return
        self._handshake = None
        if secured is None:
            return
        self.attach(secured)
        names = certificate_names(secured.get_extra_info("peercert") or {})
        self.client.peer = replace(self.client.peer, certificate_names=names)
        self.flush()
        early, self._early = self._early, b""
        if early:
            super().read(memoryview(early))

    def read(self, block: memoryview) -> None:
        """What comes in the turn of the handshake's end waits until the certificate is known."""
        if self._handshake is None:
            super().read(block)
        elif self.client is None or len(self._early) + len(block) > _EARLY_MAX:
            self.abort()
        else:
            self._early += bytes(block)

    def _refuse(self, clear: asyncio.Transport, error: Exception) -> None:
        log.error("TLS handshake error: %s", error)
        self._handshake = None
        if self.client is not None:
            self.server.close_client(self.client, Reason.TLS_HANDSHAKE, flush=False)
        clear.abort()

    def flush(self) -> None:
        if self._handshake is None:
            super().flush()

    def finish(self) -> None:
        """Nothing is said in clear once the handshake has begun."""
        if self._handshake is None:
            super().finish()
        else:
            self.abort()

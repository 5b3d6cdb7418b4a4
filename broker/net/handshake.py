"""The server's side of a TLS handshake, whose failure the peer is told.

The event loops close a connection whose handshake fails before they have sent the alert with which OpenSSL says why; a
client then sees a connection that just ends.
"""

import logging
import ssl

log = logging.getLogger(__name__)


class Handshake(ssl.SSLObject):
    """A failure is logged, and counts as a wait for more at first, upon which the loop sends the alert. It is raised
    when the loop tries again; the peer's end or the time limit of handshakes may come before that."""

    _failure: ssl.SSLError | None = None

    def do_handshake(self) -> None:
        if self._failure is not None:
            raise self._failure
        try:
            super().do_handshake()
        except (ssl.SSLWantReadError, ssl.SSLWantWriteError, ssl.SSLEOFError):
            raise
        except ssl.SSLError as error:
            log.error("TLS handshake error: %s", error)
            self._failure = error
            raise ssl.SSLWantReadError from error


def log_end(error: Exception) -> None:
    """How a handshake ended that didn't succeed: what OpenSSL said of it stands in the log already."""
    if not isinstance(error, ssl.SSLError) or isinstance(error, ssl.SSLEOFError):
        log.error("TLS handshake error: %s", str(error) or "EOF")

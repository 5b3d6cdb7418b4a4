"""The system account has all streams of one account deleted (``jsLeaderAccountPurgeRequest``).

Wire    ``$JS.API.ACCOUNT.PURGE.<account>`` → ``{"type": …account_purge_response, "initiated": true}``, also when there
        is no such account; a stream that can't be deleted is an error. Other accounts hear nothing.
"""

import logging
from typing import TYPE_CHECKING, Any, Final

from broker.core.account import Account
from broker.core.message import Message
from broker.jetstream import catalog, errors, json_form

if TYPE_CHECKING:
    from broker.jetstream.account import JetStreamAccount
    from broker.jetstream.engine import JetStream

log = logging.getLogger("broker")

_SUBJECT: Final = b"$JS.API.ACCOUNT.PURGE."
_TYPE: Final = "io.nats.jetstream.api.v1.account_purge_response"


def serve(engine: "JetStream", system: Account) -> None:
    def receive(message: Message) -> None:
        if message.reply and not engine.closed:
            _Purge(engine, system, message).begin()

    system.subscribe(_SUBJECT + b"*", receive)


class _Purge:
    """Of one request: it is answered when the last stream is gone."""

    def __init__(self, engine: "JetStream", system: Account, message: Message) -> None:
        self._engine, self._system, self._message = engine, system, message
        self._name = message.subject[len(_SUBJECT) :].decode(errors="replace")
        #: Deletions that are under way, and the beginning itself: a deletion may end before the next one is begun.
        self._left = 1
        self._error: OSError | None = None

    def begin(self) -> None:
        if set(self._name) & set("\\/"):
            text = "account name can not contain path separators"
            self._respond({"error": errors.STREAM_GENERAL_ERROR(err=text).to_json()})
            return
        account = self._engine.accounts.get(self._name)
        streams = list(account.streams.values()) if account is not None else []
        log.info("Purge request for account %s (streams: %d, hasAccount: %s)", self._name, len(streams),
                 str(self._name in self._engine.server.accounts).lower())  # fmt: skip
        unopened = self._unopened(account)
        self._left += len(streams) + len(unopened)
        for stream in streams:
            stream.delete(self._gone)
        for directory in unopened:
            job = catalog.RemoveJob(self._engine.environment.disk, directory)
            self._engine.run_job(job, self._gone)
        self._gone(None)

    def _unopened(self, account: "JetStreamAccount | None") -> list[str]:
        """Directories of streams that nobody has opened: those that can't be, or all of an unknown account's."""
        if account is None:
            return [f"{self._engine.environment.directory}/{catalog.directory_name(self._name)}"]
        names = list(account.unreadable)
        account.unreadable.clear()
        return [f"{account.directory}/{catalog.STREAMS}/{name}" for name in names]

    def _gone(self, error: OSError | None) -> None:
        self._error = self._error or error
        self._left -= 1
        if not self._left:
            self._finish()

    def _finish(self) -> None:
        if self._error is not None:
            text = f"{self._error.strerror or self._error}"
            self._respond({"error": errors.STREAM_DELETE(err=text).to_json()})
        else:
            self._respond({"initiated": True})

    def _respond(self, fields: dict[str, Any]) -> None:
        self._system.publish(self._message.reply, json_form.dumps({"type": _TYPE, **fields}))

"""JetStream of one server: its accounts, the turn that commits what was staged, recovery at the start.

a message → Stream.receive: checked, staged, the stream is touched
end of the turn → JetStream._turn: one commit per touched stream, each in a worker thread
job done → Stream: acknowledgements, consumers, and the next commit if more was staged meanwhile
"""

import logging
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from functools import partial
from random import Random
from typing import TYPE_CHECKING, Final

from broker.core.account import Account
from broker.core.server import Server
from broker.jetstream import account_purge, catalog
from broker.jetstream.account import JetStreamAccount
from broker.jetstream.environment import Done, Environment, Timer
from broker.storage.store import Job

if TYPE_CHECKING:
    from broker.jetstream.stream import Stream

log = logging.getLogger("broker")

_LETTERS: Final = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"


#: API requests that may wait at a time, unless the configuration says otherwise.
QUEUE_LIMIT: Final = 10_000
DEFAULT_MAX_CONSUMERS: Final = 1000
BUFFERED_MSGS: Final = 100_000
BUFFERED_BYTES: Final = 128 * 1024 * 1024


@dataclass(slots=True)
class JetStreamOptions:
    """As the configuration has them; sizes in bytes, -1 = none set."""

    domain: str = ""
    max_memory: int = -1
    max_store: int = -1
    #: Unknown fields of requests are refused.
    strict: bool = True
    #: Seconds between syncs; 0 = before each acknowledgement.
    sync_interval_s: float = 0.0
    #: API requests that may wait for the disk at a time.
    request_queue_limit: int = QUEUE_LIMIT
    max_ack_pending: int = 0
    max_request_batch: int = 0
    #: Of a stream, when neither its own limit nor the account's says how many; -1 = without limit.
    default_max_consumers: int = DEFAULT_MAX_CONSUMERS
    duplicate_window_ns: int = 0
    #: What a stream may hold that isn't on disk yet; publishes beyond are refused.
    max_buffered_msgs: int = BUFFERED_MSGS
    max_buffered_bytes: int = BUFFERED_BYTES


class JetStream:
    """One per server. ``start`` when all accounts that are known at the start have their limits."""

    def __init__(self, server: Server, environment: Environment, options: JetStreamOptions) -> None:
        self.server = server
        self.environment = environment
        self.options = options
        self.now_ns = environment.now_ns
        self.random: Random = environment.random
        self.accounts: dict[str, JetStreamAccount] = {}
        self.api_total = self.api_errors = self.api_pending = self.api_dropped = 0
        #: Bytes of all streams now.
        self.memory_bytes = self.store_bytes = 0
        #: Atomic batches that aren't committed yet.
        self.open_batches = 0
        #: Fast batches that go on.
        self.open_fast_batches = 0
        self.closed = False
        #: Told the account whose directory was found at the start; its claims may still have to be read.
        self.find_account: Callable[[str], Account | None] = server.accounts.get
        #: Told such an account too: whether it was deleted for good while this server was away.
        self.is_deleted: Callable[[str], bool] = _never
        self._system: Account | None = None
        self._started = False
        self._touched: list[Stream] = []
        server.on_account.append(self.account_changed)
        server.on_account_gone.append(self._account_gone)

    # Accounts ---------------------------------------------------------------------------------------

    def start(self) -> None:
        """Opens every stream that is on disk; blocks. What can't be read is logged and left where it is."""
        for account in tuple(self.server.accounts.values()):
            self.account_changed(account)
        root = self.environment.directory
        for name in self.environment.disk.names(root):
            if name.endswith(catalog.REMOVED):
                self.environment.disk.remove_tree(f"{root}/{name}")
                continue
            self._recover(name)
        self._started = True

    def _recover(self, directory_name: str) -> None:
        directory = f"{self.environment.directory}/{directory_name}"
        try:
            name = str(catalog.read_meta(self.environment.disk, directory)["name"])
        except (OSError, KeyError, catalog.DamagedMeta) as error:
            log.error("JetStream: %s isn't an account's directory: %s", directory, error)
            return
        account = self.find_account(name)
        found = self.accounts.get(name)
        if account is None and self.is_deleted(name):
            log.info("JetStream: account %s was deleted, its streams are removed", name)
            catalog.RemoveJob(self.environment.disk, directory).run()
            return
        if account is None or found is None:
            log.warning("JetStream: account %s is not known, its streams stay closed", name)
            return
        found.recover()

    def account_changed(self, account: Account) -> None:
        if account is self.server.system_account or account.is_system:
            if self._system is not account:
                self._system = account
                account_purge.serve(self, account)
            return
        found = self.accounts.get(account.name)
        if found is None:
            found = self.accounts[account.name] = JetStreamAccount(self, account)
            if self._started:  # its claims came, or hold again, after the start
                found.recover()
        else:
            found.terms_changed()

    def _account_gone(self, name: str, deleted: bool) -> None:
        found = self.accounts.pop(name, None)
        if deleted:
            remove = partial(self._remove, name)
            if found is not None:
                found.delete(remove)
            else:
                remove()
        elif found is not None:
            found.close()

    def _remove(self, name: str) -> None:
        directory = f"{self.environment.directory}/{catalog.directory_name(name)}"
        job = catalog.RemoveJob(self.environment.disk, directory)
        self.run_job(job, partial(_report_removal, name))

    def streams(self) -> Iterable["Stream"]:
        for account in tuple(self.accounts.values()):
            yield from tuple(account.streams.values())

    # The turn ---------------------------------------------------------------------------------------

    def touched(self, stream: "Stream") -> None:
        """``stream`` has something to commit or to announce at the end of this turn."""
        if not self._touched:
            self.environment.soon(self._turn)
        self._touched.append(stream)

    def _turn(self) -> None:
        touched, self._touched = self._touched, []
        for stream in touched:
            stream.turn()

    # For streams and consumers ----------------------------------------------------------------------

    def after(self, seconds: float, callback: Callable[[], None]) -> Timer:
        return self.environment.after(seconds, callback)

    def soon(self, callback: Callable[[], None]) -> None:
        self.environment.soon(callback)

    def run_job(self, job: Job, done: Done) -> None:
        self.environment.run(job, done)

    def random_bytes(self, size: int) -> bytes:
        return self.environment.random_bytes(size)

    def unique(self, length: int = 22) -> str:
        """Letters and digits that nobody can guess."""
        return "".join(_LETTERS[byte % len(_LETTERS)] for byte in self.random_bytes(length))

    nuid = unique

    # The end ----------------------------------------------------------------------------------------

    def stop(self) -> None:
        """Nothing is taken any more; what was acknowledged is on disk. Blocks for the last sync."""
        self.closed = True
        for account in tuple(self.accounts.values()):
            account.close()
        self.accounts.clear()


def _never(_name: str) -> bool:
    """Nobody says that an account was deleted."""
    return False


def _report_removal(account: str, error: OSError | None) -> None:
    if error is not None:
        log.error("JetStream: the streams of account %s can't be removed: %s", account, error)

"""JetStream in this process: where it keeps its files, the threads that write them, the loop's turns and timers."""

import asyncio
import logging
import os
import secrets
import shutil
import tempfile
import time
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path
from random import SystemRandom
from typing import Any, Final

from broker.app.workers import Workers
from broker.config.options import Config
from broker.core.account import Account
from broker.core.server import Server
from broker.jetstream.account import sync_words
from broker.jetstream.engine import (
    BUFFERED_BYTES,
    BUFFERED_MSGS,
    DEFAULT_MAX_CONSUMERS,
    QUEUE_LIMIT,
    JetStream,
    JetStreamOptions,
)
from broker.jetstream.environment import Environment
from broker.jetstream.report import Report, Unknown
from broker.monitor.facts import HealthProblem
from broker.monitor.options import BadRequest, Values
from broker.storage.disk import OsDisk

log = logging.getLogger("broker")

_NS: Final = 1_000_000_000
_DIRECTORY: Final = "jetstream"


def store_directory(config: Config) -> str:
    base = config.jetstream.store_dir
    if not base:
        base = str(Path(tempfile.gettempdir()) / "nats")
        log.warning("Temporary storage directory used, data could be lost on system reboot")
    return str(Path(base).absolute() / _DIRECTORY)


def _make_directory(directory: str) -> None:
    """Raises OSError with nats-server's sentence when nothing can be kept there (``jetstream.go``)."""
    try:
        Path(directory).mkdir(mode=0o700, parents=True, exist_ok=True)
    except (FileExistsError, NotADirectoryError):
        raise OSError("storage directory is not a directory") from None
    except OSError as error:
        text = f"mkdir {directory}: {error.strerror or error}"
        raise OSError(f"could not create storage directory - {text}") from error
    if not os.access(directory, os.W_OK | os.X_OK):
        raise OSError("storage directory is not writable")


def options_of(config: Config, directory: str) -> JetStreamOptions:
    given = config.jetstream
    memory, store = given.max_memory_store, given.max_file_store
    return JetStreamOptions(
        domain=given.domain,
        max_memory=memory if memory >= 0 else _memory() // 4 * 3,
        max_store=store if store >= 0 else _room(directory),
        strict=given.strict,
        sync_interval_s=given.sync_interval,
        request_queue_limit=given.request_queue_limit or QUEUE_LIMIT,
        max_ack_pending=given.max_ack_pending,
        max_request_batch=given.max_request_batch,
        default_max_consumers=given.default_max_consumers or DEFAULT_MAX_CONSUMERS,
        duplicate_window_ns=int(given.duplicate_window * _NS),
        max_buffered_msgs=given.max_buffered_msgs or BUFFERED_MSGS,
        max_buffered_bytes=given.max_buffered_size or BUFFERED_BYTES,
    )


def _memory() -> int:
    return os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE")


def _room(directory: str) -> int:
    """Three quarters of what is free on the disk that ``directory`` is or will be on."""
    path = Path(directory)
    while not path.exists():
        path = path.parent
    return shutil.disk_usage(path).free // 4 * 3


class JetStreamService:
    """JetStream of a running server, also as monitoring asks it."""

    def __init__(
        self,
        server: Server,
        config: Config,
        find_account: Callable[[str], Account | None],
        is_deleted: Callable[[str], bool],
    ) -> None:
        """Opens the streams, which blocks. Raises OSError when the directory can't be used."""
        loop = asyncio.get_running_loop()
        directory = store_directory(config)
        _make_directory(directory)
        self._workers = Workers(loop)
        environment = Environment(
            OsDisk(), directory, time.time_ns, loop.call_later, partial(_soon, loop), self._workers.run,
            SystemRandom(), secrets.token_bytes,
        )  # fmt: skip
        self.engine = JetStream(server, environment, options_of(config, directory))
        self.engine.find_account, self.engine.is_deleted = find_account, is_deleted
        self._report = Report(self.engine)
        _describe(self.engine, directory)
        began = time.monotonic()
        self.engine.start()
        log.info("  JetStream was ready in %.3fs", time.monotonic() - began)

    async def stop(self) -> None:
        """While clients are still there: what they published is acknowledged."""
        self.engine.stop()
        await self._workers.drain()
        log.info("JetStream Shutdown")

    # Monitoring -------------------------------------------------------------------------------------

    def varz(self) -> dict[str, Any]:
        return self._report.varz()

    def jsz(self, options: Values) -> dict[str, Any]:
        return self._report.jsz(options)

    def account_detail(self, account: str, options: Values) -> dict[str, Any]:
        """Raises BadRequest."""
        try:
            return self._report.account_detail(account, options)
        except Unknown as error:
            raise BadRequest(str(error)) from error

    def problems(self, account: str, stream: str, consumer: str) -> Iterator[HealthProblem]:
        for found in self._report.problems(account, stream, consumer):
            yield HealthProblem(*found, status=404 if " not found" in found.error else 503)


def _soon(loop: asyncio.AbstractEventLoop, callback: Callable[[], None]) -> None:
    loop.call_soon(callback)


def _describe(engine: JetStream, directory: str) -> None:
    options = engine.options
    log.info("Starting JetStream")
    log.info("---------------- JETSTREAM ----------------")
    log.info("  Strict:          %s", str(options.strict).lower())
    log.info("  Max Memory:      %.2f GB", options.max_memory / 1024**3)
    log.info("  Max Storage:     %.2f GB", options.max_store / 1024**3)
    log.info('  Store Directory: "%s"', directory)
    if options.domain:
        log.info("  Domain:          %s", options.domain)
    log.info("  Sync Interval:   %s", sync_words(options.sync_interval_s))
    log.info("-------------------------------------------")

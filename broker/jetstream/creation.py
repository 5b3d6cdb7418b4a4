"""Streams come into being: asked for, or found on disk at the start."""

import logging
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

from broker.jetstream import catalog, errors, stream_rules, versions
from broker.jetstream.environment import Done
from broker.jetstream.limits import ConfigLimits
from broker.jetstream.stream import Stream
from broker.jetstream.stream_config import StreamConfig
from broker.storage.disk import Disk
from broker.storage.file_store import FileStore
from broker.storage.memory_store import MemoryStore
from broker.storage.store import StreamStore

if TYPE_CHECKING:
    from broker.jetstream.account import JetStreamAccount

log = logging.getLogger("broker")

MESSAGES: Final = "messages"
#: Makes the directory of each creation its own, so that a stream never meets the files of its predecessor.
_MARK_LETTERS: Final = 8


@dataclass(slots=True)
class _Begin:
    """Describes the stream on disk, and its account when this is the first one."""

    disk: Disk
    home: catalog.AccountDirectory
    directory: str
    content: dict[str, Any]

    def run(self) -> None:
        self.home.make()
        self.disk.make_dir(f"{self.directory}/{MESSAGES}")
        catalog.write_meta(self.disk, self.directory, self.content)
        self.disk.sync_dir(f"{self.home.path}/{catalog.STREAMS}")


def limits_of(account: "JetStreamAccount") -> ConfigLimits:
    """What the server and the account let a configuration ask for."""
    options, terms = account.engine.options, account.terms
    if terms is None:
        raise errors.NO_LIMITS()
    given = [n for n in (options.max_ack_pending, terms.max_ack_pending) if n > 0]
    return ConfigLimits(
        duplicate_window=options.duplicate_window_ns,
        max_request_batch=options.max_request_batch,
        max_ack_pending=min(given, default=0),
        max_bytes_required=terms.max_bytes_required,
        memory_max_stream_bytes=terms.memory_max_stream_bytes,
        storage_max_stream_bytes=terms.store_max_stream_bytes,
    )


def check_room(account: "JetStreamAccount", config: StreamConfig, but: Stream | None) -> None:
    """Whether account and server have room for what ``config`` reserves. Raises ApiError."""
    terms = account.terms
    if terms is None:
        raise errors.NO_LIMITS()
    if but is None and 0 < terms.streams <= len(account.streams):
        raise errors.MAXIMUM_STREAMS_LIMIT()
    if 0 < terms.consumers < config.max_consumers:
        raise errors.MAXIMUM_CONSUMERS_LIMIT()
    wanted = max(config.max_bytes, 0) or 1
    in_memory = config.storage == "memory"
    allowed = terms.memory if in_memory else terms.store
    options = account.engine.options
    of_server = options.max_memory if in_memory else options.max_store
    everywhere = sum(
        each.reserved(config.storage, but) for each in account.engine.accounts.values()
    )
    over = 0 <= allowed < account.reserved(config.storage, but) + wanted
    if over or 0 <= of_server < everywhere + wanted:
        raise (
            errors.MEMORY_RESOURCES_EXCEEDED() if in_memory else errors.STORAGE_RESOURCES_EXCEEDED()
        )


def create(
    account: "JetStreamAccount", requested: StreamConfig, *, pedantic: bool = False
) -> tuple[Stream, bool]:
    """The stream, and whether it is new; its description is on its way to the disk. Raises ApiError."""
    stream_rules.check_create(requested)
    existing = account.streams.get(requested.name)
    if existing is None:
        check_room(account, requested, None)
    config = stream_rules.checked_config(requested, pedantic, limits_of(account), account.config_of)
    if existing is not None:
        if existing.restoring or not same(config, existing.config):
            raise errors.STREAM_NAME_EXIST()
        return existing, False
    others = (stream.config for stream in account.streams.values())
    if stream_rules.overlaps_others(config, others):
        raise errors.STREAM_SUBJECT_OVERLAP()
    level = versions.level_of_stream(config)
    config.metadata = versions.with_level(config.metadata, level)
    return add(account, config, account.engine.now_ns()), True


def same(asked: StreamConfig, kept: StreamConfig) -> bool:
    """Whether a creation asks for what is there; the level in its metadata doesn't count."""
    compared = asked.copy()
    compared.metadata = versions.as_stored_before(asked.metadata, kept.metadata)
    return compared == kept


def add(
    account: "JetStreamAccount", config: StreamConfig, created_ns: int, *, restoring: bool = False
) -> Stream:
    """A new stream, empty. Unless it's to be filled from a snapshot first, it takes messages at once; they are
    committed after its description."""
    engine = account.engine
    store: StreamStore
    directory = ""
    if config.storage == "memory":
        store = MemoryStore()
    else:
        name = catalog.directory_name(config.name)
        directory = f"{account.directory}/{catalog.STREAMS}/{name}.{engine.unique(_MARK_LETTERS)}"
        disk = engine.environment.disk
        store = FileStore(disk, f"{directory}/{MESSAGES}", engine.random_bytes)
    stream = Stream(account, config, created_ns, store, directory)
    stream.restoring = restoring
    account.streams[config.name] = stream
    if directory:
        job = _Begin(stream.disk, account.home, directory, stream.metadata())
        stream.run(job, _report(stream))
    if restoring:
        return stream
    if config.first_seq > 1:
        stream.remove_below(config.first_seq)
    stream.start()
    return stream


def _report(stream: Stream) -> Done:
    def done(error: OSError | None) -> None:
        if error is not None:
            stream.fail(f"{stream.directory}: {error.strerror or error}")

    return done

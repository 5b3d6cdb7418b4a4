"""The start: every stream on disk is opened, with what its messages say of duplicates. What can't be is reported."""

import json
import logging
from typing import TYPE_CHECKING, Any

from broker.jetstream import catalog, json_form
from broker.jetstream.creation import MESSAGES
from broker.jetstream.errors import ApiError
from broker.jetstream.publish import fields_of
from broker.jetstream.stream import Stream
from broker.jetstream.stream_config import StreamConfig
from broker.storage.file_store import FileStore

if TYPE_CHECKING:
    from broker.jetstream.account import JetStreamAccount

log = logging.getLogger("broker")


def open_streams(account: "JetStreamAccount") -> None:
    """Blocks. A stream that can't be opened is kept on disk as it is, and named in ``account.unreadable``."""
    disk = account.engine.environment.disk
    root = f"{account.directory}/{catalog.STREAMS}"
    opened: list[Stream] = []
    for name in disk.names(root):
        directory = f"{root}/{name}"
        if name.endswith(catalog.REMOVED):
            disk.remove_tree(directory)
            continue
        if catalog.META not in disk.names(directory):
            disk.remove_tree(directory)  # its creation wasn't answered yet
            continue
        try:
            meta = catalog.read_meta(disk, directory)
            if meta.get("restoring"):
                disk.remove_tree(directory)  # its snapshot never became whole
                continue
            opened.append(_open(account, directory, meta))
        except (OSError, ApiError, KeyError, ValueError, catalog.DamagedMeta) as error:
            account.unreadable[name] = str(error)
            log.error("JetStream: stream in %s can't be opened: %s", directory, error)
    for stream in opened:
        stream.start(recovered=True)


def _open(account: "JetStreamAccount", directory: str, meta: dict[str, Any]) -> Stream:
    engine = account.engine
    disk = engine.environment.disk
    config = json_form.decode(StreamConfig, json.dumps(meta["config"]).encode(), strict=False)
    store = FileStore(disk, f"{directory}/{MESSAGES}", engine.random_bytes)
    for report in store.reports:
        log.warning("JetStream stream %s > %s: %s", account.name, config.name, report)
    stream = Stream(account, config, int(meta["created_ns"]), store, directory)
    account.streams[config.name] = stream
    stream.duplicates.used = bool(meta.get("has_ids", True))
    _remember_duplicates(stream)
    index = store.index
    log.info(
        "  Restored %d messages for stream '%s > %s'", index.messages, account.name, config.name
    )
    return stream


def _remember_duplicates(stream: Stream) -> None:
    """The message ids of the window, read from the messages themselves, if any ever had one."""
    window_ns = stream.duplicates.window_ns
    if not window_ns or not stream.duplicates.used:
        return
    index = stream.store.index
    seq = index.next_seq(index.seq_at_time(stream.engine.now_ns() - window_ns))
    while seq is not None:
        message = stream.read(seq)
        if message is not None and message.header:
            msg_id = fields_of(message.header).get(b"Nats-Msg-Id", b"")
            if msg_id:
                stream.duplicates.add(msg_id, seq, message.time_ns)
            if seq == index.last_seq:
                stream.last_msg_id = msg_id
        seq = index.next_seq(seq + 1)

"""The broker's events, read from their log as one of a group: each event goes to one web process.

An event is acknowledged after it was handled; those that a process took along when it died are taken over by another.
"""

import os
import socket
from typing import Any

from redis.exceptions import ResponseError

from broker.contract import channels
from broker.contract.reports import Event
from console.gateway.redis import asking
from console.gateway.reports import read_event

BATCH_MAX = 200
#: An event that somebody took this long ago and hasn't acknowledged is taken over.
ABANDONED_MS = 60_000

Entry = tuple[bytes, Event | None]


class EventLog:
    """One reader of the group. Not thread-safe: each keeper has its own."""

    def __init__(self, reader: str = "") -> None:
        self._reader = reader or f"{socket.gethostname()}-{os.getpid()}"

    def read(self, wait_s: float) -> list[Entry]:
        """New events, waiting up to ``wait_s`` for the first. Raises BrokerUnavailable."""
        with asking() as redis:
            wait_ms = max(1, int(wait_s * 1000))
            try:
                found: Any = redis.xreadgroup(
                    channels.EVENTS_GROUP, self._reader, {channels.EVENTS: ">"}, BATCH_MAX, wait_ms
                )
            except ResponseError as error:
                if not str(error).startswith("NOGROUP"):
                    raise
                self._create_group()
                return []
        streams = found.values() if isinstance(found, dict) else [part[1] for part in found or []]
        return [entry for stream in streams for entry in _entries(stream)]

    def abandoned(self) -> list[Entry]:
        """Events that a process left behind. Raises BrokerUnavailable."""
        with asking() as redis:
            try:
                found: Any = redis.xautoclaim(
                    channels.EVENTS,
                    channels.EVENTS_GROUP,
                    self._reader,
                    ABANDONED_MS,
                    count=BATCH_MAX,
                )
            except ResponseError:
                return []  # no group yet
        return list(_entries(found[1]))

    def acknowledge(self, entries: list[Entry]) -> None:
        if entries:
            with asking() as redis:
                ids = [entry_id for entry_id, _ in entries]
                redis.xack(channels.EVENTS, channels.EVENTS_GROUP, *ids)

    def _create_group(self) -> None:
        """From the beginning: what happened before the first web process started counts, too."""
        with asking() as redis:
            try:
                redis.xgroup_create(channels.EVENTS, channels.EVENTS_GROUP, id="0", mkstream=True)
            except ResponseError as error:
                if not str(error).startswith("BUSYGROUP"):
                    raise


def _entries(stream: Any) -> list[Entry]:
    # RESP3 nests a stream's entries in one more list.
    if len(stream) == 1 and isinstance(stream[0], list):
        stream = stream[0]
    return [(entry_id, read_event((fields or {}).get(b"e"))) for entry_id, fields in stream]

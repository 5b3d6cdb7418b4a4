"""What only some streams have beside storing: republishing, sources, answering direct gets, expiry by message, …

A feature stands beside its stream and is told what happens; a stream whose configuration wants none pays nothing.
"""

from typing import TYPE_CHECKING, Any

from broker.jetstream.stream_config import StreamConfig

if TYPE_CHECKING:
    from broker.jetstream.stream import Stream


class Feature:
    """``start`` once the stream's store is open, before the first message; ``stop`` when the stream ends."""

    def __init__(self, stream: "Stream") -> None:
        self.stream = stream

    @classmethod
    def wanted(cls, config: StreamConfig) -> bool:
        """Whether a stream with this configuration has the feature."""
        raise NotImplementedError

    def start(self) -> None:
        """Subscribe, set timers."""

    def configured(self, before: StreamConfig) -> None:
        """The stream's configuration has changed, and still wants this feature."""

    def committed(self, first: int, last: int) -> None:
        """Messages with these sequences, where they still are, are on disk now."""

    def removed(self, seq: int, subject: bytes, reason: str) -> None:
        """A message is gone: "limit", "MaxAge", "Purge", "Remove" or "acked"."""

    def purged(self) -> None:
        """All messages before some sequence are gone, without a word about each."""

    def info(self) -> dict[str, Any]:
        """What it adds to the stream's info."""
        return {}

    def stop(self) -> None:
        """Unsubscribe, cancel timers."""

"""The consumers of one stream."""

from typing import TYPE_CHECKING

from broker.jetstream.stream_config import StreamConfig

if TYPE_CHECKING:
    from broker.jetstream.stream import Stream


class Consumers:
    """What a stream tells of itself; ``len`` is the number of consumers."""

    def __init__(self, stream: "Stream") -> None:
        self._stream = stream

    def __len__(self) -> int:
        return 0

    def load(self, now_ns: int) -> None:
        """Reads those that are on disk."""

    def stop(self) -> None: ...

    def delete(self) -> None: ...

    def committed(self) -> None: ...

    def removed(self, seq: int, subject: bytes) -> None: ...

    def purged(self) -> None: ...

    def has_interest(self, subject: bytes) -> bool:
        return False

    def config_changed(self, old: StreamConfig, new: StreamConfig) -> None: ...

"""A mirror: everything of one other stream, with its sequences and times.

What the origin has lost leaves a gap here, so the last sequence says where to go on after a restart.
Source   nats-server ``stream.go`` (processInboundMirrorMsg)
"""

import logging
from typing import TYPE_CHECKING, Any

from broker.jetstream.errors import ApiError
from broker.jetstream.feature import Feature
from broker.jetstream.follower import Copy, Follower
from broker.jetstream.names import short_hash
from broker.jetstream.stream_config import StreamConfig
from broker.protocol.transform import Transform
from broker.storage.store import StoreFailed

if TYPE_CHECKING:
    from broker.jetstream.stream import Stream

log = logging.getLogger("broker")


class Mirror(Feature):
    def __init__(self, stream: "Stream") -> None:
        super().__init__(stream)
        source = stream.config.mirror
        assert source is not None  # wanted
        self._transforms = transforms_of(source.subject_transforms)
        name = f"JS_MIRROR_{short_hash(f'{stream.account.name} {stream.name}')}"
        self.follower = Follower(
            stream, source, name, lambda: stream.store.index.last_seq,
            self._take, self._begun, lambda: None,
        )  # fmt: skip

    @classmethod
    def wanted(cls, config: StreamConfig) -> bool:
        return config.mirror is not None

    def start(self) -> None:
        self.follower.start()

    def stop(self) -> None:
        for_good = self.stream.deleted or self.stream.config.mirror is None
        self.follower.stop(forget=for_good)

    def info(self) -> dict[str, Any]:
        return {"mirror": self.follower.info()}

    def _begun(self, delivered_seq: int) -> None:
        """What lies before the origin's first message is no gap in an empty mirror: it begins there."""
        index = self.stream.store.index
        if not index.messages and index.last_seq == 0 and delivered_seq:
            self.stream.remove_below(delivered_seq + 1)

    def _take(self, copy: Copy) -> bool:
        stream = self.stream
        copy.subject = transformed(self._transforms, copy.subject, stream)
        try:
            stream.intake.store_copy(
                copy.subject, copy.header, copy.payload, copy.seq, copy.time_ns
            )
        except (ApiError, StoreFailed) as error:
            log.warning("JetStream mirror %s > %s: %s", stream.account.name, stream.name, error)
            return False
        return True


def transforms_of(configs: list[Any]) -> list[Transform | None]:
    """None keeps subjects as they are."""
    return [
        Transform(each.src.encode(), each.dest.encode()) if each.dest else None for each in configs
    ]


def transformed(transforms: list[Transform | None], subject: bytes, stream: "Stream") -> bytes:
    """By the first transform that covers it."""
    for transform in transforms:
        found = None if transform is None else transform.match(subject, stream.account.core.random)
        if found is not None:
            return found
    return subject

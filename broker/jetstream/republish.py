"""Republishing: each message that was stored goes out once more on another subject, with what the stream knows of it.

Wire     the message's header · Nats-Stream, Nats-Subject, Nats-Sequence, Nats-Time-Stamp, Nats-Last-Sequence (the
         subject's message before this one); without the body, Nats-Msg-Size
"""

from typing import TYPE_CHECKING

from broker.jetstream import times
from broker.jetstream.feature import Feature
from broker.jetstream.stream_config import StreamConfig
from broker.protocol import headers
from broker.protocol.subject import is_valid_literal
from broker.protocol.transform import Transform
from broker.storage.store import Message

if TYPE_CHECKING:
    from broker.jetstream.stream import Stream


class Republish(Feature):
    """Goes out once the message is on disk."""

    def __init__(self, stream: "Stream") -> None:
        super().__init__(stream)
        #: Sequences on their way to the disk → the subject's sequence before.
        self._previous: dict[int, int] = {}
        self._transform: Transform | None = None
        self._headers_only = False

    @classmethod
    def wanted(cls, config: StreamConfig) -> bool:
        return config.republish is not None and bool(config.republish.dest)

    def start(self) -> None:
        self.stream.republish = self
        self._configure()

    def configured(self, before: StreamConfig) -> None:
        self._configure()

    def _configure(self) -> None:
        config = self.stream.config.republish
        assert config is not None  # wanted
        self._transform = Transform(config.src.encode(), config.dest.encode())
        self._headers_only = config.headers_only

    def stop(self) -> None:
        self.stream.republish = None

    def noted(self, seq: int, previous: int) -> None:
        """``seq`` was staged; the subject's last message before is ``previous``, 0 without one."""
        self._previous[seq] = previous

    def committed(self, first: int, last: int) -> None:
        for seq in [seq for seq in self._previous if seq <= last]:
            previous = self._previous.pop(seq)
            message = self.stream.read(seq)
            if message is not None:
                self._publish(message, previous)

    def _publish(self, message: Message, previous: int) -> None:
        account = self.stream.account
        assert self._transform is not None  # started
        target = self._transform.match(message.subject, account.core.random)
        if target is None or not is_valid_literal(target):
            return
        own = message.header[:-2] if message.header else headers.PREFIX
        size = b"Nats-Msg-Size: %d\r\n" % len(message.payload) if self._headers_only else b""
        header = (
            b"%bNats-Stream: %b\r\nNats-Subject: %b\r\nNats-Sequence: %d\r\nNats-Time-Stamp: %b\r\n"
            b"Nats-Last-Sequence: %d\r\n%b\r\n"
            % (
                own, self.stream.name.encode(), message.subject, message.seq,
                times.time_text(message.time_ns).encode(), previous, size,
            )
        )  # fmt: skip
        payload = b"" if self._headers_only else message.payload
        account.publish(target, payload, header=header)

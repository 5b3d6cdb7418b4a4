"""A publish's control line once understood, so that the same bytes need no parsing, checking or matching again."""

from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from broker.core.match import Lane, Match

#: Above this size copying, not counting messages, is what costs, and runs gain nothing.
_RUN_SIZE_MAX: Final = 2048
#: Head bytes and the like, when sizes are weighed against ``Match.settle_after``.
_OVERHEAD: Final = 64
#: Longer control lines are not kept.
LINE_MAX: Final = 256


class Route:
    """A publish's control line without reply, understood: ``skip`` bytes of it stand before the size digits.

    ``size`` is header and payload together; ``lanes`` are those of ``match`` for this kind of publish, and ``careful``
    is True when not every receiver can take them (a header for a client without headers).
    """

    __slots__ = (
        "body_size", "careful", "extra", "header_size", "lanes", "line", "match", "runs", "settle_count", "size",
        "skip", "subject",
    )  # fmt: skip

    match: "Match"
    lanes: "tuple[Lane, ...]"
    careful: bool
    extra: bool
    runs: bool
    settle_count: int

    def __init__(self, line: bytes, skip: int, subject: bytes, header_size: int, size: int) -> None:
        self.line = line
        self.skip = skip
        self.subject = subject
        self.header_size = header_size
        self.size = size
        self.body_size = len(line) - skip + size + 2

    def use(self, match: "Match") -> None:
        """Deliver to these from now on."""
        self.match = match
        self.careful = self.header_size > 0 and not match.headers
        self.lanes = () if self.careful else match.lanes_for(self.header_size > 0)
        self.extra = self.careful or match.extra
        self.runs = not self.extra and self.size <= _RUN_SIZE_MAX
        self.settle_count = max(1, match.settle_after // (self.size + _OVERHEAD))

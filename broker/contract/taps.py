"""What a tap is asked for: which messages of which account, thinned how.

A tap is a live copy of an account's messages for the console. Its specification decides everything that
happens before bytes are sent to Redis, in this order for each message that matches ``subjects``:

    seen → filtered (``exclude``, ``headers``, ``payload_contains``) → sampled (``mode``)
         → dropped for ``budget`` (``msgs_per_s``, ``bytes_per_s``) → sent

so that at any moment  seen = filtered + sampled + dropped + sent.
"""

import json
from dataclasses import asdict, dataclass, field
from typing import Any, Literal, Self

VERSION = 1

#: ``all``: every message. ``one_in``: of each ``n`` consecutive ones the first. ``latest``: per subject, the
#: newest of each flush interval; the ones it replaced count as sampled.
Mode = Literal["all", "one_in", "latest"]
MODES: tuple[Mode, ...] = ("all", "one_in", "latest")

SUBJECTS_MAX = 16
EXCLUDE_MAX = 16
HEADERS_MAX = 8
TEXT_MAX = 256
ONE_IN_MAX = 1_000_000

#: Payload bytes carried in a frame; the rest of a longer one is cut, and its true size is in the record.
PAYLOAD_MAX = 64 * 1024
MSGS_PER_S = 25_000
BYTES_PER_S = 16 * 1024 * 1024


@dataclass(frozen=True, slots=True)
class HeaderFilter:
    """A header that must be there; ``value`` None = with any value, else equal to it."""

    name: str
    value: str | None = None


@dataclass(frozen=True, slots=True)
class TapSpec:
    """One wanted tap; JSON in ``channels.tap(id)``. Raises ValueError naming the field when malformed."""

    id: str
    account: str
    subjects: tuple[str, ...] = (">",)
    exclude: tuple[str, ...] = ()
    headers: tuple[HeaderFilter, ...] = ()
    payload_contains: str = ""
    mode: Mode = "all"
    n: int = 1
    msgs_per_s: int = MSGS_PER_S
    bytes_per_s: int = BYTES_PER_S
    payload_max: int = PAYLOAD_MAX
    v: int = field(default=VERSION)

    def __post_init__(self) -> None:
        _check(0 < len(self.id) <= 64, "id", "1 to 64 characters")
        _check(0 < len(self.account) <= 64, "account", "an account's public key")
        _check(0 < len(self.subjects) <= SUBJECTS_MAX, "subjects", f"1 to {SUBJECTS_MAX} filters")
        _check(len(self.exclude) <= EXCLUDE_MAX, "exclude", f"at most {EXCLUDE_MAX} filters")
        for subject in (*self.subjects, *self.exclude):
            _check(
                0 < len(subject) <= TEXT_MAX, "subjects", f"filters of 1 to {TEXT_MAX} characters"
            )
        _check(len(self.headers) <= HEADERS_MAX, "headers", f"at most {HEADERS_MAX} header filters")
        for header in self.headers:
            _check(
                0 < len(header.name) <= TEXT_MAX, "headers", f"names of 1 to {TEXT_MAX} characters"
            )
            _check(
                len(header.value or "") <= TEXT_MAX,
                "headers",
                f"values up to {TEXT_MAX} characters",
            )
        _check(
            len(self.payload_contains) <= TEXT_MAX,
            "payload_contains",
            f"up to {TEXT_MAX} characters",
        )
        _check(self.mode in MODES, "mode", "one of " + ", ".join(MODES))
        _check(1 <= self.n <= ONE_IN_MAX, "n", f"1 to {ONE_IN_MAX}")
        _check(1 <= self.msgs_per_s <= MSGS_PER_S, "msgs_per_s", f"1 to {MSGS_PER_S}")
        _check(1 <= self.bytes_per_s <= BYTES_PER_S, "bytes_per_s", f"1 to {BYTES_PER_S}")
        _check(0 <= self.payload_max <= PAYLOAD_MAX, "payload_max", f"0 to {PAYLOAD_MAX}")
        _check(self.v == VERSION, "v", f"{VERSION}")

    def to_json(self) -> bytes:
        return json.dumps(asdict(self), separators=(",", ":")).encode()

    @classmethod
    def from_json(cls, raw: bytes) -> Self:
        try:
            data: dict[str, Any] = json.loads(raw)
            data["subjects"] = tuple(map(str, data.get("subjects", (">",))))
            data["exclude"] = tuple(map(str, data.get("exclude", ())))
            data["headers"] = tuple(HeaderFilter(**h) for h in data.get("headers", ()))
            return cls(**data)
        except (TypeError, AttributeError, KeyError, UnicodeDecodeError) as error:
            raise ValueError(f"tap: {error}") from error


def _check(holds: bool, field_name: str, wanted: str) -> None:
    if not holds:
        raise ValueError(f"{field_name}: must be {wanted}")

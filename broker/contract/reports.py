"""What the broker reports of itself: presence, usage per account, connections, events. JSON forms.

Times are Unix seconds as a float, sizes bytes, rates not given: whoever shows them takes differences.
A reader ignores fields that it doesn't know, so that either side may be newer.
"""

import json
from dataclasses import asdict, dataclass, fields
from typing import Any, Literal, Self


class _Report:
    __slots__ = ()

    def to_json(self) -> bytes:
        return json.dumps(asdict(self), separators=(",", ":")).encode()  # type: ignore[call-overload]

    @classmethod
    def from_json(cls, raw: bytes) -> Self:
        """Raises ValueError when the bytes are no such report."""
        try:
            return cls.from_dict(json.loads(raw))
        except UnicodeDecodeError as error:
            raise ValueError(str(error)) from error

    @classmethod
    def from_dict(cls, data: dict[str, Any]) -> Self:
        known = {f.name for f in fields(cls)}  # type: ignore[arg-type]
        try:
            return cls(**{k: v for k, v in data.items() if k in known})
        except (TypeError, AttributeError) as error:
            raise ValueError(f"{cls.__name__}: {error}") from error


@dataclass(frozen=True, slots=True)
class Presence(_Report):
    """A server that runs; cumulative counters over all accounts since ``start``."""

    server_id: str
    server_name: str
    version: str
    build: Literal["python", "compiled"]
    start: float
    at: float
    nats_url: str
    ws_url: str
    connections: int
    subscriptions: int
    accounts: int
    taps: int
    in_msgs: int
    in_bytes: int
    out_msgs: int
    out_bytes: int
    slow_consumers: int
    mem: int
    #: What JetStream acknowledged may not be on disk for so long, unless an account has terms of its own; 0 = it is.
    sync_interval_s: float = 0.0


@dataclass(frozen=True, slots=True)
class Usage(_Report):
    """One account on one server; ``in_*``/``out_*`` are cumulative since the server's start, as the server sees it."""

    at: float
    connections: int
    total_connections: int
    subscriptions: int
    in_msgs: int
    in_bytes: int
    out_msgs: int
    out_bytes: int
    slow_consumers: int


@dataclass(frozen=True, slots=True)
class Connection(_Report):
    """A client as connz has it. ``user`` is the user's public key, ``rtt_s`` None until measured."""

    cid: int
    account: str
    user: str
    ip: str
    port: int
    kind: str
    name: str
    lang: str
    version: str
    start: float
    last_activity: float
    rtt_s: float | None
    subscriptions: int
    pending_bytes: int
    in_msgs: int
    in_bytes: int
    out_msgs: int
    out_bytes: int


EventKind = Literal["connect", "disconnect", "auth_refused", "slow_consumer", "limit"]


@dataclass(frozen=True, slots=True)
class Event(_Report):
    """Something that happened to a client. ``account`` and ``user`` are empty when the refused client proved neither.

    ``reason`` is a disconnect's reason in nats-server's words, or why authentication was refused, for people.
    """

    kind: EventKind
    at: float
    server_id: str
    account: str
    user: str
    cid: int
    ip: str
    name: str
    lang: str
    version: str
    reason: str = ""

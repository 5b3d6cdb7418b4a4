"""Commands that web gives the broker, and the replies.

Wire: ``PUBLISH channels.COMMANDS {"id","verb","args","v"}``; the broker answers once with
``LPUSH channels.reply(id) {"id","ok","error","data","server_id"}`` and an expiry. A command is idempotent:
whoever gets no reply in time may give it again under a new id.

    apply_claims {accounts} → {"outcomes": {account: {"status", "closed", "error"}}}
        for 1 to APPLY_MAX accounts, once the broker has read their entries from ``channels.CLAIMS``, verified them,
        saved them to its disk and closed what the new claims forbid; status is "applied", "unchanged", "deleted",
        "stale" (older than what the broker has; nothing changed) or "refused" (error says why: not there, not to be
        verified, applied but not saved); closed is the number of closed connections
    connections  {account, limit} → {"total", "connections": [reports.Connection as JSON]}
    kick         {account, cid} → {"closed": 0 or 1}
    ping         {} → {}

Errors are sentences for people: an unknown verb, an argument that doesn't fit, an unknown account.
"""

import json
from dataclasses import asdict, dataclass, field
from typing import Any, Literal, Self

VERSION = 1
#: Accounts of one ``apply_claims``: a change that somebody waits for waits at most for so many before it.
APPLY_MAX = 100
Verb = Literal["apply_claims", "connections", "kick", "ping"]


@dataclass(frozen=True, slots=True)
class Command:
    id: str
    verb: str
    args: dict[str, Any] = field(default_factory=dict)
    v: int = VERSION

    def to_json(self) -> bytes:
        return json.dumps(asdict(self), separators=(",", ":")).encode()

    @classmethod
    def from_json(cls, raw: bytes) -> Self:
        """Raises ValueError when the bytes are no command."""
        try:
            data = json.loads(raw)
            command = cls(
                str(data["id"]), str(data["verb"]), dict(data.get("args") or {}), int(data["v"])
            )
        except (TypeError, KeyError, UnicodeDecodeError) as error:
            raise ValueError(f"command: {error}") from error
        if command.v != VERSION:
            raise ValueError(f"command: version {command.v} is not {VERSION}")
        return command


@dataclass(frozen=True, slots=True)
class Reply:
    id: str
    ok: bool
    data: dict[str, Any] = field(default_factory=dict)
    error: str = ""
    server_id: str = ""

    def to_json(self) -> bytes:
        return json.dumps(asdict(self), separators=(",", ":")).encode()

    @classmethod
    def from_json(cls, raw: bytes) -> Self:
        try:
            data = json.loads(raw)
            return cls(
                str(data["id"]), bool(data["ok"]), dict(data.get("data") or {}),
                str(data.get("error", "")), str(data.get("server_id", "")),
            )  # fmt: skip
        except (TypeError, KeyError, UnicodeDecodeError) as error:
            raise ValueError(f"reply: {error}") from error

"""What server and account allow a configuration to ask for."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class ConfigLimits:
    """The least of the server's and the account's limits; 0 and False are none."""

    duplicate_window: int = 0
    max_request_batch: int = 0
    max_ack_pending: int = 0
    max_bytes_required: bool = False
    memory_max_stream_bytes: int = 0
    storage_max_stream_bytes: int = 0

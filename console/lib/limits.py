"""The limits that there are, under the names that NATS's account claims give them, and what each may be.

-1 = unlimited. ``credentials`` and ``namespaces`` stand in no claims: the console itself keeps to them.
``sync_interval_s`` is ours (seconds; in the claims ``sync_interval``, nanoseconds): what JetStream acknowledged may not
be on disk for so long; 0 = as the broker has it, which by default means never.
"""

from typing import TypedDict


class Bounds(TypedDict):
    low: int
    high: int


OF_CLAIMS: dict[str, Bounds] = {
    "conn": {"low": -1, "high": 10_000_000},
    "subs": {"low": -1, "high": 100_000_000},
    "payload": {"low": -1, "high": 64 * 1024**2},
    "mem_storage": {"low": -1, "high": 2**50},
    "disk_storage": {"low": -1, "high": 2**60},
    "streams": {"low": -1, "high": 1_000_000},
    "consumer": {"low": -1, "high": 10_000_000},
    "sync_interval_s": {"low": 0, "high": 3600},
}
OF_NAMESPACE: dict[str, Bounds] = OF_CLAIMS | {"credentials": {"low": 1, "high": 5000}}
OF_PROJECT: dict[str, Bounds] = {"namespaces": {"low": 1, "high": 1_000_000}}

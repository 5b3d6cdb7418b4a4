"""``$JS.API.INFO``: what an account may use of JetStream, and what it uses."""

from typing import TYPE_CHECKING, Any

from broker.core.account import JetStreamTerms
from broker.jetstream.account import R1
from broker.jetstream.api import Operation, Request
from broker.jetstream.versions import API_LEVEL

if TYPE_CHECKING:
    from broker.jetstream.account import JetStreamAccount


def _info(request: Request) -> None:
    request.respond(account_info(request.account))


def account_info(account: "JetStreamAccount") -> dict[str, Any]:
    fields: dict[str, Any] = {**_use(account, account.terms if not account.tiered else None)}
    if account.engine.options.domain:
        fields["domain"] = account.engine.options.domain
    fields["api"] = api_statistics(account.api_total, account.api_errors, account.api_pending - 1)
    if account.tiered:
        assert account.core.jetstream is not None  # tiered
        fields["tiers"] = {
            tier: _use(account, terms) if tier == R1 else _unused(terms)
            for tier, terms in sorted(account.core.jetstream.items())
        }
    return fields


def api_statistics(total: int, errors: int, pending: int) -> dict[str, int]:
    found = {"level": API_LEVEL, "total": total, "errors": errors}
    return found | ({"inflight": pending} if pending > 0 else {})


def _use(account: "JetStreamAccount", terms: JetStreamTerms | None) -> dict[str, Any]:
    """As with nats-server, the consumers of mirrors and sources count here, and only here."""
    return {
        "memory": account.memory_bytes,
        "storage": account.store_bytes,
        "reserved_memory": account.reserved("memory"),
        "reserved_storage": account.reserved("file"),
        "streams": len(account.streams),
        "consumers": sum(stream.consumers.total for stream in account.streams.values()),
        "limits": _limits(terms),
    }


def _unused(terms: JetStreamTerms) -> dict[str, Any]:
    counts = ("memory", "storage", "reserved_memory", "reserved_storage", "streams", "consumers")
    return {**dict.fromkeys(counts, 0), "limits": _limits(terms)}


def _limits(terms: JetStreamTerms | None) -> dict[str, Any]:
    """All zero where the limits are those of tiers."""
    if terms is None:
        terms = JetStreamTerms(0, 0, 0, 0, 0)
    return {
        "max_memory": terms.memory,
        "max_storage": terms.store,
        "max_streams": terms.streams,
        "max_consumers": terms.consumers,
        "max_ack_pending": terms.max_ack_pending,
        "memory_max_stream_bytes": terms.memory_max_stream_bytes or -1,
        "storage_max_stream_bytes": terms.store_max_stream_bytes or -1,
        "max_bytes_required": terms.max_bytes_required,
    }


OPERATIONS = (Operation("INFO", 0, "account_info_response", _info),)

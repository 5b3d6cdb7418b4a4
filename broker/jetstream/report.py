"""What JetStream says of itself to monitoring: varz, jsz and healthz, in nats-server's order of keys.

Source   nats-server ``monitor.go`` (Jsz, accountDetail, healthz)
"""

from collections.abc import Iterator
from typing import TYPE_CHECKING, Any, Final, NamedTuple

from broker.jetstream import consumer_info, json_form, stream_info
from broker.jetstream.api_account import api_statistics

if TYPE_CHECKING:
    from broker.jetstream.account import JetStreamAccount
    from broker.jetstream.consumer import Consumer
    from broker.jetstream.engine import JetStream
    from broker.jetstream.stream import Stream

_ACCOUNTS_PAGE: Final = 1024
_NS: Final = 1_000_000_000
_UINT64: Final = 2**64


class Unknown(Exception):
    """There is no such account, or JetStream is off for it; the sentence says which."""


class Problem(NamedTuple):
    """``kind``: JETSTREAM, ACCOUNT, STREAM or CONSUMER."""

    kind: str
    error: str
    account: str = ""
    stream: str = ""
    consumer: str = ""


class Report:
    """Reads an engine; options are those of nats-server's JSzOptions."""

    def __init__(self, engine: "JetStream") -> None:
        self._engine = engine

    # /varz, /jsz ------------------------------------------------------------------------------------

    def varz(self) -> dict[str, Any]:
        return {"config": self._config(), "stats": self.stats(), "limits": self._limits()}

    def _limits(self) -> dict[str, int]:
        """Those that are set, as nats-server's JSLimitOpts; times in nanoseconds."""
        options = self._engine.options
        limits = {
            "max_request_batch": options.max_request_batch,
            "max_ack_pending": options.max_ack_pending,
            "max_duplicate_window": options.duplicate_window_ns,
            "default_max_consumers": options.default_max_consumers,
        }
        return {name: limit for name, limit in limits.items() if limit}

    def _config(self) -> dict[str, Any]:
        engine = self._engine
        options = engine.options
        fields: dict[str, Any] = {
            "max_memory": options.max_memory,
            "max_storage": options.max_store,
            "store_dir": engine.environment.directory,
        }
        fields |= _sync(options.sync_interval_s)
        if options.domain:
            fields["domain"] = options.domain
        fields["compress_ok"] = True
        return fields | ({"strict": True} if options.strict else {})

    def stats(self) -> dict[str, Any]:
        engine = self._engine
        enabled = self._enabled()
        return {
            "memory": engine.memory_bytes,
            "storage": engine.store_bytes,
            "reserved_memory": sum(account.reserved("memory") for account in enabled),
            "reserved_storage": sum(account.reserved("file") for account in enabled),
            "accounts": len(enabled),
            "ha_assets": 0,
            "api": api_statistics(engine.api_total, engine.api_errors, engine.api_pending),
        }

    def _enabled(self) -> list["JetStreamAccount"]:
        return [account for account in self._engine.accounts.values() if account.enabled]

    def jsz(self, options: dict[str, Any]) -> dict[str, Any]:
        """All of JSInfo but the server's id and the time."""
        streams = list(self._engine.streams())
        consumers = sum(len(stream.consumers) for stream in streams)
        fields = self.stats() | {
            "config": self._config(),
            "limits": self._limits(),
            "streams": len(streams),
            **({"streams_leader": len(streams)} if options["raft"] else {}),
            "consumers": consumers,
            **({"consumers_leader": consumers} if options["raft"] else {}),
        }
        fields["messages"] = sum(stream.store.index.messages for stream in streams)
        fields["bytes"] = sum(stream.store.index.bytes for stream in streams)
        details = [self._account(account, options) for account in self._chosen(options)]
        if details:
            fields["account_details"] = details
        return fields | {"total": len(self._enabled())}

    def _chosen(self, options: dict[str, Any]) -> list["JetStreamAccount"]:
        enabled = self._enabled()
        named = [account for account in enabled if account.name == options["account"]]
        if named:
            return named
        everything = (options["streams"] or options["consumer"]) and not options["account"]
        if not (options["accounts"] or everything):
            return []
        enabled.sort(key=lambda account: account.name)
        offset = max(options["offset"], 0)
        return enabled[offset : offset + (options["limit"] or _ACCOUNTS_PAGE)]

    def account_detail(self, name: str, options: dict[str, Any]) -> dict[str, Any]:
        """Raises Unknown."""
        if name not in self._engine.server.accounts:
            raise Unknown(f'account "{name}" not found')
        account = self._engine.accounts.get(name)
        if account is None or not account.enabled:
            raise Unknown(f'account "{name}" not jetstream enabled')
        return self._account(account, options)

    def _account(self, account: "JetStreamAccount", options: dict[str, Any]) -> dict[str, Any]:
        flat = account.terms if not account.tiered else None
        fields: dict[str, Any] = {
            "name": account.core.display_name or account.name,
            "id": account.name,
            "memory": account.memory_bytes,
            "storage": account.store_bytes,
            # What the account may use; nats-server shows "without limit" as the largest number.
            "reserved_memory": flat.memory % _UINT64 if flat else 0,
            "reserved_storage": flat.store % _UINT64 if flat else 0,
            "accounts": 0,
            "ha_assets": 0,
            "api": {"level": 0, "total": account.api_total, "errors": account.api_errors},
        }
        if account.sync_interval_s != self._engine.options.sync_interval_s:
            fields |= _sync(account.sync_interval_s)
        if (options["streams"] or options["consumer"]) and account.streams:
            streams = (account.streams[name] for name in sorted(account.streams))
            fields["stream_detail"] = [self._stream(stream, options) for stream in streams]
        return fields

    def _stream(self, stream: "Stream", options: dict[str, Any]) -> dict[str, Any]:
        told = stream_info.info(stream)
        fields = {"name": stream.name, "created": told["created"], "cluster": told["cluster"]}
        if options["config"]:
            fields["config"] = json_form.encode(stream.config)
        fields["state"] = told["state"]
        if stream.store.error:
            fields["write_error"] = stream.store.error
        if options["consumer"] and len(stream.consumers):
            shown = [_consumer(consumer, options) for consumer in stream.consumers]
            fields["consumer_detail"] = shown
        return fields | {key: told[key] for key in ("mirror", "sources") if key in told}

    # /healthz ---------------------------------------------------------------------------------------

    def problems(self, account: str, stream: str, consumer: str) -> Iterator[Problem]:
        """What isn't well; with names given, of that account, stream or consumer only."""
        if not account:
            for each in self._enabled():
                yield from _account_problems(each)
            return
        found = self._engine.accounts.get(account)
        if found is None or not found.enabled:
            yield Problem("ACCOUNT", f'JetStream account "{account}" not found', account)
        elif not stream:
            yield from _account_problems(found)
        else:
            yield from _stream_problems(found, stream, consumer)


def _sync(interval_s: float) -> dict[str, Any]:
    """``sync_interval`` in nanoseconds, or ``sync_always``."""
    return {"sync_interval": int(interval_s * _NS)} if interval_s else {"sync_always": True}


def _consumer(consumer: "Consumer", options: dict[str, Any]) -> dict[str, Any]:
    fields = consumer_info.info(consumer)
    if options["config"]:
        fields["config"] = json_form.encode(consumer.config)
    else:
        del fields["config"]
    return fields


def _account_problems(account: "JetStreamAccount") -> Iterator[Problem]:
    for name, error in account.unreadable.items():
        text = f"JetStream stream in '{account.name} > {name}' can not be opened: {error}"
        yield Problem("STREAM", text, account.name, name)
    for stream in account.streams.values():
        yield from _write_problem(stream)


def _stream_problems(account: "JetStreamAccount", name: str, consumer: str) -> Iterator[Problem]:
    stream = account.streams.get(name)
    if stream is None:
        text = f'JetStream stream "{name}" not found on account "{account.name}"'
        yield Problem("STREAM", text, account.name, name)
        return
    yield from _write_problem(stream)
    if consumer and stream.consumers.get(consumer) is None:
        text = f'JetStream consumer "{consumer}" not found for stream "{name}" on account "{account.name}"'
        yield Problem("CONSUMER", text, account.name, name, consumer)


def _write_problem(stream: "Stream") -> Iterator[Problem]:
    account, error = stream.account.name, stream.store.error
    if error:
        text = f"JetStream stream '{account} > {stream.name}' takes nothing more: {error}"
        yield Problem("STREAM", text, account, stream.name)

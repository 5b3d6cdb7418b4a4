"""``$JS.API.CONSUMER.*``: create, update, look at, list, pause, unpin, reset and delete consumers.

``CONSUMER.MSG.NEXT`` and ``CONSUMER.RESET`` have subscriptions of their own (see ``consumer``): one for a consumer that
isn't there has no answer.
Source   nats-server ``jetstream_api.go``; ADR-13, ADR-15, ADR-42
"""

import re
from dataclasses import dataclass
from itertools import islice
from typing import Any, Final

from broker.core.message import Message
from broker.jetstream import consumer_events as events
from broker.jetstream import consumer_rules as rules
from broker.jetstream import errors, json_form, times, versions
from broker.jetstream.api import PAGED, TYPE, Operation, Request
from broker.jetstream.consumer import Consumer
from broker.jetstream.consumer_config import ConsumerConfig, CreateConsumerRequest
from broker.jetstream.consumer_info import info
from broker.jetstream.consumer_pull import Pull
from broker.jetstream.creation import limits_of
from broker.jetstream.errors import ApiError
from broker.jetstream.stream import Stream
from broker.protocol import headers

_NAMES_PAGE: Final = 1024
_LIST_PAGE: Final = 256
_NAME_LETTERS: Final = 8
_IDENTITY: Final = b"Nats-Stream-Identity"
_GROUP_NAME = re.compile(r"[a-zA-Z0-9/_=-]{1,16}")


@dataclass(slots=True)
class JSApiConsumersRequest:
    """Body of ``CONSUMER.NAMES`` and ``CONSUMER.LIST``."""

    offset: int = json_form.integer()


@dataclass(slots=True)
class JSApiConsumerPauseRequest:
    """Body of ``CONSUMER.PAUSE``; without a time the pause ends."""

    pause_until: int | None = json_form.moment()


@dataclass(slots=True)
class JSApiConsumerUnpinRequest:
    """Body of ``CONSUMER.UNPIN``."""

    group: str = json_form.text()


# Create and update -----------------------------------------------------------------------------------


def _create(request: Request) -> None:
    _create_as(request, request.tokens)


def _create_durable(request: Request) -> None:
    _create_as(request, ("DURABLE", "CREATE", *request.tokens))


def _create_as(request: Request, tokens: tuple[str, ...]) -> None:
    asked = json_form.decode(CreateConsumerRequest, request.body, request.strict)
    name = rules.name_in_subject(tokens, asked)
    stream = request.stream_of(asked.stream_name)
    _check_identity(request, stream, asked.config)
    if asked.config.direct and asked.config.sourcing and name:
        name = _for_sourcing(stream, asked.config)
    existing = stream.consumers.get(name) if name else None
    config = _complete(request, stream, asked, existing)
    if existing is not None:
        _update(request, stream, existing, config, asked.action)
        return
    if asked.action == "update":
        raise errors.CONSUMER_DOES_NOT_EXIST()
    if not (config.direct or config.sourcing):
        _check_room(stream)
    if stream.config.retention == "workqueue":
        rules.check_work_queue(config, name, stream.consumers.configs())
    rules.check_name_length(config)
    rules.stamp_threshold(config, bool(config.durable_name))
    consumer = stream.consumers.add(name or _unused_name(stream), config)
    fresh = info(consumer)

    def done(error: OSError | None) -> None:
        _answer(request, consumer, fresh, error)

    stream.consumers.begin(consumer, done)


def _check_identity(request: Request, stream: Stream, config: ConsumerConfig) -> None:
    """A source that goes on says of which stream: one that was made anew has other messages."""
    wanted = headers.get(request.message.header, _IDENTITY)
    if (config.direct or config.sourcing) and wanted and wanted.decode() != stream.identity:
        raise errors.CONSUMER_STREAM_IDENTITY_MISMATCH(msg=stream.identity)


def _for_sourcing(stream: Stream, config: ConsumerConfig) -> str:
    """A mirror or source asks under a name that stays the same. Where messages are kept for consumers, so does its
    consumer, and gets acknowledgements; elsewhere each beginning has its own. Returns the name."""
    if stream.config.retention == "limits":
        config.name = f"{config.name}-{stream.engine.unique(_NAME_LETTERS)}"
        return config.name
    config.direct = False
    config.durable_name = config.name
    config.ack_policy, config.ack_wait, config.max_deliver = "flow_control", 0, 0
    config.inactive_threshold = 0
    known = stream.consumers.get(config.name)
    if known is not None:
        before = known.config
        config.deliver_policy = before.deliver_policy
        config.opt_start_seq, config.opt_start_time = before.opt_start_seq, before.opt_start_time
    return config.name


def _answer(
    request: Request, consumer: Consumer, fields: dict[str, Any], error: OSError | None
) -> None:
    if error is not None:
        request.fail(errors.CONSUMER_STORE_FAILED(err=f"{error.strerror or error}"))
        return
    now_ns = consumer.engine.now_ns()
    if consumer.paused(now_ns):
        events.paused(consumer, now_ns)
    header = b""
    if consumer.config.direct or consumer.config.sourcing:
        header = headers.build({_IDENTITY: consumer.stream.identity.encode()})
    request.respond(fields, header)


def _complete(
    request: Request, stream: Stream, asked: CreateConsumerRequest, existing: Consumer | None
) -> ConsumerConfig:
    """The configuration with its defaults, checked. A pause is changed by CONSUMER.PAUSE only."""
    config = asked.config
    if existing is not None:
        config.pause_until = existing.config.pause_until
    config.metadata = versions.with_level(config.metadata, versions.level_of_consumer(config))
    limits = limits_of(request.account)
    config = rules.with_defaults(config, stream.config, limits, asked.pedantic)
    rules.check_config(config, stream.config, limits)
    return config


def _update(
    request: Request, stream: Stream, consumer: Consumer, config: ConsumerConfig, action: str
) -> None:
    before = consumer.config
    if action == "create":
        compared = config.copy()
        compared.metadata = versions.as_stored_before(config.metadata, before.metadata)
        if compared != before:
            raise errors.CONSUMER_ALREADY_EXISTS()
    if stream.config.retention == "workqueue":
        rules.check_partition(config, consumer.name, stream.consumers.configs())
    interest = request.account.has_interest
    if config != before:
        rules.check_consumer_update(before, config, lambda subject: interest(subject.encode()))
    if config.inactive_threshold != before.inactive_threshold:
        rules.stamp_threshold(config, bool(before.durable_name))
    consumer.change(config)
    if config.sourcing:
        consumer.reset(consumer.ledger.floor()[1] + 1)
    changed = info(consumer)

    def done(error: OSError | None) -> None:
        _answer(request, consumer, changed, error)

    stream.consumers.save(consumer, done)


def _check_room(stream: Stream) -> None:
    """The stream's limit of consumers and the account's, the stricter one; where neither says one, the server's."""
    terms = stream.account.terms
    limits = [stream.config.max_consumers, terms.consumers if terms is not None else 0]
    default = stream.engine.options.default_max_consumers
    limit = min((n for n in limits if n > 0), default=default)
    counted = (each for _, each in stream.consumers.configs() if not (each.direct or each.sourcing))
    if 0 < limit <= sum(1 for _ in counted):
        raise errors.MAXIMUM_CONSUMERS_LIMIT()


def _unused_name(stream: Stream) -> str:
    while True:
        name = stream.engine.unique(_NAME_LETTERS)
        if stream.consumers.get(name) is None:
            return name


# Look at ---------------------------------------------------------------------------------------------


def _consumer(request: Request) -> Consumer:
    """The consumer that the subject names. Raises ApiError."""
    consumer = request.stream().consumers.get(request.tokens[1])
    if consumer is None:
        raise errors.CONSUMER_NOT_FOUND()
    return consumer


def _info(request: Request) -> None:
    consumer = _consumer(request)
    consumer.stream.when_settled(lambda _error: request.respond(info(consumer)))


def _offset(request: Request) -> int:
    if not request.asks:
        return 0
    return max(json_form.decode(JSApiConsumersRequest, request.body, request.strict).offset, 0)


def _names(request: Request) -> None:
    offset = _offset(request)
    names = [consumer.name for consumer in request.stream().consumers.public()]
    offset = min(offset, len(names))
    request.respond(
        {
            "total": len(names),
            "offset": offset,
            "limit": _NAMES_PAGE,
            "consumers": names[offset : offset + _NAMES_PAGE],
        }
    )


def _list(request: Request) -> None:
    offset = _offset(request)
    stream = request.stream()

    def answer(_error: str) -> None:
        consumers = stream.consumers.public()
        start = min(offset, len(consumers))
        page = [info(each, listed=True) for each in islice(consumers, start, start + _LIST_PAGE)]
        request.respond(
            {"total": len(consumers), "offset": start, "limit": _LIST_PAGE, "consumers": page}
        )

    stream.when_settled(answer)


# Change ----------------------------------------------------------------------------------------------


def _delete(request: Request) -> None:
    if request.body.strip() not in (b"", b"{}", b"[]", b"null"):
        raise errors.NOT_EMPTY_REQUEST()
    consumer = _consumer(request)

    def done(error: OSError | None) -> None:
        if error is not None:
            request.fail(errors.STREAM_GENERAL_ERROR(err=f"{error.strerror or error}"))
        else:
            request.respond({"success": True})

    consumer.stream.consumers.delete_one(consumer, done)


def _pause(request: Request) -> None:
    asked = JSApiConsumerPauseRequest()
    if request.asks:
        asked = json_form.decode(JSApiConsumerPauseRequest, request.body, request.strict)
    consumer = _consumer(request)
    until_ns = None if asked.pause_until == times.ZERO else asked.pause_until
    config = consumer.config.copy()
    config.pause_until = until_ns
    config.metadata = versions.with_level(config.metadata, versions.level_of_consumer(config))
    consumer.change(config)

    def done(error: OSError | None) -> None:
        if error is not None:
            request.fail(errors.CONSUMER_STORE_FAILED(err=f"{error.strerror or error}"))
            return
        now_ns = consumer.engine.now_ns()
        fields: dict[str, Any] = {
            "paused": consumer.paused(now_ns),
            "pause_until": times.time_text(until_ns),
        }
        if until_ns is not None and now_ns < until_ns:
            fields["pause_remaining"] = until_ns - now_ns
        request.respond(fields)

    consumer.stream.consumers.save(consumer, done)


def _unpin(request: Request) -> None:
    asked = json_form.decode(JSApiConsumerUnpinRequest, request.body, strict=False)
    if not asked.group:
        raise errors.INVALID_JSON(err="consumer group not specified")
    if not _GROUP_NAME.fullmatch(asked.group):
        raise errors.CONSUMER_INVALID_GROUP_NAME()
    consumer = _consumer(request)
    mode = consumer.mode
    if asked.group not in consumer.config.priority_groups or not isinstance(mode, Pull):
        raise errors.CONSUMER_INVALID_PRIORITY_GROUP()
    mode.unpin(asked.group)
    request.respond({})


# Reset -----------------------------------------------------------------------------------------------


@dataclass(slots=True)
class JSApiConsumerResetRequest:
    """Body of ``CONSUMER.RESET``; 0 = go on after what is settled."""

    seq: int = json_form.integer("uint64")


def reset(consumer: Consumer, message: Message) -> None:
    """``CONSUMER.RESET.S.C``: begin anew at ``seq``, or after what is settled."""
    if not message.reply:
        return
    fields: dict[str, Any] = {"type": TYPE + "consumer_reset_response"}
    try:
        level = headers.get(message.header, versions.REQUIRED_LEVEL_HEADER)
        if versions.demands_too_much(level):
            raise errors.REQUIRED_API_LEVEL()
        asked = json_form.decode(JSApiConsumerResetRequest, message.payload, strict=False)
        seq = _reset_seq(consumer, asked.seq)
    except ApiError as error:
        consumer.stream.account.publish(
            message.reply, json_form.dumps(fields | {"error": error.to_json(), "reset_seq": 0})
        )
        return
    consumer.reset(seq)
    fields |= info(consumer) | {"reset_seq": seq}
    header = b""
    if headers.get(message.header, _IDENTITY) is not None:
        header = headers.build({_IDENTITY: consumer.stream.identity.encode()})
    consumer.when_flushed(
        lambda: consumer.stream.account.publish(
            message.reply, json_form.dumps(fields), header=header
        )
    )


def _reset_seq(consumer: Consumer, seq: int) -> int:
    config = consumer.config
    if seq == 0:
        return consumer.ledger.floor()[1] + 1
    if config.deliver_policy == "all":
        return seq
    if config.deliver_policy == "by_start_sequence":
        if seq < config.opt_start_seq:
            raise errors.CONSUMER_INVALID_RESET(err="below start seq")
        return seq
    if config.deliver_policy == "by_start_time":
        if seq < consumer.stream.store.index.seq_at_time(config.opt_start_time or 0):
            raise errors.CONSUMER_INVALID_RESET(err="below start time")
        return seq
    raise errors.CONSUMER_INVALID_RESET(err="not allowed")


_NOT_PAUSED: Final = {"paused": False, "pause_until": times.time_text(None)}
OPERATIONS: Final = (
    Operation("CONSUMER.CREATE", -1, "consumer_create_response", _create),
    Operation("CONSUMER.DURABLE.CREATE", 2, "consumer_create_response", _create_durable),
    Operation("CONSUMER.INFO", 2, "consumer_info_response", _info),
    Operation("CONSUMER.NAMES", 1, "consumer_names_response", _names, PAGED | {"consumers": []}),
    Operation("CONSUMER.LIST", 1, "consumer_list_response", _list, PAGED | {"consumers": []}),
    Operation("CONSUMER.DELETE", 2, "consumer_delete_response", _delete),
    Operation("CONSUMER.PAUSE", 2, "consumer_pause_response", _pause, _NOT_PAUSED),
    Operation("CONSUMER.UNPIN", 2, "consumer_unpin_response", _unpin),
)

"""What a consumer may be configured with, what the server completes, and what may change later.

The checks run in nats-server's order, because the first one that fails is the answer.
Source   nats-server ``consumer.go`` (setConsumerConfigDefaults, checkConsumerCfg, checkNewConsumerConfig),
         ``jetstream_api.go`` (jsConsumerCreateRequest)
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Sequence

from broker.jetstream import errors, subjects, times
from broker.jetstream.consumer_config import ConsumerConfig, CreateConsumerRequest
from broker.jetstream.limits import ConfigLimits
from broker.jetstream.stream_config import (
    DESCRIPTION_MAX,
    METADATA_MAX,
    StreamConfig,
    StreamConsumerLimits,
)
from broker.jetstream.stream_rules import metadata_bytes, refused

NAME_MAX = 255
#: How long an ephemeral consumer that says nothing outlives its last use.
EPHEMERAL_THRESHOLD = 5 * times.SECOND
ACK_WAIT = 30 * times.SECOND
MAX_WAITING = 512
MAX_ACK_PENDING = 1000
PRIORITY_TIMEOUT = 120 * times.SECOND
HEARTBEAT_MIN = 100 * times.MILLISECOND
#: Of the consumers of mirrors and sources, and of all that are acknowledged by flow control.
SOURCE_HEARTBEAT = times.SECOND
_GROUP_NAME = re.compile(r"[a-zA-Z0-9/_=-]{1,16}")
_NAME_RULE = "can not contain '.', '*', '>', '\\', '/'"


def name_in_subject(tokens: Sequence[str], request: CreateConsumerRequest) -> str:
    """The consumer's name, after the checks that tie request and subject; ``request.config.name`` is set as the form
    of the subject demands. Empty for an ephemeral consumer whose name is to be made.

    ``tokens`` are those after ``CONSUMER.CREATE`` or, for the durable form, after ``CONSUMER``:
    ``(S,)``, ``(S, C)``, ``(S, C, *filter)``, ``("DURABLE", "CREATE", S, C)``.
    """
    config = request.config
    durable_form = list(tokens[:2]) == ["DURABLE", "CREATE"]
    if durable_form and len(tokens) != 4:
        raise errors.CONSUMER_DURABLE_NAME_NOT_IN_SUBJECT()
    stream, *rest = tokens[2:] if durable_form else tokens
    name = rest[0] if rest else config.name
    filter_subject = "" if durable_form else ".".join(rest[1:])
    if stream != request.stream_name:
        raise errors.STREAM_MISMATCH()
    if "/" in name or "\\" in name:
        raise errors.CONSUMER_NAME_CONTAINS_PATH_SEPARATORS()
    if durable_form and not config.durable_name:
        raise errors.CONSUMER_DURABLE_NAME_NOT_SET()
    if rest and config.durable_name and config.durable_name != name:
        raise errors.CONSUMER_DURABLE_NAME_NOT_MATCH_SUBJECT()
    if not rest and config.durable_name:
        raise errors.CONSUMER_EPHEMERAL_WITH_DURABLE_NAME()
    config.name = name
    if filter_subject and config.filter_subjects:
        raise errors.CONSUMER_MULTIPLE_FILTERS_NOT_ALLOWED()
    if filter_subject and config.filter_subject != filter_subject:
        raise errors.CONSUMER_CREATE_FILTER_SUBJECT_MISMATCH()
    if config.num_replicas > 1:
        raise errors.STREAM_REPLICAS_NOT_SUPPORTED()
    return name


def with_defaults(
    config: ConsumerConfig, stream: StreamConfig, limits: ConfigLimits, pedantic: bool
) -> ConsumerConfig:
    """A complete copy; raises ApiError where ``pedantic`` forbids to complete it."""
    config = config.copy()
    _raise_negatives(config, pedantic)
    if config.is_pull and config.max_waiting == 0:
        config.max_waiting = MAX_WAITING
    if config.ack_wait == 0 and config.ack_policy in ("explicit", "all"):
        config.ack_wait = ACK_WAIT
    if config.backoff:
        if pedantic and config.ack_wait != config.backoff[0]:
            raise errors.PEDANTIC(err="first backoff value has to equal batch AckWait")
        config.ack_wait = config.backoff[0]
    _take_from_stream(config, stream, pedantic)
    if config.max_ack_pending == 0 and config.ack_policy != "none":
        config.max_ack_pending = min(MAX_ACK_PENDING, limits.max_ack_pending or MAX_ACK_PENDING)
    if config.is_pull and config.max_batch == 0 and limits.max_request_batch > 0:
        if pedantic:
            raise errors.PEDANTIC(
                err="max_request_batch must be set if it's JetStream limits are set"
            )
        config.max_batch = limits.max_request_batch
    if config.priority_policy == "pinned_client" and config.priority_timeout == 0:
        config.priority_timeout = PRIORITY_TIMEOUT
    if config.ack_policy == "flow_control" and not pedantic:
        config.flow_control, config.idle_heartbeat = True, SOURCE_HEARTBEAT
    return config


def _raise_negatives(config: ConsumerConfig, pedantic: bool) -> None:
    for name, least, text in (
        ("max_deliver", -1, "must be set to -1"),
        ("max_waiting", 0, "must not be negative"),
        ("max_ack_pending", -1, "must be set to -1"),
        ("max_batch", 0, "must not be negative"),
        ("max_expires", 0, "must not be negative"),
        ("max_bytes", 0, "must not be negative"),
        ("idle_heartbeat", 0, "must not be negative"),
        ("inactive_threshold", 0, "must not be negative"),
        ("priority_timeout", 0, "must not be negative"),
    ):
        if getattr(config, name) < least:
            if pedantic:
                raise errors.PEDANTIC(err=f"{name} {text}")
            setattr(config, name, least)
    if config.max_deliver == 0:
        config.max_deliver = -1


def _take_from_stream(config: ConsumerConfig, stream: StreamConfig, pedantic: bool) -> None:
    for name in ("max_ack_pending", "inactive_threshold"):
        limit = getattr(stream.consumer_limits, name)
        if getattr(config, name) == 0:
            if pedantic and limit > 0:
                raise errors.PEDANTIC(err=f"{name} must be set if it's configured in stream limits")
            setattr(config, name, limit)


def check_config(config: ConsumerConfig, stream: StreamConfig, limits: ConfigLimits) -> None:
    """Whether a complete configuration may be one of this stream's consumers."""
    _check_names(config)
    _check_replicas(config, stream)
    _check_acks(config)
    if len(config.description.encode()) > DESCRIPTION_MAX:
        raise errors.CONSUMER_DESCRIPTION_TOO_LONG(max=DESCRIPTION_MAX)
    if config.is_pull:
        _check_pull(config, stream, limits)
    else:
        _check_push(config, stream)
    _check_limits(config, stream, limits)
    _check_direct(config)
    _check_filters(config)
    _check_start(config)
    _check_sampling(config)
    if config.flow_control and config.idle_heartbeat == 0:
        raise errors.CONSUMER_WITH_FLOW_CONTROL_NEEDS_HEARTBEATS()
    if config.durable_name and config.name and config.name != config.durable_name:
        raise errors.CONSUMER_CREATE_DURABLE_AND_NAME_MISMATCH()
    if metadata_bytes(config.metadata) > METADATA_MAX:
        raise errors.CONSUMER_METADATA_LENGTH(limit=f"{METADATA_MAX // 1024}KB")
    _check_priority(config)


def check_name_length(config: ConsumerConfig) -> None:
    """Checked last, when the consumer is about to be made."""
    if len((config.durable_name or config.name).encode()) > NAME_MAX:
        raise errors.CONSUMER_NAME_TOO_LONG(max=NAME_MAX)


def stamp_threshold(config: ConsumerConfig, durable: bool) -> None:
    """Gives an ephemeral consumer its default threshold; the last step, after comparing with one that exists.

    For an update ``durable`` is what the consumer was before.
    """
    if not durable and config.inactive_threshold == 0:
        config.inactive_threshold = EPHEMERAL_THRESHOLD


def _check_names(config: ConsumerConfig) -> None:
    if config.name and not subjects.is_asset_name(config.name):
        raise refused(f"consumer name {_NAME_RULE}")
    if config.durable_name and not subjects.is_asset_name(config.durable_name):
        raise refused(f"consumer durable name {_NAME_RULE}")


def _check_replicas(config: ConsumerConfig, stream: StreamConfig) -> None:
    if config.num_replicas > stream.num_replicas:
        raise errors.CONSUMER_REPLICAS_EXCEEDS_STREAM()
    if config.num_replicas < 0:
        raise errors.REPLICAS_COUNT_CANNOT_BE_NEGATIVE()
    if stream.retention != "limits" and config.num_replicas not in (0, stream.num_replicas):
        raise errors.CONSUMER_REPLICAS_SHOULD_MATCH_STREAM()


def _check_acks(config: ConsumerConfig) -> None:
    if any(wait < 0 for wait in config.backoff):
        raise errors.CONSUMER_BACK_OFF_NEGATIVE()
    if config.ack_wait < 0:
        raise errors.CONSUMER_ACK_WAIT_NEGATIVE()
    if config.ack_policy == "flow_control":
        _check_acks_by_flow_control(config)
    if config.max_deliver != -1 and len(config.backoff) > config.max_deliver:
        raise errors.CONSUMER_MAX_DELIVER_BACKOFF()


def _check_acks_by_flow_control(config: ConsumerConfig) -> None:
    if config.is_pull:
        raise errors.CONSUMER_ACK_FC_REQUIRES_PUSH()
    if not config.flow_control:
        raise errors.CONSUMER_ACK_FC_REQUIRES_FC()
    if config.idle_heartbeat != SOURCE_HEARTBEAT:
        raise refused("flow control ack policy heartbeat needs to be 1s")
    for given, kind in (
        (config.max_ack_pending <= 0, errors.CONSUMER_ACK_FC_REQUIRES_MAX_ACK_PENDING),
        (config.ack_wait != 0 or config.backoff, errors.CONSUMER_ACK_FC_REQUIRES_NO_ACK_WAIT),
        (config.max_deliver > 0, errors.CONSUMER_ACK_FC_REQUIRES_NO_MAX_DELIVER),
    ):
        if given:
            raise kind()


def _check_push(config: ConsumerConfig, stream: StreamConfig) -> None:
    deliver = config.deliver_subject
    if not subjects.is_literal(deliver):
        raise errors.CONSUMER_DELIVER_TO_WILDCARDS()
    if not subjects.is_valid(deliver):
        raise errors.CONSUMER_INVALID_DELIVER_SUBJECT()
    if any(subjects.is_subset(deliver, subject) for subject in stream.subjects):
        raise errors.CONSUMER_DELIVER_CYCLE()
    if config.max_waiting != 0:
        raise errors.CONSUMER_PUSH_MAX_WAITING()
    if config.max_ack_pending > 0 and config.ack_policy == "none":
        raise errors.CONSUMER_MAX_PENDING_ACK_POLICY_REQUIRED()
    if 0 < config.idle_heartbeat < HEARTBEAT_MIN:
        raise errors.CONSUMER_SMALL_HEARTBEAT()


def _check_pull(config: ConsumerConfig, stream: StreamConfig, limits: ConfigLimits) -> None:
    for given, kind in (
        (config.ack_policy == "none" and stream.retention == "workqueue", errors.CONSUMER_PULL_REQUIRES_ACK),
        (config.rate_limit_bps > 0, errors.CONSUMER_PULL_WITH_RATE_LIMIT),
        (config.idle_heartbeat > 0, errors.CONSUMER_HB_REQUIRES_PUSH),
        (config.flow_control, errors.CONSUMER_FC_REQUIRES_PUSH),
        (0 < config.max_expires < times.MILLISECOND, errors.CONSUMER_MAX_REQUEST_EXPIRES_TOO_SMALL),
    ):  # fmt: skip
        if given:
            raise kind()
    if 0 < limits.max_request_batch < config.max_batch:
        raise errors.CONSUMER_MAX_REQUEST_BATCH_EXCEEDED(limit=limits.max_request_batch)


def _check_limits(config: ConsumerConfig, stream: StreamConfig, limits: ConfigLimits) -> None:
    for limit in (limits.max_ack_pending, stream.consumer_limits.max_ack_pending):
        if 0 < limit < config.max_ack_pending:
            raise errors.CONSUMER_MAX_PENDING_ACK_EXCESS(limit=limit)
    threshold = stream.consumer_limits.inactive_threshold
    if 0 < threshold < config.inactive_threshold:
        raise errors.CONSUMER_INACTIVE_THRESHOLD_EXCESS(limit=times.duration_text(threshold))


def check_new_limits(
    old: StreamConsumerLimits,
    new: StreamConsumerLimits,
    consumers: Iterable[tuple[str, ConsumerConfig]],
) -> None:
    """Whether consumers that are there keep to the limits that their stream is to set."""
    if new == old:
        return
    beyond = [
        name
        for name, config in consumers
        if 0 < new.inactive_threshold < config.inactive_threshold
        or 0 < new.max_ack_pending < config.max_ack_pending
    ]
    if beyond:
        raise errors.STREAM_UPDATE(err=f"change to limits violates consumers: {', '.join(beyond)}")


def _check_direct(config: ConsumerConfig) -> None:
    if not config.direct:
        return
    if config.is_pull:
        raise errors.CONSUMER_DIRECT_REQUIRES_PUSH()
    if config.durable_name:
        raise errors.CONSUMER_DIRECT_REQUIRES_EPHEMERAL()


def _check_filters(config: ConsumerConfig) -> None:
    if config.filter_subject and config.filter_subjects:
        raise errors.CONSUMER_DUPLICATE_FILTER_SUBJECTS()
    if config.filter_subject and not subjects.is_valid(config.filter_subject):
        raise refused("invalid subject")
    if "" in config.filter_subjects:
        raise errors.CONSUMER_EMPTY_FILTER()
    filters = config.filters
    for at, subject in enumerate(filters):
        if not subjects.is_valid(subject):
            raise refused("invalid subject")
        if any(subjects.is_subset(subject, other) for other in filters[:at] + filters[at + 1 :]):
            raise errors.CONSUMER_OVERLAPPING_SUBJECT_FILTERS()


def _check_start(config: ConsumerConfig) -> None:
    policy = config.deliver_policy.replace("_", " ")
    has_sequence, has_time = config.opt_start_seq > 0, config.opt_start_time is not None
    by_sequence, by_time = policy == "by start sequence", policy == "by start time"
    fault = ""
    if by_sequence and not has_sequence:
        fault = "optional start sequence is not set"
    elif by_time and not has_time:
        fault = "optional start time is not set"
    elif has_sequence and not by_sequence:
        fault = f"optional start {'start ' if by_time else ''}sequence is also set"
    elif has_time and not by_time:
        fault = "optional start time is also set"
    elif policy == "last per subject" and not config.filters:
        fault = "optional filter subject is not set"
    if fault:
        text = f"consumer delivery policy is deliver {policy}, but {fault}"
        raise errors.CONSUMER_INVALID_POLICY(err=text)


def sample_percent(sample_freq: str) -> int:
    """``30%`` and ``30`` are 30, empty is 0; ``ValueError`` for anything else."""
    digits = sample_freq.removesuffix("%")
    if not sample_freq:
        return 0
    if not re.fullmatch(r"[+-]?[0-9]+", digits):
        raise ValueError(f'strconv.Atoi: parsing "{digits}": invalid syntax')
    if len(digits) > 18:
        raise ValueError(f'strconv.Atoi: parsing "{digits}": value out of range')
    return int(digits)


def _check_sampling(config: ConsumerConfig) -> None:
    try:
        percent = sample_percent(config.sample_freq)
    except ValueError as error:
        raise errors.CONSUMER_INVALID_SAMPLING(err=error) from error
    if percent < 0:
        raise errors.CONSUMER_INVALID_SAMPLING(err="<nil>")


def _check_priority(config: ConsumerConfig) -> None:
    if config.priority_policy == "none":
        if config.priority_groups:
            raise errors.CONSUMER_PRIORITY_GROUP_WITH_POLICY_NONE()
        if config.priority_timeout > 0:
            raise errors.CONSUMER_PINNED_TTL_WITHOUT_PRIORITY_POLICY_NONE()
        return
    if not config.is_pull:
        raise errors.CONSUMER_PUSH_WITH_PRIORITY_GROUP()
    if not config.priority_groups:
        raise errors.CONSUMER_PRIORITY_POLICY_WITHOUT_GROUP()
    for group in config.priority_groups:
        if not group:
            raise errors.CONSUMER_EMPTY_GROUP_NAME()
        if not _GROUP_NAME.fullmatch(group):
            raise errors.CONSUMER_INVALID_GROUP_NAME()


def check_consumer_update(
    old: ConsumerConfig, new: ConsumerConfig, has_interest: Callable[[str], bool]
) -> None:
    """Whether a consumer may be changed like that; ``has_interest`` says if somebody listens on a subject."""
    for name, text in (
        ("deliver_policy", "deliver policy"),
        ("mem_storage", "storage type"),
        ("direct", "direct"),
        ("sourcing", "sourcing"),
        ("opt_start_seq", "start sequence"),
        ("opt_start_time", "start time"),
        ("ack_policy", "ack policy"),
        ("replay_policy", "replay policy"),
        ("idle_heartbeat", "heart beats"),
        ("flow_control", "flow control"),
    ):
        if getattr(old, name) != getattr(new, name):
            raise errors.CONSUMER_CREATE(err=f"{text} can not be updated")
    if old.deliver_subject != new.deliver_subject:
        if old.is_pull:
            raise errors.CONSUMER_CREATE(err="can not update pull consumer to push based")
        if new.is_pull:
            raise errors.CONSUMER_CREATE(err="can not update push consumer to pull based")
        if has_interest(old.deliver_subject):
            raise errors.CONSUMER_NAME_EXIST()
    if old.max_waiting != new.max_waiting:
        raise errors.CONSUMER_CREATE(err="max waiting can not be updated")


def check_work_queue(
    config: ConsumerConfig, name: str, others: Iterable[tuple[str, ConsumerConfig]]
) -> None:
    """What a new consumer of a work-queue stream must be, ``others`` being the stream's consumers by name."""
    if config.direct or config.sourcing:
        return
    if config.ack_policy not in ("explicit", "flow_control"):
        raise errors.CONSUMER_WQ_REQUIRES_EXPLICIT_ACK()
    if config.deliver_policy != "all":
        raise errors.CONSUMER_WQ_CONSUMER_NOT_DELIVER_ALL()
    counted = [(n, other) for n, other in others if not (other.direct or other.sourcing)]
    if counted and not config.filters:
        raise errors.CONSUMER_WQ_MULTIPLE_UNFILTERED()
    check_partition(config, name, counted)


def check_partition(
    config: ConsumerConfig, name: str, others: Iterable[tuple[str, ConsumerConfig]]
) -> None:
    """No other consumer of a work-queue stream may want some of the same messages; asked for updates as well."""
    for other_name, other in others:
        if other_name == name or other.direct or other.sourcing:
            continue
        for subject in config.filters:
            if not other.filters or any(subjects.collide(subject, f) for f in other.filters):
                raise errors.CONSUMER_WQ_CONSUMER_NOT_UNIQUE()

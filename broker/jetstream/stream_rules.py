"""What a stream may be configured with, and what the server completes.

The checks run in nats-server's order, because the first one that fails is the answer.
Source   nats-server ``stream.go`` (checkStreamCfg, configUpdateCheck), ``jetstream_api.go``
"""

from __future__ import annotations

from collections.abc import Iterable

from broker.jetstream import errors, subjects, times
from broker.jetstream.limits import ConfigLimits
from broker.jetstream.source_rules import FindStream, check_sources
from broker.jetstream.stream_config import (
    DESCRIPTION_MAX,
    METADATA_MAX,
    REPLICAS_MAX,
    STREAM_NAME_MAX,
    Placement,
    StreamConfig,
)
from broker.protocol.transform import Transform, TransformError, validate_mapping

DUPLICATE_WINDOW = 120 * times.SECOND
SHORTEST = 100 * times.MILLISECOND
#: What no stream may capture unless it never acknowledges, and the part of it that is allowed nevertheless.
_RESERVED = (
    ("$JS.>", "$JS.EVENT.>", "jetstream api"),
    ("$JSC.>", "$JS.EVENT.>", "jetstream api"),
    ("$NRG.>", "$JS.EVENT.>", "jetstream api"),
    ("$SYS.>", "$SYS.ACCOUNT.>", "system api"),
)


def refused(text: str) -> errors.ApiError:
    return errors.STREAM_INVALID_CONFIG(err=text)


def check_create(config: StreamConfig) -> None:
    """What only STREAM.CREATE refuses, before everything else."""
    if "/" in config.name or "\\" in config.name:
        raise errors.STREAM_NAME_CONTAINS_PATH_SEPARATORS()
    if config.sealed:
        raise refused("stream configuration for create can not be sealed")
    if config.mirror_direct and config.mirror is None:
        raise refused("stream has no mirror but does have mirror direct")


def checked_config(
    config: StreamConfig, pedantic: bool, limits: ConfigLimits, find: FindStream
) -> StreamConfig:
    """A complete copy of a configuration that may be; raises ApiError. ``find`` knows the account's other streams."""
    config = config.copy()
    _check_name(config)
    _fill_storage(config)
    _fill_counts(config, pedantic)
    _check_windows(config, pedantic, limits)
    _check_counter(config)
    _check_discard(config)
    _fill_markers(config, pedantic)
    _fill_schedules(config, pedantic)
    _check_persistence(config)
    check_sources(config, pedantic, find)
    _check_subjects(config)
    _check_bytes(config, limits)
    _check_transform(config)
    _check_republish(config, pedantic)
    if config.placement == Placement():
        config.placement = None
    if config.placement is not None and config.placement.preferred:
        raise refused("preferred server not permitted in placement")
    if config.num_replicas > 1:
        raise errors.STREAM_REPLICAS_NOT_SUPPORTED()
    _check_filters(config)
    return config


def checked_update(
    old: StreamConfig, new: StreamConfig, pedantic: bool, limits: ConfigLimits, find: FindStream
) -> StreamConfig:
    """A complete copy of ``new`` if ``old`` may become it; raises ApiError."""
    new = checked_config(new, pedantic, limits, find)
    # What was filled in must agree as well; a creation is checked once only, as by nats-server.
    new = checked_config(new, pedantic, limits, find)
    for forbidden, text in (
        (new.name != old.name, "stream configuration name must match original"),
        (new.storage != old.storage, "stream configuration update can not change storage type"),
        (
            new.retention != old.retention and "workqueue" in (new.retention, old.retention),
            "stream configuration update can not change retention policy to/from workqueue",
        ),
        (
            old.sealed and not new.sealed,
            "stream configuration update can not unseal a sealed stream",
        ),
        (
            old.deny_delete and not new.deny_delete,
            "stream configuration update can not cancel deny message deletes",
        ),
        (
            old.deny_purge and not new.deny_purge,
            "stream configuration update can not cancel deny purge",
        ),
    ):
        if forbidden:
            raise refused(text)
    if new.mirror is not None and new.mirror != old.mirror:
        raise errors.STREAM_MIRROR_NOT_UPDATABLE()
    for forbidden, text in (
        (old.allow_msg_ttl and not new.allow_msg_ttl, "message TTL status can not be disabled"),
        (
            new.allow_msg_counter != old.allow_msg_counter,
            "stream configuration update can not change message counter setting",
        ),
        (
            old.allow_msg_schedules and not new.allow_msg_schedules,
            "message schedules can not be disabled",
        ),
        (
            new.persist_mode != old.persist_mode,
            "stream configuration update can not change persist mode",
        ),
    ):
        if forbidden:
            raise refused(text)
    if new.sealed:
        new.max_age = 0
        new.discard = "new"
        new.deny_delete = new.deny_purge = True
        new.allow_rollup_hdrs = False
    return new


def overlaps_others(config: StreamConfig, others: Iterable[StreamConfig]) -> bool:
    """Whether another stream captures some of the same subjects."""
    return any(
        subjects.collide(ours, theirs)
        for other in others
        if other.name != config.name
        for theirs in other.subjects
        for ours in config.subjects
    )


def _check_name(config: StreamConfig) -> None:
    if not subjects.is_asset_name(config.name):
        raise refused("stream name is required and can not contain '.', '*', '>', '\\', '/'")
    if len(config.name.encode()) > STREAM_NAME_MAX:
        raise refused(f"stream name is too long, maximum allowed is {STREAM_NAME_MAX}")
    if len(config.description.encode()) > DESCRIPTION_MAX:
        raise refused(f"stream description is too long, maximum allowed is {DESCRIPTION_MAX}")
    if metadata_bytes(config.metadata) > METADATA_MAX:
        raise refused(f"stream metadata exceeds maximum size of {METADATA_MAX} bytes")


def metadata_bytes(metadata: dict[str, str] | None) -> int:
    return sum(len(k.encode()) + len(v.encode()) for k, v in (metadata or {}).items())


def _fill_storage(config: StreamConfig) -> None:
    if config.num_replicas == 0:
        config.num_replicas = 1
    if config.num_replicas > REPLICAS_MAX:
        raise refused(f"maximum replicas is {REPLICAS_MAX}")
    if config.num_replicas < 0:
        raise errors.REPLICAS_COUNT_CANNOT_BE_NEGATIVE()


def _fill_counts(config: StreamConfig, pedantic: bool) -> None:
    for name in ("max_msgs", "max_msgs_per_subject", "max_bytes", "max_msg_size", "max_consumers"):
        value = getattr(config, name)
        if pedantic and value < -1:
            raise errors.PEDANTIC(err=f"{name} must be set to -1")
        if value == 0 or value < -1:
            setattr(config, name, -1)


def _check_windows(config: StreamConfig, pedantic: bool, limits: ConfigLimits) -> None:
    if config.max_age < 0:
        raise refused("max age can not be negative")
    if 0 < config.max_age < SHORTEST:
        raise refused("max age needs to be >= 100ms")
    if config.duplicate_window == 0 and config.mirror is None and not config.sources:
        config.duplicate_window = _default_window(config, pedantic, limits)
    window = config.duplicate_window
    if window < 0:
        raise refused("duplicates window can not be negative")
    if config.max_age and window > config.max_age:
        raise refused("duplicates window can not be larger then max age")
    if 0 < limits.duplicate_window < window:
        limit = times.duration_text(limits.duplicate_window)
        raise refused(f"duplicates window can not be larger then server limit of {limit}")
    if 0 < window < SHORTEST:
        raise refused("duplicates window needs to be >= 100ms")
    if config.deny_purge and config.allow_rollup_hdrs:
        raise refused("roll-ups require the purge permission")


def _default_window(config: StreamConfig, pedantic: bool, limits: ConfigLimits) -> int:
    window = DUPLICATE_WINDOW
    if 0 < limits.duplicate_window < window:
        if pedantic:
            raise errors.PEDANTIC(err="duplicate window limits are higher than current limits")
        window = limits.duplicate_window
    if not 0 < config.max_age < window:
        return window
    if pedantic:
        raise errors.PEDANTIC(err="duplicate window cannot be bigger than max age")
    return config.max_age


def _check_counter(config: StreamConfig) -> None:
    if not config.allow_msg_counter:
        return
    for given, text in (
        (config.discard == "new", "counter stream cannot use discard new"),
        (config.allow_msg_ttl, "counter stream cannot use message TTLs"),
        (config.allow_msg_schedules, "counter stream cannot use message schedules"),
        (config.retention != "limits", "counter stream can only use limits retention"),
    ):
        if given:
            raise refused(text)


def _check_discard(config: StreamConfig) -> None:
    if not config.discard_new_per_subject:
        return
    if config.discard != "new":
        raise refused("discard new per subject requires discard new policy to be set")
    if config.max_msgs_per_subject <= 0:
        raise refused("discard new per subject requires max msgs per subject > 0")


def _fill_markers(config: StreamConfig, pedantic: bool) -> None:
    if config.subject_delete_marker_ttl < 0:
        raise refused("subject delete marker TTL must not be negative")
    if config.subject_delete_marker_ttl == 0:
        return
    if config.subject_delete_marker_ttl < times.SECOND:
        raise refused("subject delete marker TTL must be at least 1 second")
    if not config.allow_msg_ttl:
        if pedantic:
            raise refused("subject delete marker cannot be set if message TTLs are disabled")
        config.allow_msg_ttl = True
    if not config.allow_rollup_hdrs:
        if pedantic:
            raise refused("subject delete marker cannot be set if roll-ups are disabled")
        config.allow_rollup_hdrs, config.deny_purge = True, False


def _fill_schedules(config: StreamConfig, pedantic: bool) -> None:
    if not config.allow_msg_schedules:
        return
    if config.discard == "new":
        raise refused("message scheduling cannot use discard new")
    if not config.allow_rollup_hdrs:
        if pedantic:
            raise refused("message scheduling cannot be set if roll-ups are disabled")
        config.allow_rollup_hdrs, config.deny_purge = True, False


def _check_persistence(config: StreamConfig) -> None:
    if config.persist_mode != "async":
        return
    if config.storage == "memory":
        raise refused("async persist mode is only supported on file storage")
    if config.num_replicas > 1:
        raise refused("async persist mode is not supported on replicated streams")
    if config.allow_atomic:
        raise refused("async persist mode is not supported with atomic batch publish")


def _check_subjects(config: StreamConfig) -> None:
    if not config.subjects:
        if config.mirror is None and not config.sources:
            config.subjects = [config.name]
        return
    seen: set[str] = set()
    for at, subject in enumerate(config.subjects):
        if not subjects.is_valid(subject):
            raise refused("invalid subject")
        if subject in seen:
            raise refused("duplicate subjects detected")
        _check_reserved(config, subject)
        for other in config.subjects[at + 1 :]:
            # A literal repetition is found when its turn comes, unless the overlap is said first.
            if subjects.collide(other, subject):
                raise refused(f'subject "{subject}" overlaps with "{other}"')
        seen.add(subject)


def _check_reserved(config: StreamConfig, subject: str) -> None:
    if config.no_ack:
        if subject == ">" and config.num_replicas != 1:
            raise refused("capturing all subjects requires replicas of 1")
        return
    if subject == ">":
        raise refused("capturing all subjects requires no-ack to be true")
    for reserved, allowed, owner in _RESERVED:
        if subjects.collide(subject, reserved) and not subjects.is_subset(subject, allowed):
            raise refused(f"subjects that overlap with {owner} require no-ack to be true")


def _check_bytes(config: StreamConfig, limits: ConfigLimits) -> None:
    in_memory = config.storage == "memory"
    limit = limits.memory_max_stream_bytes if in_memory else limits.storage_max_stream_bytes
    if limits.max_bytes_required and config.max_bytes <= 0:
        raise errors.STREAM_MAX_BYTES_REQUIRED()
    if 0 < limit < config.max_bytes:
        raise errors.STREAM_MAX_STREAM_BYTES_EXCEEDED()


def _check_transform(config: StreamConfig) -> None:
    transform = config.subject_transform
    if transform is None:
        return
    if transform.src and not subjects.is_valid(transform.src):
        raise errors.STREAM_TRANSFORM_INVALID_SOURCE(err=f"invalid subject {transform.src}")
    try:
        validate_mapping(transform.src.encode(), transform.dest.encode())
    except TransformError as error:
        raise errors.STREAM_TRANSFORM_INVALID_DESTINATION(err=error) from error


def _check_republish(config: StreamConfig, pedantic: bool) -> None:
    republish, transform = config.republish, config.subject_transform
    if republish is None:
        return
    if not republish.src:
        if pedantic:
            raise errors.PEDANTIC(err="republish source can not be empty")
        republish.src = ">"
    if republish.src == republish.dest == ">" and transform and config.subjects == [transform.src]:
        if pedantic:
            raise errors.PEDANTIC(err="implicit republish based on subject transform")
        republish.src = republish.dest = transform.dest
    if any(subjects.collide(republish.dest, subject) for subject in config.subjects):
        raise refused("stream configuration for republish destination forms a cycle")
    if not republish.dest:
        return  # accepted, and nothing is republished
    try:
        Transform(republish.src.encode(), republish.dest.encode())
    except TransformError as error:
        raise refused(
            "stream configuration for republish with transform from "
            f"'{republish.src}' to '{republish.dest}' not valid"
        ) from error


def _check_filters(config: StreamConfig) -> None:
    """The last look at the filters of mirror and sources; nats-server takes it when it makes the stream."""
    for source, owner in [(config.mirror, "mirror "), *((s, "source: ") for s in config.sources)]:
        if source is None or not source.filter_subject or subjects.is_valid(source.filter_subject):
            continue
        text = f"subject filter '{source.filter_subject}' for the {owner}invalid subject"
        raise errors.STREAM_CREATE(err=text)

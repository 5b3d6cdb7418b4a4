"""What mirrors and sources may be configured with, and that streams don't feed each other in a circle.

Source   nats-server ``stream.go`` (checkStreamCfg): the checks in its order, since the first one answers
"""

from __future__ import annotations

from collections.abc import Callable, Iterable

from broker.jetstream import errors, subjects
from broker.jetstream.stream_config import (
    ExternalStream,
    StreamConfig,
    StreamSource,
    SubjectTransformConfig,
)
from broker.protocol.transform import TransformError, validate_mapping

FindStream = Callable[[str], StreamConfig | None]
API_PREFIX = "$JS.API"


def check_sources(config: StreamConfig, pedantic: bool, find: FindStream) -> None:
    """Everything about ``mirror`` and ``sources``; sets ``mirror_direct`` as the origin has it."""
    if config.mirror is not None:
        _check_mirror(config, config.mirror, pedantic, find)
    if config.sources and config.allow_msg_schedules:
        raise errors.SOURCE_WITH_MSG_SCHEDULES()
    seen: set[tuple[str, ...]] = set()
    consumers: set[tuple[str, ...]] = set()
    for source in config.sources:
        _check_source(source, seen)
        _check_consumer(source, consumers)
        origin = None if source.external else find(source.name)
        if origin is not None and _too_small(config, origin):
            raise errors.SOURCE_MAX_MESSAGE_SIZE_TOO_BIG()
    _check_prefixes(config, find)
    _check_cycle(config, find)


def _check_mirror(
    config: StreamConfig, mirror: StreamSource, pedantic: bool, find: FindStream
) -> None:
    for given, kind in (
        (config.first_seq > 0, errors.MIRROR_WITH_FIRST_SEQ),
        (config.subjects, errors.MIRROR_WITH_SUBJECTS),
        (config.sources, errors.MIRROR_WITH_SOURCES),
        (config.allow_msg_counter, errors.MIRROR_WITH_COUNTERS),
        (config.allow_atomic, errors.MIRROR_WITH_ATOMIC_PUBLISH),
        (config.allow_batched, errors.MIRROR_WITH_BATCH_PUBLISH),
        (config.allow_msg_schedules, errors.MIRROR_WITH_MSG_SCHEDULES),
        (_bad_consumer(mirror), errors.MIRROR_DURABLE_CONSUMER_CFG_INVALID),
        (
            mirror.filter_subject and mirror.subject_transforms,
            errors.MIRROR_MULTIPLE_FILTERS_NOT_ALLOWED,
        ),
    ):
        if given:
            raise kind()
    if config.subject_delete_marker_ttl > 0:
        raise errors.STREAM_INVALID_CONFIG(err="subject delete markers forbidden on mirrors")
    for at, transform in enumerate(mirror.subject_transforms):
        _check_transform(
            transform,
            errors.MIRROR_INVALID_SUBJECT_FILTER,
            errors.MIRROR_INVALID_TRANSFORM_DESTINATION,
        )
        others = mirror.subject_transforms[:at] + mirror.subject_transforms[at + 1 :]
        if any(subjects.collide(transform.src, other.src) for other in others):
            raise errors.MIRROR_OVERLAPPING_SUBJECT_FILTERS()
    if mirror.external is None:
        _check_origin(config, mirror, pedantic, find)


def _check_origin(
    config: StreamConfig, mirror: StreamSource, pedantic: bool, find: FindStream
) -> None:
    if not subjects.is_asset_name(mirror.name):
        raise errors.MIRROR_INVALID_STREAM_NAME()
    origin = find(mirror.name)
    if origin is None:
        return
    if _too_small(config, origin):
        raise errors.MIRROR_MAX_MESSAGE_SIZE_TOO_BIG()
    if pedantic and config.mirror_direct != origin.allow_direct:
        raise errors.PEDANTIC(err="origin stream has direct get set, mirror has it disabled")
    config.mirror_direct = origin.allow_direct


def _check_source(source: StreamSource | None, seen: set[tuple[str, ...]]) -> None:
    if source is None or not subjects.is_asset_name(source.name):
        raise errors.SOURCE_INVALID_STREAM_NAME()
    if source.identity() in seen:
        raise errors.SOURCE_DUPLICATE_DETECTED()
    seen.add(source.identity())
    if source.filter_subject and source.subject_transforms:
        raise errors.SOURCE_MULTIPLE_FILTERS_NOT_ALLOWED()
    for transform in source.subject_transforms:
        _check_transform(
            transform,
            errors.SOURCE_INVALID_SUBJECT_FILTER,
            errors.SOURCE_INVALID_TRANSFORM_DESTINATION,
        )
    for at, transform in enumerate(source.subject_transforms):
        others = source.subject_transforms[:at] + source.subject_transforms[at + 1 :]
        if any(subjects.is_subset(transform.src, other.src) for other in others):
            raise errors.SOURCE_OVERLAPPING_SUBJECT_FILTERS()


def _check_consumer(source: StreamSource, seen: set[tuple[str, ...]]) -> None:
    """Two sources can't share the durable consumer that they are fed by."""
    if source.consumer is None:
        return
    if _bad_consumer(source):
        raise errors.SOURCE_DURABLE_CONSUMER_CFG_INVALID()
    api = source.external.api if source.external else ""
    identity = (source.name, api, source.consumer.name)
    if identity in seen:
        raise errors.SOURCE_DURABLE_CONSUMER_DUPLICATE_DETECTED()
    seen.add(identity)


def _check_transform(
    transform: SubjectTransformConfig,
    bad_source: errors.ErrorKind,
    bad_destination: errors.ErrorKind,
) -> None:
    if transform.src and not subjects.is_valid(transform.src):
        raise bad_source(err=f"invalid subject {transform.src}")
    try:
        validate_mapping(transform.src.encode(), transform.dest.encode())
    except TransformError as error:
        raise bad_destination(err=error) from error


def _bad_consumer(source: StreamSource) -> bool:
    consumer = source.consumer
    if consumer is None:
        return False
    return (
        not subjects.is_asset_name(consumer.name)
        or not subjects.is_valid(consumer.deliver_subject)
        or not subjects.is_literal(consumer.deliver_subject)
        or bool(source.opt_start_seq or source.opt_start_time is not None or source.filter_subject)
    )


def _too_small(config: StreamConfig, origin: StreamConfig) -> bool:
    return 0 < config.max_msg_size < origin.max_msg_size


def _all_sources(config: StreamConfig) -> Iterable[StreamSource]:
    return [config.mirror] if config.mirror is not None else config.sources


def _check_prefixes(config: StreamConfig, find: FindStream) -> None:
    sources = _all_sources(config)
    externals = [source.external for source in sources if source.external]
    origins = [find(source.name) for source in sources if not source.external]
    origin_subjects = [subject for origin in origins if origin for subject in origin.subjects]
    for external in externals:
        if external.deliver:
            _check_deliver(external, origin_subjects)
    for external in externals:
        if not external.api:
            continue
        if not (subjects.is_valid(external.api) and subjects.is_literal(external.api)):
            text = f'stream external api prefix "{external.api}" must be a valid subject without wildcards'
            raise errors.STREAM_INVALID_CONFIG(err=text)
        if subjects.collide(external.api, API_PREFIX):
            raise errors.STREAM_EXTERNAL_API_OVERLAP(prefix=external.api, subject=API_PREFIX)


def _check_deliver(external: ExternalStream, origin_subjects: list[str]) -> None:
    prefix = external.deliver
    if not (subjects.is_valid(prefix) and subjects.is_literal(prefix)):
        raise errors.STREAM_INVALID_EXTERNAL_DELIVERY_SUBJ(prefix=prefix)
    for subject in origin_subjects:
        if subjects.collide(subject, f"{prefix}.{subject}"):
            raise errors.STREAM_EXTERNAL_DEL_PREFIX_OVERLAPS(prefix=prefix, subject=subject)


def _check_cycle(config: StreamConfig, find: FindStream) -> None:
    to_visit: list[StreamConfig] = [config]
    visited: set[str] = set()
    while to_visit:
        at = to_visit.pop(0)
        visited.add(at.name)
        for source in _all_sources(at):
            if source.external:
                continue
            if source.name not in visited:
                origin = find(source.name)
                to_visit += [origin] if origin is not None else []
            elif source is at.mirror or _feeds(at, source):
                raise errors.STREAM_INVALID_CONFIG(err="detected cycle")


def _feeds(config: StreamConfig, source: StreamSource) -> bool:
    wanted = source.filter_subject
    return not wanted or any(subjects.collide(subject, wanted) for subject in config.subjects)

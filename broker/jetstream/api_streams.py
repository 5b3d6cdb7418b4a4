"""``$JS.API.STREAM.*``: create, update, look at, list, purge and delete streams.

Source   nats-server ``jetstream_api.go``; ADR-1, ADR-15
"""

from dataclasses import dataclass
from typing import Any, Final, TypeVar

from broker.jetstream import creation, errors, json_form, stream_info, stream_rules, trim, versions
from broker.jetstream.api import PAGED, Operation, Request
from broker.jetstream.consumer_rules import check_new_limits
from broker.jetstream.stream import Stream
from broker.jetstream.stream_config import StreamConfigRequest
from broker.jetstream.subjects import collide
from broker.storage.store import StoreFailed

T = TypeVar("T")

_NAMES_PAGE: Final = 1024
_LIST_PAGE: Final = 256


@dataclass(slots=True)
class JSApiStreamInfoRequest:
    offset: int = json_form.integer()
    deleted_details: bool = json_form.flag()
    subjects_filter: str = json_form.text()


@dataclass(slots=True)
class JSApiStreamListRequest:
    offset: int = json_form.integer()
    subject: str = json_form.text()


@dataclass(slots=True)
class JSApiStreamNamesRequest:
    offset: int = json_form.integer()
    subject: str = json_form.text()


@dataclass(slots=True)
class JSApiStreamPurgeRequest:
    seq: int = json_form.integer("uint64")
    filter: str = json_form.text()
    keep: int = json_form.integer("uint64")


# Create, update, delete ------------------------------------------------------------------------------


def _create(request: Request) -> None:
    asked = json_form.decode(StreamConfigRequest, request.body, request.strict)
    if asked.name != request.tokens[0]:
        raise errors.STREAM_MISMATCH()
    stream, is_new = creation.create(request.account, asked.config(), pedantic=asked.pedantic)

    def answer(error: str) -> None:
        if error:
            if is_new:
                stream.delete(lambda _error: None)
            request.fail(errors.STREAM_CREATE(err=error))
            return
        if is_new:
            advise(stream, "CREATED", "create")
        request.respond({**stream_info.changed(stream, created=True), "did_create": True})

    stream.when_settled(answer)


def _update(request: Request) -> None:
    asked = json_form.decode(StreamConfigRequest, request.body, request.strict)
    account = request.account
    limits = creation.limits_of(account)
    stream_rules.checked_config(asked.config(), asked.pedantic, limits, account.config_of)
    if asked.name != request.tokens[0]:
        raise errors.STREAM_MISMATCH()
    stream = request.stream()
    config = stream_rules.checked_update(
        stream.config, asked.config(), asked.pedantic, limits, account.config_of
    )
    check_new_limits(
        stream.config.consumer_limits, config.consumer_limits, stream.consumers.configs()
    )
    others = (each.config for each in account.streams.values())
    if stream_rules.overlaps_others(config, others):
        raise errors.STREAM_SUBJECT_OVERLAP()
    if config.max_bytes > stream.config.max_bytes:
        creation.check_room(account, config, stream)
    config.metadata = versions.with_level(config.metadata, versions.level_of_stream(config))
    try:
        stream.reconfigure(config)
    except StoreFailed as error:
        raise errors.STREAM_UPDATE(err=str(error)) from error
    stream.save(lambda error: _saved(request, stream, error))


def _saved(request: Request, stream: Stream, error: OSError | None) -> None:
    if error is not None:
        request.fail(errors.STREAM_UPDATE(err=f"{error.strerror or error}"))
        return
    advise(stream, "UPDATED", "modify")
    request.respond(stream_info.changed(stream))


def _delete(request: Request) -> None:
    if request.body not in (b"", b"{}", b"[]", b"null") and request.body.strip():
        raise errors.NOT_EMPTY_REQUEST()
    stream = request.stream()

    def done(error: OSError | None) -> None:
        if error is not None:
            request.fail(errors.STREAM_DELETE(err=f"{error.strerror or error}"))
            return
        advise(stream, "DELETED", "delete")
        request.respond({"success": True})

    stream.delete(done)


def advise(stream: Stream, event: str, action: str) -> None:
    stream.account.advise(
        b"ADVISORY.STREAM.%b.%b" % (event.encode(), stream.name.encode()),
        "io.nats.jetstream.advisory.v1.stream_action",
        {"stream": stream.name, "action": action},
    )


# Look at ---------------------------------------------------------------------------------------------


def _info(request: Request) -> None:
    asked = JSApiStreamInfoRequest()
    if request.asks:
        asked = json_form.decode(JSApiStreamInfoRequest, request.body, request.strict)
    stream = request.stream()

    def answer(_error: str) -> None:
        fields = stream_info.info(stream, details=asked.deleted_details)
        page: dict[str, Any] = dict(PAGED)
        if asked.subjects_filter:
            page = stream_info.subjects(stream, asked.subjects_filter, max(asked.offset, 0))
            counts = page.pop("subjects", None)
            if counts:
                fields["state"] = _with_subjects(fields["state"], counts)
        request.respond({**page, **fields})

    stream.when_settled(answer)


def _with_subjects(state: dict[str, Any], counts: dict[str, int]) -> dict[str, Any]:
    """In its place in nats-server's order."""
    found: dict[str, Any] = {}
    for key, value in state.items():
        found[key] = value
        if key == "num_subjects":
            found["subjects"] = counts
    return found


def _matching(request: Request, subject: str) -> list[Stream]:
    """The streams that capture something of ``subject``, by name."""
    streams = sorted(request.account.streams.items())
    return [
        stream
        for _, stream in streams
        if not stream.restoring and (not subject or _captures(stream, subject))
    ]


def _captures(stream: Stream, subject: str) -> bool:
    return any(collide(subject, each) for each in stream.config.subjects)


def page_of(found: list[T], offset: int, limit: int) -> tuple[dict[str, Any], list[T]]:
    """What a paged answer says of its page, and what is on it."""
    offset = min(max(offset, 0), len(found))
    return {"total": len(found), "offset": offset, "limit": limit}, found[offset : offset + limit]


def _names(request: Request) -> None:
    asked = JSApiStreamNamesRequest()
    if request.asks:
        asked = json_form.decode(JSApiStreamNamesRequest, request.body, request.strict)
    page, streams = page_of(_matching(request, asked.subject), asked.offset, _NAMES_PAGE)
    request.respond({**page, "streams": [stream.name for stream in streams] or None})


def _list(request: Request) -> None:
    asked = JSApiStreamListRequest()
    if request.asks:
        asked = json_form.decode(JSApiStreamListRequest, request.body, request.strict)
    page, streams = page_of(_matching(request, asked.subject), asked.offset, _LIST_PAGE)
    request.respond({**page, "streams": [stream_info.listed(stream) for stream in streams]})


# Purge -----------------------------------------------------------------------------------------------


def _purge(request: Request) -> None:
    asked = JSApiStreamPurgeRequest()
    if request.asks:
        asked = json_form.decode(JSApiStreamPurgeRequest, request.body, request.strict)
        if asked.seq and asked.keep:
            raise errors.BAD_REQUEST()
    stream = request.stream()
    if stream.config.sealed:
        raise errors.STREAM_SEALED()
    if stream.config.deny_purge:
        raise errors.STREAM_PURGE_FAILED(err="stream purge not permitted")
    try:
        purged = trim.purge(stream, asked.filter, asked.seq, asked.keep)
    except StoreFailed as error:
        raise errors.STREAM_PURGE_FAILED(err=str(error)) from error

    def answer(error: str) -> None:
        if error:
            request.fail(errors.STREAM_PURGE_FAILED(err=error))
        else:
            request.respond({"success": True, "purged": purged})

    stream.when_settled(answer)


OPERATIONS: Final = (
    Operation("STREAM.CREATE", 1, "stream_create_response", _create),
    Operation("STREAM.UPDATE", 1, "stream_update_response", _update),
    Operation("STREAM.DELETE", 1, "stream_delete_response", _delete),
    Operation("STREAM.INFO", 1, "stream_info_response", _info, PAGED),
    Operation("STREAM.NAMES", 0, "stream_names_response", _names, PAGED | {"streams": None}),
    Operation("STREAM.LIST", 0, "stream_list_response", _list, PAGED | {"streams": []}),
    Operation("STREAM.PURGE", 1, "stream_purge_response", _purge, {"purged": 0}),
)

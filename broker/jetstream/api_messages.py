"""``$JS.API.STREAM.MSG.GET`` and ``.DELETE``: single messages by sequence, by subject, by time.

Source   nats-server ``jetstream_api.go`` (jsMsgGetRequest, jsMsgDeleteRequest)
"""

from base64 import b64encode
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

from broker.jetstream import errors, json_form, times
from broker.jetstream.api import Operation, Request
from broker.storage.store import Message, StoreFailed

if TYPE_CHECKING:
    from broker.jetstream.stream import Stream


@dataclass(slots=True)
class JSApiMsgGetRequest:
    """Of MSG.GET and of DIRECT.GET; only the latter knows batches."""

    seq: int = json_form.integer("uint64")
    last_by_subj: str = json_form.text()
    next_by_subj: str = json_form.text()
    batch: int = json_form.integer()
    max_bytes: int = json_form.integer()
    start_time: int | None = json_form.moment()
    multi_last: list[str] = json_form.texts()
    up_to_seq: int = json_form.integer("uint64")
    up_to_time: int | None = json_form.moment()
    no_hdr: bool = json_form.flag()

    @property
    def names_a_message(self) -> bool:
        """Whether anything says which message is wanted."""
        return bool(
            self.seq or self.last_by_subj or self.next_by_subj or self.start_time is not None
        )

    @property
    def contradicts_itself(self) -> bool:
        by_time = self.start_time is not None
        return bool(
            (self.seq and (self.last_by_subj or by_time))
            or (self.last_by_subj and (by_time or self.next_by_subj))
        )


@dataclass(slots=True)
class JSApiMsgDeleteRequest:
    """Body of ``STREAM.MSG.DELETE``."""

    seq: int = json_form.integer("uint64", omit=False)
    no_erase: bool = json_form.flag()


def find(stream: "Stream", asked: JSApiMsgGetRequest) -> int | None:
    """The sequence of the one message that a request means; uncommitted ones too."""
    index = stream.store.index
    seq = asked.seq if asked.start_time is None else index.seq_at_time(asked.start_time)
    if asked.next_by_subj:
        return index.next_matching(asked.next_by_subj.encode(), seq, index.last_seq + 1)
    if asked.last_by_subj:
        return index.previous_matching(asked.last_by_subj.encode(), index.last_seq + 1)
    return seq if index.find(seq) is not None else None


def _get(request: Request) -> None:
    if _is_empty(request.body):
        raise errors.BAD_REQUEST()
    asked = json_form.decode(JSApiMsgGetRequest, request.body, request.strict)
    if asked.batch > 0 or asked.max_bytes > 0:
        raise errors.BAD_REQUEST()
    if not asked.names_a_message or asked.contradicts_itself:
        raise errors.BAD_REQUEST()
    stream = request.stream()

    def answer(_error: str) -> None:
        seq = find(stream, asked)
        message = stream.read(seq) if seq is not None else None
        if message is None:
            request.fail(errors.NO_MESSAGE_FOUND())
        else:
            request.respond({"message": _shown(message, asked.no_hdr)}, counts=False)

    seq = find(stream, asked)
    if seq is not None and seq >= stream.end:
        stream.when_settled(answer)
    else:
        answer("")


def _shown(message: Message, no_header: bool) -> dict[str, Any]:
    found: dict[str, Any] = {
        "subject": message.subject.decode(errors="replace"),
        "seq": message.seq,
    }
    if message.header and not no_header:
        found["hdrs"] = b64encode(message.header).decode()
    if message.payload:
        found["data"] = b64encode(message.payload).decode()
    return found | {"time": times.time_text(message.time_ns)}


def _is_empty(body: bytes) -> bool:
    return body.strip() == b"" or body.translate(None, b" \t\r\n") == b"{}"


def _delete(request: Request) -> None:
    if _is_empty(request.body):
        raise errors.BAD_REQUEST()
    asked = json_form.decode(JSApiMsgDeleteRequest, request.body, request.strict)
    stream = request.stream()
    if stream.config.sealed:
        raise errors.STREAM_SEALED()
    if stream.config.deny_delete:
        raise errors.STREAM_MSG_DELETE_FAILED(err="message delete not permitted")
    try:
        removed = stream.remove(asked.seq, "Remove", erase=not asked.no_erase)
    except StoreFailed as error:
        raise errors.STREAM_MSG_DELETE_FAILED(err=str(error)) from error
    if not removed:
        request.fail(_missing(stream, asked.seq), counts=False)
        return

    def answer(error: str) -> None:
        if error:
            request.fail(errors.STREAM_MSG_DELETE_FAILED(err=error))
        else:
            request.respond({"success": True})

    stream.when_settled(answer)


def _missing(stream: "Stream", seq: int) -> errors.ApiError:
    """What nats-server's two stores say of a message that isn't there."""
    index = stream.store.index
    if stream.config.storage == "file" and seq > index.last_seq:
        return errors.STREAM_MSG_DELETE_FAILED(err="stream store EOF")
    if stream.config.storage == "file" and seq < index.first_seq():
        return errors.STREAM_MSG_DELETE_FAILED(err="no message found")
    return errors.SEQUENCE_NOT_FOUND(seq=seq)


OPERATIONS: Final = (
    Operation("STREAM.MSG.GET", 1, "stream_msg_get_response", _get),
    Operation("STREAM.MSG.DELETE", 1, "stream_msg_delete_response", _delete),
)

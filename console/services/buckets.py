"""Key-value buckets as NATS clients make them: a stream KV_<bucket> whose subjects are $KV.<bucket>.<key>; ADR-8."""

from typing import Any

from console.gateway import jetstream
from console.gateway.errors import JetStreamRefused
from console.gateway.jetstream import Stored
from console.gateway.nats import Message
from console.selectors.access import Access
from console.services import nats_user
from console.services.audit import About, Actor, record
from console.services.errors import PreconditionFailed

Json = dict[str, Any]

STREAM = "KV_"
SUBJECT = "$KV."
HISTORY_MAX = 64
#: NATS's own default; a shorter time to live shortens it.
DUPLICATE_WINDOW_NS = 120 * 10**9
OPERATION = "KV-Operation"


def config(asked: Json) -> Json:
    """Of the stream, with the settings that every client gives it."""
    ttl = asked["ttl"]
    return {
        "name": STREAM + asked["bucket"],
        "description": asked["description"],
        "subjects": [f"{SUBJECT}{asked['bucket']}.>"],
        "max_msgs_per_subject": asked["history"],
        "max_bytes": asked["max_bytes"],
        "max_age": ttl,
        "max_msg_size": asked["max_value_size"],
        "storage": asked["storage"],
        "discard": "new",
        "num_replicas": 1,
        "duplicate_window": min(ttl, DUPLICATE_WINDOW_NS) if ttl else DUPLICATE_WINDOW_NS,
        "max_msgs": -1,
        "max_consumers": -1,
        "allow_rollup_hdrs": True,
        "deny_delete": True,
        "allow_direct": True,
    }


def create(*, actor: Actor, access: Access, asked: Json) -> Json:
    wanted = config(asked)
    made = jetstream.call(nats_user.of(access), f"STREAM.CREATE.{wanted['name']}", wanted)
    _note(actor, access, "bucket.created", asked["bucket"], "was created", after=asked)
    return made


def delete(*, actor: Actor, access: Access, bucket: str) -> None:
    jetstream.call(nats_user.of(access), f"STREAM.DELETE.{STREAM}{bucket}")
    _note(actor, access, "bucket.deleted", bucket, "was deleted")


def put(
    *, actor: Actor, access: Access, bucket: str, key: str, value: bytes, revision: int | None
) -> int:
    """Its new revision. Raises PreconditionFailed where ``revision`` isn't the newest any more."""
    stored = _store(access, bucket, key, value, {}, revision)
    _note(actor, access, "key.put", bucket, f"has revision {stored} of {key}")
    return stored


def remove(*, actor: Actor, access: Access, bucket: str, key: str, purge: bool) -> int:
    """Leaves a marker; with ``purge`` the marker is all that is left of the key's history."""
    headers = {OPERATION: ["PURGE"], "Nats-Rollup": ["sub"]} if purge else {OPERATION: ["DEL"]}
    stored = _store(access, bucket, key, b"", headers, None)
    what = f"lost {key}" + (" with its history" if purge else "")
    _note(actor, access, "key.purged" if purge else "key.deleted", bucket, what)
    return stored


def history(access: Access, bucket: str, key: str) -> list[Stored]:
    """Newest first."""
    subject = f"{SUBJECT}{bucket}.{key}"
    page = jetstream.forward(nats_user.of(access), STREAM + bucket, subject, 1, HISTORY_MAX)
    return page.messages[::-1]


def _store(
    access: Access, bucket: str, key: str, value: bytes,
    headers: dict[str, list[str]], revision: int | None,
) -> int:  # fmt: skip
    if revision is not None:
        headers = {**headers, "Nats-Expected-Last-Subject-Sequence": [str(revision)]}
    wanted = Message(f"{SUBJECT}{bucket}.{key}", "", headers, value)
    try:
        return jetstream.store(nats_user.of(access), wanted)
    except JetStreamRefused as refused:
        if refused.err_code in jetstream.WRONG_LAST_SEQUENCE:
            message = "The key was changed meanwhile: look at its newest value first."
            raise PreconditionFailed("revision", message) from None
        raise


def _note(
    actor: Actor, access: Access, kind: str, bucket: str, what: str, after: Json | None = None
) -> None:
    namespace = access.namespace
    about = About(project=namespace.project, namespace=namespace, target=bucket, after=after or {})
    record(actor, kind, f"Bucket {bucket} {what}.", about)

"""What people change about streams and consumers: done by JetStream as their role, then written into the trail."""

from typing import Any

from console.gateway import jetstream
from console.selectors.access import Access
from console.services import nats_user
from console.services.audit import About, Actor, record

Json = dict[str, Any]


def create(*, actor: Actor, access: Access, config: Json) -> Json:
    made = jetstream.call(nats_user.of(access), f"STREAM.CREATE.{config['name']}", config)
    _note(actor, access, "stream.created", config["name"], "was created", after=config)
    return made


def update(*, actor: Actor, access: Access, name: str, changes: Json) -> Json:
    """``changes`` are laid over the settings that it has; the rest stays as it is."""
    who = nats_user.of(access)
    config = jetstream.call(who, f"STREAM.INFO.{name}")["config"]
    made = jetstream.call(who, f"STREAM.UPDATE.{name}", {**config, **changes})
    before = {field: config.get(field) for field in changes}
    _note(actor, access, "stream.changed", name, "was changed", before, changes)
    return made


def delete(*, actor: Actor, access: Access, name: str) -> None:
    jetstream.call(nats_user.of(access), f"STREAM.DELETE.{name}")
    _note(actor, access, "stream.deleted", name, "was deleted")


def purge(*, actor: Actor, access: Access, name: str, which: Json) -> int:
    """How many messages went."""
    wanted = {"filter" if field == "subject" else field: value for field, value in which.items()}
    count = int(jetstream.call(nats_user.of(access), f"STREAM.PURGE.{name}", wanted)["purged"])
    _note(actor, access, "stream.purged", name, f"lost {count} messages by a purge", after=which)
    return count


def delete_message(*, actor: Actor, access: Access, name: str, seq: int) -> None:
    """Its bytes are overwritten, too."""
    jetstream.call(nats_user.of(access), f"STREAM.MSG.DELETE.{name}", {"seq": seq})
    _note(actor, access, "stream.message_deleted", name, f"lost message {seq}")


def create_consumer(*, actor: Actor, access: Access, stream: str, config: Json) -> Json:
    name = config["name"]
    asked = {"stream_name": stream, "action": "create", "config": {**config, "durable_name": name}}
    made = jetstream.call(nats_user.of(access), f"CONSUMER.CREATE.{stream}.{name}", asked)
    what = f"has a new consumer, {name}"
    _note(actor, access, "consumer.created", stream, what, after=config)
    return made


def delete_consumer(*, actor: Actor, access: Access, stream: str, name: str) -> None:
    jetstream.call(nats_user.of(access), f"CONSUMER.DELETE.{stream}.{name}")
    _note(actor, access, "consumer.deleted", stream, f"lost its consumer {name}")


def pause_consumer(
    *, actor: Actor, access: Access, stream: str, name: str, until: str | None
) -> Json:
    """``until`` in RFC 3339; None: it goes on."""
    asked = {"pause_until": until} if until else {}
    answer = jetstream.call(nats_user.of(access), f"CONSUMER.PAUSE.{stream}.{name}", asked)
    what = f"paused its consumer {name}" if until else f"goes on with its consumer {name}"
    kind = "consumer.paused" if until else "consumer.resumed"
    _note(actor, access, kind, stream, what, after={"pause_until": until} if until else {})
    return answer


def _note(
    actor: Actor, access: Access, kind: str, name: str, what: str,
    before: Json | None = None, after: Json | None = None,
) -> None:  # fmt: skip
    namespace = access.namespace
    about = About(
        project=namespace.project, namespace=namespace, target=name,
        before=before or {}, after=after or {},
    )  # fmt: skip
    record(actor, kind, f"Stream {name} {what}.", about)

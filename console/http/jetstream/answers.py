"""What answers about streams, consumers, messages and keys look like, for the OpenAPI description.

Streams and consumers go out as JetStream tells them: nats-server adds fields with time, and leaves out what is empty.
Durations are nanoseconds; -1 is "no limit".
Source   NATS ADR-31, ADR-8; nats-server ``stream.go``, ``consumer.go``
"""

from rest_framework import serializers

from console.http.answers import Answer

Integer, Flag = serializers.IntegerField, serializers.BooleanField


def _text(*, required: bool = True, words: str = "") -> serializers.CharField:
    return serializers.CharField(required=required, allow_blank=True, help_text=words or None)


def _texts(words: str = "") -> serializers.ListField:
    return serializers.ListField(child=_text(), required=False, help_text=words or None)


def _time(*, required: bool = True) -> serializers.DateTimeField:
    return serializers.DateTimeField(required=required)


def _map() -> serializers.DictField:
    return serializers.DictField(child=_text(), required=False)


class JetStreamLimits(Answer):
    max_memory = Integer()
    max_storage = Integer()
    max_streams = Integer()
    max_consumers = Integer()
    max_ack_pending = Integer()
    memory_max_stream_bytes = Integer()
    storage_max_stream_bytes = Integer()
    max_bytes_required = Flag()


class JetStreamApi(Answer):
    level = Integer(required=False)
    total = Integer()
    errors = Integer()  # type: ignore[assignment]  # a field of JetStream's, not the serializer's


class JetStreamAccount(Answer):
    """Bytes, and how many streams and consumers there are."""

    memory = Integer()
    storage = Integer()
    reserved_memory = Integer()
    reserved_storage = Integer()
    streams = Integer()
    consumers = Integer()
    limits = JetStreamLimits()
    api = JetStreamApi()


class StreamSource(Answer):
    """A stream that this one copies."""

    name = _text()
    filter_subject = _text(required=False)
    opt_start_seq = Integer(required=False)
    opt_start_time = _time(required=False)


class StreamConfig(Answer):
    name = _text()
    description = _text(required=False)
    subjects = _texts()
    retention = serializers.ChoiceField(["limits", "interest", "workqueue"])
    max_consumers = Integer()
    max_msgs = Integer()
    max_bytes = Integer()
    max_age = Integer(help_text="Nanoseconds; 0 = for ever")
    max_msgs_per_subject = Integer()
    max_msg_size = Integer()
    discard = serializers.ChoiceField(["old", "new"])
    storage = serializers.ChoiceField(["file", "memory"])
    num_replicas = Integer()
    duplicate_window = Integer(required=False, help_text="Nanoseconds")
    compression = serializers.ChoiceField(["none", "s2"], required=False)
    mirror = StreamSource(required=False)
    sources = StreamSource(many=True, required=False)
    sealed = Flag(required=False)
    deny_delete = Flag(required=False)
    deny_purge = Flag(required=False)
    allow_rollup_hdrs = Flag(required=False)
    allow_direct = Flag(required=False)
    mirror_direct = Flag(required=False)
    metadata = _map()


class StreamState(Answer):
    messages = Integer()
    bytes = Integer()
    first_seq = Integer()
    first_ts = _time()
    last_seq = Integer()
    last_ts = _time()
    num_subjects = Integer(required=False)
    num_deleted = Integer(required=False)
    consumer_count = Integer()


class Stream(Answer):
    config = StreamConfig()
    created = _time()
    state = StreamState()


class StreamList(Answer):
    streams = Stream(many=True)
    total_count = Integer()


class Purged(Answer):
    purged = Integer(help_text="How many messages went")


class ConsumerConfig(Answer):
    name = _text(required=False)
    durable_name = _text(required=False)
    description = _text(required=False)
    deliver_subject = _text(required=False, words="Only of push consumers")
    deliver_group = _text(required=False)
    deliver_policy = serializers.ChoiceField(
        ["all", "last", "new", "by_start_sequence", "by_start_time", "last_per_subject"]
    )
    ack_policy = serializers.ChoiceField(["none", "all", "explicit", "flow_control"])
    ack_wait = Integer(required=False, help_text="Nanoseconds")
    max_deliver = Integer(required=False)
    backoff = serializers.ListField(child=Integer(), required=False)
    filter_subject = _text(required=False)
    filter_subjects = _texts()
    replay_policy = serializers.ChoiceField(["instant", "original"])
    max_waiting = Integer(required=False)
    max_ack_pending = Integer(required=False)
    inactive_threshold = Integer(required=False, help_text="Nanoseconds")
    num_replicas = Integer()
    pause_until = _time(required=False)
    metadata = _map()


class ConsumerSequence(Answer):
    consumer_seq = Integer()
    stream_seq = Integer()
    last_active = _time(required=False)


class Consumer(Answer):
    """``num_pending`` is its lag: messages that were never delivered."""

    stream_name = _text()
    name = _text()
    created = _time()
    config = ConsumerConfig()
    delivered = ConsumerSequence()
    ack_floor = ConsumerSequence()
    num_ack_pending = Integer()
    num_redelivered = Integer()
    num_waiting = Integer()
    num_pending = Integer()
    paused = Flag(required=False)
    pause_remaining = Integer(required=False, help_text="Nanoseconds")
    push_bound = Flag(required=False)


class ConsumerList(Answer):
    consumers = Consumer(many=True)
    total_count = Integer()


class Paused(Answer):
    paused = Flag()
    pause_until = _time(required=False)
    pause_remaining = Integer(required=False, help_text="Nanoseconds")


class Message(Answer):
    seq = Integer()
    subject = _text()
    time = _time()
    headers = serializers.ListField(
        child=serializers.ListField(child=_text(), min_length=2, max_length=2),
        help_text="Name and value of each, in their order",
    )
    payload_base64 = _text(words="In a list at most the first 64 KiB")
    size = Integer(help_text="Bytes of the whole payload")


class MessagePage(Answer):
    messages = Message(many=True)
    first_seq = Integer(help_text="Of the stream")
    last_seq = Integer(help_text="Of the stream")
    next = Integer(allow_null=True, help_text="Where the next page begins; null at the end")
    complete = Flag(
        help_text="false when the search for the subject ended before the page was full"
    )


class Bucket(Answer):
    bucket = _text()
    description = _text()
    history = Integer(help_text="Values kept of each key")
    ttl = Integer(help_text="Nanoseconds; 0 = for ever")
    storage = serializers.ChoiceField(["file", "memory"])
    max_bytes = Integer()
    max_value_size = Integer()
    values = Integer()
    bytes = Integer()
    keys = Integer(help_text="Deleted ones too, as long as their marker is kept")
    last_ts = _time()
    created = _time()


class BucketList(Answer):
    buckets = Bucket(many=True)
    total_count = Integer()


class Entry(Answer):
    key = _text()
    revision = Integer()
    created = _time()
    operation = serializers.ChoiceField(["PUT", "DEL", "PURGE"])
    payload_base64 = _text(words="At most the first 64 KiB")
    size = Integer(help_text="Bytes of the whole value")


class BucketPage(Answer):
    bucket = Bucket()
    keys = Entry(many=True)
    total_count = Integer(help_text="Keys that the filter lets through")


class History(Answer):
    key = _text()
    history = Entry(many=True)


class Revision(Answer):
    revision = Integer()

"""What requests about JetStream may carry: NATS's own names and units (durations in nanoseconds).

What a value means, and which values go together, is judged by JetStream; here only names and types are.
"""

from rest_framework import serializers

from console.http.forms import Form, Number, Payload, Text

#: Counts, sizes and nanoseconds are int64 on the wire.
INT64_MAX = 2**63 - 1
INT32_MAX = 2**31 - 1
SUBJECTS_MAX = 1000


class Flag(serializers.BooleanField):
    """JSON's true and false only."""

    def to_internal_value(self, data: object) -> bool:
        if not isinstance(data, bool):
            self.fail("invalid", input=data)
        return data


def _limit(high: int = INT64_MAX) -> Number:
    """-1 = none."""
    return Number(required=False, min_value=-1, max_value=high)


def _duration() -> Number:
    return Number(required=False, min_value=0, max_value=INT64_MAX, help_text="nanoseconds")


class StreamSettings(Form):
    description = Text(required=False, allow_blank=True, max_length=4096)
    subjects = serializers.ListField(child=Text(), max_length=SUBJECTS_MAX, required=False)
    retention = serializers.ChoiceField(("limits", "interest", "workqueue"), required=False)
    discard = serializers.ChoiceField(("old", "new"), required=False)
    max_msgs = _limit()
    max_msgs_per_subject = _limit()
    max_bytes = _limit()
    max_msg_size = _limit(INT32_MAX)
    max_consumers = _limit(INT32_MAX)
    max_age = _duration()
    duplicate_window = _duration()
    compression = serializers.ChoiceField(("none", "s2"), required=False)
    allow_direct = Flag(required=False)
    allow_rollup_hdrs = Flag(required=False)
    deny_delete = Flag(required=False)
    deny_purge = Flag(required=False)


class StreamCreate(StreamSettings):
    name = Text(max_length=255)
    storage = serializers.ChoiceField(("file", "memory"), default="file")


class Purge(Form):
    """Without any field: every message. ``seq``: those before it; ``keep``: all but the newest so many."""

    subject = Text(required=False)
    seq = Number(required=False, min_value=1, max_value=INT64_MAX)
    keep = Number(required=False, min_value=0, max_value=INT64_MAX)


class ConsumerCreate(Form):
    name = Text(max_length=255)
    description = Text(required=False, allow_blank=True, max_length=4096)
    deliver_policy = serializers.ChoiceField(
        ("all", "last", "new", "last_per_subject"), required=False
    )
    ack_policy = serializers.ChoiceField(("explicit", "none", "all"), default="explicit")
    replay_policy = serializers.ChoiceField(("instant", "original"), required=False)
    filter_subjects = serializers.ListField(
        child=Text(), max_length=SUBJECTS_MAX, required=False, allow_empty=False
    )
    ack_wait = _duration()
    max_deliver = _limit(INT32_MAX)
    max_ack_pending = _limit(INT32_MAX)
    inactive_threshold = _duration()


class Pause(Form):
    pause_until = serializers.DateTimeField(allow_null=True, help_text="null = go on now")


class BucketCreate(Form):
    bucket = Text(max_length=200)
    description = Text(required=False, allow_blank=True, max_length=4096, default="")
    history = Number(required=False, min_value=1, max_value=64, default=1)
    ttl = Number(
        required=False, min_value=0, max_value=INT64_MAX, default=0, help_text="nanoseconds"
    )
    storage = serializers.ChoiceField(("file", "memory"), default="file")
    max_bytes = Number(required=False, min_value=-1, max_value=INT64_MAX, default=-1)
    max_value_size = Number(required=False, min_value=-1, max_value=INT32_MAX, default=-1)


class Value(Payload):
    """With ``revision`` only if that is still the newest of the key (0: if there is none)."""

    revision = Number(required=False, min_value=0, max_value=INT64_MAX)

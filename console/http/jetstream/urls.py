"""Paths below ``/api/namespaces/<account>/``."""

from django.urls import URLPattern, path

import console.http.converters  # noqa: F401 - makes the converters known
from console.http.jetstream import consumers, kv, messages, streams

_account = "namespaces/<account:account>"
_stream = f"{_account}/streams/<token:stream>"
_consumer = f"{_stream}/consumers/<token:consumer>"

urlpatterns: list[URLPattern] = [
    path(f"{_account}/jetstream", streams.Account.as_view()),
    path(f"{_account}/streams", streams.Streams.as_view()),
    path(_stream, streams.OneStream.as_view()),
    path(f"{_stream}/purge", streams.Purge.as_view()),
    path(f"{_stream}/messages", messages.Messages.as_view()),
    path(f"{_stream}/messages/<int:seq>", messages.OneMessage.as_view()),
    path(f"{_stream}/consumers", consumers.Consumers.as_view()),
    path(_consumer, consumers.OneConsumer.as_view()),
    path(f"{_consumer}/pause", consumers.Pause.as_view()),
    path(f"{_account}/kv", kv.Buckets.as_view()),
    path(f"{_account}/kv/<token:bucket>", kv.OneBucket.as_view()),
    path(f"{_account}/kv/<token:bucket>/entry", kv.Entry.as_view()),
]

"""Consumer configurations judged by nats-server and by our rules: equal refusals, equal completed configurations."""

import json
from collections.abc import AsyncIterator, Iterator
from typing import Any

import nats
import pytest
from nats.aio.client import Client

from broker.jetstream import errors, json_form, versions
from broker.jetstream.consumer_config import ConsumerConfig, CreateConsumerRequest
from broker.jetstream.consumer_rules import (
    check_config,
    check_consumer_update,
    check_name_length,
    check_partition,
    check_work_queue,
    name_in_subject,
    stamp_threshold,
    with_defaults,
)
from broker.jetstream.limits import ConfigLimits
from broker.jetstream.stream_config import StreamConfig, StreamConfigRequest
from broker.jetstream.stream_rules import checked_config
from tests.support.servers import NATS_SERVER, Server, kept_store, running

Body = dict[str, Any] | str
#: The subject after ``CONSUMER.`` and the body; an object without ``config`` is a configuration.
Request = tuple[str, Body]


class OurRules:
    """CONSUMER.CREATE of one stream without a server: just the rules and a dictionary of consumers."""

    def __init__(self, stream: dict[str, Any]) -> None:
        body = json.dumps({"name": "S"} | stream).encode()
        config = json_form.decode(StreamConfigRequest, body).config()
        self.stream: StreamConfig = checked_config(config, False, ConfigLimits(), {}.get)
        self.consumers: dict[str, ConsumerConfig] = {}

    def answer(self, subject: str, body: bytes) -> dict[str, Any]:
        tokens = subject.split(".")
        try:
            request = json_form.decode(CreateConsumerRequest, body)
            tokens = tokens if tokens[0] == "DURABLE" else tokens[1:]
            name = name_in_subject(tokens, request)
            if request.stream_name != "S":
                raise errors.STREAM_NOT_FOUND()
            kept = self._create(request, name)
        except errors.ApiError as error:
            return {"error": error.to_json()}
        self.consumers[kept.name] = kept
        shown = kept.copy()
        shown.metadata = versions.in_answer(kept.metadata, "2.15.1")
        return {"config": json_form.encode(shown)}

    def _create(self, request: CreateConsumerRequest, name: str) -> ConsumerConfig:
        config, old = request.config, self.consumers.get(name)
        if old is not None:
            config.pause_until = old.pause_until
        config.metadata = versions.with_level(config.metadata, versions.level_of_consumer(config))
        limits = ConfigLimits()
        config = with_defaults(config, self.stream, limits, request.pedantic)
        check_config(config, self.stream, limits)
        is_work_queue = self.stream.retention == "workqueue"
        if old is not None:
            if request.action == "create":
                config.metadata = versions.as_stored_before(config.metadata, old.metadata)
                if config != old:
                    raise errors.CONSUMER_ALREADY_EXISTS()
            if is_work_queue:
                check_partition(config, name, self.consumers.items())
            check_consumer_update(old, config, lambda subject: False)
            stamp_threshold(config, bool(old.durable_name))
            return config
        if request.action == "update":
            raise errors.CONSUMER_DOES_NOT_EXIST()
        if is_work_queue:
            check_work_queue(config, name, self.consumers.items())
        check_name_length(config)
        stamp_threshold(config, bool(config.durable_name))
        return config


@pytest.fixture(scope="module")
def oracle(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    directory = kept_store(tmp_path_factory.mktemp("oracle"))
    with running(NATS_SERVER, f'jetstream: {{store_dir: "{directory}"}}') as server:
        yield server


@pytest.fixture
async def client(oracle: Server) -> AsyncIterator[Client]:
    client = await nats.connect(oracle.url)
    yield client
    await client.close()


S = 1_000_000_000
LONG = "x" * 300

#: A stream's configuration and the requests that are sent in turn.
CASES: dict[str, tuple[dict[str, Any], list[Request]]] = {
    "every field of a pull consumer": (
        {"subjects": ["a.>"]},
        [(
            "DURABLE.CREATE.S.C",
            {
                "durable_name": "C", "name": "C", "description": "<d>", "deliver_policy": "by_start_sequence",
                "opt_start_seq": 3, "ack_policy": "explicit", "ack_wait": 2 * S, "max_deliver": 4,
                "backoff": [S, 3 * S], "filter_subjects": ["a.b", "a.c"], "replay_policy": "original",
                "sample_freq": "30%", "max_waiting": 7, "max_ack_pending": 9, "headers_only": True,
                "max_batch": 5, "max_expires": S, "max_bytes": 6, "inactive_threshold": 9 * S,
                "num_replicas": 1, "mem_storage": True, "metadata": {"z": "1", "a": "2", "_nats.ver": "x"},
                "pause_until": "2031-01-02T03:04:05.5Z", "priority_groups": ["g", "h"],
                "priority_policy": "pinned_client", "priority_timeout": 5 * S,
            },
        )],
    ),
    "every field of a push consumer": (
        {},
        [(
            "CREATE.S.C.S",
            {
                "deliver_policy": "by_start_time", "opt_start_time": "2024-01-02T03:04:05Z", "ack_policy": "all",
                "filter_subject": "S", "rate_limit_bps": 1000, "flow_control": True, "idle_heartbeat": S,
                "deliver_subject": "to", "deliver_group": "g",
            },
        )],
    ),
    "names and forms of subjects": (
        {},
        [
            ("CREATE.S", {"durable_name": "D"}),
            ("CREATE.S.C", {"durable_name": "D"}),
            ("CREATE.S.C", {"name": "D"}),
            ("CREATE.S.C", {"name": "X", "durable_name": "C"}),
            ("DURABLE.CREATE.S.C", {}),
            ("DURABLE.CREATE.S.C", {"durable_name": "D"}),
            ("DURABLE.CREATE.S.D", {"durable_name": "D"}),
            ("DURABLE.CREATE.T.D", {"durable_name": "D"}),
            ("CREATE.T.D", {"durable_name": "D"}),
            ("CREATE.S.C/D", {}),
            ("CREATE.S.C\\D", {}),
            ("CREATE.S", {"name": "N"}),
            ("CREATE.S", {"name": "N.M"}),
            ("CREATE.S.C.a", {"filter_subject": "b"}),
            ("CREATE.S.C.a", {"filter_subjects": ["a"]}),
            ("CREATE.S.C.a", {}),
            ("CREATE.S.E.a.*.>", {"filter_subject": "a.*.>"}),
            ("CREATE.S.C.a.>.b", {"filter_subject": "a.>.b"}),
            (f"DURABLE.CREATE.S.{LONG}", {"durable_name": LONG}),
            ("CREATE.S.X", {"num_replicas": 3}),
        ],
    ),
    "updates of a pull consumer": (
        {},
        [
            ("CREATE.S.C", {"durable_name": "C", "ack_policy": "explicit"}),
            ("CREATE.S.C", {"durable_name": "C", "ack_policy": "explicit", "description": "x", "metadata": {"a": "b"}}),
            ("CREATE.S.C", {"durable_name": "C", "ack_policy": "explicit", "deliver_policy": "new"}),
            ("CREATE.S.C", {"durable_name": "C", "ack_policy": "explicit", "mem_storage": True}),
            ("CREATE.S.C", {"durable_name": "C", "ack_policy": "all"}),
            ("CREATE.S.C", {"durable_name": "C", "ack_policy": "explicit", "replay_policy": "original"}),
            ("CREATE.S.C", {"durable_name": "C", "ack_policy": "explicit", "max_waiting": 3}),
            ("CREATE.S.C", {"durable_name": "C", "ack_policy": "explicit", "deliver_subject": "to"}),
            ("CREATE.S.C", {"durable_name": "C", "ack_policy": "explicit", "max_deliver": 2, "backoff": [1, 2, 3]}),
            ("CREATE.S.C", {"durable_name": "C", "ack_policy": "explicit", "max_deliver": 9, "backoff": [1, 2, 3]}),
            (
                "CREATE.S.C",
                {
                    "durable_name": "C", "ack_policy": "explicit", "max_ack_pending": 5, "ack_wait": S,
                    "filter_subject": "x", "headers_only": True, "max_batch": 3, "sample_freq": "5",
                    "inactive_threshold": S, "pause_until": "2031-01-01T00:00:00Z",
                },
            ),
        ],
    ),
    "updates of a push consumer": (
        {},
        [
            ("CREATE.S.C", {"durable_name": "C", "ack_policy": "explicit", "deliver_subject": "to"}),
            ("CREATE.S.C", {"durable_name": "C", "ack_policy": "explicit", "deliver_subject": "to.me"}),
            ("CREATE.S.C", {"durable_name": "C", "ack_policy": "explicit"}),
            ("CREATE.S.C", {"durable_name": "C", "deliver_subject": "t", "idle_heartbeat": S}),
            (
                "CREATE.S.C",
                {
                    "durable_name": "C", "ack_policy": "explicit", "deliver_subject": "to",
                    "opt_start_seq": 4, "deliver_policy": "by_start_sequence",
                },
            ),
        ],
    ),
    "actions": (
        {},
        [
            ("CREATE.S.C", {"stream_name": "S", "config": {"durable_name": "C"}, "action": "update"}),
            ("CREATE.S.C", {"stream_name": "S", "config": {"durable_name": "C"}, "action": "create"}),
            ("CREATE.S.C", {"stream_name": "S", "config": {"durable_name": "C"}, "action": "create"}),
            ("CREATE.S.C", {"stream_name": "S", "config": {"durable_name": "C", "max_bytes": 4}, "action": "create"}),
            ("CREATE.S.C", {"stream_name": "S", "config": {"durable_name": "C", "max_bytes": 4}, "action": "update"}),
            ("CREATE.S.C", {"stream_name": "S", "config": {"durable_name": "C"}, "action": "x"}),
            ("CREATE.S.C", {"stream_name": "S", "config": {"durable_name": "C"}, "action": None}),
            ("CREATE.S.E", {"stream_name": "S", "config": {}, "action": "create"}),
            ("CREATE.S.E", {"stream_name": "S", "config": {}, "action": "create"}),
            ("CREATE.S.E", {"stream_name": "S", "config": {}}),
        ],
    ),
    "a work queue": (
        {"retention": "workqueue", "subjects": ["w.>"]},
        [
            ("CREATE.S.A", {"ack_policy": "none"}),
            ("CREATE.S.A", {"ack_policy": "none", "deliver_subject": "to"}),
            ("CREATE.S.A", {"ack_policy": "all"}),
            ("CREATE.S.F", {"ack_policy": "flow_control", "deliver_subject": "to", "filter_subject": "w.f"}),
            ("CREATE.S.F", {"ack_policy": "explicit", "deliver_subject": "to", "filter_subject": "w.f"}),
            ("CREATE.S.A", {"ack_policy": "explicit", "deliver_policy": "new"}),
            ("CREATE.S.A", {"ack_policy": "explicit", "filter_subject": "w.a"}),
            ("CREATE.S.B", {"ack_policy": "explicit"}),
            ("CREATE.S.B", {"ack_policy": "explicit", "filter_subject": "w.*"}),
            ("CREATE.S.B", {"ack_policy": "explicit", "filter_subjects": ["w.b", "w.c"]}),
            ("CREATE.S.A", {"ack_policy": "explicit", "filter_subject": "w.c"}),
            ("CREATE.S.A", {"ack_policy": "explicit", "num_replicas": 1, "filter_subject": "w.d"}),
            ("CREATE.S.A", {"ack_policy": "explicit"}),
        ],
    ),
    "a work queue with one consumer for all": (
        {"retention": "workqueue", "subjects": ["w.>"]},
        [
            ("CREATE.S.A", {"ack_policy": "explicit"}),
            ("CREATE.S.B", {"ack_policy": "explicit"}),
            ("CREATE.S.B", {"ack_policy": "explicit", "filter_subject": "w.x"}),
        ],
    ),
    "limits of the stream": (
        {"consumer_limits": {"max_ack_pending": 10, "inactive_threshold": 90 * S}},
        [
            ("CREATE.S.A", {"ack_policy": "explicit"}),
            ("CREATE.S.B", {"ack_policy": "explicit", "max_ack_pending": 11}),
            ("CREATE.S.C", {"ack_policy": "explicit", "inactive_threshold": 100 * S}),
            ("CREATE.S.C", {"ack_policy": "explicit", "durable_name": "C"}),
            ("CREATE.S.D", {"stream_name": "S", "config": {"ack_policy": "explicit"}, "pedantic": True}),
            (
                "CREATE.S.D",
                {"stream_name": "S", "config": {"ack_policy": "explicit", "max_ack_pending": 3}, "pedantic": True},
            ),
            ("CREATE.S.E", {"ack_policy": "none"}),
            ("CREATE.S.E", {"ack_policy": "none", "deliver_subject": "to"}),
        ],
    ),
}  # fmt: skip

#: One CREATE of an ephemeral consumer C each; a string is the whole body.
CREATES: list[Body] = [
    {}, "", "null", '{"stream_name":"S"}', '{"stream_name":"S","bogus":1}', '{"stream_name":"S","config":3}',
    {"bogus": 1}, {"deliver_policy": "x"}, {"deliver_policy": None}, {"deliver_policy": "undefined"}, {"ack_policy": 1},
    {"ack_policy": "x"}, {"replay_policy": "x"}, {"priority_policy": "x"}, {"priority_policy": ""}, {"backoff": 3},
    {"backoff": ["x"]}, {"sample_freq": 4}, {"rate_limit_bps": -1}, {"opt_start_time": "x"}, {"filter_subjects": "x"},
    {"max_deliver": -7}, {"max_waiting": -7}, {"max_ack_pending": -7, "ack_policy": "explicit"},
    {"max_batch": -7, "max_expires": -7, "max_bytes": -7, "idle_heartbeat": -7, "inactive_threshold": -7},
    *(
        {"stream_name": "S", "config": {name: -7}, "pedantic": True}
        for name in (
            "max_deliver", "max_waiting", "max_ack_pending", "max_batch", "max_expires", "max_bytes", "idle_heartbeat",
            "inactive_threshold", "priority_timeout",
        )
    ),
    {"stream_name": "S", "config": {"backoff": [5]}, "pedantic": True},
    {"stream_name": "S", "config": {"backoff": [5], "ack_wait": 5}, "pedantic": True},
    {"num_replicas": -1}, {"num_replicas": 1}, {"ack_wait": -1}, {"backoff": [-1]},
    {"ack_policy": "explicit", "backoff": [1, 2], "max_deliver": 1},
    {"ack_policy": "explicit", "backoff": [1, 2], "max_deliver": 2},
    {"description": LONG * 14}, {"metadata": {"k": "v" * 131_072}}, {"metadata": {"_nats.level": "1"}},
    {"deliver_subject": "a.*"}, {"deliver_subject": "a..b"}, {"deliver_subject": "S"}, {"deliver_subject": "a b"},
    {"deliver_subject": "to", "max_waiting": 4}, {"deliver_subject": "to", "max_ack_pending": 4},
    {"deliver_subject": "to", "ack_policy": "all"}, {"deliver_subject": "to", "idle_heartbeat": 4},
    {"deliver_subject": "to", "flow_control": True}, {"deliver_subject": "to", "max_batch": 4, "max_expires": 4},
    {"deliver_subject": "to", "flow_control": True, "idle_heartbeat": S}, {"deliver_group": "g"},
    *(
        {"ack_policy": "flow_control", "deliver_subject": "to"} | extra
        for extra in (
            {}, {"deliver_subject": ""}, {"idle_heartbeat": 2 * S}, {"max_ack_pending": -1}, {"max_ack_pending": 7},
            {"ack_wait": 1}, {"ack_wait": 1, "max_deliver": 2}, {"backoff": [1, 2]}, {"max_deliver": 2},
            {"max_deliver": -1}, {"deliver_group": "g"}, {"durable_name": "C"},
        )
    ),
    *(
        {
            "stream_name": "S", "pedantic": True,
            "config": {"ack_policy": "flow_control", "deliver_subject": "to", "max_deliver": -1} | extra,
        }
        for extra in (
            {}, {"flow_control": True}, {"flow_control": True, "idle_heartbeat": S},
            {"flow_control": True, "idle_heartbeat": 2 * S},
        )
    ),
    {"rate_limit_bps": 4}, {"idle_heartbeat": S}, {"flow_control": True}, {"max_expires": 4}, {"max_ack_pending": 4},
    {"direct": True}, {"direct": True, "deliver_subject": "to"}, {"sourcing": True},
    {"filter_subject": "a", "filter_subjects": ["b"]}, {"filter_subject": "a..b"}, {"filter_subjects": [""]},
    {"filter_subjects": ["a", ""]}, {"filter_subjects": ["a..b"]}, {"filter_subjects": ["a", "a"]},
    {"filter_subjects": ["a.*", "a.b"]}, {"filter_subjects": ["a.*", "*.b"]}, {"filter_subjects": []},
    {"filter_subjects": ["a"]}, {"filter_subject": "not.in.stream"}, {"filter_subject": "a b"},
    *(
        {"deliver_policy": policy} | start | extra
        for policy in ("all", "last", "new", "by_start_sequence", "by_start_time", "last_per_subject")
        for start in (
            {}, {"opt_start_seq": 3}, {"opt_start_time": "2024-01-02T03:04:05Z"},
            {"opt_start_seq": 3, "opt_start_time": "2024-01-02T03:04:05Z"},
        )
        for extra in ({}, {"filter_subject": "S"})
    ),
    {"sample_freq": "x"}, {"sample_freq": "-4"}, {"sample_freq": "%"}, {"sample_freq": "400%"}, {"sample_freq": "4%%"},
    {"sample_freq": "99999999999999999999"}, {"sample_freq": "1.5"},
    {"priority_groups": ["g"]}, {"priority_timeout": S}, {"priority_policy": "overflow"},
    {"priority_policy": "overflow", "priority_groups": [""]},
    {"priority_policy": "overflow", "priority_groups": ["a b"]},
    {"priority_policy": "overflow", "priority_groups": ["x" * 17]}, {"priority_policy": "none"},
    {"priority_policy": "overflow", "priority_groups": ["g"], "deliver_subject": "to"},
    {"priority_policy": "overflow", "priority_groups": ["g"]},
    {"priority_policy": "prioritized", "priority_groups": ["g"]},
    {"priority_policy": "pinned_client", "priority_groups": ["g"]}, {"pause_until": "0001-01-01T00:00:00Z"},
    {"pause_until": "2031-01-01T00:00:00Z"}, {"mem_storage": True}, {"inactive_threshold": S},
]  # fmt: skip


async def both(client: Client, ours: OurRules, request: Request) -> None:
    subject, body = request
    if isinstance(body, str):
        data = body.encode()
    else:
        stream = subject.removeprefix("DURABLE.").split(".")[1]
        data = json.dumps(
            body if "config" in body else {"stream_name": stream, "config": body}
        ).encode()
    raw = (await client.request(f"$JS.API.CONSUMER.{subject}", data, timeout=5)).data
    theirs = {key: value for key, value in json.loads(raw).items() if key in ("config", "error")}
    said = ours.answer(subject, data)
    assert said == theirs, request
    assert list(said.get("config", ())) == list(theirs.get("config", ()))


async def with_stream(client: Client, stream: dict[str, Any]) -> OurRules:
    await client.request("$JS.API.STREAM.DELETE.S", b"")
    body = json.dumps({"name": "S"} | stream).encode()
    await client.request("$JS.API.STREAM.CREATE.S", body)
    return OurRules(stream)


@pytest.mark.parametrize("case", CASES)
async def test_our_rules_answer_as_nats_server_does(client: Client, case: str) -> None:
    stream, requests = CASES[case]
    ours = await with_stream(client, stream)
    for request in requests:
        await both(client, ours, request)


async def test_our_rules_judge_many_configurations_as_nats_server_does(client: Client) -> None:
    """In memory: nats-server may still be clearing away the files of a stream that it said is gone."""
    for body in CREATES:
        ours = await with_stream(client, {"storage": "memory"})
        await both(client, ours, ("CREATE.S.C", body))

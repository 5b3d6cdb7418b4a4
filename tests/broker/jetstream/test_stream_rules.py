"""Stream configurations judged by nats-server and by our rules: equal refusals, equal completed configurations."""

import json
from collections.abc import AsyncIterator, Iterator
from typing import Any

import nats
import pytest
from nats.aio.client import Client

from broker.jetstream import errors, json_form, versions
from broker.jetstream.limits import ConfigLimits
from broker.jetstream.stream_config import StreamConfig, StreamConfigRequest
from broker.jetstream.stream_rules import (
    check_create,
    checked_config,
    checked_update,
    overlaps_others,
)
from tests.support.servers import NATS_SERVER, Server, kept_store, running

Request = tuple[str, str, dict[str, Any] | str]


class OurRules:
    """STREAM.CREATE and STREAM.UPDATE without a server: just the rules and a dictionary of streams."""

    def __init__(self) -> None:
        self.streams: dict[str, StreamConfig] = {}

    def answer(self, operation: str, name: str, body: bytes) -> dict[str, Any]:
        try:
            request = json_form.decode(StreamConfigRequest, body)
            config = request.config()
            config.metadata = versions.with_level(config.metadata, versions.level_of_stream(config))
            if config.name != name:
                raise errors.STREAM_MISMATCH()
            act = self._create if operation == "CREATE" else self._update
            kept = act(config, request.pedantic)
        except errors.ApiError as error:
            return {"error": error.to_json()}
        self.streams[name] = kept
        shown = kept.copy()
        shown.metadata = versions.in_answer(kept.metadata, "2.15.1")
        return {"config": json_form.encode(shown)}

    def _create(self, config: StreamConfig, pedantic: bool) -> StreamConfig:
        check_create(config)
        config = checked_config(config, pedantic, ConfigLimits(), self.streams.get)
        if (old := self.streams.get(config.name)) is not None:
            config.metadata = versions.as_stored_before(config.metadata, old.metadata)
            if config != old:
                raise errors.STREAM_NAME_EXIST()
        if overlaps_others(config, self.streams.values()):
            raise errors.STREAM_SUBJECT_OVERLAP()
        return config

    def _update(self, config: StreamConfig, pedantic: bool) -> StreamConfig:
        old = self.streams.get(config.name)
        if old is None:
            raise errors.STREAM_NOT_FOUND()
        config = checked_update(old, config, pedantic, ConfigLimits(), self.streams.get)
        if overlaps_others(config, self.streams.values()):
            raise errors.STREAM_SUBJECT_OVERLAP()
        return config


@pytest.fixture(scope="module")
def oracle(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    directory = kept_store(tmp_path_factory.mktemp("oracle"))
    with running(NATS_SERVER, f'jetstream: {{store_dir: "{directory}"}}') as server:
        yield server


@pytest.fixture
async def client(oracle: Server) -> AsyncIterator[Client]:
    """A client of a nats-server without any streams."""
    client = await nats.connect(oracle.url)
    yield client
    names = json.loads((await client.request("$JS.API.STREAM.NAMES", b"")).data)["streams"]
    for name in names or []:
        await client.request(f"$JS.API.STREAM.DELETE.{name}", b"")
    await client.close()


S = 1_000_000_000
LONG = "x" * 300

#: Requests of a case are sent in turn; each is CREATE or UPDATE, the name in the subject, and what is asked for
#: (``name`` is added to objects).
CASES: dict[str, list[Request]] = {
    "an empty configuration": [("CREATE", "A", {})],
    "no body": [("CREATE", "A", "")],
    "null": [("CREATE", "A", "null")],
    "another name": [("CREATE", "A", {"name": "B"})],
    "every field": [
        ("CREATE", "ORIGIN", {"subjects": ["o.>"]}),
        (
            "CREATE",
            "A",
            {
                "description": "<x&>",
                "subjects": ["a.*", "b.>"],
                "retention": "limits",
                "max_consumers": 3,
                "max_msgs": 4,
                "max_bytes": 5,
                "max_age": S,
                "max_msgs_per_subject": 6,
                "max_msg_size": 7,
                "discard": "NEW",
                "storage": "memory",
                "num_replicas": 1,
                "no_ack": True,
                "duplicate_window": S,
                "placement": {"cluster": "c", "tags": ["t"]},
                "compression": "s2",
                "first_seq": 9,
                "sources": [
                    {
                        "name": "ORIGIN",
                        "opt_start_seq": 3,
                        "filter_subject": "o.x",
                    },
                    {
                        "name": "X",
                        "opt_start_time": "2024-01-02T03:04:05.678Z",
                        "subject_transforms": [{"src": "q.*", "dest": "b.$1"}],
                        "external": {"api": "$JS.hub.API", "deliver": "from.hub"},
                    },
                ],
                "subject_transform": {"src": "b.>", "dest": "c.>"},
                "republish": {"src": "c.>", "dest": "d.>", "headers_only": True},
                "allow_direct": True,
                "discard_new_per_subject": True,
                "deny_delete": True,
                "allow_rollup_hdrs": True,
                "allow_atomic": True,
                "allow_msg_ttl": True,
                "consumer_limits": {"inactive_threshold": S, "max_ack_pending": 8},
                "subject_delete_marker_ttl": S,
                "persist_mode": "default",
                "metadata": {"z": "1", "a": "2", "_nats.ver": "x", "_nats.req.level": "9"},
            },
        ),
    ],
    "the same stream again": [("CREATE", "A", {}), ("CREATE", "A", {"subjects": ["A"]})],
    "a different stream of the same name": [("CREATE", "A", {}), ("CREATE", "A", {"max_msgs": 3})],
    "names in any case": [("CREATE", "A", {"SUBJECTS": ["x"], "Max_Msgs": 3})],
    "nulls": [
        ("CREATE", "A", {"subjects": None, "max_msgs": None, "mirror": None, "metadata": None})
    ],
    "an update that changes what it may": [
        ("CREATE", "A", {}),
        (
            "UPDATE",
            "A",
            {
                "subjects": ["x", "y"],
                "max_msgs": 5,
                "max_age": 10 * S,
                "discard": "new",
                "retention": "interest",
                "deny_delete": True,
                "deny_purge": True,
                "first_seq": 7,
                "compression": "s2",
                "allow_direct": True,
                "description": "d",
                "allow_atomic": True,
                "allow_msg_ttl": True,
                "metadata": {"a": "b"},
            },
        ),
        ("UPDATE", "A", {"duplicate_window": S, "max_age": 5 * S, "deny_delete": True}),
    ],
    "an update of a missing stream": [("UPDATE", "A", {})],
    "sealing": [
        ("CREATE", "A", {"max_age": 5 * S, "allow_rollup_hdrs": True}),
        ("UPDATE", "A", {"max_age": 5 * S, "sealed": True}),
        ("UPDATE", "A", {}),
    ],
    "promotion of a mirror": [
        ("CREATE", "M", {"mirror": {"name": "A"}}),
        ("UPDATE", "M", {"mirror": {"name": "B"}}),
        ("UPDATE", "M", {"subjects": ["m"]}),
        ("UPDATE", "M", {"subjects": ["m"], "mirror": {"name": "A"}}),
    ],
    "subjects of another stream": [
        ("CREATE", "A", {"subjects": ["a.>"]}),
        ("CREATE", "B", {"subjects": ["*.x"]}),
        ("CREATE", "C", {"subjects": ["c"]}),
        ("UPDATE", "C", {"subjects": ["c", "a.b.c"]}),
        ("CREATE", "D", {"subjects": ["A", "a"]}),
    ],
    "mirrors of a stream with direct get": [
        ("CREATE", "A", {"allow_direct": True, "max_msg_size": 100}),
        ("CREATE", "M1", {"mirror": {"name": "A"}}),
        ("CREATE", "M2", {"mirror": {"name": "A"}, "pedantic": True}),
        ("CREATE", "M3", {"mirror": {"name": "A"}, "max_msg_size": 50}),
        ("CREATE", "M4", {"mirror": {"name": "A"}, "mirror_direct": True, "pedantic": True}),
        ("CREATE", "S1", {"sources": [{"name": "A"}], "max_msg_size": 50}),
    ],
    "circles": [
        ("CREATE", "A", {"subjects": ["a"], "sources": [{"name": "B"}]}),
        ("CREATE", "B", {"subjects": ["b"], "sources": [{"name": "A"}]}),
        ("CREATE", "B", {"subjects": ["b"], "sources": [{"name": "A", "filter_subject": "zz"}]}),
        ("CREATE", "C", {"mirror": {"name": "C"}}),
        ("CREATE", "D", {"subjects": ["d"], "sources": [{"name": "D"}]}),
        ("CREATE", "E", {"mirror": {"name": "A"}}),
    ],
    "rules of change": [
        (
            "CREATE",
            "A",
            {
                "deny_delete": True,
                "deny_purge": True,
                "allow_msg_ttl": True,
                "subjects": ["a"],
                "max_msgs": 3,
            },
        ),
        ("UPDATE", "A", {"deny_purge": True, "allow_msg_ttl": True}),
        ("UPDATE", "A", {"deny_delete": True, "allow_msg_ttl": True}),
        ("UPDATE", "A", {"deny_delete": True, "deny_purge": True}),
        ("UPDATE", "A", {"storage": "memory"}),
        ("UPDATE", "A", {"retention": "workqueue"}),
        ("UPDATE", "A", {"allow_msg_counter": True}),
        ("UPDATE", "A", {"num_replicas": 3}),
        ("UPDATE", "A", {"name": "B"}),
        ("UPDATE", "A", {"mirror": {"name": "Q"}}),
    ],
    "a counter stays one": [
        ("CREATE", "A", {"allow_msg_counter": True}),
        ("UPDATE", "A", {}),
    ],
    "schedules stay": [
        ("CREATE", "A", {"allow_msg_schedules": True}),
        ("UPDATE", "A", {}),
    ],
}

#: One CREATE of stream A each.
CREATES: list[dict[str, Any] | str] = [
    {"bogus": 1}, {"mirror": {"bogus": 1}}, {"max_msgs": "x"}, {"max_msgs": 1.5}, {"subjects": "x"},
    {"subjects": [1]}, {"subjects": [None]}, {"no_ack": 1}, {"mirror": 1}, {"metadata": {"a": 1}},
    {"metadata": {"a": None}}, {"sources": [1]}, {"sources": [None]}, {"sources": 3}, {"max_age": "3"},
    {"retention": "x"}, {"retention": 1}, {"retention": None}, {"storage": "x"}, {"discard": "x"},
    {"compression": "x"}, {"persist_mode": "x"}, {"persist_mode": ""}, {"max_msg_size": 3_000_000_000},
    {"num_replicas": 10**20}, {"mirror": {"name": "q", "opt_start_time": "x"}},
    {"mirror": {"name": "q", "opt_start_time": "2024-13-02T03:04:05Z"}},
    {"mirror": {"name": "q", "opt_start_seq": -1}},
    "[1]", "12", '"x"', "nope", '{"name":"A"', '{"name":"A",}', '{"name":"A"} x', '{"name":"A" "b":1}',
    '{"name" 1}', '{"name":"A","subjects":["a" "b"]}', '{"name":"A","subjects":["a",]}',
    '{"name":"A","subjects":tru}', "{name:1}", '{"name":"\\x"}', '{"name":01}', '{"name":-}',
    '{"name":"A"}}', '{"name":"A","max_msgs":1e3}', '{"name":"A","max_msgs":1,"max_msgs":2}',
    '{"name":"A","subjects":["a\nb"]}', '{"name":"A","description":"\\u00e9\\ud800"}',
    {"description": LONG * 14}, {"metadata": {"k": "v" * 131_072}}, {"metadata": {}},
    {"num_replicas": 6}, {"num_replicas": -1}, {"num_replicas": 0}, {"num_replicas": 3},
    {"max_msgs": -5, "max_bytes": -5, "max_msg_size": -5, "max_msgs_per_subject": -5, "max_consumers": -5},
    {"max_msgs": -5, "pedantic": True}, {"max_bytes": -5, "pedantic": True}, {"pedantic": True},
    {"max_msg_size": -5, "pedantic": True}, {"max_consumers": -5, "pedantic": True},
    {"max_age": -1}, {"max_age": 1}, {"max_age": S}, {"max_age": S, "pedantic": True},
    {"duplicate_window": -1}, {"duplicate_window": 5}, {"duplicate_window": 2 * S, "max_age": S},
    {"duplicate_window": 400 * S}, {"deny_purge": True, "allow_rollup_hdrs": True},
    {"allow_msg_counter": True}, {"allow_msg_counter": True, "discard": "new"},
    {"allow_msg_counter": True, "allow_msg_ttl": True}, {"allow_msg_counter": True, "retention": "interest"},
    {"allow_msg_counter": True, "allow_msg_schedules": True},
    {"discard_new_per_subject": True}, {"discard_new_per_subject": True, "discard": "new"},
    {"discard_new_per_subject": True, "discard": "new", "max_msgs_per_subject": 1},
    {"subject_delete_marker_ttl": -1}, {"subject_delete_marker_ttl": 5}, {"subject_delete_marker_ttl": S},
    {"subject_delete_marker_ttl": S, "pedantic": True},
    {"subject_delete_marker_ttl": S, "pedantic": True, "allow_msg_ttl": True},
    {"subject_delete_marker_ttl": S, "deny_purge": True},
    {"allow_msg_schedules": True}, {"allow_msg_schedules": True, "discard": "new"},
    {"allow_msg_schedules": True, "pedantic": True},
    {"mirror": {"name": "B"}, "first_seq": 3}, {"mirror": {"name": "B"}, "subjects": ["x"]},
    {"mirror": {"name": "B"}, "sources": [{"name": "C"}]},
    *(
        body
        for more in (
            {}, {"consumer": {}}, {"consumer": {"name": "c"}}, {"consumer": {"name": "c.d", "deliver_subject": "d"}},
            {"consumer": {"name": "c", "deliver_subject": "d.*"}},
            {"consumer": {"name": "c", "deliver_subject": "d..e"}},
            {"consumer": {"name": "c", "deliver_subject": "d"}, "opt_start_seq": 2},
            {"consumer": {"name": "c", "deliver_subject": "d"}, "opt_start_time": "2024-01-02T03:04:05Z"},
            {"consumer": {"name": "c", "deliver_subject": "d"}, "filter_subject": "f"},
            {"consumer": {"name": "c", "deliver_subject": "d"}, "subject_transforms": [{"src": "x", "dest": "y"}]},
        )
        for body in ({"mirror": {"name": "B"} | more}, {"sources": [{"name": "B"} | more]})
    ),
    *(
        {"sources": [{"name": "B", "consumer": {"name": "c", "deliver_subject": "d"}}, {"name": "B"} | other]}
        for other in (
            {}, {"consumer": {"name": "c", "deliver_subject": "e"}},
            {"consumer": {"name": "e", "deliver_subject": "d"}},
            {
                "consumer": {"name": "c", "deliver_subject": "e"},
                "subject_transforms": [{"src": "x", "dest": "y"}],
            },
        )
    ),
    {"mirror": {"name": "B"}, "allow_msg_counter": True}, {"mirror": {"name": "B"}, "allow_atomic": True},
    {"mirror": {"name": "B"}, "allow_batched": True}, {"mirror": {"name": "B"}, "allow_msg_schedules": True},
    {"mirror": {"name": "B", "filter_subject": "x", "subject_transforms": [{"src": "x", "dest": "y"}]}},
    {"mirror": {"name": "B"}, "subject_delete_marker_ttl": S},
    {"mirror": {"name": "B", "subject_transforms": [{"src": "x..", "dest": "y"}]}},
    {"mirror": {"name": "B", "subject_transforms": [{"src": "x.*", "dest": "y.$2"}]}},
    {"mirror": {"name": "B", "subject_transforms": [{"src": "x.*", "dest": ""}, {"src": "*.y", "dest": ""}]}},
    {"mirror": {"name": "B", "subject_transforms": [{"src": "x.*", "dest": "y.$1"}]}},
    {"mirror": {"name": "B.C"}}, {"mirror": {"name": ""}}, {"mirror": {}},
    {"mirror": {"name": "B", "filter_subject": "x..y"}}, {"mirror": {"name": "B", "filter_subject": "x.y"}},
    {"mirror": {"name": "B", "opt_start_seq": 4, "opt_start_time": "2024-01-02T03:04:05Z"}},
    {"mirror": {"name": "B"}, "duplicate_window": S}, {"mirror": {"name": "B"}, "mirror_direct": True},
    {"mirror": {"name": "B"}, "retention": "workqueue"},
    {"mirror": {"name": "B"}, "subject_transform": {"src": ">", "dest": "x.>"}},
    {"mirror_direct": True}, {"sealed": True}, {"sources": [{"name": ""}]}, {"sources": [{"name": "B/C"}]},
    {"sources": [{"name": "B"}, {"name": "B"}]}, {"sources": [{"name": "B"}, {"name": "B", "filter_subject": ">"}]},
    {"sources": [{"name": "B"}, {"name": "B", "filter_subject": "x"}]},
    {"sources": [{"name": "B", "filter_subject": "x", "subject_transforms": [{"src": "x", "dest": "y"}]}]},
    {"sources": [{"name": "B", "subject_transforms": [{"src": "x.>.y", "dest": "y"}]}]},
    {"sources": [{"name": "B", "subject_transforms": [{"src": "x.*", "dest": "y.{{bogus(1)}}"}]}]},
    {"sources": [{"name": "B", "subject_transforms": [{"src": "x.*", "dest": ""}, {"src": "*.y", "dest": ""}]}]},
    {"sources": [{"name": "B", "subject_transforms": [{"src": "x.y", "dest": ""}, {"src": "*.y", "dest": ""}]}]},
    {"sources": [{"name": "B", "filter_subject": "x..y"}]}, {"sources": [{"name": "B"}], "allow_msg_schedules": True},
    {"sources": [{"name": "B"}], "retention": "workqueue", "max_age": S},
    {"sources": [{"name": "B", "external": {"api": "$JS.x.API", "deliver": ""}}]},
    {"sources": [{"name": "B", "external": {"api": "$JS.*.API", "deliver": ""}}]},
    {"sources": [{"name": "B", "external": {"api": "$JS.API", "deliver": ""}}]},
    {"sources": [{"name": "B", "external": {"api": "$JS.x.API", "deliver": "a.*"}}]},
    {"mirror": {"name": "B", "external": {"api": "", "deliver": "a..b"}}},
    {"subjects": ["a..b"]}, {"subjects": ["a b"]}, {"subjects": [""]}, {"subjects": ["a", "a"]},
    {"subjects": ["a", "b", "a"]}, {"subjects": ["a.*", "*.b"]}, {"subjects": ["a.*", "a.*"]},
    {"subjects": [">"]}, {"subjects": [">"], "no_ack": True}, {"subjects": [">"], "no_ack": True, "num_replicas": 2},
    {"subjects": ["$JS.>"]}, {"subjects": ["$JS.API.x"]}, {"subjects": ["$JS.EVENT.>"]}, {"subjects": ["*.API"]},
    {"subjects": ["$JS.>"], "no_ack": True}, {"subjects": ["$SYS.>"]}, {"subjects": ["$SYS.ACCOUNT.>"]},
    {"subjects": ["$NRG.x"]}, {"subjects": ["$JSC.x"]}, {"subjects": ["foo*.bar", "foo>"]},
    {"subject_transform": {"src": "a..b", "dest": "x"}}, {"subject_transform": {"src": "a.*", "dest": "x.$3"}},
    {"subject_transform": {"src": "", "dest": "x.>"}}, {"subject_transform": {"src": "a", "dest": ""}},
    {"subject_transform": {"src": "a.*", "dest": "x.{{wildcard(1)}}"}}, {"subject_transform": {}},
    {"subject_transform": {"src": "a.*", "dest": "x.{{partition(3,1)}}"}},
    {"subject_transform": {"src": "a.*", "dest": "x.*"}},
    {"republish": {"src": "", "dest": "x.>"}}, {"republish": {"src": "", "dest": "x.>"}, "pedantic": True},
    {"republish": {"src": ">", "dest": "A"}}, {"republish": {"dest": ""}}, {"republish": {"src": "a.*", "dest": "b"}},
    {"republish": {"src": "a.*", "dest": "b.$2"}}, {"republish": {"src": "a..", "dest": "b"}}, {"republish": {}},
    {"subjects": ["a.>"], "republish": {"src": ">", "dest": ">"}, "subject_transform": {"src": "a.>", "dest": "b.>"}},
    {"placement": {}}, {"placement": {"preferred": "x"}}, {"placement": {"tags": ["x"]}},
    {"consumer_limits": {"max_ack_pending": -1, "inactive_threshold": -1}}, {"first_seq": 100},
    {"persist_mode": "async"}, {"persist_mode": "async", "storage": "memory"},
    {"persist_mode": "async", "allow_atomic": True}, {"persist_mode": "async", "num_replicas": 3},
    {"allow_atomic": True, "retention": "workqueue"}, {"max_consumers": 7}, {"storage": "memory", "compression": "s2"},
]  # fmt: skip


async def both(client: Client, ours: OurRules, request: Request) -> None:
    operation, name, body = request
    data = (body if isinstance(body, str) else json.dumps({"name": name} | body)).encode()
    raw = (await client.request(f"$JS.API.STREAM.{operation}.{name}", data, timeout=5)).data
    theirs = {key: value for key, value in json.loads(raw).items() if key in ("config", "error")}
    said = ours.answer(operation, name, data)
    assert said == theirs
    assert list(said.get("config", ())) == list(theirs.get("config", ()))


@pytest.mark.parametrize("case", CASES)
async def test_our_rules_answer_as_nats_server_does(client: Client, case: str) -> None:
    ours = OurRules()
    for request in CASES[case]:
        await both(client, ours, request)


async def test_our_rules_judge_many_configurations_as_nats_server_does(client: Client) -> None:
    """Each under a name of its own: nats-server may still be clearing away the files of the one before."""
    for number, body in enumerate(CREATES):
        await both(client, OurRules(), ("CREATE", f"A{number}", body))
        await client.request(f"$JS.API.STREAM.DELETE.A{number}", b"")


@pytest.mark.parametrize("name", ["", "a b", "a*", "a.b", "a/b", "a\\b", LONG, "x" * 255])
def test_names_are_judged_as_nats_server_judges_them(name: str) -> None:
    said = OurRules().answer("CREATE", name, json.dumps({"name": name}).encode())
    assert ("error" in said) == (name != "x" * 255)

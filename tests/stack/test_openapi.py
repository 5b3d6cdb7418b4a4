"""The OpenAPI description held against the running product: no 5xx, no answer that it doesn't tell of."""

import itertools
import json
from collections import Counter
from collections.abc import Iterator
from typing import Any

import pytest
import schemathesis
from hypothesis import HealthCheck, Verbosity, given, settings
from schemathesis.checks import not_a_server_error
from schemathesis.specs.openapi.checks import (
    content_type_conformance,
    response_schema_conformance,
    status_code_conformance,
)

from tests.support.stack import Stack

CHECKS = [
    not_a_server_error,
    content_type_conformance,
    response_schema_conformance,
    status_code_conformance,
]
EXAMPLES = 8
#: Signing in is for people; it is rationed besides.
LEFT_OUT = ("/api/session", "/api/schema")


@pytest.fixture(scope="module")
def key(stack: Stack) -> dict[str, str]:
    return dict(json.loads(stack.manage("api_key", "create", "--json")))


@pytest.fixture(scope="module")
def description(stack: Stack) -> Any:
    return schemathesis.openapi.from_url(f"{stack.url}/api/schema")


def things(stack: Stack, number: int) -> dict[str, str]:
    """What exists, by the names that paths give it: one set for each operation, since some of them delete."""
    person = stack.person
    project = person.post("/api/projects", {"name": "described"})["id"]
    body = {"name": f"described-{number}", "project_id": project}
    account = person.post("/api/namespaces", body)["id"]
    path = f"/api/namespaces/{account}/credentials"
    credential = person.post(path, {"name": "described"})["credential"]["id"]
    key = person.post("/api/api-keys", {})["api_key"]["access_key"]
    return {
        "account": account, "nats_account_id": account, "credential_id": credential,
        "nats_credentials_id": credential, "project_id": project, "access_key": key,
        "region": "fr-par",
    }  # fmt: skip


def stored(stack: Stack, account: str) -> dict[str, str]:
    """A stream with a message and a consumer, and a bucket with a key."""
    person, path = stack.person, f"/api/namespaces/{account}"
    person.post(f"{path}/streams", {"name": "S", "subjects": ["s.>"]})
    person.post(f"{path}/streams/S/consumers", {"name": "C"})
    person.post(f"{path}/publish", {"subject": "s.a", "payload": "x", "headers": {"K": ["v"]}})
    person.post(f"{path}/kv", {"bucket": "B"})
    person.request("PUT", f"{path}/kv/B/entry?key=K", {"payload": "first"})
    return {"stream": "S", "consumer": "C", "seq": "1", "bucket": "B"}


def operations(description: Any) -> Iterator[Any]:
    for found in description.get_all_operations():
        operation = found.ok()
        if not operation.path.startswith(LEFT_OUT):
            yield operation


@pytest.mark.timeout(300)
def test_every_answer_is_as_described(
    stack: Stack, key: dict[str, str], description: Any, subtests: Any
) -> None:
    headers = {"X-Auth-Token": key["secret_key"]}
    labels, statuses = [], Counter[int]()
    for operation in operations(description):
        labels.append(operation.label)
        with subtests.test(operation.label):
            known = things(stack, len(labels))
            if "{stream}" in operation.path or "{bucket}" in operation.path:
                known |= stored(stack, known["account"])
            hold(operation, headers, known, statuses)
    assert len(labels) > 40
    assert min(statuses[status] for status in (200, 201, 204, 400, 404)) > 0, statuses
    assert statuses[200] > len(labels)


def hold(
    operation: Any, headers: dict[str, str], known: dict[str, str], statuses: Counter[int]
) -> None:
    """With ids that exist in every second example, and whatever else the description allows."""
    turns = itertools.cycle((True, False))

    @settings(
        max_examples=EXAMPLES, derandomize=True, database=None,
        suppress_health_check=list(HealthCheck), verbosity=Verbosity.quiet,
    )  # fmt: skip
    @given(case=operation.as_strategy())
    def judge(case: Any) -> None:
        if next(turns):
            for name in case.path_parameters or {}:
                case.path_parameters[name] = known.get(name, case.path_parameters[name])
        answer = case.call_and_validate(headers=headers, checks=CHECKS)
        statuses[answer.status_code] += 1

    judge()

"""The PyPI package ``scaleway``, unmodified, through the whole life of accounts and credentials; what it gets works."""

import asyncio
import json
import os
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import nats.errors
import pytest
from scaleway import Client
from scaleway.account.v3 import AccountV3ProjectAPI
from scaleway.iam.v1alpha1 import IamV1Alpha1API
from scaleway.mnq.v1beta1 import MnqV1Beta1NatsAPI
from scaleway_core.api import ScalewayException

from tests.support.clients import connect
from tests.support.stack import Stack
from tests.support.wait import wait_until


@dataclass(frozen=True)
class Sdk:
    client: Client
    organization_id: str
    nats: MnqV1Beta1NatsAPI
    projects: AccountV3ProjectAPI
    iam: IamV1Alpha1API


def client_of(key: dict[str, str], **changed: str) -> Client:
    return Client(
        **{
            "access_key": key["access_key"],
            "secret_key": key["secret_key"],
            "api_url": key["api_url"],
            "default_project_id": key["default_project_id"],
            "default_organization_id": key["organization_id"],
            "default_region": key["region"],
        }
        | changed
    )


@pytest.fixture(scope="module")
def key(stack: Stack) -> dict[str, str]:
    return dict(json.loads(stack.manage("api_key", "create", "--json")))


@pytest.fixture
def sdk(key: dict[str, str]) -> Iterator[Sdk]:
    """In a project of its own, which is empty again afterwards or the test fails."""
    outer = AccountV3ProjectAPI(client_of(key))
    project = outer.create_project(description="", name="python-sdk")
    client = client_of(key, default_project_id=project.id)
    yield Sdk(
        client,
        key["organization_id"],
        MnqV1Beta1NatsAPI(client),
        AccountV3ProjectAPI(client),
        IamV1Alpha1API(client),
    )
    outer.delete_project(project_id=project.id)


def refused(call: Any, **arguments: Any) -> tuple[int, dict[str, Any]]:
    with pytest.raises(ScalewayException) as caught:
        call(**arguments)
    return caught.value.status_code, json.loads(str(caught.value))


def is_taken(sdk: Sdk, name: str) -> bool:
    """Not before the program's own answer has left: until then the same request has the same answer."""
    try:
        sdk.nats.create_nats_account(name=name)
    except ScalewayException:
        return True
    return False


async def test_accounts_and_credentials_live_and_connect(
    sdk: Sdk, stack: Stack, tmp_path: Path
) -> None:
    account = await asyncio.to_thread(sdk.nats.create_nats_account, name="orders")
    assert account.endpoint == stack.nats_url
    assert sdk.nats.get_nats_account(nats_account_id=account.id).name == "orders"
    changed = sdk.nats.update_nats_account(nats_account_id=account.id, name="orders2")
    assert (changed.name, changed.region) == ("orders2", "fr-par")
    assert [a.id for a in sdk.nats.list_nats_accounts_all()] == [account.id]
    made = sdk.nats.create_nats_credentials(nats_account_id=account.id, name="app")
    assert made.credentials is not None
    file = tmp_path / "app.creds"
    file.write_text(made.credentials.content)
    closed = asyncio.Event()

    async def on_disconnect() -> None:
        closed.set()

    client = await connect(
        account.endpoint, file, disconnected_cb=on_disconnect, allow_reconnect=False
    )
    await client.flush()
    read = sdk.nats.get_nats_credentials(nats_credentials_id=made.id)
    assert (read.credentials, read.checksum) == (None, made.checksum)
    await asyncio.to_thread(sdk.nats.delete_nats_credentials, nats_credentials_id=made.id)
    with pytest.raises(nats.errors.Error):
        await connect(account.endpoint, file, allow_reconnect=False)
    await asyncio.wait_for(closed.wait(), 10)
    await client.close()
    assert sdk.nats.list_nats_credentials_all(nats_account_id=account.id) == []
    await asyncio.to_thread(sdk.nats.delete_nats_account, nats_account_id=account.id)
    status, body = refused(sdk.nats.delete_nats_account, nats_account_id=account.id)
    assert (status, body["resource"]) == (404, "nats_account")


async def test_each_new_credential_works_the_moment_it_is_there(
    sdk: Sdk, stack: Stack, tmp_path: Path
) -> None:
    for number in range(10):
        account = sdk.nats.create_nats_account(name=f"n{number}")
        made = sdk.nats.create_nats_credentials(nats_account_id=account.id, name="app")
        assert made.credentials is not None
        file = tmp_path / f"{number}.creds"
        file.write_text(made.credentials.content)
        client = await connect(stack.nats_url, file, allow_reconnect=False)
        await client.close()
        sdk.nats.delete_nats_account(nats_account_id=account.id)


async def test_streams_go_with_their_account(sdk: Sdk, stack: Stack, tmp_path: Path) -> None:
    account = sdk.nats.create_nats_account(name="streams")
    made = sdk.nats.create_nats_credentials(nats_account_id=account.id, name="app")
    assert made.credentials is not None
    file = tmp_path / "app.creds"
    file.write_text(made.credentials.content)
    client = await connect(stack.nats_url, file, allow_reconnect=False)
    jetstream = client.jetstream()
    await jetstream.add_stream(name="ORDERS", subjects=["orders.>"])
    await jetstream.publish("orders.new", b"first")

    def kept() -> list[Path]:
        """What the broker keeps of it; what is renamed to ``.removed`` is gone for good, and cleared away later."""
        walk = os.walk(stack.data_dir / "broker")  # which doesn't mind what goes meanwhile
        found = [Path(folder, name) for folder, _, names in walk for name in names]
        return [p for p in found if account.id in str(p) and ".removed" not in str(p)]

    assert [path for path in kept() if "ORDERS" in str(path)]
    await asyncio.to_thread(sdk.nats.delete_nats_account, nats_account_id=account.id)
    wait_until(
        lambda: all(path.suffix == ".jwt" for path in kept()), "the end of the account's files"
    )
    await client.close()


def test_all_pages_are_read_in_order(sdk: Sdk) -> None:
    names = [f"n{number:02}" for number in range(25)]
    made = [sdk.nats.create_nats_account(name=name) for name in names]
    for page_size in (None, 7, 25):
        found = sdk.nats.list_nats_accounts_all(page_size=page_size)
        assert [account.name for account in found] == names
    for account in made:
        sdk.nats.delete_nats_account(nats_account_id=account.id)


def test_errors_say_what_is_wrong(sdk: Sdk, key: dict[str, str]) -> None:
    account = sdk.nats.create_nats_account(name="a")
    wait_until(lambda: is_taken(sdk, "a"), "the first answer to have left")
    status, body = refused(sdk.nats.create_nats_account, name="a")
    assert (status, body["type"]) == (409, "already_exists")
    status, body = refused(sdk.nats.get_nats_account, nats_account_id="Wrong-id")
    assert (status, body["type"]) == (400, "invalid_arguments")
    status, body = refused(sdk.projects.delete_project)
    assert (status, body["precondition"]) == (412, "resource_still_in_use")
    stranger = client_of(key, secret_key="11111111-1111-1111-1111-111111111111")
    status, body = refused(MnqV1Beta1NatsAPI(stranger).list_nats_accounts)
    assert (status, body["reason"]) == (401, "not_found")
    sdk.nats.delete_nats_account(nats_account_id=account.id)


def test_projects_and_keys(sdk: Sdk) -> None:
    project = sdk.projects.create_project(description="for a test", name="another")
    assert project.organization_id == sdk.organization_id
    assert project.id in [found.id for found in sdk.projects.list_projects_all()]
    changed = sdk.projects.update_project(project_id=project.id, name="renamed")
    assert (changed.name, changed.description) == ("renamed", "for a test")
    made = sdk.iam.create_api_key(description="ci", default_project_id=project.id)
    assert made.secret_key
    assert sdk.iam.get_api_key(access_key=made.access_key).secret_key is None
    assert made.access_key in [found.access_key for found in sdk.iam.list_api_keys_all()]
    sdk.iam.delete_api_key(access_key=made.access_key)
    assert refused(sdk.iam.get_api_key, access_key=made.access_key)[0] == 404
    sdk.projects.delete_project(project_id=project.id)

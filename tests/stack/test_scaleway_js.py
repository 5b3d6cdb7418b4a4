"""The npm package ``@scaleway/sdk``, unmodified, in node: ``scaleway.mjs`` says what it goes through."""

import asyncio
import json
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.support.clients import connect
from tests.support.stack import Stack

SDK = "@scaleway/sdk@2.78.0"
#: Beside the other packages that tests need, so that it is fetched once.
MODULES = Path(sys.prefix) / "share" / "wireroom-node"
SCRIPT = Path(__file__).with_name("scaleway.mjs")


@pytest.fixture(scope="module")
def modules() -> Path:
    if shutil.which("node") is None or shutil.which("npm") is None:
        pytest.skip("node and npm aren't installed")
    if not (MODULES / "node_modules" / "@scaleway" / "sdk").exists():
        MODULES.mkdir(parents=True, exist_ok=True)
        quiet = ["--no-audit", "--no-fund", "--ignore-scripts", "--loglevel=error"]
        command = ["npm", "install", "--prefix", str(MODULES), *quiet, SDK]
        done = subprocess.run(command, capture_output=True, text=True, timeout=110)
        if done.returncode != 0:
            pytest.skip(f"npm can't install {SDK}: {done.stderr[-200:]}")
    return MODULES


@pytest.fixture(scope="module")
def busy(tmp_path_factory: pytest.TempPathFactory) -> Iterator[dict[str, Any]]:
    """A key of a console of its own, where each has 20 requests a minute."""
    settings = {"WIREROOM_API_REQUESTS_PER_MINUTE": "20"}
    with Stack(tmp_path_factory.mktemp("busy"), **settings) as running:
        yield json.loads(running.manage("api_key", "create", "--json"))


def arguments(stack: Stack, modules: Path) -> dict[str, Any]:
    """An owner, and a viewer of a project of the owner's that has as many namespaces as it may."""
    owner = json.loads(stack.manage("api_key", "create", "--json"))
    stack.manage("login_link", "--email", "js-viewer@example.com", "--create")
    viewer = json.loads(
        stack.manage("api_key", "create", "--json", "--email", "js-viewer@example.com")
    )
    person = stack.person
    shared = person.post("/api/projects", {"name": "shared"})["id"]
    member = {"email": "js-viewer@example.com", "role": "viewer"}
    person.post(f"/api/projects/{shared}/members", member)
    person.post("/api/namespaces", {"name": "only", "project_id": shared})
    person.request("PATCH", f"/api/projects/{shared}/limits", {"namespaces": 1})
    return {
        "owner": owner, "viewer": viewer, "shared": shared, "modules": f"{modules}/",
    }  # fmt: skip


async def test_the_sdk_goes_through_accounts_credentials_and_each_error(
    stack: Stack, modules: Path, busy: dict[str, Any], tmp_path: Path
) -> None:
    asked = json.dumps(await asyncio.to_thread(arguments, stack, modules) | {"busy": busy})
    command = ["node", str(SCRIPT), asked]
    done = await asyncio.to_thread(
        subprocess.run, command, capture_output=True, text=True, timeout=90
    )
    assert done.returncode == 0, done.stderr
    made = json.loads(done.stdout)
    file = tmp_path / "js.creds"
    file.write_text(made["file"])
    client = await connect(made["endpoint"], file, allow_reconnect=False)
    await client.flush()
    await client.close()

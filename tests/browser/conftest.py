"""Headless Chromium, and a page that fails its test when it complains: console errors, refusals of the policy."""

import asyncio
import json
import os
import shutil
import subprocess
import sys
import threading
import urllib.request
from collections.abc import Coroutine, Iterator
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Browser, BrowserContext, Page, sync_playwright

from tests.support.ports import free_ports
from tests.support.stack import Stack
from tests.support.wait import wait_until

ROOT = Path(__file__).resolve().parent.parent.parent
CHROMIUM = os.environ.get("CHROMIUM") or shutil.which("chromium") or shutil.which("google-chrome")
FLAGS = (
    "--no-sandbox", "--disable-gpu", "--disable-background-networking", "--disable-component-update",
    "--disable-sync", "--no-first-run", "--js-flags=--expose-gc",
)  # fmt: skip


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    skip = pytest.mark.skip(reason="no Chromium: install it, or name it in CHROMIUM")
    for item in items:
        if Path(__file__).parent in item.path.parents and "browser" in getattr(
            item, "fixturenames", ()
        ):
            item.add_marker(pytest.mark.browser)
            if not CHROMIUM:
                item.add_marker(skip)


@pytest.fixture(scope="session")
def browser() -> Iterator[Browser]:
    with sync_playwright() as playwright:
        running = playwright.chromium.launch(executable_path=CHROMIUM, args=list(FLAGS))
        yield running
        running.close()


class Complaints(list[str]):
    """What the page complained of; a test may ``forgive`` what it provoked."""

    def watch(self, page: Page) -> None:
        page.on(
            "console", lambda m: self.append(m.text) if m.type in ("error", "warning") else None
        )
        page.on("pageerror", lambda error: self.append(f"{error}\n{error.stack or ''}"))

    def forgive(self, part: str) -> None:
        self[:] = [one for one in self if part not in one]


@pytest.fixture
def context(browser: Browser) -> Iterator[BrowserContext]:
    made = browser.new_context(viewport={"width": 1440, "height": 900}, accept_downloads=True)
    made.set_default_timeout(10_000)
    yield made
    made.close()


@pytest.fixture
def complaints() -> Complaints:
    return Complaints()


@pytest.fixture
def page(context: BrowserContext, complaints: Complaints) -> Iterator[Page]:
    """A complaint of the policy is a console error, too: "Refused to …", "This document requires …"."""
    made = context.new_page()
    complaints.watch(made)
    yield made
    assert not complaints, "the page complained:\n" + "\n".join(complaints)


class Fake:
    """The running ``fake_console``."""

    def __init__(self, url: str) -> None:
        self.url = url

    def steer(self, **wanted: Any) -> dict[str, Any]:
        request = urllib.request.Request(
            f"{self.url}/fake", json.dumps(wanted).encode(), method="POST"
        )
        opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
        with opener.open(request, timeout=10) as answer:
            return dict(json.loads(answer.read()))

    def path(self, name: str, namespace: str = "orders") -> str:
        """The address of a namespace's page."""
        return f"{self.url}/namespaces/A{namespace.upper():A<55}/{name}"


@pytest.fixture(scope="session")
def fake_server() -> Iterator[Fake]:
    (port,) = free_ports(1)
    command = [
        sys.executable,
        "-m",
        "daphne",
        "-b",
        "127.0.0.1",
        "-p",
        str(port),
        "tests.browser.fake_console:app",
    ]
    environment = os.environ | {"DJANGO_SETTINGS_MODULE": "tests.support.settings"}
    process = subprocess.Popen(
        command,
        cwd=ROOT,
        env=environment,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
        text=True,
    )
    fake = Fake(f"http://127.0.0.1:{port}")

    def answers() -> bool:
        assert process.poll() is None, process.stderr.read() if process.stderr else ""
        try:
            return bool(fake.steer())
        except OSError:
            return False

    wait_until(answers, "the fake console", 120)
    yield fake
    process.terminate()
    process.wait(10)


@pytest.fixture
def fake(fake_server: Fake) -> Fake:
    fake_server.steer(reset=True)
    return fake_server


# The running product --------------------------------------------------------------------------------------


class Clients:
    """nats-py on a loop in a thread of its own: Playwright has this one."""

    def __init__(self) -> None:
        self.loop = asyncio.new_event_loop()
        self.thread = threading.Thread(target=self.loop.run_forever, daemon=True)
        self.thread.start()

    def run(self, work: Coroutine[Any, Any, Any]) -> Any:
        return asyncio.run_coroutine_threadsafe(work, self.loop).result(60)

    def close(self) -> None:
        self.loop.call_soon_threadsafe(self.loop.stop)
        self.thread.join(5)


@pytest.fixture
def clients() -> Iterator[Clients]:
    made = Clients()
    yield made
    made.close()


@pytest.fixture
def home(stack: Stack, context: BrowserContext, page: Page) -> Page:
    """Signed in as the stack's person, at the list of namespaces."""
    cookies = [
        {"name": c.name, "value": c.value or "", "url": stack.url} for c in stack.person.cookies
    ]
    context.add_cookies(cookies)  # type: ignore[arg-type]
    page.goto(stack.url)
    return page

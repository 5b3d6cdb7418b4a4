"""The main job, on the running product: sign in, namespace, credential, an unmodified client, its messages on screen."""

import asyncio
import re
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Page, expect

from tests.browser.conftest import Clients, Complaints
from tests.browser.test_live import ROW, WATCH_FRAMES, adds_up, meter, rows, until
from tests.support.clients import connect
from tests.support.processes import resident_bytes
from tests.support.stack import Stack

pytestmark = [pytest.mark.browser, pytest.mark.stack]


def new_namespace(page: Page, name: str) -> None:
    """By the form of the empty page or by the dialog, whichever is there."""
    label = page.get_by_role("textbox", name="Name")
    button = page.get_by_role("button", name="New namespace")
    expect(label.or_(button).first).to_be_visible()
    if button.count():
        button.click()
    label.fill(name)
    page.get_by_role("button", name="Create namespace").click()
    expect(page).to_have_url(re.compile(r"/namespaces/A\w{55}"))


def new_credential(page: Page, name: str, directory: Path) -> Path:
    page.get_by_role("navigation").get_by_role("link", name=re.compile("^Credentials")).click()
    page.get_by_role("button", name="New credential").first.click()
    page.get_by_label("Name").fill(name)
    page.get_by_role("button", name="Create credential").click()
    with page.expect_download() as download:
        page.get_by_role("button", name=f"Download {name}.creds").click()
    file = directory / download.value.suggested_filename
    download.value.save_as(file)
    return file


def open_live(page: Page) -> None:
    page.get_by_role("navigation").get_by_role("link", name="Live", exact=True).click()
    expect(page.get_by_text("Listening. Nothing yet")).to_be_visible()


def test_from_the_link_to_the_message_on_screen(
    stack: Stack, page: Page, clients: Clients, tmp_path: Path
) -> None:
    page.goto(stack.manage("login_link").strip())
    expect(
        page.get_by_role("button", name=re.compile("Create namespace|New namespace"))
    ).to_be_visible()
    assert "token" not in page.url
    new_namespace(page, "journey")
    creds = new_credential(page, "first-client", tmp_path)
    expect(page.get_by_text("Waiting for its first connection")).to_be_visible()
    client = clients.run(connect(stack.nats_url, creds, name="checkout"))
    expect(page.get_by_text(re.compile("^Connected "))).to_be_visible()
    expect(page.get_by_text(re.compile("python3 .*checkout.* from 127.0.0.1"))).to_be_visible()
    open_live(page)
    clients.run(client.publish("orders.eu.paid", b'{"id": 1}', headers={"Trace-Id": "7"}))
    clients.run(client.flush())
    row = page.locator(".rows-body [data-index]").first
    expect(row).to_contain_text("orders.eu.paid")
    row.click()
    page.get_by_role("tab", name="Headers 1").click()
    expect(page.get_by_role("tabpanel")).to_contain_text("Trace-Id")
    clients.run(client.close())


def test_publish_and_request_from_the_page(
    stack: Stack, home: Page, clients: Clients, tmp_path: Path
) -> None:
    new_namespace(home, "journey-publish")
    creds = new_credential(home, "service", tmp_path)
    client = clients.run(connect(stack.nats_url, creds))

    async def answer(message: Any) -> None:
        await message.respond(b"echo " + message.data)

    clients.run(client.subscribe("svc.echo", cb=answer))
    clients.run(client.flush())
    open_live(home)
    home.keyboard.press("x")
    home.get_by_role("button", name="Request", exact=True).click()
    home.get_by_label("Subject", exact=True).fill("svc.echo")
    home.get_by_label("Payload", exact=True).fill("hello")
    home.keyboard.press("Control+Enter")
    expect(home.get_by_text(re.compile("^Answered in"))).to_be_visible()
    expect(home.locator(".reply pre")).to_have_text("echo hello")
    expect(home.locator(".rows-body [data-index]").first).to_contain_text("svc.echo")
    clients.run(client.close())


RATE = 20_000


async def flood(client: Any, subject: str, count: int) -> None:
    """``count`` numbered messages, RATE of them a second, or what a busy machine allows."""
    loop = asyncio.get_running_loop()
    tail, sent, began = b'", "text": "' + b"x" * 150 + b'"}', 0, loop.time()
    while sent < count:
        due = min(count, int((loop.time() - began) * RATE))
        for number in range(sent, due):
            await client.publish(subject, b'{"seq": "%d' % number + tail)
        sent = max(sent, due)
        await client.flush()
        await asyncio.sleep(0.01)


def test_every_published_message_is_accounted_for(
    stack: Stack, home: Page, clients: Clients, tmp_path: Path
) -> None:
    """20,000 a second: the page draws on, nobody's memory grows, and what was sent is exactly what the meter saw."""
    new_namespace(home, "journey-flood")
    creds = new_credential(home, "flood", tmp_path)
    client = clients.run(connect(stack.nats_url, creds))
    open_live(home)
    programs = {name: stack.child(name) for name in ("web", "broker", "valkey")}
    before = {name: resident_bytes(pid) for name, pid in programs.items()}
    home.evaluate(WATCH_FRAMES)
    count = 4 * RATE
    sending = asyncio.run_coroutine_threadsafe(flood(client, "load.test", count), clients.loop)
    readings = []
    while not sending.done():
        readings.append(meter(home))
    sending.result()
    until(home, lambda: meter(home)["seen"] == count, "all of them seen", 20)
    assert all(adds_up(reading) for reading in readings)
    assert adds_up(meter(home))
    watched = home.evaluate("(window.watched.on = false, window.watched)")
    assert watched["frames"] > 20 and watched["longest"] < 2_000, "it froze"
    assert rows(home) and home.locator(ROW).count() < 100, "only what fits on the screen is drawn"
    grown = {name: resident_bytes(pid) - before[name] for name, pid in programs.items()}
    assert all(size < 48 * 1024 * 1024 for size in grown.values()), grown
    clients.run(client.close())


def test_a_revoked_credential_is_told_and_thrown_out(
    stack: Stack, home: Page, clients: Clients, tmp_path: Path, complaints: Complaints
) -> None:
    new_namespace(home, "journey-revoke")
    creds = new_credential(home, "short-lived", tmp_path)
    client = clients.run(connect(stack.nats_url, creds, allow_reconnect=False))
    expect(home.get_by_text(re.compile("^Connected "))).to_be_visible()
    home.get_by_role("button", name="Revoke short-lived").click()
    home.get_by_role("dialog").get_by_role("button", name="Revoke").click()
    expect(
        home.get_by_text(re.compile("short-lived is revoked; 1 connection closed"))
    ).to_be_visible()
    until(home, lambda: client.is_closed, "the client's end")
    expect(home.get_by_role("row", name=re.compile("short-lived"))).to_contain_text("Revoked")


def test_a_namespace_is_deleted_by_its_name_only(home: Page) -> None:
    new_namespace(home, "journey-delete")
    home.get_by_role("navigation").get_by_role("link", name="Settings").click()
    home.get_by_role("button", name="Delete…").click()
    confirm = home.get_by_role("button", name="Delete namespace")
    home.get_by_label("Type journey-delete to confirm").fill("journey")
    expect(confirm).to_be_disabled()
    home.get_by_label("Type journey-delete to confirm").fill("journey-delete")
    confirm.click()
    expect(home.get_by_text("journey-delete is deleted.")).to_be_visible()
    expect(home.get_by_role("link", name="journey-delete")).to_have_count(0)

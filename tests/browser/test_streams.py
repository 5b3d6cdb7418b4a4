"""Streams and buckets on the running product: made, filled, looked at, changed and deleted in the browser."""

import json
import re
from pathlib import Path

import pytest
from playwright.sync_api import Page, expect

from tests.browser.conftest import Clients
from tests.browser.test_journey import new_credential, new_namespace
from tests.support.clients import connect
from tests.support.stack import Stack

pytestmark = [pytest.mark.browser, pytest.mark.stack]

#: As an administrator may by the API; there is no form for it.
RELAX = """async () => {
  const { patch } = await import("/static/js/lib/http.js");
  await patch(`/api/namespaces/${location.pathname.split("/")[2]}/limits`, { sync_interval_s: 2 });
}"""


def test_a_stream_from_its_making_to_its_end(
    stack: Stack, home: Page, clients: Clients, tmp_path: Path
) -> None:
    new_namespace(home, "journey-streams")
    creds = new_credential(home, "writer", tmp_path)
    client = clients.run(connect(stack.nats_url, creds))
    home.get_by_role("navigation").get_by_role("link", name="Streams", exact=True).click()
    home.get_by_role("button", name="New stream").first.click()
    home.get_by_label("Name").fill("ORDERS")
    home.get_by_label("Subjects").fill("orders.>")
    home.get_by_label("Keep for at most").fill("2 weeks")
    home.get_by_role("button", name="Create stream").click()
    expect(home.get_by_text("A time such as 7d")).to_be_visible()
    home.get_by_label("Keep for at most").fill("7d")
    home.get_by_role("button", name="Create stream").click()
    expect(home.get_by_role("heading", name="ORDERS", level=1)).to_be_visible()
    expect(home.get_by_text("No message here")).to_be_visible()

    jetstream = client.jetstream()
    for number in range(60):
        clients.run(jetstream.publish("orders.eu.paid", json.dumps({"n": number}).encode()))
    home.get_by_role("button", name="60 new messages").click()
    rows = home.locator("tr.pick")
    expect(rows).to_have_count(50)
    expect(rows.first).to_contain_text('{"n": 59}')
    home.get_by_role("button", name="Older").click()
    expect(rows).to_have_count(10)
    rows.last.click()
    expect(home.get_by_role("region", name="Message 1", exact=True)).to_contain_text('"n": 0')

    subscription = clients.run(jetstream.pull_subscribe("orders.eu.*", durable="billing"))
    fetched = clients.run(subscription.fetch(10))
    for message in fetched[:4]:
        clients.run(message.ack())
    clients.run(client.flush())
    home.get_by_role("tab", name="Consumers").click()
    row = home.get_by_role("row", name=re.compile("billing"))
    expect(row.get_by_role("cell").nth(2)).to_have_text("50")
    expect(row.get_by_role("cell").nth(3)).to_have_text("6 of 1,000")

    home.get_by_role("tab", name="Settings").click()
    expect(home.get_by_role("tabpanel")).to_contain_text("7d")
    expect(home.get_by_role("tabpanel")).to_contain_text("before it is acknowledged")
    home.evaluate(RELAX)
    home.reload()
    expect(home.get_by_role("tabpanel")).to_contain_text("up to 2 seconds after it is acknowledged")
    home.get_by_role("button", name="Purge").click()
    home.get_by_label("Keep the newest").fill("5")
    home.get_by_role("dialog").get_by_role("button", name="Purge").click()
    expect(home.get_by_text("55 messages purged.")).to_be_visible()
    home.get_by_role("button", name="Delete…").click()
    home.get_by_label("Type ORDERS to confirm").fill("ORDERS")
    home.get_by_role("button", name="Delete stream").click()
    expect(home.get_by_text("No stream yet")).to_be_visible()
    clients.run(client.close())


def test_a_bucket_that_a_client_shares(
    stack: Stack, home: Page, clients: Clients, tmp_path: Path
) -> None:
    new_namespace(home, "journey-kv")
    creds = new_credential(home, "settings", tmp_path)
    home.get_by_role("navigation").get_by_role("link", name="Key-value").click()
    home.get_by_role("button", name="New bucket").first.click()
    home.get_by_label("Name").fill("SETTINGS")
    home.get_by_label("Values kept of a key").fill("5")
    home.get_by_role("button", name="Create bucket").click()
    expect(home.get_by_text("No key yet")).to_be_visible()
    home.get_by_role("button", name="Put a value").first.click()
    home.get_by_label("Key", exact=True).fill("shop.limit")
    home.get_by_label("Value", exact=True).fill("10")
    home.get_by_role("button", name="Put", exact=True).click()
    pane = home.get_by_role("region", name="Key shop.limit")
    expect(pane.locator("pre")).to_have_text("10")

    client = clients.run(connect(stack.nats_url, creds))
    bucket = clients.run(client.jetstream().key_value("SETTINGS"))
    assert clients.run(bucket.get("shop.limit")).value == b"10"
    clients.run(bucket.put("shop.limit", b"11"))
    expect(pane.locator("pre")).to_have_text("11")
    pane.get_by_role("button", name="Edit").click()
    clients.run(bucket.put("shop.limit", b"12"))
    pane.get_by_label("New value").fill("13")
    expect(pane.get_by_role("listitem")).to_have_count(3)
    pane.get_by_role("button", name="Put", exact=True).click()
    expect(pane.get_by_text(re.compile("13|changed meanwhile")).first).to_be_visible()
    pane.get_by_role("button", name="Delete").click()
    home.get_by_role("dialog").get_by_role("button", name="Delete").click()
    expect(home.get_by_role("row", name=re.compile("shop.limit"))).to_contain_text("Deleted")
    # What the page doesn't show whole isn't offered for editing: saving it would shorten it.
    clients.run(bucket.put("long", b"x" * 70_000))
    home.get_by_role("row", name=re.compile("long")).click()
    pane = home.get_by_role("region", name="Key long")
    pane.get_by_role("button", name="Replace").click()
    expect(pane.get_by_label("New value")).to_have_value("")
    pane.get_by_role("button", name="Cancel").click()
    assert len(clients.run(bucket.get("long")).value or b"") == 70_000
    clients.run(client.close())

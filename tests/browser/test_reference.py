"""The API reference in the browser: every operation of the description is there, and nothing breaks the policy."""

import json
import urllib.request

import pytest
from playwright.sync_api import Page, expect

from tests.browser.test_pages import violations
from tests.support.stack import Stack

pytestmark = [pytest.mark.browser, pytest.mark.stack]


def test_every_operation_is_in_the_reference(stack: Stack, page: Page) -> None:
    with urllib.request.urlopen(f"{stack.url}/api/schema", timeout=30) as answer:
        paths = json.load(answer)["paths"]
    page.goto(f"{stack.url}/api/docs")
    expect(page.locator(".operation")).to_have_count(sum(map(len, paths.values())))
    assert violations(page) == []
    page.get_by_role("searchbox", name="Filter operations").fill("post nats-credentials")
    operation = page.locator(".operation")
    expect(operation).to_have_count(1)
    operation.locator("summary").click()
    expect(operation).to_contain_text("nats_account_id")
    expect(operation).to_contain_text("A .creds file")
    assert violations(page) == []
    page.get_by_role("navigation").get_by_role("link", name="Create NATS credentials").click()
    expect(page).to_have_url(f"{stack.url}/api/docs#{operation.get_attribute('id')}")
    page.get_by_role("link", name="Error", exact=True).click()
    expect(page.locator("#Error")).to_be_in_viewport()
    page.get_by_role("searchbox").fill("nothing is called so")
    expect(page.get_by_role("status")).to_have_text("Nothing is called like that.")

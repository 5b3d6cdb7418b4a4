"""API keys on the page: its secret is shown once and copied whole, a revoked key is gone; the real console takes both."""

import shlex
import urllib.error
import urllib.request

import pytest
from playwright.sync_api import BrowserContext, Locator, Page, expect

from tests.browser.conftest import Fake
from tests.browser.fake_keys import SECRET
from tests.browser.test_pages import settle
from tests.support.stack import Stack

pytestmark = pytest.mark.browser


def create(page: Page, description: str) -> Locator:
    page.get_by_role("button", name="New API key").first.click()
    page.get_by_label("Description").fill(description)
    page.get_by_role("button", name="Create API key").click()
    panel = page.get_by_role("region", name=f"The secret of {description}")
    expect(panel).to_be_visible()
    return panel


def exported(panel: Locator) -> dict[str, str]:
    """What a shell makes of the lines that the panel shows."""
    words = shlex.split(panel.get_by_role("group", name="Copy the environment").inner_text())
    return dict(word.split("=", 1) for word in words if word != "export")


def test_a_secret_is_not_lost_by_a_slip_and_not_shown_again(page: Page, fake: Fake) -> None:
    page.goto(f"{fake.url}/api-keys")
    settle(page, "API keys")
    panel = create(page, "deploy")
    assert exported(panel)["SCW_SECRET_KEY"] == SECRET
    page.get_by_role("button", name="New API key").click()
    expect(page.get_by_role("dialog")).to_contain_text("The secret key of deploy isn't saved yet.")
    page.keyboard.press("Escape")
    page.get_by_role("navigation").get_by_role("link", name="Account").click()
    page.go_back()
    panel.get_by_role("button", name="Close").click()
    page.get_by_role("button", name="Cancel").click()
    page.context.grant_permissions(["clipboard-read", "clipboard-write"])
    panel.get_by_role("button", name="Copy the secret key").click()
    expect(panel.get_by_role("button", name="Copied")).to_be_visible()
    assert page.evaluate("navigator.clipboard.readText()") == SECRET
    panel.get_by_role("button", name="Close").click()
    expect(panel).to_have_count(0)
    expect(page.get_by_text(SECRET)).to_have_count(0)


def test_what_a_key_is_stands_in_its_row(page: Page, fake: Fake) -> None:
    page.goto(f"{fake.url}/api-keys")
    rows = page.get_by_role("row")
    expect(rows.filter(has_text="Terraform in CI")).to_contain_text("Shopin 90 days24 hours ago")
    expect(rows.filter(has_text="backup").locator(".tag.warn")).to_have_text("in 24 hours")
    gone = rows.filter(has_text="SCWLAPTOP")
    expect(gone).to_contain_text("no default project")
    expect(gone.locator(".tag.bad")).to_have_text("Expired 24 hours ago")


def test_the_page_says_which_build_of_the_broker_runs(page: Page, fake: Fake) -> None:
    page.goto(f"{fake.url}/account")
    expect(page.get_by_text("one 0, plain Python")).to_be_visible()


@pytest.mark.stack
def test_a_key_of_the_page_works_until_it_is_revoked(
    stack: Stack, home: Page, context: BrowserContext
) -> None:
    home.get_by_role("navigation").get_by_role("link", name="API keys").click()
    found = exported(create(home, "from the page"))
    assert asked(found) == 200
    home.get_by_role("button", name="Revoke from the page").click()
    home.get_by_role("dialog").get_by_role("button", name="Revoke").click()
    expect(home.get_by_text("from the page is revoked.")).to_be_visible()
    expect(home.get_by_text(found["SCW_SECRET_KEY"])).to_have_count(0)
    assert asked(found) == 401
    with context.expect_page() as opened:
        home.get_by_role("link", name="API reference").first.click()
    expect(opened.value.get_by_role("heading", name="API reference")).to_be_visible()


def asked(found: dict[str, str]) -> int:
    """The status of the list of namespaces, asked for as Scaleway's tools do."""
    path = f"/mnq/v1beta1/regions/{found['SCW_DEFAULT_REGION']}/nats-accounts"
    request = urllib.request.Request(
        found["SCW_API_URL"] + path, headers={"X-Auth-Token": found["SCW_SECRET_KEY"]}
    )
    opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
    try:
        with opener.open(request, timeout=30) as answer:
            return int(answer.status)
    except urllib.error.HTTPError as error:
        return error.code

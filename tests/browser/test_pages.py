"""Every page in both themes and three widths: it loads, says nothing on the console, and passes axe-core."""

import contextlib
import re
from pathlib import Path

import pytest
from playwright.sync_api import Page, expect

from tests.browser.conftest import Complaints, Fake
from tests.support.wait import wait_until

AXE = (Path(__file__).parent / "vendor" / "axe-core-4.14.1" / "axe.min.js").read_text()
INSIDE = (
    "overview",
    "live",
    "streams",
    "credentials",
    "sharing",
    "connections",
    "activity",
    "settings",
)
#: Waiting in the page itself would need eval, which the policy forbids.
STILL = "document.getAnimations().every((a) => a.playState !== 'running' || a.effect.getTiming().iterations === Infinity)"
#: What is wider than the page's column, when anything makes that scroll.
STICKS_OUT = """
(() => {
  const main = document.querySelector("main"), edge = main.getBoundingClientRect().right;
  if (main.scrollWidth <= main.clientWidth) return [];
  const out = [...main.querySelectorAll("*")].filter((one) => one.getBoundingClientRect().right > edge + 1);
  return ["main", ...out.map((one) => `${one.tagName} ${one.className.baseVal ?? one.className} ${one.getBoundingClientRect().right}`)];
})()
"""
PAGES = {
    "/": "Namespaces", "/account": "Account", "/api-keys": "API keys", "/projects/p1/members": "Members", "/nowhere": "There is nothing here",
    **{f"/namespaces/A{'ORDERS':A<55}/{name}": "orders" if name == "overview" else name.capitalize() for name in INSIDE},
    f"/namespaces/A{'ORDERS':A<55}/kv": "Key-value",
    **{f"/namespaces/A{'ORDERS':A<55}/kv/SETTINGS{key}": "SETTINGS" for key in ("", "?key=shop.limits")},
    **{f"/namespaces/A{'ORDERS':A<55}/streams/ORDERS{tab}": "ORDERS" for tab in ("", "?tab=consumers", "?tab=settings")},
}  # fmt: skip


def violations(page: Page) -> list[str]:
    # The page's policy forbids scripts that aren't its own; evaluate() isn't bound by it.
    page.evaluate(AXE)
    found = page.evaluate(
        "axe.run(document, { runOnly: ['wcag2a', 'wcag2aa', 'wcag21a', 'wcag21aa', 'best-practice'] })"
    )
    return [
        f"{v['id']}: {v['help']} {[n['target'] for n in v['nodes']][:4]}"
        for v in found["violations"]
    ]


def settle(page: Page, title: str) -> None:
    """The heading is there, nothing loads any more, and nothing moves."""
    expect(page.get_by_role("heading", name=title, level=1)).to_be_visible()
    expect(page.locator(".skeleton")).to_have_count(0)
    wait_until(lambda: page.evaluate(STILL), "the animations' end")


@pytest.mark.parametrize("theme", ["light", "dark"])
@pytest.mark.parametrize("path", PAGES)
def test_page_is_accessible(page: Page, fake: Fake, path: str, theme: str) -> None:
    page.emulate_media(color_scheme="dark" if theme == "dark" else "light")
    page.goto(fake.url + path)
    settle(page, PAGES[path])
    assert page.evaluate("document.documentElement.dataset.theme") == theme
    assert violations(page) == []


@pytest.mark.parametrize("theme", ["light", "dark"])
def test_sign_in_is_accessible(page: Page, fake: Fake, theme: str) -> None:
    fake.steer(signed_in=False)
    page.emulate_media(color_scheme="dark" if theme == "dark" else "light")
    page.goto(fake.url)
    expect(page.get_by_role("button", name="Sign in")).to_be_visible()
    assert violations(page) == []


@pytest.mark.parametrize("theme", ["light", "dark"])
@pytest.mark.parametrize(
    "what",
    [
        "detail",
        "publish",
        "filter",
        "palette",
        "keys",
        "create",
        "revoke",
        "rotate",
        "once",
        "menu",
        "export",
        "import",
        "new-key",
        "key",
    ],
)
def test_what_opens_is_accessible(page: Page, fake: Fake, what: str, theme: str) -> None:
    page.emulate_media(color_scheme="dark" if theme == "dark" else "light")
    shown = {"create": "credentials", "revoke": "credentials", "rotate": "credentials", "once": "credentials",
             "export": "sharing", "import": "sharing"}.get(what, "live")  # fmt: skip
    of_keys = what.endswith("key")
    page.goto(f"{fake.url}/api-keys" if of_keys else fake.path(shown))
    settle(page, "API keys" if of_keys else shown.capitalize())
    open_it(page, fake, what)
    assert violations(page) == []


def open_it(page: Page, fake: Fake, what: str) -> None:
    if what == "detail":
        expect(page.get_by_text("Listening. Nothing yet")).to_be_visible()
        fake.steer(
            emit=[
                {
                    "subject": "a.b",
                    "payload_hex": b'{"a": [1, "x", null]}'.hex(),
                    "header": "NATS/1.0\r\nK: v\r\n\r\n",
                }
            ]
        )
        page.locator("[data-index]").first.click()
        expect(page.get_by_role("region", name="Message")).to_be_visible()
    elif what in ("publish", "filter", "palette", "keys"):
        page.keyboard.press(
            {"publish": "x", "filter": "/", "palette": "Control+k", "keys": "?"}[what]
        )
    elif what == "create":
        page.get_by_role("button", name="New credential").click()
        page.get_by_label("Custom").check()
        page.get_by_text("Where it may connect from").click()
    elif what == "revoke":
        page.get_by_role("button", name="Revoke checkout").click()
    elif what == "rotate":
        page.get_by_role("button", name="Rotate checkout").click()
    elif what in ("export", "import"):
        page.get_by_role("button", name=what.capitalize(), exact=True).click()
        expect(page.get_by_role("dialog")).to_be_visible()
    elif what in ("new-key", "key"):
        page.get_by_role("button", name="New API key").click()
        page.get_by_label("Description").fill("deploy")
        if what == "key":
            page.get_by_role("button", name="Create API key").click()
            expect(page.get_by_role("region", name="The secret of deploy")).to_be_visible()
    elif what == "once":
        page.get_by_role("button", name="New credential").click()
        page.get_by_label("Name").fill("web")
        page.get_by_role("button", name="Create credential").click()
        expect(page.get_by_role("region", name="The file of web")).to_be_visible()
    else:
        page.get_by_role("button", name="Olga Winter").click()
    wait_until(lambda: page.evaluate(STILL), "the animations' end")


@pytest.mark.parametrize("width", [1440, 1024, 390])
@pytest.mark.parametrize("path", PAGES)
def test_nothing_sticks_out_sideways(page: Page, fake: Fake, path: str, width: int) -> None:
    page.set_viewport_size({"width": width, "height": 844})
    page.goto(fake.url + path)
    settle(page, PAGES[path]) if not (width == 390 and path.endswith("/live")) else page.locator(
        ".meter"
    ).wait_for()
    assert page.evaluate("document.documentElement.scrollWidth") <= width
    with contextlib.suppress(AssertionError):  # a page that is still moving
        wait_until(lambda: not page.evaluate(STICKS_OUT), "the page to come to rest")
    assert page.evaluate(STICKS_OUT) == []


@pytest.mark.parametrize("width", [1440, 390])
def test_the_first_steps_stay_inside_too(page: Page, fake: Fake, width: int) -> None:
    """They hold a long key and a command."""
    fake.steer(quiet=True)
    page.set_viewport_size({"width": width, "height": 844})
    page.goto(fake.path("overview"))
    expect(page.get_by_text("Listening for the first message")).to_be_visible()
    expect(page.locator(".steps pre")).to_be_visible()
    assert page.evaluate(STICKS_OUT) == []


@pytest.mark.parametrize("width", [1440, 390])
@pytest.mark.parametrize("what", ["once", "key"])
def test_long_lines_stay_inside_what_is_shown_once(
    page: Page, fake: Fake, what: str, width: int
) -> None:
    page.set_viewport_size({"width": width, "height": 844})
    page.goto(fake.path("credentials") if what == "once" else f"{fake.url}/api-keys")
    open_it(page, fake, what)
    if what == "once":
        page.get_by_role("button", name="JavaScript").click()
    overhang = "(card) => card.scrollWidth - card.clientWidth"
    assert page.locator(".once").evaluate(overhang) <= 0


def test_keyboard_alone_reaches_a_new_namespace(page: Page, fake: Fake) -> None:
    fake.steer(namespaces=[])
    page.goto(fake.url)
    expect(page.get_by_label("Name")).to_be_focused()
    page.keyboard.type("billing")
    page.keyboard.press("Enter")
    expect(page).to_have_url(re.compile("/namespaces/ABILLING"))
    expect(page.get_by_role("heading", name="Namespace created")).to_be_visible()


def test_focus_returns_from_what_was_opened(page: Page, fake: Fake) -> None:
    page.goto(fake.path("credentials"))
    button = page.get_by_role("button", name="New credential")
    button.focus()
    page.keyboard.press("Enter")
    expect(page.get_by_label("Name")).to_be_focused()
    page.keyboard.press("Escape")
    expect(page.get_by_role("dialog")).to_have_count(0)
    expect(button).to_be_focused()


def test_the_palette_goes_there(page: Page, fake: Fake) -> None:
    page.goto(fake.url)
    expect(page.get_by_role("heading", name="Namespaces", level=1)).to_be_visible()
    expect(page.get_by_role("link", name="orders", exact=True)).to_be_visible()
    page.keyboard.press("Control+k")
    page.keyboard.type("orders live")
    page.keyboard.press("Enter")
    expect(page).to_have_url(re.compile("/live$"))


def test_the_theme_is_kept(page: Page, fake: Fake) -> None:
    page.goto(fake.url)
    page.get_by_role("button", name="Olga Winter").click()
    page.get_by_role("menuitemradio", name="Dark").click()
    page.reload()
    assert page.evaluate("document.documentElement.dataset.theme") == "dark"


def test_a_link_signs_in_and_its_token_leaves_the_address(page: Page, fake: Fake) -> None:
    fake.steer(signed_in=False)
    page.goto(f"{fake.url}/sign-in#token=right")
    expect(page.get_by_role("heading", name="Namespaces")).to_be_visible()
    assert "token" not in page.url
    page.go_back()
    assert "token" not in page.url


def test_a_used_link_is_refused_kindly(page: Page, fake: Fake, complaints: Complaints) -> None:
    fake.steer(signed_in=False)
    page.goto(f"{fake.url}/sign-in#token=used")
    expect(page.get_by_text("used already or has expired")).to_be_visible()
    assert "token" not in page.url
    complaints.forgive("status of 400")


def test_a_second_factor_is_asked_for(page: Page, fake: Fake, complaints: Complaints) -> None:
    fake.steer(signed_in=False, second_factor=True)
    page.goto(fake.path("live"))
    page.get_by_label("E-mail").fill("olga@example.org")
    page.get_by_label("Password").fill("right")
    page.keyboard.press("Enter")
    page.get_by_label("Code").fill("right")
    page.keyboard.press("Enter")
    expect(page).to_have_url(re.compile("/live$"))
    complaints.forgive("status of 401")


def test_a_viewer_may_look_only(page: Page, fake: Fake) -> None:
    fake.steer(role="viewer", namespaces=["orders"])
    page.goto(fake.path("credentials"))
    settle(page, "Credentials")
    expect(page.get_by_role("button", name=re.compile("Revoke|New credential"))).to_have_count(0)
    page.goto(fake.path("live"))
    expect(page.get_by_role("button", name="Pause")).to_be_visible()
    expect(page.get_by_role("button", name="Publish")).to_have_count(0)


def test_an_unsaved_file_is_not_lost_by_a_slip(page: Page, fake: Fake) -> None:
    page.goto(fake.path("credentials"))
    settle(page, "Credentials")
    open_it(page, fake, "once")
    panel = page.get_by_role("region", name="The file of web")
    page.get_by_role("button", name="New credential").click()
    expect(page.get_by_role("dialog")).to_contain_text("The file of web isn't saved yet.")
    page.keyboard.press("Escape")
    panel.get_by_role("button", name="Close").click()
    page.get_by_role("button", name="Cancel").click()
    with page.expect_download() as download:
        panel.get_by_role("button", name="Download web.creds").click()
    assert Path(download.value.path()).read_text() == "fake file\n"
    assert download.value.suggested_filename == "web.creds"
    panel.get_by_role("button", name="Close").click()
    expect(panel).to_have_count(0)


def test_the_panel_turns_green_for_its_own_credential_only(page: Page, fake: Fake) -> None:
    page.goto(fake.path("credentials"))
    settle(page, "Credentials")
    open_it(page, fake, "once")
    event = {
        "kind": "connect",
        "at": 1,
        "cid": 1,
        "ip": "10.0.0.7",
        "name": "",
        "lang": "go",
        "version": "1.52.0",
        "reason": "",
    }
    fake.steer(control={"op": "event", "event": event | {"user": "USOMEBODY", "namespace_id": "A"}})
    expect(page.get_by_text("Waiting for its first connection")).to_be_visible()
    fake.steer(
        control={"op": "event", "event": event | {"user": f"U{'WEB':A<55}", "namespace_id": "A"}}
    )
    expect(page.get_by_text("Connected just now")).to_be_visible()
    expect(page.get_by_text("go 1.52.0 from 10.0.0.7")).to_be_visible()

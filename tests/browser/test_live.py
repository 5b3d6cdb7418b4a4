"""The live page against a console that can do what a real one seldom does: floods, gaps, refusals, strange bytes."""

import json
import re
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Page, expect

from tests.browser.conftest import Complaints, Fake
from tests.support.wait import wait_until

ROW = ".rows-body [data-index]:not([hidden])"
#: The longest time between two frames drawn, and how many were drawn, until stopped.
WATCH_FRAMES = """() => { const w = window.watched = { frames: 0, longest: 0, on: true }; let last = performance.now();
  const step = (now) => { w.frames += 1; w.longest = Math.max(w.longest, now - last); last = now; if (w.on) requestAnimationFrame(step); };
  requestAnimationFrame(step); }"""


@pytest.fixture
def live(page: Page, fake: Fake) -> Page:
    page.goto(fake.path("live"))
    expect(page.get_by_text("Listening. Nothing yet")).to_be_visible()
    return page


def meter(page: Page) -> dict[str, int]:
    """One consistent reading of the meter's exact numbers."""
    return page.evaluate(
        "Object.fromEntries([...document.querySelectorAll('[data-counter]')].map((e) => [e.dataset.counter, Number(e.dataset.value)]))"
    )  # type: ignore[no-any-return]


def adds_up(n: dict[str, int]) -> bool:
    return n["seen"] == n["shown"] + n["filtered"] + n["sampled"] + n["dropped"]


def rows(page: Page) -> list[dict[str, Any]]:
    """The rows on screen in order: index, whether it is a marker, texts."""
    found = page.evaluate(
        f"""[...document.querySelectorAll({json.dumps(ROW)})].map((e) => ({{ index: Number(e.dataset.index), marker: e.classList.contains("marker"),
        subject: e.children[1].textContent, payload: e.children[3].textContent, text: e.textContent }})).sort((a, b) => a.index - b.index)"""
    )
    return list(found)


def numbers(shown: list[dict[str, Any]]) -> list[int]:
    """What the fake console numbered its messages with, of rows that were read at one moment."""
    return [int(m[1]) for row in shown if (m := re.search(r'"seq": (\d+)', row["payload"]))]


def seqs(page: Page) -> list[int]:
    return numbers(rows(page))


def until(page: Page, condition: Callable[[], object], what: str, deadline_s: float = 10) -> None:
    """Playwright's events are handled only while it is called."""

    def check() -> object:
        page.evaluate("0")
        return condition()

    wait_until(check, what, deadline_s)


def test_a_message_is_on_screen(live: Page, fake: Fake) -> None:
    fake.steer(
        emit=[{"subject": "orders.eu.paid", "payload_hex": b'{"id": 1}'.hex(), "reply": "_INBOX.1"}]
    )
    expect(live.locator(ROW)).to_have_count(1)
    (row,) = rows(live)
    assert row["subject"].startswith("orders.eu.paid")
    assert row["payload"] == '{"id": 1}'
    until(live, lambda: meter(live)["shown"] == 1, "the meter")


def test_text_from_a_stranger_stays_text(live: Page, fake: Fake) -> None:
    evil = '<img src=x onerror="document.title=1"><script>alert(1)</script>'
    header = f"NATS/1.0\r\nX: {evil}\r\n\r\n"
    fake.steer(
        emit=[
            {
                "subject": "a.<b>x</b>",
                "payload_hex": evil.encode().hex(),
                "header": header,
                "reply": evil.replace(" ", ""),
            }
        ]
    )
    live.locator(ROW).first.click()
    expect(live.get_by_role("region", name="Message").locator("pre")).to_have_text(evil)
    live.get_by_role("tab", name="Headers").click()
    assert live.locator("main img, main script, .sub b b").count() == 0


def test_strange_bytes_are_shown_as_hex(live: Page, fake: Fake) -> None:
    fake.steer(emit=[{"subject": "raw", "payload_hex": bytes(range(256)).hex(), "size": 1000}])
    live.locator(ROW).first.click()
    pane = live.get_by_role("region", name="Message")
    expect(pane.get_by_text("The first 256 B of 1000 B")).to_be_visible()
    expect(pane.locator("pre")).to_contain_text("000010  10 11 12 13")
    expect(pane.get_by_role("tab", name="JSON")).to_be_disabled()
    expect(pane.get_by_role("button", name="Send again")).to_be_disabled()


def test_twenty_thousand_a_second_dont_freeze_the_page(live: Page, fake: Fake) -> None:
    """The page draws on, its memory is bounded, no frame waits unacknowledged, and the meter adds up throughout."""
    fake.steer(rate=20_000)
    until(live, lambda: meter(live)["shown"] > 60_000, "60,000 rows", 40)
    live.evaluate(WATCH_FRAMES)
    readings, began = [], time.monotonic()
    while time.monotonic() - began < 3:
        readings.append(meter(live))
    watched = live.evaluate("() => (watched.on = false, watched)")
    seen = fake.steer(rate=0)
    assert all(adds_up(one) for one in readings)
    assert watched["longest"] < 500, watched
    assert watched["frames"] > 20, watched
    assert seen["most_unacknowledged"] <= 8
    assert live.locator(".rows-body .tr").count() < 60
    assert live.evaluate("(gc(), performance.memory.usedJSHeapSize)") < 48 * 1024 * 1024
    tip = live.locator(".meter-cell").nth(1)
    tip.hover()
    kept = int(re.sub(r"\D", "", tip.locator(".tip .num").inner_text()))
    assert kept <= 50_000


def test_what_was_seen_is_what_the_server_counted(live: Page, fake: Fake) -> None:
    fake.steer(rate=3000)
    until(live, lambda: meter(live)["seen"] > 3000, "3,000 messages")
    fake.steer(rate=0)
    until(
        live, lambda: meter(live)["seen"] == fake.steer()["counters"][0]["seen"], "the last frame"
    )
    server, page = fake.steer()["counters"][0], meter(live)
    assert {name: page[name] for name in ("shown", "filtered", "sampled")} == {
        name: server[name] for name in ("shown", "filtered", "sampled")
    }
    assert adds_up(page)


def test_pause_freezes_the_view_and_loses_nothing(live: Page, fake: Fake) -> None:
    fake.steer(rate=500)
    until(live, lambda: len(rows(live)) > 10, "rows")
    live.keyboard.press("p")
    expect(live.get_by_role("button", name="Resume")).to_be_visible()
    before = rows(live)
    until(
        live,
        lambda: int(live.locator("[data-behind]").get_attribute("data-behind") or 0) > 1500,
        "1,500 new below",
        20,
    )
    assert rows(live) == before
    fake.steer(rate=0)
    live.keyboard.press("p")
    expect(live.locator(".pill")).to_have_count(0)
    total = fake.steer()["counters"][0]["shown"]
    until(live, lambda: meter(live)["shown"] == total, "the last frame")
    until(live, lambda: len(walk(live)) == total, "every row", 30)  # rows are drawn after the meter
    read = walk(live)
    assert all(number % 7 for number in read)
    assert read == [n for n in range(1, read[-1] + 1) if n % 7]


def behind(page: Page) -> int:
    return int(page.locator("[data-behind]").get_attribute("data-behind") or 0)


def walk(page: Page) -> list[int]:
    """Every row of the ring, read by scrolling through it: a stop is read once all rows that it shows are drawn."""
    found: dict[int, int] = {}
    height, view = (
        page.evaluate("""() => { const [all, body] = ["", "-body"].map((e) => document.querySelector(".rows" + e));
      return [body.clientHeight, all.clientHeight - body.offsetTop]; }""")
    )
    for bottom in range(height, 0, -view):
        stop = max(0, bottom - view)
        wanted = set(range(stop // 28, min(stop + view, height) // 28))

        def drawn(stop: int = stop, wanted: set[int] = wanted) -> bool:
            """A view that follows the end goes there with a row that comes late, so the stop is said again."""
            page.evaluate(f"document.querySelector('.rows').scrollTop = {stop}")
            return wanted <= {row["index"] for row in rows(page)}

        until(page, drawn, f"rows {min(wanted)} to {max(wanted)}")
        shown = rows(page)
        for row, number in zip(shown, numbers(shown), strict=True):
            found[row["index"]] = number
    return [found[index] for index in sorted(found)]


def test_scrolling_up_holds_and_the_end_follows(live: Page, fake: Fake) -> None:
    fake.steer(rate=300)
    until(live, lambda: len(rows(live)) > 20, "a full screen")
    live.locator(".rows").hover()
    live.mouse.wheel(0, -300)
    expect(live.locator(".rows")).to_have_attribute("data-held", "scrolled")
    until(
        live,
        lambda: int(live.locator("[data-behind]").get_attribute("data-behind") or 0) > 100,
        "new rows below",
    )
    held = rows(live)
    until(live, lambda: behind(live) > 200, "more new rows below")
    assert rows(live) == held
    live.keyboard.press("G")
    expect(live.locator(".rows")).to_have_attribute("data-held", "no")
    last = rows(live)[-1]["index"]
    until(live, lambda: rows(live)[-1]["index"] > last, "newer rows")


def test_rows_are_walked_by_keys(live: Page, fake: Fake) -> None:
    fake.steer(emit=[{"subject": f"s.{n}", "payload_hex": b"x".hex()} for n in range(5)])
    expect(live.locator(ROW)).to_have_count(5)
    live.keyboard.press("j")
    expect(live.get_by_role("heading", name="s.4")).to_be_visible()
    live.keyboard.press("k")
    live.keyboard.press("k")
    expect(live.get_by_role("heading", name="s.2")).to_be_visible()
    expect(live.locator(".rows [aria-selected=true]")).to_have_count(1)
    live.keyboard.press("Escape")
    expect(live.get_by_role("region", name="Message")).to_have_count(0)


def test_filters_are_sent_kept_in_the_address_and_taken_away(live: Page, fake: Fake) -> None:
    fake.steer(emit=[{"subject": "old", "payload_hex": ""}])
    expect(live.locator(ROW)).to_have_count(1)
    live.keyboard.press("/")
    expect(live.locator("input:focus")).to_be_visible()
    live.keyboard.type("orders.>")
    live.keyboard.press("Enter")
    until(live, lambda: fake.steer()["opens"][-1]["subjects"] == ["orders.>"], "the filter")
    expect(live).to_have_url(re.compile(r"\?subject=orders\.%3E$"))
    expect(live.locator(ROW)).to_have_count(0)
    live.reload()
    until(live, lambda: len(fake.steer()["opens"]) == 3, "a new tail")
    assert fake.steer()["opens"][-1]["subjects"] == ["orders.>"]
    live.get_by_role("button", name="Remove filter orders.>").click()
    until(live, lambda: fake.steer()["opens"][-1]["subjects"] == [">"], "no filter")


def test_a_mode_thins_and_the_meter_says_so(live: Page, fake: Fake) -> None:
    fake.steer(rate=1000)
    live.get_by_role("button", name="1 in N").click()
    until(live, lambda: meter(live)["sampled"] > 300, "sampled messages")
    reading = meter(live)
    assert adds_up(reading)
    assert fake.steer()["opens"][-1]["mode"] == "one_in"


def test_a_refused_filter_is_said(live: Page, fake: Fake) -> None:
    fake.steer(refuse="subjects: 'x' is no subject filter.")
    live.goto(fake.path("live") + "?subject=x")
    expect(live.get_by_text("subjects: 'x' is no subject filter.")).to_be_visible()


def test_a_lost_socket_comes_back_with_a_gap_and_the_count_goes_on(
    live: Page, fake: Fake, complaints: Complaints
) -> None:
    fake.steer(emit=[{"subject": "before", "payload_hex": ""}])
    until(live, lambda: meter(live)["shown"] == 1, "the first message")
    fake.steer(refuse_sockets=True, close=4503)
    expect(live.get_by_text("The live connection is lost.")).to_be_visible()
    fake.steer(refuse_sockets=False)
    expect(live.locator(".tr.marker")).to_contain_text(
        "messages in between were not seen", timeout=20_000
    )
    fake.steer(emit=[{"subject": "after", "payload_hex": ""}])
    until(live, lambda: meter(live)["shown"] == 2, "the second message")
    assert [row["marker"] for row in rows(live)] == [False, True, False]
    complaints.forgive("WebSocket")


def test_a_gap_told_by_the_server_is_a_row(live: Page, fake: Fake) -> None:
    fake.steer(say={"op": "gap", "reason": "broker restarted", "seconds": 1.8})
    expect(live.locator(".tr.marker")).to_have_text(
        "Broker restarted after 1.8 s: messages in between were not counted"
    )


def test_a_page_that_is_thrown_out_says_why(live: Page, fake: Fake) -> None:
    fake.steer(close=4404)
    expect(live.get_by_role("heading", name="This namespace is gone")).to_be_visible()


def test_publishing_requesting_and_sending_again(live: Page, fake: Fake) -> None:
    live.keyboard.press("x")
    live.get_by_label("Subject", exact=True).fill("a.b")
    live.get_by_label("Payload", exact=True).fill('{"half":')
    expect(live.get_by_text("Not JSON yet")).to_be_visible()
    live.get_by_label("Payload", exact=True).fill('{"whole": 1}')
    expect(live.get_by_text("Valid JSON")).to_be_visible()
    live.keyboard.press("Control+Enter")
    expect(live.get_by_text(re.compile("^Sent 5 B"))).to_be_visible()
    live.get_by_role("button", name="Request", exact=True).click()
    live.locator("form").get_by_role("button", name="Request").click()
    expect(live.get_by_text("Answered in 3.1 ms")).to_be_visible()
    live.get_by_role("button", name="Close the publish panel").click()
    live.keyboard.press("x")
    expect(live.get_by_label("Subject", exact=True)).to_have_value("a.b")


def test_the_buffer_is_exported(live: Page, fake: Fake) -> None:
    header = "NATS/1.0\r\nK: v\r\nK: w\r\n\r\n"
    fake.steer(emit=[
        {"subject": "a", "payload_hex": "7b7d", "header": header, "reply": "r", "received_ns": 1_700_000_000_123_456_789},
        {"subject": "b", "payload_hex": "ff"},
    ])  # fmt: skip
    expect(live.locator(ROW)).to_have_count(2)
    with live.expect_download() as download:
        live.get_by_role("button", name="Export").click()
    first, second = [
        json.loads(line) for line in Path(download.value.path()).read_text().splitlines()
    ]
    assert first == {
        "received_at": "2023-11-14T22:13:20.123456789Z", "subject": "a", "reply": "r", "headers": {"K": ["v", "w"]}, "payload": "{}", "size": 2,
    }  # fmt: skip
    assert second["payload_base64"] == "/w=="
    assert download.value.suggested_filename.endswith(".ndjson")

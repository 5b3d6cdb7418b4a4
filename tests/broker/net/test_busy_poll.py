"""When the loop looks again instead of sleeping, and when it has learnt that this is in vain."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from broker.net import busy_poll
from broker.net.busy_poll import PATIENCE, WATCH_S, BusyPoll


class Loop:
    """What is due in its next turn, and a clock that each turn moves on."""

    def __init__(self, turn_s: float = WATCH_S / 10) -> None:
        self.now_s, self.turn_s, self.turns = 0.0, turn_s, 0
        self._due: list[Callable[[], Any]] = []

    def call_soon(self, callback: Callable[[], Any]) -> None:
        self._due.append(callback)

    def turn(self) -> bool:
        """False: it would sleep."""
        due, self._due = self._due, []
        self.now_s += self.turn_s
        self.turns += bool(due)
        for callback in due:
            callback()
        return bool(self._due)

    def until_asleep(self) -> int:
        """Turns that were polled."""
        before = self.turns
        while self.turn():
            assert self.turns - before < 1000
        return self.turns - before


@pytest.fixture
def loop() -> Loop:
    return Loop()


@pytest.fixture
def poll(loop: Loop) -> BusyPoll:
    return BusyPoll(loop, clock=lambda: loop.now_s)  # type: ignore[arg-type]


def test_it_polls_for_a_while_and_then_sleeps(loop: Loop, poll: BusyPoll) -> None:
    assert loop.until_asleep() == 0
    poll.flushed()
    assert 10 <= loop.until_asleep() <= 11
    assert loop.until_asleep() == 0


def test_what_came_meanwhile_prolongs_it(loop: Loop, poll: BusyPoll) -> None:
    poll.flushed()
    for _ in range(50):
        for _ in range(5):
            assert loop.turn()
        poll.flushed()
    assert 10 <= loop.until_asleep() <= 11


def watched(loop: Loop, poll: BusyPoll, flushes: int) -> list[bool]:
    """After which flushes, each alone, it polled."""
    found = []
    for _ in range(flushes):
        poll.flushed()
        found.append(loop.until_asleep() > 0)
    return found


def test_in_vain_it_hardly_tries_any_more(loop: Loop, poll: BusyPoll) -> None:
    assert watched(loop, poll, PATIENCE) == [True] * PATIENCE
    rest, tries = [False] * 65, [True] * 2
    assert watched(loop, poll, 3 * 67) == 3 * (rest + tries)


def test_one_success_restores_its_patience(loop: Loop, poll: BusyPoll) -> None:
    watched(loop, poll, PATIENCE + 65)
    poll.flushed()
    assert loop.turn()
    poll.flushed()
    loop.until_asleep()
    assert watched(loop, poll, PATIENCE) == [True] * (PATIENCE - 1) + [False]


@pytest.mark.parametrize("processors", [1, 2])
def test_a_single_processor_is_left_to_others(
    loop: Loop, processors: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(busy_poll.os, "sched_getaffinity", lambda _: set(range(processors)))
    assert (busy_poll.for_loop(loop) is not None) == (processors > 1)  # type: ignore[arg-type]

"""Cron patterns against a walk through every second, also where clocks change."""

import datetime
import random
from zoneinfo import ZoneInfo

import pytest

from broker.jetstream import cron

ZONES = [
    ZoneInfo("UTC"),
    ZoneInfo("Europe/Berlin"),
    ZoneInfo("America/New_York"),
    ZoneInfo("Australia/Lord_Howe"),
]
#: Just before clocks change in some of these zones.
STARTS = [
    datetime.datetime(2026, 3, 28, 22, 0, tzinfo=datetime.UTC),
    datetime.datetime(2026, 10, 24, 22, 0, tzinfo=datetime.UTC),
    datetime.datetime(2026, 11, 1, 3, 0, tzinfo=datetime.UTC),
    datetime.datetime(2026, 4, 4, 13, 30, tzinfo=datetime.UTC),
    datetime.datetime(2026, 12, 31, 23, 59, 30, tzinfo=datetime.UTC),
]
HOURS = 6


def walked(
    pattern: cron.Cron, start: datetime.datetime, zone: ZoneInfo
) -> datetime.datetime | None:
    """The first match within a few hours, by asking every second."""
    at = start.replace(microsecond=0)
    for _ in range(HOURS * 3600):
        at += datetime.timedelta(seconds=1)
        local = at.astimezone(zone)
        day = local.day in pattern.day.values
        weekday = local.isoweekday() % 7 in pattern.weekday.values
        on_day = day and weekday if pattern.day.star or pattern.weekday.star else day or weekday
        if (
            on_day
            and local.second in pattern.second.values
            and local.minute in pattern.minute.values
            and local.hour in pattern.hour.values
            and local.month in pattern.month.values
        ):
            return local
    return None


def test_the_next_time_is_the_first_second_that_matches() -> None:
    pick = random.Random(7)
    found = 0
    for _ in range(60):
        text = " ".join(
            (
                pick.choice(["0", "*/20", "59", "7,8"]),
                pick.choice(["0", "30", "*/15", "*", "59"]),
                pick.choice(["*", "2", "1-3", "0", "23", "*/2"]),
                pick.choice(["*", "1", "29", "*/2", "25-31"]),
                pick.choice(["*", "1", "mar-nov", "12"]),
                pick.choice(["*", "sun", "1-5", "?"]),
            )
        )
        start, zone = pick.choice(STARTS), pick.choice(ZONES)
        pattern = cron.parse(text)
        wanted = walked(pattern, start, zone)
        try:
            given = pattern.next_after(start, zone)
        except ValueError:
            given = None
        if wanted is None:
            assert given is None or given - start > datetime.timedelta(hours=HOURS), text
        else:
            found += 1
            assert given == wanted and given.utcoffset() == wanted.utcoffset(), text
    assert found > 10


def test_a_clock_time_that_is_skipped_does_not_happen_that_day() -> None:
    at = cron.parse("0 30 2 * * *").next_after(STARTS[0], ZONES[1])
    assert at.isoformat() == "2026-03-30T02:30:00+02:00"


def test_a_clock_time_that_is_repeated_happens_twice() -> None:
    pattern = cron.parse("0 30 2 * * *")
    first = pattern.next_after(STARTS[1], ZONES[1])
    second = pattern.next_after(first, ZONES[1])
    assert [first.isoformat(), second.isoformat()] == [
        "2026-10-25T02:30:00+02:00",
        "2026-10-25T02:30:00+01:00",
    ]


def test_a_leap_day_is_found_and_a_day_that_never_comes_is_not() -> None:
    assert cron.parse("0 0 0 29 2 *").next_after(STARTS[0], ZONES[0]).year == 2028
    with pytest.raises(ValueError):
        cron.parse("0 0 0 31 2 *").next_after(STARTS[0], ZONES[0])


def test_a_field_without_a_value_is_refused_at_once() -> None:
    """nats-server looks for such a time through five years, second by second."""
    with pytest.raises(ValueError):
        cron.parse(", * * * * *")

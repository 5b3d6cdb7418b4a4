"""Cron patterns of six fields, seconds first: when the next time is.

    second minute hour day-of-month month day-of-week     field: ``*``, ``?``, ``5``, ``1-5``, ``*/10``, ``3/10``, lists

Months and days of the week may be names of three letters. A day must match both day fields when one of them is a
star, else one of them. Clock times that a change of clocks skips don't happen; those that it repeats happen twice.
Source   nats-server ``cron.go``
"""

from __future__ import annotations

import datetime
from dataclasses import dataclass
from functools import lru_cache

#: No time within so many years: the pattern is refused.
YEARS_MAX = 5
#: Parsed patterns kept.
_CACHE_MAX = 1024
_MONTHS = ("jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec")
_DAYS = ("sun", "mon", "tue", "wed", "thu", "fri", "sat")
_ONE_SECOND = datetime.timedelta(seconds=1)


@dataclass(frozen=True, slots=True)
class Field:
    """The values that match; ``star`` when all were asked for by a star."""

    values: frozenset[int]
    star: bool


@dataclass(frozen=True, slots=True)
class Cron:
    """The values that match, field by field."""

    second: Field
    minute: Field
    hour: Field
    day: Field
    month: Field
    weekday: Field

    def next_after(self, moment: datetime.datetime, zone: datetime.tzinfo) -> datetime.datetime:
        """The first whole second after ``moment`` (with a zone) that matches, in ``zone``; ValueError without one."""
        at = moment.astimezone(datetime.UTC).replace(microsecond=0) + _ONE_SECOND
        last_year = at.astimezone(zone).year + YEARS_MAX
        while True:
            local = at.astimezone(zone)
            if local.year > last_year:
                raise ValueError("pattern exceeds maximum range")
            later = self._skip(local)
            if later is None:
                return local
            at = max(later.astimezone(datetime.UTC), at + _ONE_SECOND)

    def _skip(self, local: datetime.datetime) -> datetime.datetime | None:
        """Where to look next; None when it matches."""
        if local.month not in self.month.values:
            year, month = divmod(local.year * 12 + local.month, 12)
            return local.replace(
                year=year, month=month + 1, day=1, hour=0, minute=0, second=0, fold=0
            )
        if not self._is_day(local):
            midnight = local.replace(hour=0, minute=0, second=0, fold=0, tzinfo=None)
            return (midnight + datetime.timedelta(days=1)).replace(tzinfo=local.tzinfo)
        at = local.astimezone(datetime.UTC)
        if local.hour not in self.hour.values:
            passed = local.minute * 60 + local.second
            return at + datetime.timedelta(seconds=3600 - passed)
        if local.minute not in self.minute.values:
            return at + datetime.timedelta(seconds=60 - local.second)
        return None if local.second in self.second.values else at + _ONE_SECOND

    def _is_day(self, local: datetime.datetime) -> bool:
        by_day = local.day in self.day.values
        by_weekday = local.isoweekday() % 7 in self.weekday.values
        if self.day.star or self.weekday.star:
            return by_day and by_weekday
        return by_day or by_weekday


@lru_cache(_CACHE_MAX)
def parse(pattern: str) -> Cron:
    """ValueError for what is no pattern."""
    fields = pattern.split()
    if len(fields) != 6:
        raise ValueError(f"pattern requires 6 fields, got {len(fields)}")
    return Cron(
        _field(fields[0], 0, 59),
        _field(fields[1], 0, 59),
        _field(fields[2], 0, 23),
        _field(fields[3], 1, 31),
        _field(fields[4], 1, 12, _MONTHS),
        _field(fields[5], 0, 6, _DAYS),
    )


def _field(text: str, low: int, high: int, names: tuple[str, ...] = ()) -> Field:
    values: set[int] = set()
    star = False
    for part in filter(None, text.split(",")):
        found, is_star = _range(part, low, high, names)
        values.update(found)
        star = star or is_star
    if not values:
        raise ValueError(f"no value: {text}")
    return Field(frozenset(values), star)


def _range(text: str, low: int, high: int, names: tuple[str, ...]) -> tuple[range, bool]:
    span, *steps = text.split("/")
    first, *others = span.split("-")
    star = first in ("*", "?")
    if len(steps) > 1 or (len(others) > 1 and not star):
        raise ValueError(f"too many parts: {text}")
    start = low if star else _value(first, low, names)
    if star:
        end = high
    elif others:
        end = _value(others[0], low, names)
    else:
        end = high if steps else start
    step = _number(steps[0]) if steps else 1
    if start < low or end > high or start > end or step == 0:
        raise ValueError(f"not within {low} to {high}: {text}")
    return range(start, end + 1, step), star and step == 1


def _value(text: str, low: int, names: tuple[str, ...]) -> int:
    if text.lower() in names:
        return names.index(text.lower()) + low
    return _number(text)


def _number(text: str) -> int:
    digits = text.removeprefix("+")
    if not (digits.isascii() and digits.isdigit() and len(digits) < 10):
        raise ValueError(f"not a number: {text}")
    return int(digits)

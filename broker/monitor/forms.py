"""How values look in monitoring: Go's times, durations and JSON, and what the operating system says of this process."""

import json
import os
import resource
import sys
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any, Final

#: What Go writes for a time that was never set.
NO_TIME: Final = "0001-01-01T00:00:00Z"
_ESCAPED: Final = str.maketrans({char: f"\\u{ord(char):04x}" for char in "<>&\u2028\u2029"})


def timestamp(unix_s: float) -> str:
    """RFC 3339 in UTC, trailing zeros of the fraction cut."""
    whole = datetime.fromtimestamp(int(unix_s), UTC).strftime("%Y-%m-%dT%H:%M:%S")
    fraction = f"{unix_s % 1:.6f}"[1:].rstrip("0").rstrip(".")
    return f"{whole}{fraction}Z"


def uptime(seconds: float) -> str:
    """Whole seconds: ``2d3h4m5s``."""
    left = int(max(seconds, 0.0))
    parts: list[str] = []
    for unit, size in (("y", 31_536_000), ("d", 86_400), ("h", 3600), ("m", 60)):
        count, left = divmod(left, size)
        if count or parts:
            parts.append(f"{count}{unit}")
    return "".join(parts) + f"{left}s"


def round_trip(seconds: float | None) -> str:
    """``577µs``, ``1.25ms``; ``0s`` before it was measured."""
    return duration(round_trip_ns(seconds))


def round_trip_ns(seconds: float | None) -> int:
    """Below a millisecond whole microseconds, as nats-server cuts it."""
    ns = int((seconds or 0.0) * 1e9)
    return ns // 1000 * 1000 if 1000 < ns < 1_000_000 else ns


def duration(ns: int) -> str:
    """As Go's ``Duration.String`` writes it."""
    if abs(ns) >= 1_000_000_000:
        return _long_duration(ns)
    for unit, size in (("ms", 1_000_000), ("µs", 1000), ("ns", 1)):
        if abs(ns) >= size:
            return _decimal(ns / size) + unit
    return "0s"


def _long_duration(ns: int) -> str:
    sign, left = ("-" if ns < 0 else ""), abs(ns)
    minutes, left = divmod(left, 60_000_000_000)
    hours, minutes = divmod(minutes, 60)
    text = f"{hours}h" if hours else ""
    text += f"{minutes}m" if hours or minutes else ""
    return f"{sign}{text}{_decimal(left / 1e9)}s"


def _decimal(value: float) -> str:
    return f"{value:.9f}".rstrip("0").rstrip(".")


def number(value: float) -> float | int:
    """Without a fraction when there is none, as Go writes floats."""
    return int(value) if value == int(value) else value


def present(fields: Mapping[str, Any]) -> dict[str, Any]:
    """Without zero values: Go's ``omitempty``."""
    return {key: value for key, value in fields.items() if value}


def compact(value: Any) -> bytes:
    return _json(value, separators=(",", ":"))


def indented(value: Any, indent: int = 2) -> bytes:
    return _json(value, indent=indent)


def _json(value: Any, **form: Any) -> bytes:
    """Go's encoding: ``<``, ``>`` and ``&`` escaped; what is no Unicode text becomes U+FFFD."""
    text = json.dumps(value, ensure_ascii=False, **form).translate(_ESCAPED)
    return text.encode("utf-8", "replace")


def text(raw: bytes) -> str:
    """Subjects and the like; what is no UTF-8 becomes U+FFFD."""
    return raw.decode("utf-8", "replace")


# This process ----------------------------------------------------------------------------------------


def memory() -> int:
    """Bytes resident now, or at most so far where the system doesn't say."""
    try:
        with open("/proc/self/statm", "rb") as file:  # noqa: PTH123 — one cheap read
            return int(file.read().split()[1]) * resource.getpagesize()
    except (OSError, IndexError, ValueError):
        return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * (
            1 if sys.platform == "darwin" else 1024
        )


def processor_s() -> float:
    """Seconds of processor time used so far."""
    used = resource.getrusage(resource.RUSAGE_SELF)
    return used.ru_utime + used.ru_stime


def cores() -> int:
    """Processors of the machine; this program uses one."""
    return os.cpu_count() or 1


class ProcessorMeter:
    """Percent of one processor used since the last reading that is at least a second old."""

    def __init__(self) -> None:
        self._at_s = 0.0
        self._used_s = 0.0
        self._percent = 0.0

    def read(self, now_s: float) -> float | int:
        """``now_s`` is monotonic."""
        passed_s = now_s - self._at_s
        if passed_s >= 1.0:
            used_s = processor_s()
            self._percent = max(0.0, round(100 * (used_s - self._used_s) / passed_s, 1))
            self._at_s, self._used_s = now_s, used_s
        return number(self._percent)

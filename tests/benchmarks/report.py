"""Medians, ratios and tables."""

from __future__ import annotations

import os
import platform
import statistics
from collections.abc import Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path

from broker import __version__, builds
from tests.benchmarks.cases import Effort, Figure
from tests.support.servers import NATS_SERVER, OURS

RESULTS = Path(__file__).with_name("RESULTS.md")
HEADINGS = ("work", "unit", "ours", "nats-server", "ratio", "bar")


@dataclass(slots=True)
class Row:
    """One figure of one case with every sample of each contender, or why there is none."""

    case: str
    figure: Figure
    samples: dict[str, list[float]] = field(default_factory=dict)
    problem: str = ""

    def median(self, name: str) -> float | None:
        values = self.samples.get(name)
        return statistics.median(values) if values else None

    def ratio(self) -> float | None:
        """How many times better ours is than nats-server: above 1 is better, whatever the unit."""
        ours, theirs = self.median(OURS.name), self.median(NATS_SERVER.name)
        if not ours or not theirs:
            return None
        return theirs / ours if self.figure.lower_is_better else ours / theirs

    def cells(self) -> tuple[str, ...]:
        ratio = self.ratio()
        bar = "" if self.figure.bar is None else f"{self.figure.bar:.2f}"
        shown = " ".join(filter(None, ("" if ratio is None else f"{ratio:.2f}", self.problem)))
        medians = (_number(self.median(name)) for name in (OURS.name, NATS_SERVER.name))
        return (self.figure.label, self.figure.unit, *medians, shown, bar)

    def as_json(self) -> dict[str, object]:
        return {
            "case": self.case,
            **asdict(self.figure),
            "samples": self.samples,
            "ratio": self.ratio(),
            "problem": self.problem,
        }


def _number(value: float | None) -> str:
    if value is None:
        return "–"
    if value >= 1e6:
        return f"{value / 1e6:.2f} M"
    if value >= 1e4:
        return f"{value / 1e3:.0f} k"
    return f"{value:.3g}" if value < 1000 else f"{value:.0f}"


def plain_table(rows: Sequence[Row]) -> str:
    """Columns for a terminal."""
    lines = [HEADINGS, *(row.cells() for row in rows)]
    widths = [max(len(line[column]) for line in lines) for column in range(len(HEADINGS))]
    return "\n".join("  ".join(map(str.ljust, line, widths)).rstrip() for line in lines)


def save(rows: Sequence[Row], effort: Effort, ceilings: dict[int, float], load: float) -> None:
    """Write RESULTS.md: the table with the machine and the versions that it was made with."""
    lines = [
        "# Results",
        "",
        f"`python3 manage.py bench --save` on {_machine()}.",
        f"{_versions()}. Medians of {effort.rounds} runs, both servers in one session, alternating; a ratio above 1 "
        f"means that ours is better. Bars are those of the compiled build. Many are {effort.messages:,} messages and "
        f"{effort.keys:,} keys, measured once.",
        f"The generator alone, without a server: {_ceilings(ceilings)}. Load average before the first run: {load:.1f} "
        "(0 is a quiet machine; above 1, others took part of what is measured, and only CPU and memory hold).",
        "",
        "| " + " | ".join(HEADINGS) + " |",
        "|---|---|---:|---:|---:|---:|",
        *("| " + " | ".join(row.cells()) + " |" for row in rows),
        "",
    ]
    RESULTS.write_text("\n".join(lines))


def _machine() -> str:
    memory_gib = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / 2**30
    return f"{os.cpu_count()} cores, {memory_gib:.0f} GiB, {platform.system()} {platform.machine()}"


def _versions() -> str:
    return f"Python {platform.python_version()}, wireroom {__version__} ({builds.name}), {NATS_SERVER.version()}"


def _ceilings(ceilings: dict[int, float]) -> str:
    return ", ".join(f"{_number(per_s)} msg/s at {size} B" for size, per_s in ceilings.items())

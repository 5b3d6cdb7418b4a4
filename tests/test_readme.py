"""README says what is true: its links lead somewhere, and its table has every setting."""

import re
from pathlib import Path

from console.supervisor.options import SETTINGS

ROOT = Path(__file__).resolve().parent.parent
README = (ROOT / "README.md").read_text("utf-8")
#: Only for us: debug pages, and what one process tells the next.
INTERNAL = {"WIREROOM_DEBUG", "WIREROOM_VENV_ENTERED"}


def test_every_link_leads_somewhere() -> None:
    targets = [t for t in re.findall(r"\]\(([^)#]+)\)", README) if "://" not in t]
    assert targets
    assert [t for t in targets if not (ROOT / t).exists()] == []


def test_every_option_is_in_the_table_with_its_default() -> None:
    for setting in SETTINGS:
        row = next((line for line in README.splitlines() if f"`--{setting.name}`" in line), "")
        assert f"`{setting.variable}`" in row and f"`{setting.default}`" in row, setting


def test_every_variable_is_in_the_table() -> None:
    source = "".join(path.read_text("utf-8") for path in (ROOT / "console").rglob("*.py"))
    asked = (
        set(re.findall(r"\"(WIREROOM_[A-Z_]+[A-Z]|REDIS_URL|DATABASE_URL)\"", source)) - INTERNAL
    )
    limits = {f"WIREROOM_LIMIT_{part}" for part in re.findall(r"`…_([A-Z_]+)`", README)}
    assert sorted(asked - limits - set(re.findall(r"`([A-Z_]+)`", README))) == []

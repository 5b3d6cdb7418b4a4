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


def asked() -> set[str]:
    """The variables that any program reads."""
    packages = (ROOT / "console", ROOT / "broker")
    source = "".join(path.read_text("utf-8") for one in packages for path in one.rglob("*.py"))
    return set(re.findall(r"\"(WIREROOM_[A-Z_]+[A-Z]|REDIS_URL|DATABASE_URL)\"", source)) - INTERNAL


def told() -> set[str]:
    """The variables that README's table names."""
    rows = "".join(line for line in README.splitlines() if line.startswith("|"))
    limits = {f"WIREROOM_LIMIT_{part}" for part in re.findall(r"`…_([A-Z_]+)`", rows)}
    return limits | set(re.findall(r"`((?:WIREROOM|REDIS|DATABASE)_[A-Z_]+)`", rows))


def test_the_table_has_every_variable_and_no_other() -> None:
    assert sorted(asked() - told()) == [] and sorted(told() - asked()) == []


def test_every_command_is_one() -> None:
    named = set(re.findall(r"manage\.py (\w+)", README)) - {"up", "test"}
    commands = ROOT / "console" / "management" / "commands"
    assert [name for name in named if not (commands / f"{name}.py").exists()] == []
    config = (commands / "nats_config.py").read_text("utf-8")
    for option in re.findall(r"nats_config (--[\w-]+)", README):
        assert f'"{option}"' in config, option

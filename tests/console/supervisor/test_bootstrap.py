"""Which Python runs a command, and what an old one is told."""

import ast
import os
import subprocess
import sys
from pathlib import Path

import pytest

from console.supervisor import bootstrap, requirements
from console.supervisor.environment import Environment, EnvironmentProblem

ROOT = Path(__file__).resolve().parents[3]


class Execed(Exception):
    """What os.execv was asked to become; it never returns."""


@pytest.fixture
def calls(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> list[str]:
    """A project without an environment, in which installing only leaves its name here."""
    made: list[str] = []

    def execv(path: object, argv: list[str]) -> None:
        raise Execed(argv)

    (tmp_path / "tests").mkdir()
    for name in ("requirements.txt", "tests/requirements.txt"):
        (tmp_path / name).write_text("surely-no-such-distribution\n")
    monkeypatch.setattr(bootstrap, "ROOT", tmp_path)
    monkeypatch.setattr(os, "execv", execv)
    monkeypatch.setattr(Environment, "prepare", lambda env, file: made.append(file.parent.name))
    monkeypatch.delenv(bootstrap._ENTERED, raising=False)
    return made


def test_an_interpreter_that_has_everything_is_used(
    calls: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(requirements, "missing", lambda file: [])
    bootstrap.ensure("up", ["manage.py", "up"])
    assert calls == []


@pytest.mark.parametrize(
    ("command", "directory"), [("up", ""), ("test", "tests"), ("bench", "tests")]
)
def test_what_a_command_needs_is_installed_and_entered(
    calls: list[str], tmp_path: Path, command: str, directory: str
) -> None:
    with pytest.raises(Execed) as caught:
        bootstrap.ensure(command, ["manage.py", command, "-x"])
    assert calls == [directory or tmp_path.name]
    assert caught.value.args[0] == [str(tmp_path / ".venv/bin/python"), "manage.py", command, "-x"]


def test_an_environment_that_is_ready_is_entered_at_once(
    calls: list[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(Environment, "is_ready", lambda env, file: True)
    with pytest.raises(Execed):
        bootstrap.ensure("up", ["manage.py", "up"])
    assert calls == []


def test_other_commands_need_only_django(calls: list[str]) -> None:
    bootstrap.ensure("migrate", ["manage.py", "migrate"])
    assert calls == []


def test_an_installation_that_does_not_help_ends_in_a_sentence(
    calls: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(bootstrap._ENTERED, str(os.getpid()))
    with pytest.raises(EnvironmentProblem, match="surely-no-such-distribution"):
        bootstrap.ensure("up", ["manage.py", "up"])


def test_an_old_python_can_read_the_entrance() -> None:
    """No annotations, f-strings or walruses there: it must compile where it says 'too old'."""
    ast.parse((ROOT / "manage.py").read_text(), feature_version=(3, 4))
    source = (ROOT / "manage.py").read_text()
    assert "->" not in source and ' f"' not in source


def test_an_old_python_is_told_so() -> None:
    script = (
        "import runpy, sys; sys.version_info = (3, 9, 1, 'final', 0)\n"
        f"runpy.run_path({str(ROOT / 'manage.py')!r}, run_name='__main__')"
    )
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True)
    assert done.returncode == 1
    assert done.stderr.count("\n") == 1 and "3.11 or newer and this is Python 3.9" in done.stderr

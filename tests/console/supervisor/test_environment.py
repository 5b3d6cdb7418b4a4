"""The environment beside manage.py: what pip says, condensed and explained; markers; interruptions."""

import importlib.util
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from console.supervisor import environment, requirements
from console.supervisor.environment import Environment, EnvironmentProblem, condense, explain

ROOT = Path(__file__).resolve().parents[3]


@pytest.mark.parametrize(
    ("line", "shown"),
    [
        ("  Downloading Django-5.2-py3-none-any.whl (8.3 MB)", "downloading Django 5.2 (8.3 MB)"),
        ("  Downloading django-5.2-py3-none-any.whl.metadata (4 kB)", ""),
        ("Installing collected packages: a, b, c", "installing 3 packages"),
        ("Collecting django<5.3", ""),
        ("WARNING: Retrying (Retry(total=4 …", "the package index does not answer; trying again"),
    ],
)
def test_pips_lines_are_condensed(line: str, shown: str) -> None:
    assert condense(line) == shown


@pytest.mark.parametrize(
    ("output", "sentence"),
    [
        ("OSError: [Errno 28] No space left on device", "is full"),
        ("ERROR: [Errno 13] Permission denied: '/x/.venv'", "can't be written"),
        ("[Errno 30] Read-only file system: '/x'", "can't be written"),
        (
            "WARNING: … NewConnectionError …\nERROR: No matching distribution found for django",
            "package index",
        ),
        ("text\nERROR: Could not build wheels for x", "ERROR: Could not build wheels for x"),
        ("", "no output"),
    ],
)
def test_a_failure_is_one_sentence(output: str, sentence: str) -> None:
    text = explain(output, Path("/x/.venv"))
    assert sentence in text and "\n" not in text


class Pip:
    """Stands in for the two commands that an installation runs, and counts them."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch, status: int = 0, output: str = "") -> None:
        self.made = self.installed = 0
        self.script = f"print({output!r}); raise SystemExit({status})"
        monkeypatch.setattr(environment, "_PIP", ["-c", self.script])
        monkeypatch.setattr(Environment, "_works", lambda env: env.python.exists())
        monkeypatch.setattr(subprocess, "run", self._make)

    def _make(self, argv: list[str], **_: object) -> "subprocess.CompletedProcess[str]":
        self.made += 1
        python = Path(argv[-1]) / "bin" / "python"
        python.parent.mkdir(parents=True)
        python.symlink_to(sys.executable)
        return subprocess.CompletedProcess(argv, 0, "")


@pytest.fixture
def project(tmp_path: Path) -> Path:
    (tmp_path / "requirements.txt").write_text("pytest\n")
    (tmp_path / "tests").mkdir()
    (tmp_path / "tests" / "requirements.txt").write_text("-r ../requirements.txt\n")
    return tmp_path


def test_it_is_ready_only_after_an_installation_that_ended_well(
    project: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    file = project / "requirements.txt"
    env = Environment(project, lambda line: None)
    Pip(monkeypatch, status=1, output="ERROR: cut off")
    with pytest.raises(EnvironmentProblem, match="cut off"):
        env.prepare(file)
    assert not env.is_ready(file)

    second = Pip(monkeypatch)
    env.prepare(file)
    assert env.is_ready(file)
    assert second.made == 0, "what was there is used again"

    file.write_text("pytest>=1\n")
    assert not env.is_ready(file), "other requirements need another installation"


def test_what_cannot_be_compiled_is_left_out(
    project: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Through pip itself: Cython can't be had, so the second attempt asks for an empty wheel."""
    (project / "requirements.txt").write_text("./part\n")
    copied = shutil.copytree(ROOT / "broker" / "speedups", project / "part")
    backend = copied / "backend.py"
    backend.write_text(backend.read_text().replace('"cython>=3.1,<4"', '"surely-no-such-cython"'))
    monkeypatch.delenv("WIREROOM_PURE_PYTHON", raising=False)
    for name, value in {"PIP_NO_INDEX": "1", "PIP_TARGET": str(project / "installed")}.items():
        monkeypatch.setenv(name, value)
    said: list[str] = []
    env = Environment(project, said.append)
    env.python = Path(sys.executable)
    env.path.mkdir()
    monkeypatch.setattr(Environment, "_works", lambda env: True)
    env.prepare(project / "requirements.txt")
    assert any("plain Python" in line for line in said)
    assert [path.name for path in (project / "installed").iterdir()] == [
        "wireroom_speedups-0.1.0.dist-info"
    ]


def test_installing_for_the_tests_makes_it_ready_for_the_product(
    project: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    Pip(monkeypatch)
    env = Environment(project, lambda line: None)
    env.prepare(project / "tests" / "requirements.txt")
    assert env.is_ready(project / "requirements.txt")
    assert env.is_ready(project / "tests" / "requirements.txt")


def test_a_python_without_venv_is_told_what_to_install(
    project: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    find = importlib.util.find_spec
    monkeypatch.setattr(
        importlib.util, "find_spec", lambda name: None if name == "ensurepip" else find(name)
    )
    with pytest.raises(EnvironmentProblem, match="python3-venv"):
        Environment(project, lambda line: None).prepare(project / "requirements.txt")


def test_a_directory_that_cannot_be_written_is_one_sentence(project: Path) -> None:
    (project / ".venv").write_text("a file where the environment should go")
    with pytest.raises(EnvironmentProblem) as caught:
        Environment(project, lambda line: None).prepare(project / "requirements.txt")
    assert "\n" not in str(caught.value)


def test_an_unreachable_index_is_named_by_the_real_pip(
    project: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Through pip itself, with an index on a port where nothing listens; into no environment."""
    (project / "requirements.txt").write_text("surely-no-such-distribution\n")
    for name, value in {
        "PIP_INDEX_URL": "http://127.0.0.1:9/simple", "PIP_RETRIES": "1", "PIP_FIND_LINKS": "",
        "PIP_CONFIG_FILE": "/dev/null", "NO_PROXY": "127.0.0.1", "PIP_NO_INDEX": "0",
    }.items():  # fmt: skip
        monkeypatch.setenv(name, value)
    env = Environment(project, lambda line: None)
    env.python = Path(sys.executable)
    monkeypatch.setattr(Environment, "_works", lambda env: True)
    with pytest.raises(EnvironmentProblem, match="package index can't be reached"):
        env.prepare(project / "requirements.txt")
    assert requirements.missing(project / "requirements.txt")

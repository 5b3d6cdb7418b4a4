"""Where the program keeps its compiled modules when the environment wants none beside the sources."""

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[3]


@pytest.fixture
def sources(tmp_path: Path) -> Path:
    """A copy of the program without any bytecode."""
    ignored = shutil.ignore_patterns("__pycache__")
    shutil.copytree(ROOT / "broker", tmp_path / "sources" / "broker", ignore=ignored)
    return tmp_path / "sources"


def run(sources: Path, *options: str, **variables: str) -> str:
    """What ``--version`` says; of the environment nothing is taken over."""
    answer = subprocess.run(
        [sys.executable, *options, "-m", "broker", "--version"],
        cwd=sources, env={"PATH": os.environ["PATH"], **variables}, capture_output=True, text=True, timeout=20,
    )  # fmt: skip
    assert answer.stderr == ""
    return answer.stdout


def kept(directory: Path) -> set[str]:
    """The modules of the program that bytecode is kept of anywhere below ``directory``."""
    return {path.name.split(".")[0] for path in directory.rglob("broker/app/**/*.pyc")}


def test_bytecode_goes_to_the_cache_directory_of_the_user(sources: Path, tmp_path: Path) -> None:
    home = tmp_path / "home"
    assert run(sources, PYTHONDONTWRITEBYTECODE="1", HOME=str(home)) == "nats-server: v2.15.1\n"
    assert "run" in kept(home / ".cache" / "wireroom" / "bytecode")
    assert kept(sources) == set()


def test_the_cache_directory_can_be_named(sources: Path, tmp_path: Path) -> None:
    cache, home = tmp_path / "cache", tmp_path / "home"
    variables = {"XDG_CACHE_HOME": str(cache), "HOME": str(home)}
    run(sources, PYTHONDONTWRITEBYTECODE="1", **variables)
    assert "run" in kept(cache / "wireroom" / "bytecode")
    assert not home.exists()


def test_bytecode_stays_beside_the_sources_where_it_may(sources: Path, tmp_path: Path) -> None:
    home = tmp_path / "home"
    run(sources, HOME=str(home))
    assert "run" in kept(sources)
    assert not home.exists()


def test_whoever_asks_python_for_none_gets_none(sources: Path, tmp_path: Path) -> None:
    home = tmp_path / "home"
    run(sources, "-B", HOME=str(home))
    assert kept(tmp_path) == set()


def test_a_place_that_is_named_is_kept_to(sources: Path, tmp_path: Path) -> None:
    home, named = tmp_path / "home", tmp_path / "named"
    run(sources, PYTHONDONTWRITEBYTECODE="1", PYTHONPYCACHEPREFIX=str(named), HOME=str(home))
    assert kept(tmp_path) == set()


def test_a_directory_that_others_can_write_to_is_not_trusted(sources: Path, tmp_path: Path) -> None:
    directory = tmp_path / "home" / ".cache" / "wireroom" / "bytecode"
    directory.mkdir(parents=True)
    directory.chmod(0o777)
    home = str(tmp_path / "home")
    assert run(sources, PYTHONDONTWRITEBYTECODE="1", HOME=home) == "nats-server: v2.15.1\n"
    assert list(directory.iterdir()) == []


@pytest.mark.parametrize("home", ["/dev/null", "nowhere", "~"])
def test_where_nothing_can_be_kept_it_runs_all_the_same(
    sources: Path, tmp_path: Path, home: str
) -> None:
    assert run(sources, PYTHONDONTWRITEBYTECODE="1", HOME=home) == "nats-server: v2.15.1\n"
    assert kept(tmp_path) == set()

"""The compiled build and plain Python: which one runs, and that both pass the same tests."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from broker import builds
from broker.speedups import sources

ROOT = Path(__file__).resolve().parents[2]
#: What has a compiled twin is judged by these.
JUDGES = (
    "tests/broker/core",
    "tests/properties",
    "tests/broker/storage/test_consumer_state.py",
    "tests/broker/storage/test_consumer_store.py",
    "tests/broker/app/test_workers.py",
    "tests/broker/storage/test_segment.py",
    "tests/broker/storage/test_stores.py",
    "tests/broker/storage/test_decode_run.py",
    "tests/broker/jetstream/test_consumer_burst.py",
    "tests/broker/jetstream/test_consumer_ledger.py",
    "tests/broker/jetstream/test_consumers.py",
    "tests/broker/jetstream/test_limits.py",
    "tests/broker/jetstream/test_plain_publish.py",
    "tests/simulation/test_store_crashes.py",
)
SAY = "from broker import builds; print(builds.name, builds.description)"


def _python(*arguments: str, **environment: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, *arguments], cwd=ROOT, env=os.environ | environment,
        capture_output=True, text=True, timeout=110,
    )  # fmt: skip


def test_plain_python_can_be_asked_for() -> None:
    assert _python("-c", SAY, WIREROOM_PURE_PYTHON="1").stdout.startswith("python plain Python")


def test_it_can_be_asked_for_in_tests_too() -> None:
    """Their settings forget what else the environment says of Wireroom."""
    said = _python("-c", f"import tests.support.settings; {SAY}", WIREROOM_PURE_PYTHON="1").stdout
    assert said.startswith("python plain Python")


def test_a_module_of_other_sources_is_never_used(tmp_path: Path) -> None:
    (tmp_path / "wireroom_speedups.py").write_text('sources = "of another day"')
    said = _python("-c", SAY, WIREROOM_PURE_PYTHON="0", PYTHONPATH=str(tmp_path)).stdout
    assert said.startswith("python plain Python (what is compiled is of other sources")


def test_the_digest_knows_every_source() -> None:
    included = {path.name for path in sources.DIRECTORY.iterdir() if path.suffix == ".pxi"}
    text = (sources.DIRECTORY / "wireroom_speedups.pyx").read_text()
    assert {
        line.split('"')[1] for line in text.splitlines() if line.startswith("include ")
    } == included


@pytest.mark.skipif(
    builds.speedups is None, reason="nothing compiled: this run judges plain Python"
)
def test_plain_python_passes_the_tests_of_what_is_compiled() -> None:
    done = _python(
        "-m", "pytest", "-q", "-p", "no:cacheprovider", *JUDGES, WIREROOM_PURE_PYTHON="1"
    )
    assert done.returncode == 0, done.stdout[-3000:]

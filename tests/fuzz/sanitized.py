"""The compiled build under AddressSanitizer: python -m tests.fuzz.sanitized [--inputs N] [--tests PATH …]

Compiles ``broker/speedups`` with the sanitizer into a directory of its own, puts it before the installed one, and runs
``tests/fuzz/rapid.py`` and the tests on it; every server that a test starts is one of these, too. Python takes its
memory from malloc meanwhile, so that the sanitizer sees all of it. Ends with status 1 after a finding, which it prints,
or when a test failed: what measures time may, because everything is several times slower.
Needs gcc and its libasan.
"""

from __future__ import annotations

import argparse
import os
import subprocess
import sys
import tempfile
from pathlib import Path

from tests.support.servers import REPOSITORY

TESTS = ["tests/broker", "tests/fuzz", "tests/simulation"]


def main(arguments: list[str]) -> int:
    parser = argparse.ArgumentParser(
        prog="sanitized", description="AddressSanitizer on the data path."
    )
    parser.add_argument("--inputs", type=int, default=1_000_000)
    parser.add_argument("--tests", nargs="*", default=TESTS)
    options = parser.parse_args(arguments)
    with tempfile.TemporaryDirectory(prefix="sanitized-") as name:
        directory = Path(name)
        environment = build(directory)
        failed = run(environment, "-m", "tests.fuzz.rapid", "--inputs", str(options.inputs))
        if options.tests:
            failed |= run(
                environment, "-m", "pytest", "-n", "1", "--timeout", "600", *options.tests
            )
        findings = [path.read_text(errors="replace") for path in directory.glob("finding*")]
    print("\n".join(findings) or "AddressSanitizer found nothing.")
    return 1 if failed or findings else 0


def build(directory: Path) -> dict[str, str]:
    """The environment in which Python uses the build."""
    flags = {"CFLAGS": "-fsanitize=address -g -O1 -fno-omit-frame-pointer"}
    pip = [sys.executable, "-m", "pip", "install", "-q", "--no-deps", "--no-cache-dir"]
    subprocess.run(
        [*pip, "--target", str(directory / "build"), str(REPOSITORY / "broker" / "speedups")],
        env=os.environ | flags,
        check=True,
    )
    found = subprocess.run(
        ["gcc", "-print-file-name=libasan.so"], capture_output=True, text=True, check=True
    )
    # What Python leaves at its end isn't lost.
    rules = f"detect_leaks=0:abort_on_error=1:quarantine_size_mb=8:log_path={directory / 'finding'}"
    environment = os.environ | {
        "LD_PRELOAD": found.stdout.strip(),
        "ASAN_OPTIONS": rules,
        "PYTHONMALLOC": "malloc",
        "PYTHONPATH": str(directory / "build"),
    }
    probe = "import wireroom_speedups as w; from broker import builds; print(builds.description, w.__file__)"
    said = subprocess.run(
        [sys.executable, "-c", probe],
        cwd=REPOSITORY,
        env=environment,
        capture_output=True,
        text=True,
        check=True,
    ).stdout
    if not said.startswith("compiled ") or str(directory / "build") not in said:
        raise SystemExit(f"the sanitized build isn't what runs: {said}")
    return environment


def run(environment: dict[str, str], *arguments: str) -> bool:
    """True when it failed."""
    return (
        subprocess.run([sys.executable, *arguments], cwd=REPOSITORY, env=environment).returncode
        != 0
    )


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))

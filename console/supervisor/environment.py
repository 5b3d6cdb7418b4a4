"""The virtual environment beside ``manage.py``: made, filled, resumed after an interruption.

Every failure a newcomer can meet is a ``EnvironmentProblem`` whose text is one sentence with what to do about it.
A file ``.wireroom-<name>`` in the environment, written last, holds the digest of the requirements that were
installed: without it the installation was cut off, and the next run installs again (pip skips what is there).
"""

import fcntl
import importlib.util
import os
import re
import shutil
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from console.supervisor import requirements

Say = Callable[[str], None]

#: With less than this many bytes free, a failure is the disk's, whatever the tool says.
FREE_MIN = 8 << 20

#: Without compiling: Python compiles what is imported when it is, which is a tenth of what is installed.
_PIP = [
    "-m", "pip", "install", "--no-compile", "--no-input", "--disable-pip-version-check", "--progress-bar", "off",
]  # fmt: skip
_UNREACHABLE = re.compile(
    r"NewConnectionError|Name or service not known|Temporary failure in name resolution|nodename nor servname"
    r"|Connection refused|Network is unreachable|ProxyError|SSLError|ConnectTimeout|Read timed out"
    r"|Connection reset|NameResolutionError|Max retries exceeded|ConnectionError",
)
#: What pip says when it can't get or run what builds ``broker/speedups``.
_NOT_BUILT = re.compile(
    r"to install (build|backend) dependencies did not run successfully|Failed building wheel for wireroom-speedups"
)


class EnvironmentProblem(Exception):
    """The environment can't be made; the text says why and what to do, in one sentence."""


class Environment:
    """``.venv`` under ``root``; ``say`` gets the lines that show progress."""

    def __init__(self, root: Path, say: Say) -> None:
        self.root = root
        self.path = root / ".venv"
        self.python = self.path / "bin" / "python"
        self._say = say

    @property
    def is_current(self) -> bool:
        """Whether this process runs inside it."""
        return Path(sys.prefix).resolve() == self.path.resolve()

    def is_ready(self, file: Path) -> bool:
        """Whether ``file``'s requirements were installed to the end."""
        try:
            return self._marker(file).read_text("ascii") == requirements.digest(file)
        except OSError:
            return False

    def prepare(self, file: Path) -> None:
        """Make the environment and install ``file``. Raises EnvironmentProblem."""
        with _one_at_a_time(self.root):
            if self.is_ready(file):  # another process did it while this one waited
                return
            started = time.monotonic()
            self._create()
            self._install(file)
            self._finish(file)
            self._say(f"  done in {time.monotonic() - started:.0f} s")

    def _marker(self, file: Path) -> Path:
        name = "tests" if file.parent.name == "tests" else "main"
        return self.path / f".wireroom-{name}"

    def _create(self) -> None:
        if self._works():
            return
        for module in ("venv", "ensurepip"):
            if importlib.util.find_spec(module) is None:
                raise EnvironmentProblem(
                    f"This Python has no '{module}' module, which makes the environment for Wireroom: "
                    "install it (Debian, Ubuntu: apt install python3-venv) and run the command again."
                )
        self._say(f"Making {self.path} …")
        result = subprocess.run(  # noqa: S603
            [sys.executable, "-m", "venv", "--clear", str(self.path)],
            stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, errors="replace", check=False,
        )  # fmt: skip
        if result.returncode != 0:
            raise EnvironmentProblem(explain(result.stdout, self.path))

    def _works(self) -> bool:
        """An environment whose making was cut off, or whose Python has gone, doesn't and is made anew."""
        try:
            check = [
                str(self.python),
                "-c",
                "import sys, pip; sys.exit(sys.version_info < (3, 11))",
            ]
            return subprocess.run(check, capture_output=True, check=False).returncode == 0  # noqa: S603
        except OSError:
            return False

    def _install(self, file: Path) -> None:
        self._say(f"Installing {file.relative_to(self.root)} (once; an interrupted run resumes) …")
        status, output = self._pip(file)
        if status != 0 and _NOT_BUILT.search(output):
            self._say("  the compiled data path can't be built here; going on in plain Python")
            status, output = self._pip(file, WIREROOM_PURE_PYTHON="1")
        if status != 0:
            raise EnvironmentProblem(explain(output, self.path))

    def _pip(self, file: Path, **environment: str) -> tuple[int, str]:
        """Its exit status and all that it said."""
        process = subprocess.Popen(  # noqa: S603
            [str(self.python), *_PIP, "-r", str(file)], cwd=self.root, env=os.environ | environment,
            stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, errors="replace",
        )  # fmt: skip
        assert process.stdout is not None
        output = []
        try:
            for line in process.stdout:
                output.append(line)
                if progress := condense(line):
                    self._say(f"  {progress}")
        except BaseException:  # Ctrl-C here doesn't always reach pip
            process.terminate()
            raise
        return process.wait(), "".join(output)

    def _finish(self, file: Path) -> None:
        try:
            for done in {
                file,
                self.root / "requirements.txt",
            }:  # the tests' file includes the other
                part = self._marker(done).with_suffix(".part")
                part.write_text(requirements.digest(done), "ascii")
                part.replace(self._marker(done))
        except OSError as error:
            raise EnvironmentProblem(explain(str(error), self.path)) from error


def condense(line: str) -> str:
    """What of a line of pip's is worth showing: downloads, builds and the end; "" for the rest."""
    text = line.strip()
    if match := re.match(r"Downloading (\S+?)(?:\.metadata)? \((.*)\)", text):
        return "" if ".metadata" in text else f"downloading {_short(match[1])} ({match[2]})"
    if text.startswith("Installing collected packages:"):
        return f"installing {text.count(',') + 1} packages"
    if text.startswith("Building wheel"):
        return text
    if text.startswith("WARNING: Retrying"):
        return "the package index does not answer; trying again"
    return ""


def explain(output: str, path: Path) -> str:
    """One sentence for what made a step fail, from its output."""
    if re.search(r"No space left on device|Errno 28|Disk quota", output) or _free(path) < FREE_MIN:
        return f"The disk that holds {path} is full: free about 300 MB and run the command again."
    if "Read-only file system" in output or "Permission denied" in output:
        return (
            f"{path} can't be written: run from a directory of your own, or make this one writable."
        )
    if _UNREACHABLE.search(output):
        return (
            "The package index can't be reached: check the network (a proxy goes into HTTPS_PROXY, "
            "another index into PIP_INDEX_URL) and run the command again; it goes on where it stopped."
        )
    errors = [line.strip() for line in output.splitlines() if "error" in line.lower()]
    last = errors[-1] if errors else (output.strip().splitlines() or ["no output"])[-1]
    return f"The packages could not be installed: {last}"


def _free(path: Path) -> int:
    """Bytes left where ``path`` is or would be; the tools in between don't always pass the reason on."""
    try:
        return shutil.disk_usage(path.parent).free
    except OSError:
        return FREE_MIN


def _short(file_name: str) -> str:
    """``Django-5.2-py3-none-any.whl`` or its URL → ``Django 5.2``."""
    parts = file_name.rsplit("/", 1)[-1].split("-")
    return " ".join(parts[:2]) if len(parts) > 1 else file_name


@contextmanager
def _one_at_a_time(root: Path) -> Iterator[None]:
    """Two first runs at once would install over each other; a lock on the directory leaves no file behind."""
    descriptor = os.open(root, os.O_RDONLY)
    try:
        with suppress(OSError):  # a file system without locks: then nothing guards, as without this
            fcntl.flock(descriptor, fcntl.LOCK_EX)
        yield
    finally:
        os.close(descriptor)

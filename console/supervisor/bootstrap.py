"""From ``python3 manage.py <command>`` on a bare machine to that command in an environment that can run it.

``up``, ``test`` and ``bench`` get everything they need installed first; any other command only where Django is
absent. An interpreter that has it all is used as it is; else ``.venv`` is made and this process becomes its Python.
"""

import importlib.util
import os
import sys
from pathlib import Path

from console.supervisor import requirements
from console.supervisor.environment import Environment, EnvironmentProblem

ROOT = Path(__file__).resolve().parent.parent.parent
#: Set across the exec into ``.venv``, so that an installation that doesn't help ends in a sentence, not a loop.
_ENTERED = "WIREROOM_VENV_ENTERED"


def main(argv: list[str]) -> int:
    """Run the command; the process's exit status."""
    try:
        command = argv[1] if len(argv) > 1 else "help"
        ensure(command, argv)
        return run(command, argv)
    except EnvironmentProblem as problem:
        print(problem, file=sys.stderr)  # noqa: T201
        return 1
    except KeyboardInterrupt:
        print("\nInterrupted.", file=sys.stderr)  # noqa: T201
        return 130


def ensure(command: str, argv: list[str]) -> None:
    """Return when this interpreter can run ``command``; else install and become one that can."""
    file = ROOT / ("tests/requirements.txt" if command in ("test", "bench") else "requirements.txt")
    environment = Environment(ROOT, _say)
    if _can_run(command, file, environment):
        return
    if not environment.is_ready(file) or environment.is_current:
        if os.environ.get(_ENTERED) == str(os.getpid()):
            lacking = ", ".join(requirements.missing(file)) or "a package"
            raise EnvironmentProblem(
                f"{environment.path} lacks {lacking} although it was just installed: "
                "remove that directory and run the command again."
            )
        environment.prepare(file)
    os.environ[_ENTERED] = str(os.getpid())
    os.execv(environment.python, [str(environment.python), *argv])  # noqa: S606


def run(command: str, argv: list[str]) -> int:
    """The command itself; ``up`` without Django, because it passes its options to Django's settings."""
    os.environ.pop(_ENTERED, None)
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "console.settings")
    if command == "up":
        from console.supervisor.up import main as up

        return up(argv[2:])
    if command in ("test", "bench"):
        module = "pytest" if command == "test" else "tests.benchmarks"
        os.chdir(ROOT)
        os.execv(sys.executable, [sys.executable, "-m", module, *argv[2:]])  # noqa: S606
    from django.core.management import execute_from_command_line

    execute_from_command_line(argv)
    return 0


def _can_run(command: str, file: Path, environment: Environment) -> bool:
    if command not in ("up", "test", "bench"):
        return importlib.util.find_spec("django") is not None
    if environment.is_current and not environment.is_ready(file):
        return False
    return not requirements.missing(file)


def _say(line: str) -> None:
    print(line, flush=True)  # noqa: T201

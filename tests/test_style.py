"""The project's style, as far as a program can judge it; each message says what to do."""

import ast
import os
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent
PACKAGES = ("broker", "console", "tests")
TEXT_SUFFIXES = {
    ".py",
    ".js",
    ".css",
    ".html",
    ".md",
    ".toml",
    ".txt",
    ".sh",
    ".yml",
    ".json",
    ".conf",
    "",
}
GENERATED = ("static/vendor/", "static/fonts/", "console/migrations/", "tests/golden/")

FUNCTION_LINES_MAX = 70
FILE_LINES_MAX = 600
#: Written in two halves, so that this file doesn't find itself.
MARKERS = re.compile(r"\b(TO" + "DO|FIX" + "ME|XX" + r"X|HA" + r"CK)\b")
MACHINE_PATHS = re.compile(
    r"(/wo" + r"rk/|/ro" + r"ot/|/ho" + r"me/\w|/Us" + r"ers/\w|/op" + r"t/wheels|/tm" + r"p/t/)"
)


def tracked() -> list[Path]:
    """The files that the repository holds, without what others wrote or a program generates."""
    listed = subprocess.run(
        ["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard"],
        cwd=ROOT,
        capture_output=True,
        text=True,
    )
    if listed.returncode == 0:
        names = [name for name in listed.stdout.split("\0") if name]
    else:  # an unpacked archive
        names = [
            str(p.relative_to(ROOT))
            for p in ROOT.rglob("*")
            if not p.relative_to(ROOT).parts[0].startswith(".")
        ]
    return [
        ROOT / name
        for name in sorted(names)
        if not name.startswith(GENERATED) and (ROOT / name).is_file()
    ]


def sources() -> list[Path]:
    return [path for path in tracked() if path.suffix == ".py"]


def texts() -> Iterator[tuple[Path, str]]:
    for path in tracked():
        if path.suffix in TEXT_SUFFIXES and path.name != "LICENSE":
            try:
                yield path, path.read_text("utf-8")
            except UnicodeDecodeError:
                continue


def name(path: Path) -> str:
    return str(path.relative_to(ROOT))


def test_there_is_something_to_judge() -> None:
    assert len(sources()) > 50


def test_no_function_is_longer_than_a_screen() -> None:
    long = [
        f"{name(path)}:{node.lineno} {node.name} has {lines} lines"
        for path in sources()
        for node in ast.walk(ast.parse(path.read_text("utf-8")))
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)
        and (lines := (node.end_lineno or 0) - node.lineno + 1) > FUNCTION_LINES_MAX
    ]
    assert not long, f"split (at most {FUNCTION_LINES_MAX} lines): {long}"


def test_no_file_holds_more_than_one_thing() -> None:
    long = [
        f"{name(path)} has {lines} lines"
        for path, text in texts()
        if path.suffix in {".py", ".js", ".css"} and (lines := text.count("\n")) > FILE_LINES_MAX
    ]
    assert not long, f"split (at most {FILE_LINES_MAX} lines): {long}"


def test_every_module_says_what_it_holds() -> None:
    silent = [
        name(path)
        for path in sources()
        if (text := path.read_text("utf-8")).strip() and not ast.get_docstring(ast.parse(text))
    ]
    assert not silent, f"begin with a paragraph: {silent}"


def test_nothing_is_left_for_later() -> None:
    left = [f"{name(path)}: {m[0]}" for path, text in texts() for m in MARKERS.finditer(text)]
    assert not left, f"do it, or open an issue: {left}"


def test_nothing_depends_on_one_machine() -> None:
    paths = [
        f"{name(path)}: {m[0]}" for path, text in texts() for m in MACHINE_PATHS.finditer(text)
    ]
    assert not paths, f"name no path of a particular machine: {paths}"


def test_asserts_stay_on() -> None:
    """``python -O`` would drop the invariants; nothing here starts a Python that way."""
    used = [name(path) for path, text in texts() if re.search(r"executable,\s*[\"']-O", text)]
    assert not used


IMPORT_ALONE = """
import importlib, os, sys
if sys.argv[1] == "console":
    import django
    django.setup()
    import daphne.server, drf_spectacular.openapi, nats, prometheus_client, rest_framework.test  # what takes long
import asyncio, json, nacl.signing, redis.asyncio, ssl, uvloop
failed = []
for module in sys.argv[2:]:
    child = os.fork()
    if child == 0:
        try:
            importlib.import_module(module)
        except BaseException as error:
            print(f"{module}: {type(error).__name__}: {error}", flush=True)
            os._exit(1)
        os._exit(0)
    failed += [module] if os.waitpid(child, 0)[1] else []
sys.exit(bool(failed))
"""


@pytest.mark.parametrize("package", ["broker", "console"])
def test_every_module_can_be_imported_first(package: str) -> None:
    """No module works only because another was imported before it; each in a process of its own."""
    modules = [
        ".".join(path.relative_to(ROOT).with_suffix("").parts).removesuffix(".__init__")
        for path in sources()
        if path.is_relative_to(ROOT / package) and path.name != "__main__.py"
    ]
    environment = os.environ | {"DJANGO_SETTINGS_MODULE": "tests.support.settings"}
    done = subprocess.run(
        [sys.executable, "-c", IMPORT_ALONE, package, *modules],
        cwd=ROOT, env=environment, capture_output=True, text=True, timeout=110,
    )  # fmt: skip
    assert done.returncode == 0, done.stdout + done.stderr

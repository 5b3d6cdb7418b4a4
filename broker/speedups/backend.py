"""How pip makes ``wireroom-speedups`` (PEP 517): with Cython and the C compiler, or empty where that fails.

A machine without a C compiler, or without Python's headers, gets a wheel without a module, and a broker in plain
Python. Nothing is written beside the sources.
Settings  CC, CFLAGS  as everywhere: the compiler, and what is added to its flags, say -fsanitize=address -g;
          WIREROOM_PURE_PYTHON  anything but empty or 0: compile nothing
"""

import base64
import hashlib
import os
import shlex
import shutil
import subprocess
import sys
import sysconfig
import tempfile
import zipfile
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).resolve().parent))
import sources  # type: ignore[import-not-found]

NAME, VERSION = "wireroom_speedups", "0.1.0"
CYTHON = "cython>=3.1,<4"
_INFO = f"{NAME}-{VERSION}.dist-info"
_METADATA = f"Metadata-Version: 2.1\nName: wireroom-speedups\nVersion: {VERSION}\n"
_TIMEOUT_S = 150


def get_requires_for_build_wheel(config_settings: Any = None) -> list[str]:
    """Cython, where there is something to do for it."""
    return [] if _obstacle() else [CYTHON]


def prepare_metadata_for_build_wheel(directory: str, config_settings: Any = None) -> str:
    info = Path(directory, _INFO)
    info.mkdir()
    (info / "METADATA").write_text(_METADATA)
    (info / "WHEEL").write_text(_wheel("py3-none-any"))
    return _INFO


def build_wheel(directory: str, config_settings: Any = None, metadata_directory: Any = None) -> str:
    with tempfile.TemporaryDirectory() as scratch:
        module = _compile(Path(scratch))
        tag = _tag() if module else "py3-none-any"
        name = f"{NAME}-{VERSION}-{tag}.whl"
        _write(Path(directory, name), tag, module)
    return name


def _compile(scratch: Path) -> Path | None:
    """The extension module; None, with the reason said, where there can't be one."""
    compiler = _compiler()
    if obstacle := _obstacle():
        _say_why_not(obstacle)
        return None
    c_file = scratch / f"{NAME}.c"
    module = scratch / (NAME + str(sysconfig.get_config_var("EXT_SUFFIX")))
    try:
        _run(
            [
                sys.executable,
                "-m",
                "cython",
                "-3",
                str(sources.DIRECTORY / f"{NAME}.pyx"),
                "-o",
                str(c_file),
            ]
        )
        _run([
            *compiler, "-O3", "-fPIC", "-fno-strict-aliasing", "-fwrapv", "-w", *_link_flags(),
            f'-DSOURCES="{sources.digest()}"', *shlex.split(os.environ.get("CFLAGS", "")),
            f"-I{sysconfig.get_path('include')}", str(c_file), "-o", str(module),
        ])  # fmt: skip
    except (OSError, subprocess.SubprocessError) as problem:
        _say_why_not(str(problem))
        return None
    return module


def _say_why_not(reason: str) -> None:
    print(f"wireroom-speedups: not compiled, the broker will run in plain Python: {reason}")  # noqa: T201


def _run(command: list[str]) -> None:
    subprocess.run(command, check=True, timeout=_TIMEOUT_S)  # noqa: S603


def _compiler() -> list[str]:
    """The command of a C compiler that is there; empty without one."""
    named = os.environ.get("CC") or sysconfig.get_config_var("CC") or "cc"
    for command in (shlex.split(str(named)), ["cc"], ["gcc"], ["clang"]):
        if command and shutil.which(command[0]):
            return command
    return []


def _obstacle() -> str:
    """Why there is no use in trying; "" when there is."""
    if os.environ.get("WIREROOM_PURE_PYTHON", "0") not in ("", "0"):
        return "WIREROOM_PURE_PYTHON is set"
    if not _compiler():
        return "there is no C compiler"
    if not Path(sysconfig.get_path("include"), "Python.h").is_file():
        return "Python's headers are not installed (Debian, Ubuntu: apt install python3-dev)"
    return ""


def _link_flags() -> list[str]:
    mac = sys.platform == "darwin"
    return ["-bundle", "-undefined", "dynamic_lookup"] if mac else ["-shared"]


def _tag() -> str:
    python = f"cp{sys.version_info.major}{sys.version_info.minor}"
    platform = sysconfig.get_platform().replace("-", "_").replace(".", "_")
    return f"{python}-{python}-{platform}"


def _wheel(tag: str) -> str:
    pure = "true" if tag.endswith("any") else "false"
    return f"Wheel-Version: 1.0\nGenerator: wireroom\nRoot-Is-Purelib: {pure}\nTag: {tag}\n"


def _write(path: Path, tag: str, module: Path | None) -> None:
    """A wheel is a zip file with a list of what is in it."""
    files = {f"{_INFO}/METADATA": _METADATA.encode(), f"{_INFO}/WHEEL": _wheel(tag).encode()}
    if module is not None:
        files[module.name] = module.read_bytes()
    record = [f"{name},sha256={_hash(data)},{len(data)}" for name, data in files.items()]
    record.append(f"{_INFO}/RECORD,,")
    files[f"{_INFO}/RECORD"] = "\n".join(record).encode() + b"\n"
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as wheel:
        for name, data in files.items():
            wheel.writestr(name, data)


def _hash(data: bytes) -> str:
    return base64.urlsafe_b64encode(hashlib.sha256(data).digest()).rstrip(b"=").decode()

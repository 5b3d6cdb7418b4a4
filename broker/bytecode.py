"""Where compiled modules are kept when the environment wants none beside the sources (``PYTHONDONTWRITEBYTECODE``).

Images of containers commonly set it. Without any, each start would compile every module anew, which is more than
half of its time. They go to ``$XDG_CACHE_HOME/wireroom/bytecode``, else ``~/.cache/…``; Python's own rules say when
one is used. ``PYTHONPYCACHEPREFIX`` names another place, ``python -B`` alone still keeps none.
"""

import os
import sys
from pathlib import Path


def keep() -> None:
    """From here on. Where nothing can be kept, or others could write, everything stays as it was."""
    if not os.environ.get("PYTHONDONTWRITEBYTECODE") or sys.pycache_prefix is not None:
        return
    try:
        directory = _cache() / "wireroom" / "bytecode"
    except RuntimeError:  # a user without a home
        return
    if _is_ours(directory):
        sys.pycache_prefix = str(directory)
        sys.dont_write_bytecode = False


def _cache() -> Path:
    named = Path(os.environ.get("XDG_CACHE_HOME", ""))
    if named.is_absolute():  # the base directory specification: ignored otherwise
        return named
    return Path("~", ".cache").expanduser()


def _is_ours(directory: Path) -> bool:
    """Made where it wasn't. Whoever can write there can say what runs here."""
    if not directory.is_absolute():
        return False
    try:
        directory.mkdir(mode=0o700, parents=True, exist_ok=True)
        found = directory.stat()
    except OSError:
        return False
    writable = os.access(directory, os.W_OK)
    return writable and found.st_uid == os.getuid() and not found.st_mode & 0o022

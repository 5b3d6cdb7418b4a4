"""Where compiled modules are kept when the environment wants none beside the sources (``PYTHONDONTWRITEBYTECODE``).

Images of containers commonly set it. Without any, each start would compile every module anew, which is more than
half of its time. They go to ``$XDG_CACHE_HOME/wireroom/bytecode``, else ``~/.cache/…``; Python's own rules say when
one is used. ``PYTHONPYCACHEPREFIX`` names another place, ``python -B`` alone still keeps none.
"""

import os
import sys


def keep() -> None:
    """From here on. Where nothing can be kept, or others could write, everything stays as it was."""
    if not os.environ.get("PYTHONDONTWRITEBYTECODE") or sys.pycache_prefix is not None:
        return
    directory = _directory()
    if _is_ours(directory):
        sys.pycache_prefix = directory
        sys.dont_write_bytecode = False


def _directory() -> str:
    cache = os.environ.get("XDG_CACHE_HOME", "")
    if not os.path.isabs(cache):  # the base directory specification: ignored then
        cache = os.path.expanduser("~/.cache")
    return os.path.join(cache, "wireroom", "bytecode")


def _is_ours(directory: str) -> bool:
    """Made where it wasn't. Whoever can write there can say what runs here."""
    if not os.path.isabs(directory):  # nobody's home
        return False
    try:
        os.makedirs(directory, mode=0o700, exist_ok=True)
        found = os.stat(directory)
    except OSError:
        return False
    return (
        found.st_uid == os.getuid() and not found.st_mode & 0o022 and os.access(directory, os.W_OK)
    )

"""Which build of the data path runs: the compiled one, or plain Python.

pip compiles ``broker/speedups`` where there is a C compiler. What it made is used only when it was made from exactly
the sources that are here, so that an old one is never used by mistake; the names of classes and functions are the same
in both, and so is what they do.
Settings  WIREROOM_PURE_PYTHON  anything but empty or 0: plain Python
"""

import os
from importlib import import_module
from typing import Any, Final

from broker.speedups.sources import digest

_PURE: Final = "WIREROOM_PURE_PYTHON"


def _load() -> tuple[Any, str]:
    """The compiled module or None, and what to tell about it."""
    if os.environ.get(_PURE, "0") not in ("", "0"):
        return None, f"plain Python ({_PURE} is set)"
    try:
        module = import_module("wireroom_speedups")
    except ImportError:
        return None, "plain Python (nothing compiled is installed)"
    if module.sources != digest():
        return (
            None,
            "plain Python (what is compiled is of other sources: pip install -r requirements.txt)",
        )
    return module, "compiled"


speedups, description = _load()
#: One word, for fields of monitoring.
name: Final = "compiled" if speedups is not None else "python"

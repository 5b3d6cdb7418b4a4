"""The plain-Python form of a module whose classes have a compiled twin, beside the one that runs."""

from __future__ import annotations

import importlib.util
import sys
from types import ModuleType

import pytest

from broker import builds


def plain(module: ModuleType, monkeypatch: pytest.MonkeyPatch) -> ModuleType:
    """``module`` anew, as it is where nothing is compiled."""
    assert module.__file__ is not None
    monkeypatch.setattr(builds, "speedups", None)
    spec = importlib.util.spec_from_file_location(f"plain.{module.__name__}", module.__file__)
    assert spec is not None and spec.loader is not None
    made = importlib.util.module_from_spec(spec)
    monkeypatch.setitem(sys.modules, spec.name, made)
    spec.loader.exec_module(made)
    monkeypatch.undo()
    return made

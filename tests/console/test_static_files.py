"""Static files are collected when they changed, and only then."""

import os
from pathlib import Path
from typing import Any

import pytest
from django.core.management import call_command

from console.lib import static_files

pytestmark = pytest.mark.django_db


def test_what_did_not_change_is_not_collected_again(tmp_path: Path, settings: Any) -> None:
    source = tmp_path / "source"
    source.mkdir()
    (source / "a.css").write_text("a {}")
    settings.STATICFILES_DIRS = [source]
    settings.STATIC_ROOT = tmp_path / "static"
    assert not static_files.is_collected()
    call_command("bootstrap", verbosity=0)
    assert static_files.is_collected()
    (hashed,) = settings.STATIC_ROOT.glob("a.*.css")
    hashed.unlink()
    call_command("bootstrap", verbosity=0)
    assert not hashed.exists(), "it was left alone"
    (source / "a.css").write_text("a { color: red }")
    os.utime(source / "a.css", ns=(1, 1))
    assert not static_files.is_collected()
    call_command("bootstrap", verbosity=0)
    assert static_files.is_collected()
    assert len(list(settings.STATIC_ROOT.glob("a.*.css"))) == 1

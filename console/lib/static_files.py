"""Names of static files: with a hash in them once they were collected, plain before.

So the page works from a bare checkout, and is cached for ever after ``bootstrap`` has collected the files.
"""

import hashlib
from pathlib import Path

from django.conf import settings
from django.contrib.staticfiles.finders import get_finders
from django.contrib.staticfiles.storage import ManifestStaticFilesStorage

MANIFEST = "staticfiles.json"
#: What was collected: the fingerprint of the sources.
NOTE = "collected"


class Storage(ManifestStaticFilesStorage):
    """Rewrites imports between JavaScript modules too; an unknown name stays as it is."""

    support_js_module_import_aggregation = True
    manifest_strict = False

    def stored_name(self, name: str) -> str:
        """The hashed name from the manifest, else ``name``: whitenoise serves that from the source directory."""
        return str(self.hashed_files.get(self.hash_key(self.clean_name(name)), name))


def is_collected() -> bool:
    """Whether the files that were collected last are those that would be collected now: by name, size and time."""
    note = _root() / NOTE
    return note.exists() and (_root() / MANIFEST).exists() and note.read_text() == fingerprint()


def note_collected() -> None:
    (_root() / NOTE).write_text(fingerprint())


def fingerprint() -> str:
    files = [
        (name, Path(storage.path(name)).stat())
        for finder in get_finders()
        for name, storage in finder.list([])
    ]
    text = "\n".join(f"{name} {found.st_size} {found.st_mtime_ns}" for name, found in sorted(files))
    return hashlib.sha256(text.encode()).hexdigest()


def _root() -> Path:
    return Path(settings.STATIC_ROOT)

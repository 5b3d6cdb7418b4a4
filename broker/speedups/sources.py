"""The digest by which a compiled module is held against the sources that are here."""

import hashlib
from pathlib import Path

DIRECTORY = Path(__file__).resolve().parent


def digest() -> str:
    """Changes with each of Cython's sources."""
    found = hashlib.sha256()
    for path in sorted(p for p in DIRECTORY.iterdir() if p.suffix in (".pyx", ".pxi")):
        found.update(path.read_bytes())
    return found.hexdigest()

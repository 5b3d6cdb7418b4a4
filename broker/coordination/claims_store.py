"""The account tokens that this server has, on disk: what lets it start and serve without Redis.

Wire     ``<directory>/<account public key>.jwt``, one token each, as nats-server's full resolver has them;
         a deleted account's file holds its tombstone
Limit    ``jwt.TOKEN_MAX`` per file

A file is written beside its place, synced, and renamed over it: after kill -9 or a power cut it is the old token
or the new one. Nothing here trusts the files: whoever reads a token verifies it.
"""

import contextlib
import os
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path

from broker.identity import nkeys
from broker.identity.jwt import TOKEN_MAX

_SUFFIX = ".jwt"
_UNFINISHED = ".tmp"
_DELETED = ".deleted"


class MemoryClaims:
    """Tokens in this process only: the resolver MEMORY, and tests."""

    def __init__(self, tokens: Mapping[str, str] | None = None) -> None:
        self._tokens = dict(tokens or {})

    def get(self, account: str) -> str | None:
        return self._tokens.get(account)

    def put(self, tokens: Mapping[str, str]) -> None:
        self._tokens.update(tokens)

    def remove(self, accounts: Iterable[str]) -> None:
        for account in accounts:
            self._tokens.pop(account, None)

    @property
    def unsaved(self) -> Mapping[str, str]:
        """Nothing here is ever on a disk, so nothing is missing from it."""
        return {}

    def accounts(self) -> Iterator[str]:
        return iter(list(self._tokens))

    def __len__(self) -> int:
        return len(self._tokens)


class ClaimsStore:
    """Tokens in files. ``get`` and ``put`` block on the disk."""

    def __init__(
        self,
        directory: Path,
        *,
        preload: Mapping[str, str] | None = None,
        hard_delete: bool = False,
    ) -> None:
        """Makes the directory when absent; ``preload`` fills in accounts that have no file yet. Raises OSError."""
        self._directory = directory
        self._hard_delete = hard_delete
        directory.mkdir(mode=0o700, parents=True, exist_ok=True)
        self._remove_unfinished()
        self._known = {entry.stem for entry in _token_files(directory)}
        #: Tokens that hold but couldn't be written; ``put`` them again.
        self.unsaved: dict[str, str] = {}
        self.put({a: token for a, token in (preload or {}).items() if a not in self._known})

    def get(self, account: str) -> str | None:
        """The newest token that was put; None when there is none that can be read."""
        if account in self.unsaved:
            return self.unsaved[account]
        if account not in self._known:
            return None
        try:
            with self._path(account).open("rb") as file:
                raw = file.read(TOKEN_MAX + 1)
            return raw.decode("ascii").strip() if len(raw) <= TOKEN_MAX else None
        except (OSError, UnicodeDecodeError):
            return None

    def put(self, tokens: Mapping[str, str]) -> None:
        """On disk for good when this returns. Raises OSError; ``get`` gives the new tokens all the same."""
        if not tokens:
            return
        self.unsaved.update(tokens)
        for account, token in tokens.items():
            self._write(self._path(account), token)
        self._sync_directory()
        self._known.update(tokens)
        for account in tokens:
            self.unsaved.pop(account, None)

    def remove(self, accounts: Iterable[str]) -> None:
        """Not to be had any more when this returns; unknown ones are ignored. Raises OSError.

        Without ``hard_delete`` the file stays under another name, for people.
        """
        for account in accounts:
            path = self._path(account)
            if self._hard_delete:
                path.unlink(missing_ok=True)
            elif path.exists():
                path.rename(path.with_name(path.name + _DELETED))
            self._known.discard(account)
            self.unsaved.pop(account, None)
        self._sync_directory()

    def _write(self, path: Path, token: str) -> None:
        unfinished = path.with_suffix(_UNFINISHED)
        descriptor = os.open(unfinished, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
        try:
            _write_all(descriptor, token.encode("ascii"))
            os.fsync(descriptor)
        finally:
            os.close(descriptor)
        unfinished.rename(path)

    def accounts(self) -> Iterator[str]:
        return iter(sorted(self._known))

    def __len__(self) -> int:
        return len(self._known)

    def _path(self, account: str) -> Path:
        assert nkeys.is_public(account, "account"), "only public keys become file names"
        return self._directory / (account + _SUFFIX)

    def _remove_unfinished(self) -> None:
        for left in self._directory.glob("*" + _UNFINISHED):
            with contextlib.suppress(OSError):
                left.unlink()

    def _sync_directory(self) -> None:
        descriptor = os.open(self._directory, os.O_RDONLY | os.O_DIRECTORY)
        try:
            os.fsync(descriptor)
        finally:
            os.close(descriptor)


def _token_files(directory: Path) -> Iterable[Path]:
    for entry in directory.iterdir():
        if entry.suffix == _SUFFIX and nkeys.is_public(entry.stem, "account"):
            yield entry


def _write_all(descriptor: int, data: bytes) -> None:
    view = memoryview(data)
    while view:
        view = view[os.write(descriptor, view) :]

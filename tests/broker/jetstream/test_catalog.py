"""What describes JetStream's things on disk, written by several threads at once."""

from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from threading import Barrier, BrokenBarrierError

from broker.jetstream import catalog
from broker.storage.disk import OsDisk

MET_S = 0.3


class MeetingDisk(OsDisk):
    """Lets two threads that look or rename at the same time go on together."""

    def __init__(self) -> None:
        self.renames = 0
        self._meeting = Barrier(2)

    def _meet(self) -> None:
        try:
            self._meeting.wait(MET_S)
        except BrokenBarrierError:
            return

    def names(self, path: str) -> list[str]:
        found = super().names(path)
        self._meet()
        return found

    def rename(self, source: str, target: str) -> None:
        self.renames += 1
        self._meet()
        super().rename(source, target)


def test_an_accounts_first_streams_made_at_once_describe_it_once(tmp_path: Path) -> None:
    disk = MeetingDisk()
    home = catalog.AccountDirectory(disk, f"{tmp_path}/A", "A")
    with ThreadPoolExecutor(2) as threads:
        for made in [threads.submit(home.make) for _ in range(2)]:
            made.result()
    assert disk.renames == 1
    assert catalog.read_meta(disk, home.path) == {"name": "A"}
    assert catalog.STREAMS in disk.names(home.path)

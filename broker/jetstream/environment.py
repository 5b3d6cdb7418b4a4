"""What JetStream needs from the process around it, so that tests can run it on a clock and a disk of their own."""

from collections.abc import Callable
from dataclasses import dataclass
from random import Random
from typing import Protocol

from broker.storage.disk import Disk
from broker.storage.store import Job


class Timer(Protocol):
    """Something that will happen unless it's cancelled."""

    def cancel(self) -> None: ...


#: Told the outcome of a job, in the loop's thread.
Done = Callable[[OSError | None], None]


@dataclass(slots=True)
class Environment:
    """``directory`` holds one directory per account; it is created when the first stream is."""

    disk: Disk
    directory: str
    #: The wall clock, nanoseconds since 1970.
    now_ns: Callable[[], int]
    #: Seconds from now, what to call then.
    after: Callable[[float, Callable[[], None]], Timer]
    #: Called once, when all input of this turn of the loop has been taken.
    soon: Callable[[Callable[[], None]], None]
    #: ``job.run()`` in another thread; then ``done`` in this one.
    run: Callable[[Job, Done], None]
    random: Random
    random_bytes: Callable[[int], bytes]

"""JetStream without a process: a core server, a disk that can crash, a clock and threads that a test moves."""

import heapq
import itertools
import json
import random
from collections import deque
from collections.abc import Callable
from typing import Any

from broker.core.account import Account, JetStreamTerms
from broker.core.message import Message
from broker.core.options import ServerOptions
from broker.core.server import Server
from broker.jetstream.engine import JetStream, JetStreamOptions
from broker.jetstream.environment import Done, Environment
from broker.protocol import headers
from broker.storage.store import Job
from tests.support.sim_disk import SimDisk

START_NS = 1_800_000_000_000_000_000


class _Timer:
    def __init__(self, callback: Callable[[], None]) -> None:
        self.callback: Callable[[], None] | None = callback

    def cancel(self) -> None:
        self.callback = None


class World:
    """One server with one account ``A``. Nothing happens but in ``turn``, ``work``, ``settle`` and ``advance``."""

    def __init__(
        self,
        rng: random.Random | None = None,
        disk: SimDisk | None = None,
        now_ns: int = START_NS,
        terms: JetStreamTerms | None = None,
        options: JetStreamOptions | None = None,
        *,
        account: bool = True,
        deleted: bool = False,
    ) -> None:
        self.rng = rng or random.Random(1)
        self.disk = disk or SimDisk(self.rng)
        self.now_ns = now_ns
        self.jobs: deque[tuple[Job, Done]] = deque()
        self._soon: list[Callable[[], None]] = []
        self._timers: list[tuple[int, int, _Timer]] = []
        self._numbers = itertools.count()
        self._options = options or JetStreamOptions()
        #: Answers by the reply subject that a publish or request was given.
        self.answers: dict[bytes, Message] = {}
        self.server = Server(ServerOptions(), "NSERVER", random=self.rng)
        self._terms = terms or JetStreamTerms()
        self.account: Account
        environment = Environment(
            self.disk, "js", lambda: self.now_ns, self._after, self._soon.append, self._run, self.rng,
            self.rng.randbytes,
        )  # fmt: skip
        self.engine = JetStream(self.server, environment, self._options)
        self.engine.is_deleted = lambda _name: deleted
        if account:
            self.add_account()
        self.engine.start()

    def add_account(self) -> None:
        """``A``, as its claims make it."""
        self.account = self.server.add_account("A")
        self.account.jetstream = {"": self._terms}
        self.account.subscribe(b"answer.*", self._answered)
        self.server.account_changed(self.account)

    # The process around it ---------------------------------------------------------------------------

    def _after(self, seconds: float, callback: Callable[[], None]) -> _Timer:
        timer = _Timer(callback)
        due_ns = self.now_ns + int(seconds * 1e9)
        heapq.heappush(self._timers, (due_ns, next(self._numbers), timer))
        return timer

    def _run(self, job: Job, done: Done) -> None:
        self.jobs.append((job, done))

    def turn(self) -> None:
        """The end of a turn of the loop."""
        callbacks, self._soon[:] = list(self._soon), []
        for callback in callbacks:
            callback()

    def work(self) -> bool:
        """The job that waits longest is done; False when none waits. SimCrash comes through."""
        if not self.jobs:
            return False
        job, done = self.jobs.popleft()
        failure = None
        try:
            job.run()
        except OSError as error:
            failure = error
        done(failure)
        return True

    def settle(self) -> None:
        """Turns and jobs until nothing is left to do now."""
        while self._soon or self.jobs:
            self.turn()
            self.work()

    def advance(self, seconds: float) -> None:
        """Time passes, timers ring, all settles."""
        end_ns = self.now_ns + int(seconds * 1e9)
        self.settle()
        while self._timers and self._timers[0][0] <= end_ns:
            due_ns, _, timer = heapq.heappop(self._timers)
            self.now_ns = max(self.now_ns, due_ns)
            if timer.callback is not None:
                timer.callback()
            self.settle()
        self.now_ns = end_ns

    def crash(self) -> "World":
        """The next boot after the power went."""
        return World(self.rng, self.disk.crash(), self.now_ns + 10**9, options=self._options)

    def restart(self, *, account: bool = True, deleted: bool = False) -> "World":
        """The next start after a clean end; without ``account`` its claims aren't known then."""
        self.engine.stop()
        self.settle()
        return World(
            self.rng,
            self.disk,
            self.now_ns + 10**9,
            options=self._options,
            account=account,
            deleted=deleted,
        )

    # What clients do ----------------------------------------------------------------------------------

    def _answered(self, message: Message) -> None:
        self.answers[message.subject] = message

    def send(
        self, subject: str, payload: bytes = b"", fields: dict[str, str] | None = None
    ) -> bytes:
        """A publish or request that wants an answer; where it will be in ``answers``."""
        reply = b"answer.%d" % next(self._numbers)
        header = (
            headers.build({k.encode(): v.encode() for k, v in fields.items()}) if fields else b""
        )
        self.account.publish(subject.encode(), payload, reply, header)
        return reply

    def answer(self, reply: bytes) -> Any:
        """The JSON that came; None when none did."""
        message = self.answers.get(reply)
        return json.loads(message.payload) if message is not None else None

    def publish(self, subject: str, payload: bytes = b"x", **fields: str) -> Any:
        """The answer, after all has settled; ``Msg_Id="1"`` is the header ``Nats-Msg-Id: 1``."""
        named = {"Nats-" + key.replace("_", "-"): value for key, value in fields.items()}
        reply = self.send(subject, payload, named)
        self.settle()
        return self.answer(reply)

    def api(self, operation: str, body: Any = None) -> Any:
        """An answer of the API, after all has settled."""
        payload = b"" if body is None else json.dumps(body).encode()
        reply = self.send(f"$JS.API.{operation}", payload)
        self.settle()
        return self.answer(reply)

    def create(self, name: str, **config: Any) -> Any:
        return self.api(f"STREAM.CREATE.{name}", {"name": name, **config})

    def state(self, name: str) -> Any:
        return self.api(f"STREAM.INFO.{name}")["state"]

    def messages(self, name: str) -> dict[int, tuple[bytes, bytes]]:
        """What the stream holds: sequence → subject and payload."""
        stream = self.engine.accounts["A"].streams[name]
        index, found = stream.store.index, {}
        seq = index.next_seq(0)
        while seq is not None:
            message = stream.read(seq)
            if message is not None:
                found[seq] = (message.subject, message.payload)
            seq = index.next_seq(seq + 1)
        return found

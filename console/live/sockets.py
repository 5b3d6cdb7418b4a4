"""The sockets: a tail of one namespace, and the control socket of one page."""

from collections import deque
from collections.abc import Callable
from typing import Any

from django.conf import settings

from broker.contract.frames import FLUSH_INTERVAL_S
from broker.contract.taps import BYTES_PER_S, MSGS_PER_S, PAYLOAD_MAX
from console.gateway import notices
from console.gateway.watch import Notice
from console.live import auth, process
from console.live.filters import read_spec
from console.live.hub import TooManyFeeds
from console.live.ledger import Entry
from console.live.socket import Fault, Gone, LiveSocket
from console.live.viewer import CREDIT, Viewer
from console.models import Membership
from console.models.membership import MAY_READ
from console.selectors import access
from console.selectors.namespaces import accounts_of
from console.services.errors import Denied, NotFound

#: Subscriptions that one tail may open within OPENS_WINDOW_S: each one may be a new tap at the broker.
OPENS_MAX = 20
OPENS_WINDOW_S = 10.0
#: Namespaces whose usage one page is told.
ACCOUNTS_MAX = 200
#: A page sends a ping every 20 s; without any for this long it isn't there any more.
PING_TIMEOUT_S = 90.0


class TailSocket(LiveSocket):
    """Wire: ``open``, ``ack``, ``hidden`` come in; ``opened``, ``error``, ``gap``, ``broker`` and view frames go out.

    Holds no rules of its own: filters are checked by ``filters``, counted by ``viewer``, fetched by ``hub``.
    """

    async def connect(self) -> None:
        self.account = str(self.scope["url_route"]["kwargs"]["account"])
        self.viewer = Viewer()
        self._leave: Callable[[], None] | None = None
        self._opens: deque[float] = deque(maxlen=OPENS_MAX)
        #: "open" messages so far, faulty ones too; ``opened`` says which of them it answers.
        self._asked = 0
        await super().connect()

    def places(self) -> process.Places:
        return process.current().tails

    def admit(self) -> set[str]:
        try:
            access.to_namespace(self.visitor.user, self.account, MAY_READ)
        except NotFound:
            raise Gone(auth.UNKNOWN) from None
        except Denied:
            raise Gone(auth.CHANGED_ROLE) from None
        return {notices.namespace_group(self.account)}

    def heard(self, notice: Notice) -> None:
        if notice["kind"] == "gone":
            self.end(auth.UNKNOWN)

    def look(self) -> None:
        if self.viewer.is_stalled(self.now()):
            self.end(auth.NO_ACK)

    def left(self) -> None:
        if self._leave is not None:
            self._leave()
            self._leave = None

    async def take(self, message: dict[str, Any]) -> None:
        match message["op"]:
            case "ack":
                self._ack(message.get("seq"))
            case "hidden":
                self.viewer.hidden = message.get("hidden") is True
            case "open":
                self._open(message)
            case _:
                raise Fault("op", "op must be open, ack or hidden.")

    def _ack(self, seq: object) -> None:
        if type(seq) is not int:
            raise Fault("seq", "seq must be a whole number.")
        self.viewer.acknowledge(seq)

    def _open(self, message: dict[str, Any]) -> None:
        self._asked += 1
        now = self.now()
        if len(self._opens) == OPENS_MAX and now - self._opens[0] < OPENS_WINDOW_S:
            raise Fault("op", "Filters are changed too often: wait a few seconds.")
        self._opens.append(now)
        spec = read_spec(self.account, message)
        self.left()
        self.viewer.reset()
        try:
            self._leave = process.current().hub.join(spec, self)
        except TooManyFeeds:
            self.end(auth.TOO_MANY)

    # The hub's calls ----------------------------------------------------------------------------------------

    def opened(self) -> None:
        self.put(
            {
                "op": "opened",
                "tail": self._asked,
                "credit": CREDIT,
                "frame_interval_ms": int(FLUSH_INTERVAL_S * 1000),
                "limits": {
                    "msgs_per_s": MSGS_PER_S,
                    "bytes_per_s": BYTES_PER_S,
                    "payload_max": PAYLOAD_MAX,
                },
            }
        )

    def frame(self, entry: Entry) -> None:
        if (raw := self.viewer.take(entry, self.now())) is not None:
            self.put(raw)

    def gap(self, reason: str, seconds: float) -> None:
        self.put({"op": "gap", "reason": reason, "seconds": round(seconds, 1)})

    def broker(self, up: bool) -> None:
        self.put({"op": "broker", "up": up})


class ControlSocket(LiveSocket):
    """Wire: ``ping`` comes in; ``hello``, ``event``, ``changed``, ``usage``, ``servers``, ``signed_out`` go out."""

    accounts: frozenset[str]

    async def connect(self) -> None:
        self.accounts = frozenset()
        await super().connect()

    def places(self) -> process.Places:
        return process.current().controls

    def admit(self) -> set[str]:
        user = self.visitor.user
        self.accounts = frozenset(accounts_of(user, ACCOUNTS_MAX))
        projects = Membership.objects.filter(user=user).values_list("project_id", flat=True)
        return {notices.project_group(project) for project in projects}

    async def entered(self) -> None:
        self._pinged_s = self.now()
        self.put({"op": "hello", "version": settings.VERSION})
        process.current().pulse.join(self)

    def left(self) -> None:
        process.current().pulse.leave(self)

    async def take(self, message: dict[str, Any]) -> None:
        if message["op"] != "ping":
            raise Fault("op", "op must be ping.")
        self._pinged_s = self.now()

    def look(self) -> None:
        if self.now() - self._pinged_s > PING_TIMEOUT_S:
            self.end(auth.NO_ACK)

    def heard(self, notice: Notice) -> None:
        if notice["kind"] == "changed":
            what, namespace = notice.get("what"), notice.get("namespace_id")
            self.put({"op": "changed", "what": what, "namespace_id": namespace})
            if what == "namespaces":
                self._recheck.set()  # whose usage is shown may be others now
        elif notice["kind"] == "events":
            for event in notice.get("events", ()):
                self.put({"op": "event", "event": event})

    def pulse(self, message: dict[str, Any]) -> None:
        self.put(message)

    async def _say_last(self, code: int) -> None:
        if code == auth.NOT_SIGNED_IN:
            await self.send(text_data='{"op":"signed_out"}')

"""What the system account can ask of this server, and of its accounts.

Wire     $SYS.REQ.SERVER.PING[.<Z>], $SYS.REQ.SERVER.<id>.<Z>, $SYS.REQ.ACCOUNT.<account>.<Z>, …
Answers  ``{"server":…,"data":…}`` or ``{"server":…,"error":{"code","description"}}``; silence when the filters of the
         request (server_name, host, cluster, tags, domain) mean other servers
Source   nats-server ``events.go`` (initEventTracking, zReq)
"""

import logging
from collections.abc import Callable
from typing import Any, Final

from broker.core import handshake
from broker.core.client import Client
from broker.core.message import Message
from broker.core.subscription import ClientSubscription, Subscription
from broker.monitor import accounts, jsz
from broker.monitor.endpoints import ACCOUNT_STATZ, ENDPOINTS, Endpoint
from broker.monitor.facts import Monitor
from broker.monitor.forms import compact
from broker.monitor.forms import duration as form
from broker.monitor.options import (
    FILTERS,
    BadOption,
    BadRequest,
    Option,
    Values,
    from_json,
)
from broker.monitor.varz import statsz
from broker.protocol.errors import Reason
from broker.protocol.subject import has_wildcards, is_subset
from broker.system.events import Events
from broker.system.outbox import Outbox
from broker.system.user_info import user_info

log = logging.getLogger(__name__)

#: Raised by a reload that can't be; the sentence goes into the answer.
Reload = Callable[[], None]
_CID: Final = (Option("cid", "uint64"),)
_NSUBS: Final = (Option("acc"), Option("subject"), Option("queue"))
_PROFILE: Final = (Option("name"), Option("debug", "int"), Option("duration", "time.Duration"))
_PROFILE_MAX_NS: Final = 15_000_000_000


class ReloadRefused(Exception):
    """The configuration was not taken over; the sentence says why."""


class Requests:
    """``reload`` raises ReloadRefused; None where there is no configuration to read anew."""

    def __init__(self, outbox: Outbox, events: Events, reload: Reload | None = None) -> None:
        self._outbox = outbox
        self._events = events
        self._monitor: Monitor = outbox.monitor
        self._server = outbox.monitor.server
        self._reload = reload

    def subscribe(self) -> None:
        id_ = self._server.server_id
        self._on("$SYS.REQ.SERVER.PING", self._statsz)
        for who in ("PING", id_):
            self._on(f"$SYS.REQ.SERVER.{who}.IDZ", self._idz)
            self._on(f"$SYS.REQ.SERVER.{who}.STATSZ", self._statsz)
            self._on(f"$SYS.REQ.SERVER.{who}.PROFILEZ", self._profilez)
            for name, endpoint in ENDPOINTS.items():
                self._on(f"$SYS.REQ.SERVER.{who}.{name}", self._asker(endpoint))
        self._on(f"$SYS.REQ.SERVER.{id_}.RELOAD", self._reload_config)
        self._on(f"$SYS.REQ.SERVER.{id_}.KICK", self._kick)
        self._on(f"$SYS.REQ.SERVER.{id_}.LDM", self._lame_duck)
        self._subscribe_accounts()
        self._on("$SYS.REQ.USER.*.INFO", self._user_info)
        self._on("$SYS.REQ.USER.INFO", self._user_info)
        self._on("$SYS.DEBUG.SUBSCRIBERS", self._debug_subscribers)

    def _subscribe_accounts(self) -> None:
        for name, option in (("SUBSZ", "account"), ("CONNZ", "acc"), ("LEAFZ", "account")):
            self._on(f"$SYS.REQ.ACCOUNT.*.{name}", self._account_asker(ENDPOINTS[name], option))
        self._on("$SYS.REQ.ACCOUNT.*.JSZ", self._account_jsz)
        self._on("$SYS.REQ.ACCOUNT.*.INFO", self._account_info)
        self._on("$SYS.REQ.ACCOUNT.*.STATZ", self._account_statz)
        self._on("$SYS.REQ.ACCOUNT.*.CONNS", self._account_connections)
        self._on("$SYS.REQ.ACCOUNT.NSUBS", self._subscribers)

    def _on(self, subject: str, handler: Callable[[Message], None]) -> None:
        self._outbox.account.subscribe(subject.encode(), handler)

    # The way of a request ----------------------------------------------------------------------------

    def _run(
        self,
        request: Message,
        struct: str,
        options: tuple[Option, ...],
        make: Callable[[Values], Any],
    ) -> None:
        """``make`` gives the data, None for an answer without."""
        if not request.reply:
            return
        values = self._values(request, struct, options)
        if values is None:
            return
        try:
            data = make(values)
        except jsz.NotLeader:
            return
        except BadRequest as error:
            self._outbox.fail(request, 500, str(error), attempted=True)
            return
        except _Failed as error:
            self._outbox.fail(request, 500, str(error))
            return
        if data is None:
            self._outbox.done(request)
        else:
            self._outbox.answer(request, data)

    def _values(self, request: Message, struct: str, options: tuple[Option, ...]) -> Values | None:
        """None when it is answered already, or meant for others."""
        every = (*options, *(f for f in FILTERS if f.name not in {o.name for o in options}))
        if not request.payload:
            return {option.name: option.default for option in every}
        try:
            values = from_json(struct, every, request.payload)
        except BadOption as error:
            self._outbox.fail(request, 400, str(error))
            return None
        return values if self._is_meant(values) else None

    def _is_meant(self, values: Values) -> bool:
        facts = self._monitor.facts
        own = {
            "server_name": self._monitor.name, "host": self._server.options.host, "cluster": facts.cluster_name,
        }  # fmt: skip
        for name, value in own.items():
            asked = values[name]
            if asked and not (asked == value if values["exact_match"] else asked in value):
                return False
        if any(tag not in facts.tags for tag in values["tags"]):
            return False
        return values["domain"] in ("", facts.domain)

    def _asker(self, endpoint: Endpoint) -> Callable[[Message], None]:
        def ask(request: Message) -> None:
            make = endpoint.answer
            self._run(request, endpoint.struct, endpoint.options, lambda v: make(self._monitor, v))

        return ask

    # Of the server -----------------------------------------------------------------------------------

    def _idz(self, request: Message) -> None:
        options = self._server.options
        identity = {
            "name": self._monitor.name, "host": options.host, "id": self._server.server_id,
        }  # fmt: skip
        self._outbox.reply(request, compact(identity))

    def _statsz(self, request: Message) -> None:
        """Without a reply it is an order to publish them where they always are."""
        if not request.reply:
            self._events.statsz()
        elif self._values(request, "StatszEventOptions", ()) is not None:
            body = {"server": self._outbox.server(), "statsz": statsz(self._monitor)}
            self._outbox.reply(request, compact(body))

    def _profilez(self, request: Message) -> None:
        def make(values: Values) -> dict[str, Any]:
            name, duration = values["name"], values["duration"]
            if not name:
                error = "Profile name not specified"
            elif name == "cpu" and not 0 < duration <= _PROFILE_MAX_NS:
                error = f"Duration {form(duration)} should be between 0s and 15s"
            else:
                error = f'Profile "{name}" not found'
            return {"profile": None, "error": error}

        self._run(request, "ProfilezEventOptions", _PROFILE, make)

    def _reload_config(self, request: Message) -> None:
        def make(_values: Values) -> None:
            if self._reload is None:
                raise _Failed("can only reload config when a file is provided using -c or --config")
            try:
                self._reload()
            except ReloadRefused as error:
                raise _Failed(str(error)) from None

        self._run(request, "EventFilterOptions", (), make)

    def _kick(self, request: Message) -> None:
        def make(client: Client | None) -> None:
            if client is None:
                raise _Failed("no such client or leafnode id")
            client.close(Reason.KICKED)

        self._of_client(request, make)

    def _lame_duck(self, request: Message) -> None:
        def make(client: Client | None) -> None:
            if client is None:
                raise _Failed("no such client id")
            if not handshake.announce(client, lame_duck=True):
                raise _Failed(
                    "client does not support Lame Duck Mode or is not ready to receive the notification"
                )

        self._of_client(request, make)

    def _of_client(self, request: Message, act: Callable[[Client | None], None]) -> None:
        """Without an answer when it isn't understood, as nats-server has it."""
        try:
            values = from_json("KickClientReq", _CID, request.payload)
        except BadOption as error:
            log.error("Error unmarshalling kick client request: %s", error)
            return
        client = self._server.clients.get(values["cid"])
        if request.reply:
            self._run(request, "EventFilterOptions", (), lambda _: act(client))
        else:
            log.debug("kick or lame duck request without a reply: ignored")

    # Of an account -----------------------------------------------------------------------------------

    def _account_asker(self, endpoint: Endpoint, option: str) -> Callable[[Message], None]:
        def ask(request: Message) -> None:
            def make(values: Values) -> Any:
                values[option] = _account(request)
                if endpoint is ENDPOINTS["SUBSZ"]:
                    values["subscriptions"] = True
                return endpoint.answer(self._monitor, values)

            self._run(request, endpoint.struct, endpoint.options, make)

        return ask

    def _account_jsz(self, request: Message) -> None:
        self._run(
            request,
            "JszEventOptions",
            jsz.JSZ_OPTIONS,
            lambda values: jsz.jsz_account(self._monitor, _account(request), values),
        )

    def _account_info(self, request: Message) -> None:
        self._run(
            request,
            "AccInfoEventOptions",
            (),
            lambda _: accounts.account_info(self._monitor, _account(request)),
        )

    def _account_statz(self, request: Message) -> None:
        """Silence about accounts without connections, unless unused ones are asked for."""
        values = self._values(request, ACCOUNT_STATZ.struct, ACCOUNT_STATZ.options)
        if values is None:
            return
        if _account(request) != "PING":
            values["accounts"] = [_account(request)]
        data = accounts.account_statz(self._monitor, values)
        if data["account_statz"] or values["include_unused"]:
            self._outbox.answer(request, data)

    def _account_connections(self, request: Message) -> None:
        account = self._server.accounts.get(_account(request))
        if account is not None and account.connections and request.reply:
            self._outbox.reply(request, compact(self._events.connections(account)))

    def _subscribers(self, request: Message) -> None:
        """How many subscriptions of clients ``{"acc","subject","queue"}`` has."""
        try:
            asked = from_json("accNumSubsReq", _NSUBS, request.payload)
        except BadOption as error:
            log.error("Error unmarshalling account nsubs request message: %s", error)
            return
        account = self._server.accounts.get(asked["acc"])
        if account is not None and account.connections:
            count = _count(
                account.sublist.all(), asked["subject"].encode(), asked["queue"].encode()
            )
            self._outbox.reply(request, str(count).encode())

    # Of whoever asks ---------------------------------------------------------------------------------

    def _user_info(self, request: Message) -> None:
        """The asker stands behind the message; its account is in the subject, put there by its import."""
        if request.reply:
            own = request.subject == b"$SYS.REQ.USER.INFO"
            named = self._outbox.account.name if own else _account(request)
            asker = request.publisher
            known = asker is not None and asker.account.name == named
            info = user_info(asker if known else None, self._monitor.now_s())
            self._outbox.answer(request, info)

    def _debug_subscribers(self, request: Message) -> None:
        """Payload   ``subject[ queue]``; answers a bare number."""
        words = request.payload.split()
        count = _count(
            self._outbox.account.sublist.all(),
            words[0] if words else b"",
            words[1] if len(words) > 1 else b"",
        )
        self._outbox.reply(request, str(count).encode())


class _Failed(Exception):
    """An order that couldn't be carried out."""


def _account(request: Message) -> str:
    return request.subject.decode("utf-8", "replace").split(".")[3]


def _count(subscriptions: Any, subject: bytes, queue: bytes) -> int:
    """A literal subject counts who would get it, a wildcard one the subscriptions inside it."""
    wild = has_wildcards(subject)

    def counts(sub: Subscription) -> bool:
        if not isinstance(sub, ClientSubscription) or (queue and sub.queue != queue):
            return False
        return is_subset(sub.subject, subject) if wild else is_subset(subject, sub.subject)

    return sum(map(counts, subscriptions))

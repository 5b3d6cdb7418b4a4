"""The endpoints: for each its options, nats-server's name of them, and its answer."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Final

from broker.monitor import accounts, connz, jsz, peers, subsz, varz
from broker.monitor.facts import Monitor
from broker.monitor.options import Option, Values


@dataclass(frozen=True, slots=True)
class Endpoint:
    """``struct`` is the Go type that requests over the system account are decoded into."""

    struct: str
    options: tuple[Option, ...]
    answer: Callable[[Monitor, Values], Any]


#: By the last token of a request's subject.
ENDPOINTS: Final = {
    "VARZ": Endpoint("VarzEventOptions", (), varz.varz),
    "CONNZ": Endpoint("ConnzEventOptions", connz.OPTIONS, connz.connz),
    "SUBSZ": Endpoint("SubszEventOptions", subsz.OPTIONS, subsz.subsz),
    "ROUTEZ": Endpoint("RoutezEventOptions", peers.ROUTEZ_OPTIONS, peers.routez),
    "GATEWAYZ": Endpoint("GatewayzEventOptions", peers.GATEWAYZ_OPTIONS, peers.gatewayz),
    "LEAFZ": Endpoint("LeafzEventOptions", peers.LEAFZ_OPTIONS, peers.leafz),
    "ACCOUNTZ": Endpoint("AccountzEventOptions", accounts.ACCOUNTZ_OPTIONS, accounts.accountz),
    "JSZ": Endpoint("JszEventOptions", jsz.JSZ_OPTIONS, jsz.jsz),
    "HEALTHZ": Endpoint("HealthzEventOptions", jsz.HEALTHZ_OPTIONS, jsz.healthz),
    "IPQUEUESZ": Endpoint("IpqueueszEventOptions", peers.IPQUEUESZ_OPTIONS, peers.ipqueuesz),
    "RAFTZ": Endpoint("RaftzEventOptions", peers.RAFTZ_OPTIONS, peers.raftz),
    "EXPVARZ": Endpoint("ExpvarzEventOptions", (), peers.expvarz),
}
#: Over the system account under ``$SYS.REQ.ACCOUNT``.
ACCOUNT_STATZ: Final = Endpoint(
    "AccountStatzEventOptions", accounts.STATZ_OPTIONS, accounts.account_statz
)
#: By path; some have two.
PATHS: Final = {
    "/varz": ENDPOINTS["VARZ"],
    "/connz": ENDPOINTS["CONNZ"],
    "/routez": ENDPOINTS["ROUTEZ"],
    "/gatewayz": ENDPOINTS["GATEWAYZ"],
    "/leafz": ENDPOINTS["LEAFZ"],
    "/subsz": ENDPOINTS["SUBSZ"],
    "/subscriptionsz": ENDPOINTS["SUBSZ"],
    "/accountz": ENDPOINTS["ACCOUNTZ"],
    "/accstatz": ACCOUNT_STATZ,
    "/jsz": ENDPOINTS["JSZ"],
    "/healthz": ENDPOINTS["HEALTHZ"],
    "/ipqueuesz": ENDPOINTS["IPQUEUESZ"],
    "/debug/vars": ENDPOINTS["EXPVARZ"],
}

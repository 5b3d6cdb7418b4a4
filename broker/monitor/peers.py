"""What is told of other servers and of nats-server's inner parts: this server stands alone and has none of them."""

import sys
from typing import Any, Final

from broker.monitor.facts import Monitor
from broker.monitor.forms import memory, timestamp
from broker.monitor.options import Option, Values

_SUBS: Final = (Option("subscriptions", "bool", "subs"), Option("subscriptions_detail", "bool"))
ROUTEZ_OPTIONS: Final = _SUBS
GATEWAYZ_OPTIONS: Final = (
    Option("name", "string", "gw_name"), Option("accounts", "bool", "accs"),
    Option("account_name", "string", "acc_name"), *_SUBS,
)  # fmt: skip
LEAFZ_OPTIONS: Final = (Option("subscriptions", "bool", "subs"), Option("account", "string", "acc"))
IPQUEUESZ_OPTIONS: Final = (Option("all", "bool", "all"), Option("filter", "string", "queues"))
RAFTZ_OPTIONS: Final = (Option("account", "string", "acc"), Option("group", "string", "group"))


def routez(monitor: Monitor, _options: Values) -> dict[str, Any]:
    return {
        "server_id": monitor.server.server_id, "server_name": monitor.name,
        "now": timestamp(monitor.now_s()), "num_routes": 0, "routes": [],
    }  # fmt: skip


def gatewayz(monitor: Monitor, _options: Values) -> dict[str, Any]:
    head = {"server_id": monitor.server.server_id, "now": timestamp(monitor.now_s())}
    return {**head, "outbound_gateways": {}, "inbound_gateways": {}}


def leafz(monitor: Monitor, _options: Values) -> dict[str, Any]:
    head = {"server_id": monitor.server.server_id, "now": timestamp(monitor.now_s())}
    return {**head, "leafnodes": 0, "leafs": []}


def ipqueuesz(_monitor: Monitor, _options: Values) -> dict[str, Any]:
    """Nothing waits in queues between threads: there is one."""
    return {}


def raftz(_monitor: Monitor, _options: Values) -> dict[str, Any]:
    return {}


def expvarz(_monitor: Monitor, _options: Values) -> dict[str, Any]:
    """Python's counterpart of Go's memory statistics, under the names that both know."""
    import gc

    collections = sum(generation["collections"] for generation in gc.get_stats())
    resident = memory()
    stats = {
        "Alloc": resident, "Sys": resident, "HeapAlloc": resident, "HeapSys": resident,
        "NumGC": collections, "EnableGC": gc.isenabled(),
    }  # fmt: skip
    return {"memstats": stats, "cmdline": list(sys.orig_argv)}

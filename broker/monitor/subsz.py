"""/subsz: subscriptions, counted and listed.

Source   nats-server ``monitor.go`` (Subsz), ``sublist.go`` (SublistStats)
"""

from collections.abc import Iterable
from typing import Any, Final

from broker.core.account import Account
from broker.core.sublist import Sublist
from broker.core.subscription import Subscription
from broker.monitor.connz import subscription
from broker.monitor.facts import Monitor
from broker.monitor.forms import number, timestamp
from broker.monitor.options import BadRequest, Option, Values
from broker.protocol.subject import is_subset, is_valid_literal

LIMIT_DEFAULT: Final = 1024

OPTIONS: Final = (
    Option("offset", "int", "offset"), Option("limit", "int", "limit"),
    Option("subscriptions", "bool", "subs"), Option("account", "string", "acc"), Option("test", "string", "test"),
)  # fmt: skip


def subsz(monitor: Monitor, options: Values) -> dict[str, Any]:
    """Raises BadRequest."""
    test = options["test"].encode()
    if test and not is_valid_literal(test):
        raise BadRequest(f"invalid test subject, must be valid publish subject: {options['test']}")
    wanted = options["account"]
    accounts = [a for a in monitor.server.accounts.values() if wanted in ("", a.name)]
    offset = max(options["offset"], 0)
    limit = options["limit"] if options["limit"] > 0 else LIMIT_DEFAULT
    answer = {
        "server_id": monitor.server.server_id,
        "now": timestamp(monitor.now_s()),
        **sublist_stats(account.sublist for account in accounts),
        "total": 0,
        "offset": offset,
        "limit": limit,
    }
    if options["subscriptions"]:
        found = [(a, sub) for a in accounts for sub in a.sublist.all() if _reached(sub, test)]
        answer["total"] = len(found)
        page = [_detail(account, sub) for account, sub in found[offset : offset + limit]]
        if page:
            answer["subscriptions_list"] = page
    return answer


def _reached(sub: Subscription, test: bytes) -> bool:
    return not test or is_subset(test, sub.subject)


def _detail(account: Account, sub: Subscription) -> dict[str, Any]:
    cid = sub.client.cid if sub.client is not None else 0
    return {"account": account.name, "account_tag": account.label, **subscription(sub, cid)}


def sublist_stats(sublists: Iterable[Sublist]) -> dict[str, Any]:
    """Added up; the largest fan-out of all, the mean of what is cached."""
    lists = list(sublists)
    matches = sum(one.matches for one in lists)
    hits = sum(one.cache_hits for one in lists)
    fanouts = [len(m.plain) + len(m.queues) for one in lists for m in one.cached()]
    return {
        "num_subscriptions": sum(map(len, lists)),
        "num_cache": len(fanouts),
        "num_inserts": sum(one.inserts for one in lists),
        "num_removes": sum(one.removes for one in lists),
        "num_matches": matches,
        "cache_hit_rate": number(hits / matches) if matches else 0,
        "max_fanout": max(fanouts, default=0),
        "avg_fanout": number(sum(fanouts) / len(fanouts)) if sum(fanouts) else 0,
    }

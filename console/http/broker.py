"""What the broker says: its connections, its servers, what happened; and closing one connection."""

from datetime import UTC, datetime
from typing import Any

from rest_framework.request import Request
from rest_framework.response import Response

from broker.contract.reports import Event
from console.gateway import broker, reports
from console.gateway.errors import BrokerUnavailable
from console.http import answers, shapes
from console.http.described import describe
from console.http.views import View, actor, person
from console.lib.times import rfc3339
from console.models import AuditEntry, Namespace
from console.models.membership import MAY_WRITE
from console.selectors import access, connections
from console.services import audit
from console.services.errors import NotFound

ACTIVITY_MAX = 200


class Servers(View):
    tag = "Broker"

    @describe("The brokers that run", answers.Servers)
    def get(self, request: Request) -> Response:
        try:
            found = reports.servers()
        except BrokerUnavailable:
            found = []
        return Response({"servers": list(map(reports.as_json, found)), "reachable": bool(found)})


class Connections(View):
    tag = "Connections"

    @describe("Live connections of a namespace", answers.ConnectionList)
    def get(self, request: Request, account: str) -> Response:
        access.to_namespace(person(request), account)
        found, total = connections.listed(account)
        return Response({"connections": found, "total_count": total})


class OneConnection(View):
    tag = "Connections"

    @describe("Close a connection; its client may come back", None)
    def delete(self, request: Request, account: str, cid: int) -> Response:
        namespace = access.to_namespace(person(request), account, MAY_WRITE, "write").namespace
        if not broker.ask("kick", account=account, cid=cid).get("closed"):
            raise NotFound("connection", str(cid))
        about = audit.About(project=namespace.project, namespace=namespace, target=str(cid))
        audit.record(actor(request), "connection.closed", f"Connection {cid} was closed.", about)
        return Response(status=204)


class Activity(View):
    tag = "Activity"

    @describe("What happened in a namespace, newest first", answers.ActivityList)
    def get(self, request: Request, account: str) -> Response:
        namespace = access.to_namespace(person(request), account).namespace
        rows = AuditEntry.objects.filter(namespace_id=account).order_by("-at", "-pk")[:ACTIVITY_MAX]
        entries = [*map(shapes.audit, rows), *_events(namespace)]
        entries.sort(key=lambda entry: str(entry["at"]), reverse=True)
        return Response({"activity": entries[:ACTIVITY_MAX]})


def _events(namespace: Namespace) -> list[dict[str, Any]]:
    try:
        found = reports.events({namespace.id}, ACTIVITY_MAX)
    except BrokerUnavailable:
        return []
    users = {event.user for event in found}
    names = dict(
        namespace.credentials.filter(public_key__in=users).values_list("public_key", "name")
    )
    return [_event(event, names.get(event.user, "")) for event in found]


def _event(event: Event, credential: str) -> dict[str, Any]:
    who = event.name or credential or event.user
    return {
        "at": rfc3339(datetime.fromtimestamp(event.at, UTC)),
        "kind": f"client.{event.kind}",
        "actor": credential or event.user,
        "target": event.name,
        "message": f"{_WORDS[event.kind].format(who=who)}{': ' if event.reason else '.'}{event.reason}",
        "address": event.ip,
        "details": {
            "cid": event.cid,
            "user": event.user,
            "lang": event.lang,
            "version": event.version,
            "reason": event.reason,
        },
    }


_WORDS = {
    "connect": "{who} connected",
    "disconnect": "{who} disconnected",
    "auth_refused": "{who} was refused",
    "slow_consumer": "{who} was too slow to read",
    "limit": "{who} reached a limit",
}

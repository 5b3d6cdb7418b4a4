"""Invented namespaces, credentials, connections and messages for ``fake_console``, in the API's own forms."""

import json
import re
import time
from datetime import UTC, datetime, timedelta
from typing import Any
from zlib import crc32

from broker.contract.frames import Record
from tests.browser import fake_keys, fake_kv, fake_streams

SUBJECTS = (
    b"orders.eu.paid",
    b"orders.us.created",
    b"orders.apac.created",
    b"orders.us.shipped",
    b"orders.eu.refund.requested",
)
HEADER = b"NATS/1.0\r\nTrace-Id: 4bf92f35\r\nContent-Type: application/json\r\n\r\n"
BORN = time.time()
DAY = timedelta(days=1)
Answer = tuple[int, Any]


def policy(host: str) -> str:
    """The real Content-Security-Policy."""
    import django

    django.setup()
    from console.http.middleware import content_security_policy

    return content_security_policy(host)


def stamp(age: timedelta = timedelta()) -> str:
    return (datetime.now(UTC) - age).isoformat(timespec="seconds").replace("+00:00", "Z")


def record(number: int) -> Record:
    """The payload's "seq" is ``number``; every fifth has a reply, every fourth a header."""
    body = {"id": f"ord_{number:06x}", "total": number % 650 / 4, "currency": "EUR", "seq": number}
    payload = json.dumps(body).encode()
    reply = b"_INBOX.h2KxQ.4" if number % 5 == 0 else b""
    header = HEADER if number % 4 == 0 else b""
    return Record(time.time_ns(), SUBJECTS[number % 5], reply, header, payload, len(payload))


def given(message: dict[str, Any]) -> Record:
    """As a test describes it: payload in hex, texts otherwise."""
    payload = bytes.fromhex(message.get("payload_hex", ""))
    return Record(
        message.get("received_ns", time.time_ns()), message["subject"].encode(),
        message.get("reply", "").encode(), message.get("header", "").encode(), payload,
        message.get("size", len(payload)),
    )  # fmt: skip


def presence(rate: int) -> dict[str, Any]:
    now = time.time()
    return {
        "server_id": "N1", "server_name": "one", "version": "0", "build": "python", "start": BORN, "at": now,
        "nats_url": "", "ws_url": "", "connections": 2, "subscriptions": 3, "accounts": 1, "taps": 1,
        "in_msgs": int(rate * (now - BORN)), "in_bytes": 0, "out_msgs": 0, "out_bytes": 0, "slow_consumers": 0, "mem": 0,
    }  # fmt: skip


def usage(rate: int) -> dict[str, Any]:
    now = time.time()
    sent = int(rate * (now - BORN))
    return {
        "at": now, "connections": 2, "total_connections": 5, "subscriptions": 3, "in_msgs": sent,
        "in_bytes": sent * 90, "out_msgs": sent, "out_bytes": sent * 90, "slow_consumers": 0,
    }  # fmt: skip


def credential(name: str, **differing: Any) -> dict[str, Any]:
    return {
        "id": f"00000000-0000-4000-8000-{crc32(name.encode()):012d}", "name": name, "public_key": f"U{name.upper():A<55}",
        "status": "active", "created_at": stamp(9 * DAY), "created_by": {"email": "olga@example.org"}, "expires_at": None,
        "revoked_at": None, "first_used_at": None, "last_used_at": None, "last_used_from": "", "last_client": "",
        "connections": 0, "permissions": None, "connection_types": [], "source_networks": [],
        "jti": "FAKE", "revoke_at": None, "follows": None,
    } | differing  # fmt: skip


def connection(cid: int) -> dict[str, Any]:
    return {
        "cid": cid, "account": "A", "user": f"U{'CHECKOUT':A<55}", "ip": "10.0.4.22", "port": 40000 + cid, "kind": "nats",
        "name": "checkout", "lang": "go", "version": "1.52.0", "start": BORN, "last_activity": BORN, "rtt_s": 0.0004,
        "subscriptions": 3, "pending_bytes": 0, "in_msgs": 1234, "in_bytes": 99999, "out_msgs": 10, "out_bytes": 1000,
    }  # fmt: skip


def export(name: str, subject: str, **differing: Any) -> dict[str, Any]:
    return {
        "id": f"00000000-0000-4000-8000-{crc32(name.encode()):012d}", "name": name, "kind": "stream", "subject": subject,
        "namespace": {"id": f"A{'SHOP':A<55}", "name": "shop"}, "public": False, "import_count": 2, "created_at": stamp(DAY),
    } | differing  # fmt: skip


EXPORTS = [export("Paid orders", "orders.*.paid"), export("Prices", "price", kind="service", public=True)]  # fmt: skip
IMPORTS = [{"id": "00000000-0000-4000-8000-000000000001", "export": export("Stock", "stock.*.level"),
            "local_subject": "warehouse.$1.level", "created_at": stamp(DAY)}]  # fmt: skip

ACTIVITY = [
    ("connect", "checkout", "checkout connected with go 1.52.0"),
    ("auth_refused", "laptop", "laptop: credential is revoked"),
    ("credential.create", "checkout", "checkout created"),
    ("slow_consumer", "metrics", "metrics was too slow; its connection was closed"),
]


class Data:
    """The API's answers; ``namespaces`` by id."""

    def __init__(self) -> None:
        self.role = "owner"
        self.namespaces: dict[str, dict[str, Any]] = {}
        self.keys = fake_keys.Keys()
        self.set_namespaces(["orders"])
        self.credentials = [
            credential("checkout", first_used_at=stamp(DAY), last_used_at=stamp(), last_client="go 1.52.0", connections=2),
            credential("laptop", status="revoked", revoked_at=stamp(DAY)),
            credential("metrics", revoke_at=stamp(-DAY), connection_types=["WEBSOCKET"], source_networks=["10.0.0.0/8"]),
            credential("warehouse", expires_at=stamp(-DAY), permissions={"publish": {"allow": ["orders.>"], "deny": []}}),
        ]  # fmt: skip

    def set_namespaces(self, names: list[str]) -> None:
        self.namespaces = {}
        for name in names:
            self.add_namespace(name)

    def add_namespace(self, name: str) -> dict[str, Any]:
        key = f"A{name.upper():A<55}"
        self.namespaces[key] = {
            "id": key, "name": name, "project_id": "p1", "role": self.role, "created_at": stamp(DAY), "updated_at": stamp(),
            "credential_count": 3, "usage": usage(10), "broker": "applied", "limits": {"conn": 10, "subs": -1},
        }  # fmt: skip
        return self.namespaces[key]

    def session(self, signed_in: bool) -> dict[str, Any]:
        user = {
            "id": "1",
            "email": "olga@example.org",
            "name": "Olga Winter",
            "is_admin": True,
            "has_password": False,
        }
        projects = [{"id": "p1", "name": "Shop", "role": self.role}]
        return {
            "user": user if signed_in else None, "sign_up": "closed", "projects": projects if signed_in else [],
            "nats": {"url": "nats://127.0.0.1:4222", "ws_url": ""}, "version": "fake", "csrf_token": "fake",
        }  # fmt: skip

    def answer(self, state: Any, method: str, path: str, body: dict[str, Any]) -> Answer:
        if path.startswith(("/_allauth/", "/api/session")):
            return self.sign_in(state, path, body)
        if not state.signed_in:
            return 401, {"type": "denied_authentication", "message": "Sign in first."}
        if path == "/api/namespaces":
            if method == "POST":
                made = self.add_namespace(body["name"])
                made |= {"usage": None, "credential_count": 0}
                return 201, made
            return 200, {"namespaces": list(self.namespaces.values()), "total_count": 1}
        if path.endswith("/members"):
            person = {"id": "1", "email": "olga@example.org", "name": "Olga Winter"}
            return 200, {
                "members": [{"user": person, "role": "owner", "created_at": stamp()}],
                "total_count": 1,
            }
        if path.startswith("/api/api-keys"):
            return self.keys.answer(method, path.rpartition("/")[2], body)
        found = re.fullmatch(r"/api/namespaces/(A\w+)/?([\w-]*)/?(.*)", path)
        if not found or found[1] not in self.namespaces:
            return 404, {"type": "not_found", "message": "resource is not found"}
        if found[2] == "streams":
            return fake_streams.answer(method, path.partition("/streams")[2])
        if found[2] == "kv":
            return fake_kv.answer(method, path.partition("/kv")[2])
        return self.inside(method, found[2], body)

    def sign_in(self, state: Any, path: str, body: dict[str, Any]) -> Answer:
        if path.endswith("/auth/session"):
            state.signed_in = False
            return 401, {"status": 401}
        if path.endswith("/auth/login") and state.has_second_factor:
            return 401, {
                "status": 401,
                "data": {"flows": [{"id": "mfa_authenticate", "is_pending": True}]},
            }
        secret = body.get("token") or body.get("password") or body.get("code")
        if path != "/api/session" and secret != "right":
            return 400, {"type": "invalid_arguments", "message": "no", "details": []}
        state.signed_in = state.signed_in or path != "/api/session"
        return 200, self.session(state.signed_in)

    def inside(self, method: str, what: str, body: dict[str, Any]) -> Answer:
        if what == "credentials" and method == "POST":
            made = credential(body.get("name", "checkout"), created_at=stamp())
            self.credentials.append(made)
            return 201, {
                "credential": made,
                "creds": "fake file\n",
                "file_name": f"{made['name']}.creds",
            }
        if what == "credentials" and method == "DELETE":
            return 200, {
                "credential": self.credentials[0],
                "broker": "applied",
                "closed_connections": 2,
            }
        lists: dict[str, Any] = {
            "credentials": {"credentials": self.credentials, "total_count": len(self.credentials)},
            "connections": {"connections": [connection(n) for n in range(1, 6)], "total_count": 5},
            "activity": {"activity": [
                {"at": stamp(), "kind": kind, "actor": "olga@example.org", "target": target, "message": message, "address": "10.0.0.9", "details": {}}
                for kind, target, message in ACTIVITY
            ]},
            "exports": {"exports": EXPORTS, "total_count": 2},
            "importable": {"exports": EXPORTS, "total_count": 2},
            "imports": {"imports": IMPORTS, "total_count": 1},
            "revoke-before": {"before": stamp(), "revoked": 3, "broker": "applied", "closed_connections": 2},
            "publish": {"published_at": stamp(), "bytes": 5},
            "request": {"subject": "_INBOX.1", "headers": {}, "payload_base64": "eyJvayI6dHJ1ZX0=", "elapsed_ms": 3.1},
        }  # fmt: skip
        return 200, lists.get(what, {})

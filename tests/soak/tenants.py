"""Ten thousand namespaces with ten credentials each: list pages, claims on their way, and how fast a broker starts.

    python -m tests.soak.tenants [--namespaces N] [--credentials M]

Starts the product in a directory that goes away, fills its database, waits until the broker has every claim, then asks
and measures. Figures are JSON; ``*_ms`` are medians with the worst beside them.
"""

from __future__ import annotations

import argparse
import json
import re
import statistics
import subprocess
import sys
import tempfile
import time
import urllib.request
from collections.abc import Callable
from pathlib import Path
from typing import Any

from tests.support.stack import ROOT, Stack
from tests.support.wait import wait_until

REPEATED = 15
REGION = "/mnq/v1beta1/regions/fr-par"
#: argv: number of namespaces, of credentials in each. Bulk inserts of what the services would write one by one.
FILL = """
import sys, time, uuid
import django
django.setup()
from django.db import transaction
from broker.identity.nkeys import KeyPair
from console.models import Credential, Namespace, Project, User
from console.services import namespaces, sign_in
count, each = map(int, sys.argv[1:])
project = sign_in.ensure_project(User.objects.get(is_admin=True))
for start in range(0, count, 500):
    rows = [namespaces._new(project, f"n{number:05}") for number in range(start, min(count, start + 500))]
    with transaction.atomic():
        Namespace.objects.bulk_create(rows)
        Credential.objects.bulk_create(
            Credential(
                namespace=row, project=project, name=f"c{number}", public_key=KeyPair.generate("user").public,
                jti="x", issued_at=int(time.time()), checksum="0" * 40,
            )
            for row in rows for number in range(each)
        )
"""


def main(arguments: list[str]) -> int:
    parser = argparse.ArgumentParser(prog="tenants", description=__doc__)
    parser.add_argument("--namespaces", type=int, default=10_000)
    parser.add_argument("--credentials", type=int, default=10)
    options = parser.parse_args(arguments)
    with tempfile.TemporaryDirectory(prefix="tenants-") as directory:
        stack = Stack(Path(directory))
        with stack:
            figures = measure(stack, options.namespaces, options.credentials)
        began = time.perf_counter()
        with stack:
            figures["start_of_everything_s"] = round(time.perf_counter() - began, 1)
            ready = re.findall(r"broker: ready after ([0-9.]+) s", stack.text)
            figures["broker_start_s"] = float(ready[-1])
    print(json.dumps(figures, indent=1))
    return 0


def measure(stack: Stack, namespaces: int, credentials: int) -> dict[str, Any]:
    environment = stack.variables() | {
        "DJANGO_SETTINGS_MODULE": "console.settings",
        "WIREROOM_DATA_DIR": str(stack.data_dir),
    }
    command = [sys.executable, "-c", FILL, str(namespaces), str(credentials)]
    began = time.perf_counter()
    subprocess.run(command, cwd=ROOT, env=environment, check=True)
    figures: dict[str, Any] = {"fill_s": round(time.perf_counter() - began, 1)}
    program = Program(json.loads(stack.manage("api_key", "create", "--json")))
    claims = stack.data_dir / "broker" / "jwt"
    began = time.perf_counter()
    wait_until(lambda: len(list(claims.iterdir())) > namespaces, "the broker's claims", 600)
    figures["all_claims_at_the_broker_s"] = round(time.perf_counter() - began, 1)
    last = namespaces // 100
    accounts, users = f"{REGION}/nats-accounts", f"{REGION}/nats-credentials"
    one = program.get(f"{accounts}?page_size=1")["nats_accounts"][0]["id"]
    for name, path in {
        "accounts_first_page": accounts,
        "accounts_last_page_of_100": f"{accounts}?page_size=100&page={last}",
        "accounts_by_name_desc": f"{accounts}?order_by=name_desc",
        "credentials_first_page": users,
        "credentials_last_page_of_100": f"{users}?page_size=100&page={last * credentials}",
        "credentials_by_name": f"{users}?order_by=name_asc",
        "credentials_of_an_account": f"{users}?nats_account_id={one}",
        "console_first_page": "/api/namespaces?page_size=50",
        "console_credentials": f"/api/namespaces/{one}/credentials",
    }.items():
        figures[f"{name}_ms"] = timed(lambda path=path: program.get(path))
    names = iter(range(10**6))
    figures["changed_claims_in_force_ms"] = timed(
        lambda: program.call("PATCH", f"{accounts}/{one}", {"name": f"changed-{next(names)}"})
    )
    return figures


class Program:
    """Calls by API key over one connection each, as scripts do."""

    def __init__(self, key: dict[str, str]) -> None:
        self._key = key
        self._opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))

    def get(self, path: str) -> Any:
        return self.call("GET", path)

    def call(self, method: str, path: str, body: Any = None) -> Any:
        request = urllib.request.Request(self._key["api_url"] + path, method=method)
        request.add_header("X-Auth-Token", self._key["secret_key"])
        if body is not None:
            request.add_header("Content-Type", "application/json")
            request.data = json.dumps(body).encode()
        with self._opener.open(request, timeout=60) as answer:
            return json.loads(answer.read())


def timed(call: Callable[[], Any]) -> list[float]:
    """[median, worst] in milliseconds."""
    took = []
    for _ in range(REPEATED):
        began = time.perf_counter()
        call()
        took.append((time.perf_counter() - began) * 1000)
    return [round(statistics.median(took), 1), round(max(took), 1)]


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))

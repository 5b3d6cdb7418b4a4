"""``manage.py nats_config``: a server configuration that our broker and a real nats-server take.

It holds no secret: the operator's public word, the system account's claims, ports. A namespace's claims reach our
broker through Redis, a real nats-server through its resolver's directory.
"""

import json
import os
from pathlib import Path
from typing import Any

from django.conf import settings
from django.core.management.base import BaseCommand, CommandError, CommandParser

from console.models import Operator

OPERATOR_FILE = "operator.jwt"
CONFIG_FILE = "server.conf"
RESOLVER_DIR = "jwt"


class Command(BaseCommand):
    help = "Print the broker's configuration, or write it with --dir."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument(
            "--dir", help=f"write {CONFIG_FILE} and {OPERATOR_FILE} there instead of printing"
        )
        parser.add_argument("--host", default=settings.HOST)
        parser.add_argument("--nats-port", type=int, default=settings.NATS_PORT)
        parser.add_argument("--ws-port", type=int, default=settings.WS_PORT, help="0 = off")
        parser.add_argument(
            "--monitor-port", type=int, default=settings.MONITOR_PORT, help="0 = off"
        )
        parser.add_argument(
            "--url-resolver",
            action="store_true",
            help="accounts are asked for at the console's /jwt/v1/accounts/ instead of kept in a directory",
        )
        parser.add_argument(
            "--no-coordination",
            action="store_true",
            help="without our own block: for a real nats-server",
        )

    def handle(self, *args: Any, **options: Any) -> None:
        operator = Operator.objects.first()
        if operator is None:
            raise CommandError("There is no operator yet: run manage.py bootstrap first.")
        if options["dir"] is None:
            self.stdout.write(configuration(operator, options, operator.jwt, "."))
            return
        directory = Path(options["dir"]).absolute()
        try:
            directory.mkdir(mode=0o700, parents=True, exist_ok=True)
            file = directory / OPERATOR_FILE
            write_whole(file, operator.jwt + "\n")
            text = configuration(operator, options, str(file), str(directory))
            write_whole(directory / CONFIG_FILE, text)
        except OSError as error:
            raise CommandError(f"--dir {directory} can't be written: {error.strerror}.") from None


def configuration(
    operator: Operator, options: dict[str, Any], operator_value: str, directory: str
) -> str:
    """``operator_value`` is a file's path or the JWT itself: the configuration language takes both.

    Accounts' tokens and JetStream's streams are kept in ``directory``.
    """
    jwt_dir = f"{directory}/{RESOLVER_DIR}"
    blocks = [
        f"host: {_quoted(options['host'])}",
        f"port: {options['nats_port']}",
        f"operator: {_quoted(operator_value)}",
        f"system_account: {operator.system_account}",
        *_resolver(operator, options, jwt_dir),
    ]
    blocks.append(f"jetstream {{\n  store_dir: {_quoted(directory)}\n}}")
    if options["ws_port"]:
        host, port = _quoted(options["host"]), options["ws_port"]
        blocks.append(f"websocket {{\n  host: {host}\n  port: {port}\n  no_tls: true\n}}")
    if options["monitor_port"]:
        blocks.append(f'http: "127.0.0.1:{options["monitor_port"]}"')
    if not options["no_coordination"]:
        blocks.append("coordination {\n  url: $REDIS_URL\n}")
    return "\n".join(blocks) + "\n"


def _resolver(operator: Operator, options: dict[str, Any], jwt_dir: str) -> list[str]:
    if options["url_resolver"]:
        return [f"resolver: URL({settings.CONSOLE_URL}/jwt/v1/accounts/)"]
    return [
        f"resolver {{\n  type: full\n  dir: {_quoted(jwt_dir)}\n  allow_delete: true\n"
        '  interval: "2m"\n}',
        f"resolver_preload {{\n  {operator.system_account}: {_quoted(operator.system_account_jwt)}\n}}",
    ]


def write_whole(path: Path, text: str) -> None:
    """Either the old file or the new one is there, whenever somebody looks or the power goes."""
    draft = path.with_name(f".{path.name}.{os.getpid()}")
    with draft.open("w") as file:
        file.write(text)
        file.flush()
        os.fsync(file.fileno())
    draft.replace(path)


def _quoted(text: str) -> str:
    return json.dumps(text)

"""``manage.py test`` for Django's list of commands; ``manage.py`` itself runs it without Django."""

from argparse import ArgumentParser
from typing import Any

from django.core.management.base import BaseCommand

from console.supervisor.bootstrap import run


class Command(BaseCommand):
    help = "Run the tests; further arguments go to pytest."

    def run_from_argv(self, argv: list[str]) -> None:
        raise SystemExit(run("test", argv))

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("arguments", nargs="*")

    def handle(self, *args: Any, **options: Any) -> None:
        raise SystemExit(run("test", ["manage.py", "test", *options["arguments"]]))

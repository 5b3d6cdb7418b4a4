"""The box that a start ends with: where everything is, and how to sign in the first time."""

import os
import shlex
import stat
import sys
from typing import TextIO

from console.supervisor.health import in_url
from console.supervisor.options import Options

RULE_WIDTH = 76


def may_show_link(stream: TextIO) -> bool:
    """Not to a log daemon's socket, which keeps it for others to read. Elsewhere whoever started this is the reader,
    and the link works once and for minutes only."""
    try:
        mode = os.fstat(stream.fileno()).st_mode
    except (OSError, ValueError):
        return False
    return not stat.S_ISSOCK(mode)


def text(options: Options, link: str, show_link: bool) -> str:
    """``link`` is empty when somebody has signed in before."""
    host = in_url({"0.0.0.0": "127.0.0.1", "::": "::1"}.get(options.host, options.host))  # noqa: S104
    command = login_link_command(options)
    rows = [
        ("Console", os.environ.get("WIREROOM_PUBLIC_URL") or f"http://{host}:{options.http_port}")
    ]
    if link and show_link:
        rows += [("Sign in", link), ("", "works once, for 15 minutes; another: " + command)]
    else:
        rows += [("Sign in", command)] if link else [("No password?", command)]
    rows += [("NATS", os.environ.get("WIREROOM_NATS_URL") or f"nats://{host}:{options.nats_port}")]
    if options.ws_port:
        rows += [
            ("WebSocket", os.environ.get("WIREROOM_WS_URL") or f"ws://{host}:{options.ws_port}")
        ]
    if options.monitor_port:
        rows += [("Monitoring", f"http://127.0.0.1:{options.monitor_port}")]
    rows += [("Data", str(options.data_dir)), ("Stop", "Ctrl-C")]
    return _framed("Wireroom is running", rows)


def login_link_command(options: Options) -> str:
    """What prints another sign-in link for these settings."""
    changed = {
        "WIREROOM_DATA_DIR": (str(options.data_dir), options.is_default_data_dir),
        "WIREROOM_HTTP_PORT": (str(options.http_port), options.http_port == 8000),
        "WIREROOM_HOST": (options.host, options.host == "127.0.0.1"),
    }
    given = [
        f"{name}={shlex.quote(value)}" for name, (value, default) in changed.items() if not default
    ]
    return " ".join([*given, "python3 manage.py login_link"])


def _framed(title: str, rows: list[tuple[str, str]]) -> str:
    """Open to the right: a link longer than the terminal is wide can still be copied."""
    label_width = max(len(label) for label, _ in rows)
    lines = ["", *(f"{label:<{label_width}}  {value}" for label, value in rows), ""]
    top, side, bottom = _strokes()
    rule = top[1] * RULE_WIDTH
    body = [f"{side} {line}".rstrip() for line in lines]
    head = f"{top[0]}{top[1]} {title} {rule[len(title) + 3 :]}"
    return "\n".join(["", head, *body, f"{bottom[0]}{rule}", ""])


def _strokes() -> tuple[str, str, str]:
    try:
        "╭─│╰".encode(sys.stdout.encoding or "ascii")
    except (UnicodeEncodeError, LookupError):
        return "+-", "|", "+-"
    return "╭─", "│", "╰─"

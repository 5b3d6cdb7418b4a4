"""The pages of monitoring that are no JSON: the root page with its links, and the stacks."""

import sys
import traceback
from html import escape
from typing import Final

_LINKS: Final = (
    ("General", "/varz"), ("JetStream", "/jsz"), ("Connections", "/connz"), ("Accounts", "/accountz"),
    ("Account Stats", "/accstatz"), ("Subscriptions", "/subsz"), ("Routes", "/routez"), ("LeafNodes", "/leafz"),
    ("Gateways", "/gatewayz"), ("Raft Groups", "/raftz"), ("Health Probe", "/healthz"), ("Expvar", "/debug/vars"),
    ("Prometheus", "/metrics"),
)  # fmt: skip
_PAGE: Final = """<!DOCTYPE html>
<html lang="en">
<head>
<meta charset="utf-8">
<title>NATS {version}</title>
<style>
body {{ font-family: ui-sans-serif, system-ui, sans-serif; margin: 2rem; }}
a {{ display: block; padding: .2rem 0; color: #48485c; text-decoration: none; }}
a:hover {{ color: #3b32ca; }}
</style>
</head>
<body>
<h1>NATS {version}</h1>
{links}
</body>
</html>
"""


def index(version: str, base: str) -> str:
    """``base`` is ``http_base_path``."""
    prefix = base.rstrip("/") or "."
    links = (f'<a href="{escape(prefix + path)}">{text}</a>' for text, path in _LINKS)
    return _PAGE.format(version=version, links="\n".join(links))


def stacks() -> str:
    """What every thread is doing."""
    parts = []
    for number, frame in sys._current_frames().items():
        parts.append(f"thread {number}:\n" + "".join(traceback.format_stack(frame)))
    return "\n".join(parts)

"""Which program answers: Django for HTTP, the sockets of ``live.sockets`` for WebSocket."""

from typing import Any

from channels.routing import ProtocolTypeRouter, URLRouter
from channels.sessions import CookieMiddleware, SessionMiddleware
from django.urls import re_path

from console.live.auth import Refuse, RightOrigin
from console.live.sockets import ControlSocket, TailSocket

# Channels routes ASGI programs where Django's types know views only.
_unknown: Any = Refuse()
_paths: list[Any] = [
    re_path(r"^ws/namespaces/(?P<account>[^/]{1,100})/tail$", TailSocket.as_asgi()),
    re_path(r"^ws/control$", ControlSocket.as_asgi()),
    re_path(r"", _unknown),
]

sockets = RightOrigin(CookieMiddleware(SessionMiddleware(URLRouter(_paths))))


def route(http: Any) -> Any:
    """The whole application, with ``http`` for plain requests."""
    return ProtocolTypeRouter({"http": http, "websocket": sockets})

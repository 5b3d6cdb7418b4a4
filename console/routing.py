"""Which program answers: Django for HTTP, sockets for WebSocket."""

from typing import Any

from channels.routing import ProtocolTypeRouter

from console.live.auth import Refuse


def route(http: Any) -> Any:
    """The whole application, with ``http`` for plain requests."""
    return ProtocolTypeRouter({"http": http, "websocket": Refuse()})

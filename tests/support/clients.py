"""An unmodified NATS client, nats-py, with the settings that tests want: impatient, and it keeps trying."""

from pathlib import Path
from typing import Any

import nats
from nats.aio.client import Client


async def connect(url: str, creds: Path, **options: Any) -> Client:
    """Connected with a downloaded ``.creds`` file; reconnects every 50 ms for as long as it takes."""
    settings: dict[str, Any] = {
        "user_credentials": str(creds), "connect_timeout": 5, "reconnect_time_wait": 0.05,
        "max_reconnect_attempts": -1, "error_cb": _ignore,
    }  # fmt: skip
    return await nats.connect(url, **(settings | options))


async def _ignore(error: Exception) -> None:
    """Errors that reconnecting heals are the point of these tests."""

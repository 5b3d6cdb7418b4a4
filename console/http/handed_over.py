"""An answer by which something that was made reaches a program; once it has left, that is noted."""

from typing import Any

from rest_framework.response import Response

from console.models import Credential, Namespace
from console.services import handover


class HandedOver(Response):
    """Django closes a response when its last byte was given to the connection, and not when the client went before."""

    def __init__(self, data: Any, made: Namespace | Credential, status: int = 200) -> None:
        super().__init__(data, status=status, headers={"Cache-Control": "no-store"})
        self._made = made

    def close(self) -> None:
        super().close()
        handover.done(self._made)

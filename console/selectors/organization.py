"""The organization: all of this installation, as programs name it."""

import uuid

from console.models import Operator


def organization_id() -> uuid.UUID:
    return Operator.objects.values_list("organization_id", flat=True).get()

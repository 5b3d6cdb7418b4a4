"""Times as the JSON interface has them: RFC 3339, UTC, microseconds, ``Z``."""

from datetime import UTC, datetime


def rfc3339(at: datetime | float | None) -> str | None:
    """``2026-11-24T00:09:20.123456Z``; a float is Unix seconds; None stays None."""
    if at is None:
        return None
    moment = datetime.fromtimestamp(at, UTC) if isinstance(at, (int, float)) else at.astimezone(UTC)
    return moment.isoformat(timespec="microseconds").replace("+00:00", "Z")

"""Invented API keys, as the console's API tells them."""

from datetime import UTC, datetime, timedelta
from typing import Any

SECRET = "11111111-2222-4333-8444-555555555555"  # of no key
API_URL = "https://console.example.org"
PROJECT = "p1"


def stamp(age: timedelta) -> str:
    return (datetime.now(UTC) - age).isoformat(timespec="seconds").replace("+00:00", "Z")


def key(access_key: str, description: str, **differing: Any) -> dict[str, Any]:
    return {
        "access_key": access_key, "description": description, "project_id": PROJECT,
        "created_at": stamp(timedelta(days=9)), "expires_at": None, "last_used_at": None,
    } | differing  # fmt: skip


class Keys:
    """The answers below ``/api/api-keys``, over a list that they change."""

    def __init__(self) -> None:
        day = timedelta(days=1)
        self.keys = [
            key("SCWTERRAFORM00000000", "Terraform in CI", last_used_at=stamp(day), expires_at=stamp(-90 * day)),
            key("SCWBACKUP00000000000", "backup", expires_at=stamp(-day)),
            key("SCWLAPTOP00000000000", "", project_id=None, expires_at=stamp(day)),
        ]  # fmt: skip

    def answer(self, method: str, access_key: str, body: dict[str, Any]) -> tuple[int, Any]:
        if method == "POST":
            lifetime = body["expires_in_s"]
            until = stamp(-timedelta(seconds=lifetime)) if lifetime else None
            made = key("SCWNEW00000000000000", body["description"], expires_at=until)
            self.keys.insert(0, made)
            return 201, {
                "api_key": made, "secret_key": SECRET, "organization_id": "o1", "region": "fr-par", "api_url": API_URL,
            }  # fmt: skip
        if method == "DELETE":
            self.keys = [one for one in self.keys if one["access_key"] != access_key]
            return 204, None
        return 200, {"api_keys": self.keys, "total_count": len(self.keys)}

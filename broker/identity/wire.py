"""How the bodies of claims are read from JSON and written to it: typed, strict, keeping what they don't know.

A body is a slotted dataclass whose fields carry ``wire(reader)``. Rules, as Go's decoder has them:
an absent field or null is the type's zero (not the dataclass's default, which is for claims made here),
a zero isn't written, a value of the wrong type refuses the whole token. Fields without a reader of their own
stay in ``unknown`` and are written back unchanged.
"""

from collections.abc import Callable
from dataclasses import MISSING, dataclass, field, fields
from typing import Any, Self

from broker.identity.jwt import JwtError

#: Entries that one list or map of claims may have; the token's size bounds them too.
ENTRIES_MAX = 65_536
_INT64_MAX = 2**63 - 1

#: value, name of the field for errors → typed value. Raises JwtError.
Reader = Callable[[Any, str], Any]


def wire(
    reader: Reader,
    default: Any = MISSING,
    *,
    made: Callable[[], Any] | None = None,
) -> Any:
    """A dataclass field read with ``reader``; claims made here begin with ``default``, ``made()`` or the zero."""
    metadata = {"reader": reader}
    if default is not MISSING:
        return field(default=default, metadata=metadata)
    return field(default_factory=made or (lambda: reader(None, "")), metadata=metadata)


@dataclass(slots=True)
class Body:
    """Base of everything that is read from and written to a JSON object."""

    #: Fields of the JSON object that this class doesn't know, as they came.
    unknown: dict[str, Any] = field(default_factory=dict, kw_only=True, repr=False)

    @classmethod
    def from_dict(cls, data: dict[str, Any], where: str = "") -> Self:
        """Raises JwtError naming the field."""
        values: dict[str, Any] = {}
        known = _wire_fields(cls)
        for name, reader in known.items():
            values[name] = reader(data.get(name), f"{where}{name}")
        return cls(**values, unknown={k: v for k, v in data.items() if k not in known})

    def to_dict(self) -> dict[str, Any]:
        written = dict(self.unknown)
        for name in _wire_fields(type(self)):
            value = _to_json(getattr(self, name))
            if value not in (0, "", None, [], {}):
                written[name] = value
        return written


_known: dict[type[Body], dict[str, Reader]] = {}


def _wire_fields(cls: type[Body]) -> dict[str, Reader]:
    known = _known.get(cls)
    if known is None:
        known = _known[cls] = {
            f.name: f.metadata["reader"] for f in fields(cls) if "reader" in f.metadata
        }
    return known


def _to_json(value: Any) -> Any:
    if isinstance(value, Body):
        return value.to_dict()
    if isinstance(value, dict):
        return {key: _to_json(entry) for key, entry in value.items()}
    if isinstance(value, (list, tuple)):
        return [_to_json(entry) for entry in value]
    return value


# Readers ---------------------------------------------------------------------------------------------


def text(value: Any, where: str) -> str:
    if value is None:
        return ""
    if not isinstance(value, str):
        raise JwtError(f"{where}: not a string")
    return value


def integer(value: Any, where: str) -> int:
    if value is None:
        return 0
    if type(value) is not int or abs(value) > _INT64_MAX:
        raise JwtError(f"{where}: not a 64-bit integer")
    return value


def flag(value: Any, where: str) -> bool:
    if value is None:
        return False
    if not isinstance(value, bool):
        raise JwtError(f"{where}: not true or false")
    return value


def texts(value: Any, where: str) -> list[str]:
    return [text(entry, where) for entry in _list(value, where)]


def list_of(reader: Reader) -> Reader:
    def read(value: Any, where: str) -> list[Any]:
        return [reader(entry, f"{where}[{i}]") for i, entry in enumerate(_list(value, where))]

    return read


def map_of(reader: Reader) -> Reader:
    def read(value: Any, where: str) -> dict[str, Any]:
        return {key: reader(entry, f"{where}.{key}") for key, entry in _map(value, where).items()}

    return read


def body_of(cls: type[Body]) -> Reader:
    """An object of its own; absent = all zeros."""

    def read(value: Any, where: str) -> Body:
        return cls.from_dict(_map(value, where), f"{where}.")

    return read


def optional_body_of(cls: type[Body]) -> Reader:
    """An object of its own; absent = None."""

    def read(value: Any, where: str) -> Body | None:
        return None if value is None else cls.from_dict(_map(value, where), f"{where}.")

    return read


def _list(value: Any, where: str) -> list[Any]:
    if value is None:
        return []
    if not isinstance(value, list) or len(value) > ENTRIES_MAX:
        raise JwtError(f"{where}: not a list of at most {ENTRIES_MAX} entries")
    return value


def _map(value: Any, where: str) -> dict[str, Any]:
    if value is None:
        return {}
    if not isinstance(value, dict) or len(value) > ENTRIES_MAX:
        raise JwtError(f"{where}: not an object of at most {ENTRIES_MAX} fields")
    return value

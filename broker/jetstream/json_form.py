"""Dataclasses as JSON objects: fields with forms, strict decoding with Go's error texts, encoding in field order.

A field's name is its JSON key. Its form says which JSON it takes, what Go's type is called in an error, and whether
the zero value is left out of answers.

    @dataclass
    class PurgeRequest:
        filter: str = text()
        seq: int = integer("uint64")

    decode(PurgeRequest, b'{"seq":7}')
"""

from __future__ import annotations

import dataclasses
import re
from collections.abc import Callable
from typing import Any, TypeVar

from broker.jetstream import errors, json_text, times
from broker.jetstream.json_text import Number, Pairs
from broker.protocol.errors import quote

T = TypeVar("T")
_LONE_SURROGATE = re.compile("[\ud800-\udfff]")

_RANGES = {
    "int": (-(1 << 63), (1 << 63) - 1),
    "int64": (-(1 << 63), (1 << 63) - 1),
    "time.Duration": (-(1 << 63), (1 << 63) - 1),
    "int32": (-(1 << 31), (1 << 31) - 1),
    "uint64": (0, (1 << 64) - 1),
}


class FormError(Exception):
    """The text of a refusal, without ``invalid JSON:``."""


@dataclasses.dataclass(frozen=True, slots=True)
class Place:
    """Where in the request a value stands, for the error text."""

    root: str
    path: str = ""
    element: bool = False

    def key(self, name: str) -> Place:
        return Place(self.root, f"{self.path}.{name}")

    def index(self, at: int) -> Place:
        return Place(self.root, f"{self.path}.{at}", element=True)

    def mismatch(self, value: object, go_type: str) -> FormError:
        found = _kind_of(value)
        if isinstance(value, Number) and go_type in _RANGES:
            found += f" {value}"
        if not self.path:
            return FormError(
                f"json: cannot unmarshal {found} into Go value of type server.{self.root}"
            )
        into = self.root + self.path if self.element else f"Go struct field {self.root}{self.path}"
        return FormError(f"json: cannot unmarshal {found} into {into} of type {go_type}")


@dataclasses.dataclass(frozen=True, slots=True)
class Form:
    """``read`` gets a value that is not null; ``write`` one that is to be shown."""

    read: Callable[[Any, Place, bool], Any]
    write: Callable[[Any], Any]
    omit: bool
    takes_null: bool = False
    #: The word that counts as zero.
    zero: str = ""


def _kind_of(value: object) -> str:
    for kind, name in ((Number, "number"), (str, "string"), (bool, "bool"), (Pairs, "object")):
        if isinstance(value, kind):
            return name
    return "array" if isinstance(value, list) else "null"


def _same(value: Any) -> Any:
    return value


def _read_text(value: Any, place: Place, strict: bool) -> str:
    if isinstance(value, Number) or not isinstance(value, str):
        raise place.mismatch(value, "string")
    return value if value.isascii() else _LONE_SURROGATE.sub("\ufffd", value)


def _read_bool(value: Any, place: Place, strict: bool) -> bool:
    if not isinstance(value, bool):
        raise place.mismatch(value, "bool")
    return value


def _integer_reader(go_type: str) -> Callable[[Any, Place, bool], int]:
    low, high = _RANGES[go_type]

    def read(value: Any, place: Place, strict: bool) -> int:
        if not isinstance(value, Number) or len(value) > 20 or not value.lstrip("-").isdigit():
            raise place.mismatch(value, go_type)
        number = int(value)
        if not low <= number <= high:
            raise place.mismatch(value, go_type)
        return number

    return read


def _read_time(value: Any, place: Place, strict: bool) -> int:
    if isinstance(value, Number) or not isinstance(value, str):
        raise place.mismatch(value, "time.Time")
    try:
        return times.parse_time(value)
    except ValueError as error:
        raise FormError(str(error)) from error


def _field(default: Any, form: Form) -> Any:
    if callable(default):
        return dataclasses.field(default_factory=default, metadata={"form": form})
    return dataclasses.field(default=default, metadata={"form": form})


def text(*, omit: bool = True) -> Any:
    return _field("", Form(_read_text, _same, omit))


def flag(*, omit: bool = True) -> Any:
    return _field(False, Form(_read_bool, _same, omit))


def integer(go_type: str = "int", *, omit: bool = True) -> Any:
    return _field(0, Form(_integer_reader(go_type), _same, omit))


def duration(*, omit: bool = True) -> Any:
    """Nanoseconds."""
    return integer("time.Duration", omit=omit)


def moment(*, omit: bool = True) -> Any:
    """Nanoseconds since 1970, or None; RFC 3339 on the wire."""
    return _field(None, Form(_read_time, times.time_text, omit))


def choice(
    *values: str,
    also: dict[str, str] | None = None,
    fold: bool = False,
    refusal: str = "can not unmarshal {quoted}",
    texts_only: bool = False,
    omit: bool = False,
) -> Any:
    """One of a few words, the first by default; ``also`` has spellings that are only read, ``fold`` ignores case. With
    ``texts_only`` whatever isn't a text is refused as such."""
    known = {value: value for value in values} | (also or {})

    def read(value: Any, place: Place, strict: bool) -> str:
        if isinstance(value, str) and not isinstance(value, Number):
            word = value.lower() if fold else value
            if word in known:
                return known[word]
        if texts_only and (isinstance(value, Number) or not isinstance(value, str | None)):
            found = _kind_of(value)
            raise FormError(f"json: cannot unmarshal {found} into Go value of type string")
        raw = json_text.written(value)
        raise FormError(refusal.format(raw=raw, quoted=quote(raw.encode())))

    return _field(values[0], Form(read, _same, omit, True, values[0]))


def texts(*, omit: bool = True) -> Any:
    return _field(list, Form(_list_reader(_read_text, "[]string"), list, omit))


def durations() -> Any:
    reader = _list_reader(_integer_reader("time.Duration"), "[]time.Duration")
    return _field(list, Form(reader, list, omit=True))


def anything() -> Any:
    """Taken as it is, and not looked at."""
    return _field(None, Form(lambda value, place, strict: value, _same, omit=True))


def text_map() -> Any:
    """None when absent; written with its keys in order."""

    def read(value: Any, place: Place, strict: bool) -> dict[str, str]:
        if not isinstance(value, Pairs):
            raise place.mismatch(value, "map[string]string")
        return {k: "" if v is None else _read_text(v, place.key(k), strict) for k, v in value}

    return _field(None, Form(read, lambda value: dict(sorted(value.items())), omit=True))


def nested(kind: type[Any], *, optional: bool = True, omit: bool = True) -> Any:
    """Another dataclass; None when absent if ``optional``."""
    return _field(None if optional else kind, Form(_object_reader(kind), encode, omit))


def nested_list(kind: type[Any], *, pointers: bool = False) -> Any:
    """A list of another dataclass; with ``pointers`` a null in it stays as None."""
    go_type = f"[]{'*' if pointers else ''}server.{kind.__name__}"
    null = (lambda: None) if pointers else kind
    reader = _list_reader(_object_reader(kind), go_type, null)
    return _field(list, Form(reader, lambda values: [encode(v) for v in values], omit=True))


def _list_reader(
    read_one: Callable[[Any, Place, bool], Any], go_type: str, null: Callable[[], Any] = str
) -> Callable[[Any, Place, bool], list[Any]]:
    def read(value: Any, place: Place, strict: bool) -> list[Any]:
        if not isinstance(value, list) or isinstance(value, Pairs):
            raise place.mismatch(value, go_type)
        return [
            null() if one is None else read_one(one, place.index(i), strict)
            for i, one in enumerate(value)
        ]

    return read


def _object_reader(kind: type[Any]) -> Callable[[Any, Place, bool], Any]:
    def read(value: Any, place: Place, strict: bool) -> Any:
        if not isinstance(value, Pairs):
            raise place.mismatch(value, f"server.{kind.__name__}")
        return _read_object(kind, value, place, strict)

    return read


def _read_object(kind: type[Any], pairs: Pairs, place: Place, strict: bool) -> Any:
    forms = {field.name: field.metadata["form"] for field in dataclasses.fields(kind)}
    values: dict[str, Any] = {}
    for key, value in pairs:
        name = key if key in forms else key.lower()
        form = forms.get(name)
        if form is None:
            if strict:
                raise FormError(f"json: unknown field {quote(key.encode('utf-8', 'replace'))}")
        elif value is not None or form.takes_null:
            values[name] = form.read(value, place.key(name), strict)
    return kind(**values)


def decode(kind: type[T], data: bytes, strict: bool = True) -> T:
    """The request in a body; an empty one is ``{}``. ``strict`` refuses unknown fields."""
    try:
        value = json_text.loads(data) if data else None
        if value is None:
            return kind()
        found: T = _object_reader(kind)(value, Place(kind.__name__), strict)
        return found
    except (FormError, ValueError) as error:
        raise errors.INVALID_JSON(err=error) from error


def encode(value: Any) -> dict[str, Any]:
    """The object in the order of its fields, without the zero values that Go leaves out."""
    found: dict[str, Any] = {}
    for field in dataclasses.fields(value):
        form: Form = field.metadata["form"]
        item = getattr(value, field.name)
        if item is None or (form.omit and (not item or item == form.zero)):
            continue
        found[field.name] = form.write(item)
    return found


def dumps(value: object) -> bytes:
    return json_text.dumps(value)

"""Single values of a configuration: checked and converted, or refused with the option's name and place.

A reader takes a ``Node`` and gives the Python value; it raises ``BadValue``. ``fill`` walks a map by a table of
such readers, so that a block of options is data. Wordings are nats-server's where it has one.
"""

import re
from collections.abc import Callable
from typing import Any, NamedTuple

from broker.config.reader import Node

_DURATION = re.compile(r"([0-9]+(?:\.[0-9]*)?|\.[0-9]+)([a-zµμ]*)")
_UNITS_S = {"ns": 1e-9, "us": 1e-6, "µs": 1e-6, "μs": 1e-6, "ms": 1e-3, "s": 1.0, "m": 60.0, "h": 3600.0}  # fmt: skip
INT32_MAX = (1 << 31) - 1


class BadValue(Exception):
    """A value that its option can't take; ``node`` says where, when it isn't the option's own."""

    def __init__(self, reason: str, node: Node | None = None) -> None:
        super().__init__(reason)
        self.node = node


class Report:
    """Errors and warnings of one file, in the order met; each a line ``file:line:col: reason``."""

    __slots__ = ("errors", "key", "misuses", "warnings")

    def __init__(self) -> None:
        self.errors: list[str] = []
        self.warnings: list[str] = []
        #: Lines among the warnings that a test of the file counts as errors.
        self.misuses: list[str] = []
        #: The option that is being read.
        self.key = ""

    def error(self, node: Node, reason: str) -> None:
        self.errors.append(f"{place(node)}: {reason}")

    def warn(self, node: Node, reason: str) -> None:
        self.warnings.append(f"{place(node)}: {reason}")

    def misused(self, node: Node, reason: str) -> None:
        """Understood, but not how it should be written."""
        line = f'{place(node)}: invalid use of field "{self.key}": {self.key} {reason}'
        self.misuses.append(line)
        self.warnings.append(line)

    def unknown(self, node: Node, name: str) -> None:
        """A key that no table has; allowed when it only served as a variable."""
        if not node.used:
            self.error(node, f'unknown field "{name}"')


def place(node: Node) -> str:
    return f"{node.file}:{node.line}:{node.col}"


class Option(NamedTuple):
    """Where a key's value goes and how it is read. ``read`` gets the report for warnings."""

    attribute: str
    read: Callable[[Node, Report], Any]


Table = dict[str, Option]


def table(*rows: tuple[str, Callable[[Node, Report], Any]]) -> Table:
    """From rows ("name alias alias", reader); the first name is the attribute too."""
    options: Table = {}
    for names, read in rows:
        attribute, *_ = names.split()
        options.update({name: Option(attribute, read) for name in names.split()})
    return options


def fill(target: object, node: Node, options: Table, report: Report, what: str) -> dict[str, Node]:
    """Sets ``target``'s attributes from a map; returns the nodes that were given, by attribute."""
    given: dict[str, Node] = {}
    for key, value in mapping(node, what).items():
        option = options.get(key.lower())
        if option is None:
            report.unknown(value, key)
            continue
        report.key = key
        try:
            setattr(target, option.attribute, option.read(value, report))
            given[option.attribute] = value
        except BadValue as error:
            report.error(error.node or value, worded(key, str(error)))
    return given


def worded(key: str, reason: str) -> str:
    """Bare type complaints get the option's name in front."""
    bare = reason.startswith(("expected ", "time: "))
    return f"error parsing {key}: {reason}" if bare else reason


def kind_of(value: object) -> str:
    names = {str: "string", bool: "bool", int: "integer", float: "float", list: "array", dict: "map"}  # fmt: skip
    return names.get(type(value), "date")


# Readers ---------------------------------------------------------------------------------------------


def mapping(node: Node, what: str) -> dict[str, Node]:
    if not isinstance(node.value, dict):
        raise BadValue(f"Expected {what} to be a map, got {kind_of(node.value)}")
    return node.value


def text(node: Node, _report: Report | None = None) -> str:
    if not isinstance(node.value, str):
        raise BadValue(f"expected string, got {kind_of(node.value)}", node)
    return node.value


def boolean(node: Node, _report: Report | None = None) -> bool:
    if not isinstance(node.value, bool):
        raise BadValue(f"expected bool, got {kind_of(node.value)}")
    return node.value


def integer(node: Node, _report: Report | None = None) -> int:
    if not isinstance(node.value, int) or isinstance(node.value, bool):
        raise BadValue(f"expected integer, got {kind_of(node.value)}")
    return node.value


def port(node: Node, _report: Report | None = None) -> int:
    number = integer(node)
    if not -1 <= number <= 65535:
        raise BadValue(f"expected a port from 0 to 65535, or -1 for any, got {number}")
    return number


def int32(node: Node, _report: Report | None = None) -> int:
    number = integer(node)
    if number > INT32_MAX:
        raise BadValue("value is too big", node)
    return number


def size(node: Node, _report: Report | None = None) -> int:
    """Bytes; also given as a string such as "64MB"."""
    if isinstance(node.value, str):
        match = re.fullmatch(r"(-?[0-9]+)\s*(|[KMGTP])(|B|I|IB)", node.value.strip().upper())
        if match is None:
            raise BadValue(f"expected a size, got {node.value!r}")
        return int(match[1]) << 10 * ("KMGTP".index(match[2]) + 1 if match[2] else 0)
    return integer(node)


def texts(node: Node, _report: Report | None = None) -> tuple[str, ...]:
    """A string, or an array of them."""
    if isinstance(node.value, list):
        return tuple(text(item) for item in node.value)
    return (text(node),)


def text_map(node: Node, _report: Report | None = None) -> dict[str, str]:
    return {key: text(value) for key, value in mapping(node, "value").items()}


def bool_map(node: Node, _report: Report | None = None) -> dict[str, bool]:
    return {key: boolean(value) for key, value in mapping(node, "value").items()}


def duration(node: Node, report: Report) -> float:
    """Seconds. A bare number is taken as seconds, with nats-server's warning."""
    if isinstance(node.value, str):
        return parse_duration(node.value)
    seconds = integer(node)
    report.misused(node, "should be converted to a duration")
    return float(seconds)


def strict_duration(node: Node, _report: Report | None = None) -> float:
    return parse_duration(text(node))


def sync_interval(node: Node, _report: Report | None = None) -> float:
    """Seconds that what was acknowledged may not be on disk yet; 0 also for ``always``."""
    return 0.0 if node.value == "always" else max(strict_duration(node), 0.0)


def seconds(node: Node, _report: Report | None = None) -> float:
    """Seconds as a number, or a duration string."""
    if isinstance(node.value, str):
        return parse_duration(node.value)
    if isinstance(node.value, float):
        return node.value
    return float(integer(node))


def parse_duration(value: str) -> float:
    """Go's form: ``1h30m``, ``1.5s``, ``-2ms``, ``0``. Seconds; raises BadValue in Go's words."""
    rest = value[1:] if value[:1] in ("-", "+") else value
    if rest == "0":
        return 0.0
    total, at = 0.0, 0
    if not rest:
        raise BadValue(f'time: invalid duration "{value}"')
    while at < len(rest):
        match = _DURATION.match(rest, at)
        if match is None:
            raise BadValue(f'time: invalid duration "{value}"')
        number, unit = match.groups()
        if not unit:
            raise BadValue(f'time: missing unit in duration "{value}"')
        if unit not in _UNITS_S:
            raise BadValue(f'time: unknown unit "{unit}" in duration "{value}"')
        total += float(number) * _UNITS_S[unit]
        at = match.end()
    return -total if value.startswith("-") else total


class Address(NamedTuple):
    host: str
    port: int


def listen(node: Node, _report: Report | None = None) -> Address:
    """A port, or ``host:port`` with brackets around an IPv6 address; host "" = every interface."""
    if isinstance(node.value, int) and not isinstance(node.value, bool):
        return Address("", port(node))
    if not isinstance(node.value, str):
        raise BadValue(f"expected port or host:port, got {kind_of(node.value)}")
    return parse_address(node.value)


def parse_address(value: str) -> Address:
    host, colon, number = value.rpartition(":")
    if host.startswith("[") and host.endswith("]"):
        host = host[1:-1]
    elif ":" in host or not colon:
        raise BadValue(f'could not parse address string "{value}"')
    if not re.fullmatch(r"-?[0-9]{1,5}", number) or not -1 <= int(number) <= 65535:
        raise BadValue(f'could not parse port "{number}"')
    return Address(host, int(number))

"""nats-server's configuration language: text → nested ``Node`` values that remember where they stood.

A superset of JSON: ``key: v``, ``key = v``, ``key v`` and ``key {…}``; entries end with a newline, a comma or a
semicolon; ``#`` and ``//`` comments; bare, 'single' and "double" quoted strings; ``( … )`` blocks; integers with size
suffixes; floats; dates; ``$NAME`` variables (enclosing maps first, then the environment); ``include path``.
Nothing here knows an option. Errors are ``ParseError`` in nats-server's words.

Source   nats-server 2.15.1, whose accepted inputs and messages the tests compare with
Limit    DEPTH_MAX for nesting and for includes within includes
"""

import hashlib
import json
import os
import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, NoReturn, TypeAlias

DEPTH_MAX = 64

_BLANK = re.compile(r"[ \t]*")
_SPACE = re.compile(r"\s*")
_COMMENT = re.compile(r"(?:#|//)[^\r\n]*")
#: A bare string runs until one of these; a single quote ends it as well and is swallowed.
_BARE = re.compile(r"[^\s;,\]}'\\]*")
_QUOTED = re.compile(r'[^"\\]*')
_KEY = re.compile(r"[^\s:=]*")
_INTEGER = re.compile(r"-?[0-9]+")
_FRACTION = re.compile(r"\.[0-9]+")
_ADDRESS = re.compile(r"\.[0-9.:\-]*")
_SUFFIX = re.compile(r"[kKmMgGtTpPeE][bBiI]*")
_NUMBER_ENDS = re.compile(r"[\s;,\]}]|\Z")
_DATE = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9]{2}:[0-9]{2}:[0-9]{2}Z")
_BLOCK_END = re.compile(r"\n\)(?=\n|\Z)")
_HEX = re.compile(r"[0-9a-fA-F]{2}")
_ESCAPES = {"t": "\t", "n": "\n", "r": "\r", '"': '"', "\\": "\\"}
_BOOLS = {"true": True, "yes": True, "on": True, "false": False, "no": False, "off": False}
_POWERS = {"": 0, "k": 1, "m": 2, "g": 3, "t": 4, "p": 5, "e": 6}
_BCRYPT = "2a$"

Value: TypeAlias = "str | int | float | bool | datetime | list[Node] | dict[str, Node]"


class ParseError(Exception):
    """The text is not in the language; ``str()`` is the whole sentence, with the line."""


@dataclass(slots=True)
class Node:
    """A value and the place of its key: ``line`` from 1, ``col`` as nats-server counts it (from 0 in line 1)."""

    value: Value
    line: int
    col: int
    file: str
    #: Referred to by a ``$NAME``; then its key needn't be a known option.
    used: bool = False


def parse_file(path: str, environ: Mapping[str, str] = os.environ) -> dict[str, Node]:
    """Raises OSError when the file can't be read, ParseError when it is not in the language."""
    return _parse_file(path, environ, 0)


def parse_text(
    text: str, file: str = "", environ: Mapping[str, str] = os.environ
) -> dict[str, Node]:
    return _Reader(text, file, environ, frozenset(), 0).read()


def plain(value: Value) -> Any:
    """Without places: dicts, lists and scalars."""
    if isinstance(value, dict):
        return {key: plain(node.value) for key, node in value.items()}
    if isinstance(value, list):
        return [plain(node.value) for node in value]
    return value


def digest(root: dict[str, Node]) -> str:
    """What nats-server prints as a configuration's digest: over its JSON form, so comments don't count."""
    text = json.dumps(
        plain(root), sort_keys=True, separators=(",", ":"), ensure_ascii=False, default=_date
    )
    for char in "<>&":
        text = text.replace(char, f"\\u{ord(char):04x}")
    return "sha256:" + hashlib.sha256(text.encode() + b"\n").hexdigest()


def _date(value: object) -> str:
    assert isinstance(value, datetime)
    return value.strftime("%Y-%m-%dT%H:%M:%SZ")


def _parse_file(path: str, environ: Mapping[str, str], depth: int) -> dict[str, Node]:
    text = Path(path).read_bytes().decode("utf-8", "replace")
    return _Reader(text, path, environ, frozenset(), depth).read()


class _Reader:
    """One text, read once from the front; ``_maps`` are the maps that enclose the place being read."""

    __slots__ = ("_at", "_counted", "_depth", "_environ", "_file", "_maps", "_names", "_text")

    def __init__(
        self, text: str, file: str, environ: Mapping[str, str], names: frozenset[str], depth: int
    ) -> None:
        self._text = text
        self._file = file
        self._environ = environ
        #: Environment variables being expanded, against cycles.
        self._names = names
        self._depth = depth
        self._at = 0
        self._maps: list[dict[str, Node]] = []
        #: An offset and its line, so that counting lines doesn't start at the front each time.
        self._counted = (0, 1)

    def read(self) -> dict[str, Node]:
        if self._depth > DEPTH_MAX:
            self._fail(f"Nesting deeper than {DEPTH_MAX}.")
        root: dict[str, Node] = {}
        self._maps.append(root)
        braces = 0
        while True:
            self._skip_space()
            char = self._peek()
            if not char:
                return root
            if char == "{":
                braces += 1
                self._at += 1
            elif char in "}," and braces:
                braces -= char == "}"
                self._at += 1
            else:
                self._entry(root)
                self._end_of_entry("}" if braces else "")

    # Entries -----------------------------------------------------------------------------------------

    def _entry(self, target: dict[str, Node]) -> None:
        char = self._peek()
        if char in ":=":
            self._fail(f"Unexpected key separator '{char}'")
        if char in "'\"":
            self._at += 1
            line, col = self._place()
            key = self._until(char, "Unexpected EOF.")
        else:
            line, col = self._place()
            key = self._take(_KEY)
            if key.lower() == "include" and self._peek().isspace():
                self._include(target)
                return
        value_line = self._line()
        self._take(_SPACE)
        if self._peek() and self._peek() in ":=":
            self._at += 1
        if len(self._maps) > 1:
            self._take(_SPACE)
        self._take(_BLANK)
        if not self._peek():
            self._ended(value_line)
        target[key] = self._node(line, col)

    def _ended(self, line: int) -> NoReturn:
        if len(self._maps) > 1:
            self._fail("Unexpected EOF processing map.")
        line, col = self._place()
        raise ParseError(f"config is invalid ({self._file}:{line}:{col})")

    def _end_of_entry(self, closer: str) -> None:
        """After a value, up to and including what separates it from the next one; leaves a closer in place."""
        self._skip_blank()
        char = self._peek()
        if not char or char in "\r\n;,":
            self._at += 1
        elif not (char == closer or (char == "}" and not closer and len(self._maps) == 1)):
            self._refuse_end(char, closer)

    def _refuse_end(self, char: str, closer: str) -> NoReturn:
        if len(self._maps) > 1:
            what, name = f'a map value terminator "," or a map terminator "{closer}"', ""
        else:
            name = "block" if closer else "top"
            what = f"a {name}-level value to end with a new line, comment or EOF"
        self._fail(f"Expected {what}, but got '{char}' instead.")

    def _include(self, target: dict[str, Node]) -> None:
        self._take(_BLANK)
        char = self._peek()
        if char and char in "'\"":
            self._at += 1
            kind = "quoted" if char == "'" else "double quoted"
            name = self._until(char, f"Unexpected EOF in {kind} include")
        else:
            name = self._bare_include(char)
        path = str(Path(self._file).parent / name)
        try:
            included = _parse_file(path, self._environ, self._depth + 1)
        except (OSError, ParseError) as error:
            raise ParseError(
                f"error parsing include file '{name}', {describe_os_error(error)}"
            ) from error
        target.update(included)

    def _bare_include(self, char: str) -> str:
        wrong = {"[": "start of an array", "{": "start of a map", "(": "start of a block"}.get(char)
        if char in "\r\n":
            wrong = "new line"
        elif char.isdigit() or char == "-":
            wrong = "start of a number"
        elif char == "\\":
            wrong = "escape sequence"
        if wrong:
            self._fail(f"Expected include value but found {wrong}")
        name = self._take(_BARE)
        if self._peek() == "'":
            self._at += 1
        return name

    # Values ------------------------------------------------------------------------------------------

    def _node(self, line: int, col: int) -> Node:
        char = self._peek()
        if char == "[":
            return Node(self._array(), line, col, self._file)
        if char == "{":
            return Node(self._map(), line, col, self._file)
        if char == "$":
            return self._variable(line, col)
        return Node(self._scalar(char), line, col, self._file)

    def _scalar(self, char: str) -> Value:
        if char in "'\"" and char:
            self._at += 1
            return self._until("'", "Unexpected EOF.") if char == "'" else self._double_quoted()
        if char == "(":
            return self._block()
        if char == ".":
            self._at += 1
            self._fail("Floats must start with a digit")
        if char in "\r\n" and char:
            self._at += 1
            self._fail("Expected value but found new line")
        if char.isdigit() or char == "-":
            return self._number()
        return self._bare()

    def _map(self) -> dict[str, Node]:
        self._descend()
        values: dict[str, Node] = {}
        self._maps.append(values)
        while True:
            self._skip_space()
            char = self._peek()
            if not char:
                self._fail("Unexpected EOF processing map.")
            if char == "}":
                break
            if char == "]":
                self._fail("Unexpected array end ']' processing map.")
            self._entry(values)
            self._end_of_entry("}")
        self._at += 1
        self._maps.pop()
        self._depth -= 1
        return values

    def _array(self) -> list[Node]:
        self._descend()
        values: list[Node] = []
        while True:
            self._skip_space()
            char = self._peek()
            if char == "]":
                break
            if char == ",":
                self._fail("Unexpected array value terminator ','.")
            if not char:
                self._fail("Unexpected EOF processing array.")
            values.append(self._node(*self._place()))
            self._skip_blank()
            char = self._peek()
            if char and char in ",\r\n":
                self._at += 1
            elif char != "]":
                wanted = 'an array value terminator "," or an array terminator "]"'
                self._fail(f"Expected {wanted}, but got '{char}' instead.")
        self._at += 1
        self._depth -= 1
        return values

    def _descend(self) -> None:
        self._at += 1
        self._depth += 1
        if self._depth > DEPTH_MAX:
            self._fail(f"Nesting deeper than {DEPTH_MAX}.")

    def _variable(self, line: int, col: int) -> Node:
        self._at += 1
        start, line_here = self._at, self._line()
        name = self._take(_BARE)
        if self._peek() == "\\":
            self._at = start - 1
            return Node(self._bare(), line, col, self._file)
        if self._peek() == "'":
            self._at += 1
            return Node("$" + name, line, col, self._file)
        if name.startswith(_BCRYPT):
            return Node("$" + name, line, col, self._file)
        for values in reversed(self._maps):
            if name in values:
                values[name].used = True
                return Node(values[name].value, line, col, self._file)
        return Node(self._environment(name, line_here), line, col, self._file)

    def _environment(self, name: str, line: int) -> Value:
        reference = f"variable reference for '{name}' on line {line}"
        if name in self._names:
            raise ParseError(
                f"{reference} could not be parsed: variable reference cycle for '{name}'"
            )
        if name not in self._environ:
            raise ParseError(f"{reference} can not be found")
        text = f"pk={self._environ[name]}"
        try:
            found = _Reader(text, "", self._environ, self._names | {name}, self._depth + 1).read()
        except ParseError as error:
            raise ParseError(f"{reference} could not be parsed: {error}") from error
        return found["pk"].value

    # Scalars -----------------------------------------------------------------------------------------

    def _bare(self) -> str | bool:
        text = self._take(_BARE)
        if self._peek() == "\\":
            return text + self._escaped(_BARE)
        if self._peek() == "'":
            self._at += 1
            return text
        return _BOOLS.get(text.lower(), text)

    def _double_quoted(self) -> str:
        text = self._take(_QUOTED)
        if self._peek() == "\\":
            text += self._escaped(_QUOTED)
        if not self._peek():
            self._fail("Unexpected EOF.")
        self._at += 1
        return text

    def _escaped(self, more: re.Pattern[str]) -> str:
        """From a backslash to the end of that string, without what ends it."""
        parts = []
        while self._peek() == "\\":
            self._at += 1
            char = self._peek()
            self._at += 1
            if char == "x":
                parts.append(self._hex())
            elif char in _ESCAPES:
                parts.append(_ESCAPES[char])
            else:
                allowed = r"\xXX, \t, \n, \r, \", \\."
                self._fail(
                    f"Invalid escape character '{char}'. "
                    f"Only the following escape characters are allowed: {allowed}"
                )
            parts.append(self._take(more))
        return "".join(parts)

    def _hex(self) -> str:
        digits = self._text[self._at : self._at + 2]
        if not _HEX.fullmatch(digits):
            got = "hit end of line" if "\n" in digits else f"got '{digits}'"
            self._fail(f"Expected two hexadecimal digits after '\\x', but {got}")
        self._at += 2
        return chr(int(digits, 16))

    def _block(self) -> str:
        self._at += 1
        end = _BLOCK_END.search(self._text, self._at)
        if end is None:
            self._at = len(self._text)
            self._fail("Unexpected EOF processing block.")
        text = self._text[self._at : end.start() + 1]
        self._at = end.end()
        return text

    def _number(self) -> Value:
        start = self._at
        digits = self._take(_INTEGER)
        if not digits:
            self._at += 1
            char = self._peek()
            self._fail(
                "Floats must start with a digit, not '.'."
                if char == "."
                else f"Expected a digit but got '{char}'."
            )
        char = self._peek()
        if char == "." and not digits.startswith("-"):
            return self._float_or_address(start)
        if char == ".":
            return self._float(start)
        if char == "-":
            return self._datetime(start)
        suffix = self._take(_SUFFIX)
        if _NUMBER_ENDS.match(self._text, self._at) or digits.startswith("-"):
            return self._integer(digits, suffix)
        self._at = start
        return self._digits_string()

    def _digits_string(self) -> str:
        text = self._bare()
        assert isinstance(text, str)
        return text

    def _float(self, start: int) -> float:
        if not self._take(_FRACTION):
            self._at += 1
            self._fail(f"Floats must have a digit after the '.', but got '{self._peek()}' instead.")
        return float(self._text[start : self._at])

    def _float_or_address(self, start: int) -> float | str:
        number = self._float(start)
        if self._peek() == ".":
            self._take(_ADDRESS)
            return self._text[start : self._at]
        return number

    def _datetime(self, start: int) -> datetime:
        self._at = start
        text = self._take(_DATE)
        if not text:
            self._fail("All ISO8601 dates must be in full Zulu form.")
        try:
            return datetime.strptime(text, "%Y-%m-%dT%H:%M:%SZ").replace(tzinfo=UTC)
        except ValueError:
            raise ParseError(f"expected Zulu formatted DateTime, but got '{text}'") from None

    def _integer(self, digits: str, suffix: str) -> int:
        unit = suffix.lower()
        if unit[1:] not in ("", "b", "i", "ib"):
            raise ParseError(f"expected integer, but got '{digits}{suffix}'")
        if not -(1 << 63) <= int(digits) < 1 << 63:
            raise ParseError(f"integer '{digits}{suffix}' is out of the range")
        base = 1024 if len(unit) > 1 else 1000
        number = int(digits) * int(base ** _POWERS[unit[:1]])
        if not -(1 << 63) <= number < 1 << 63:
            raise ParseError(f"integer '{digits}{suffix}' is out of the range")
        return number

    # The cursor --------------------------------------------------------------------------------------

    def _peek(self) -> str:
        return self._text[self._at : self._at + 1]

    def _take(self, pattern: re.Pattern[str]) -> str:
        match = pattern.match(self._text, self._at)
        if match is None:
            return ""
        self._at = match.end()
        return match.group()

    def _until(self, closer: str, at_eof: str) -> str:
        end = self._text.find(closer, self._at)
        if end < 0:
            self._at = len(self._text)
            self._fail(at_eof)
        text = self._text[self._at : end]
        self._at = end + 1
        return text

    def _skip_space(self) -> None:
        self._take(_SPACE)
        while self._take(_COMMENT):
            self._take(_SPACE)

    def _skip_blank(self) -> None:
        self._take(_BLANK)
        self._take(_COMMENT)

    def _line(self) -> int:
        counted, line = self._counted
        if counted > self._at:
            counted, line = 0, 1
        line += self._text.count("\n", counted, self._at)
        self._counted = self._at, line
        return line

    def _place(self) -> tuple[int, int]:
        before = self._text.rfind("\n", 0, self._at)
        return self._line(), self._at - max(before, 0)

    def _fail(self, reason: str) -> NoReturn:
        raise ParseError(f"Parse error on line {self._line()}: '{reason}'")


def describe_os_error(error: Exception) -> str:
    """An OSError as Go words it (``open x.conf: no such file or directory``); anything else as it is."""
    if isinstance(error, OSError) and error.strerror:
        return f"open {error.filename}: {error.strerror.lower()}"
    return str(error)

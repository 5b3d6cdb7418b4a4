"""Subject transforms: a subject that matches ``source`` becomes ``destination``, filled with pieces of it.

Pieces   ``$2``, ``{{wildcard(2)}}``                   what the second ``*`` stands for
         ``{{partition(8,1,2)}}``, ``{{partition(8)}}``  0 to 7, by a hash of those wildcards, or of the whole subject
         ``{{random(8)}}``                             0 to 7
         ``{{split(1,-)}}``                            the token taken apart at the text
         ``{{splitfromleft(1,3)}}``, ``…right``        the token in two, so many characters from that end
         ``{{slicefromleft(1,2)}}``, ``…right``        the token in slices of that length
         ``{{left(1,3)}}``, ``{{right(1,3)}}``         the token's first or last characters
Errors   TransformError, in nats-server's words
Source   nats-server ``subject_transform.go``, ``sublist.go`` (ValidateMapping)

Mappings, imports, stream transforms, republish and sources all use this.
"""

import re
from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

from broker.protocol.subject import has_space, is_subset, is_valid_filter, is_valid_literal

Random = Callable[[], float]
#: Fills one place of a destination; gets the tokens of the subject.
_Piece = Callable[[list[bytes], Random], bytes]

_NAMES: Final = (
    "wildcard", "partition", "splitFromLeft", "splitFromRight", "sliceFromLeft", "sliceFromRight",
    "right", "left", "split", "random",
)  # fmt: skip
_FUNCTIONS: Final = {
    name.lower(): re.compile(
        rb"\{\{\s*%b\s*\((.*)\)\s*\}\}"
        % re.sub("^.|[FLR]", lambda m: f"[{m[0].lower()}{m[0].upper()}]", name).encode()
    )
    for name in _NAMES
}
_COMMA: Final = re.compile(rb",\s*")
_NUMBER: Final = re.compile(rb"[+-]?[0-9]+")
_INT32_MAX: Final = 2**31 - 1


class TransformError(ValueError):
    """The transform can't be made. The text is nats-server's; it ends with the token where one is to blame."""


INVALID: Final = "invalid mapping destination"
BAD_SUBJECT: Final = "invalid subject"
_UNKNOWN_FUNCTION: Final = f"{INVALID}: unknown function"
_INVALID_TRANSFORM: Final = f"{INVALID}: invalid transform"
_OUT_OF_RANGE: Final = f"{INVALID}: wildcard index out of range"
_NOT_ENOUGH: Final = f"{INVALID}: not enough arguments passed to the function"
_TOO_MANY: Final = f"{INVALID}: too many arguments passed to the function"
_BAD_ARGUMENT: Final = f"{INVALID}: function argument is invalid or in the wrong format"
_NOT_ALL: Final = f"{INVALID}: not using all of the token wildcard(s)"
_ONLY_WILDCARD: Final = (
    f"{INVALID}: the only mapping function allowed for import transforms is {{{{Wildcard()}}}}"
)


def _error(text: str, token: bytes) -> TransformError:
    return TransformError(f"{text} in {token.decode(errors='replace')}" if token else text)


@dataclass(frozen=True, slots=True)
class Function:
    """A function in a destination token. ``wildcards`` are numbers of source wildcards, from 1 on."""

    name: str
    wildcards: tuple[int, ...] = ()
    number: int = -1
    text: bytes = b""


class Transform:
    """``strict``: all wildcards of the source are used and nothing but wildcards, so that ``reversed`` exists.

    An empty source is ``>``. Immutable.
    """

    __slots__ = ("_constant", "_identity", "_parts", "_rest_from", "destination", "source")

    def __init__(self, source: bytes, destination: bytes, *, strict: bool = False) -> None:
        """Raises TransformError."""
        self.source = source = source or b">"
        self.destination = destination
        if not (is_valid_filter(source) and is_valid_filter(destination)):
            raise TransformError(BAD_SUBJECT)
        from_tokens, to_tokens = source.split(b"."), destination.split(b".")
        open_ended = from_tokens[-1] == b">"
        if b"*" in to_tokens or open_ended != (to_tokens[-1] == b">"):
            raise TransformError(BAD_SUBJECT)
        functions = functions_of(destination)
        places = [i for i, token in enumerate(from_tokens) if token == b"*"]
        if places or open_ended:
            _check_wildcards(destination, functions, len(places), strict)
        else:
            _check_literal_source(functions, to_tokens)
        self._identity = source == destination == b">"
        self._constant = not open_ended and not any(functions)
        #: From which source token on the rest is appended; None where the destination doesn't end with ``>``.
        self._rest_from = len(from_tokens) - 1 if open_ended else None
        self._parts = [
            (token, None if function is None else _piece(function, places))
            for token, function in zip(to_tokens, functions, strict=True)
        ]

    def __repr__(self) -> str:
        return f"Transform({self.source!r}, {self.destination!r})"

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, Transform):
            return NotImplemented
        return (self.source, self.destination) == (other.source, other.destination)

    def __hash__(self) -> int:
        return hash((self.source, self.destination))

    def match(self, subject: bytes, random: Random) -> bytes | None:
        """The transformed subject; None when ``subject`` isn't a literal one or the source doesn't cover it."""
        if self._identity:
            return subject
        if not is_valid_literal(subject) or not is_subset(subject, self.source):
            return None
        return self.apply(subject, random)

    def apply(self, subject: bytes, random: Random) -> bytes:
        """As ``match`` for a subject that is known to match the source."""
        if self._constant:
            return self.destination
        tokens = subject.split(b".")
        made = [token if piece is None else piece(tokens, random) for token, piece in self._parts]
        if self._rest_from is not None:
            made[-1:] = tokens[self._rest_from :]
        return b".".join(made)

    def reversed(self) -> "Transform":
        """From destinations back to sources. Raises TransformError unless this is strict."""
        numbers = [f.wildcards[0] for f in functions_of(self.destination) if f is not None]
        tokens = self.source.split(b".")
        for count, place in enumerate([i for i, t in enumerate(tokens) if t == b"*"], 1):
            if count not in numbers:
                raise _error(_NOT_ALL, self.destination)
            tokens[place] = b"$%d" % (numbers.index(count) + 1)
        return Transform(untokenize(self.destination), b".".join(tokens), strict=True)


def validate_mapping(source: bytes, destination: bytes) -> None:
    """What the destinations of mappings and of stream transforms must be, beyond making a Transform.

    An empty destination is valid. Raises TransformError.
    """
    if not destination:
        return
    tokens = destination.split(b".")
    for i, token in enumerate(tokens):
        if not token or b">" in tokens[:i]:
            raise _error(_INVALID_TRANSFORM, token)
        if _looks_like_function(token):
            if not any(pattern.search(token) for pattern in _FUNCTIONS.values()):
                raise _error(_UNKNOWN_FUNCTION, token)
        elif has_space(token) or b"\n" in token:
            raise TransformError(_INVALID_TRANSFORM)
    Transform(source, destination)


def tokenize(subject: bytes) -> bytes:
    """``foo.*.*`` → ``foo.$1.$2``"""
    count = 0
    tokens = subject.split(b".")
    for i, token in enumerate(tokens):
        if token == b"*":
            count += 1
            tokens[i] = b"$%d" % count
    return b".".join(tokens)


def untokenize(destination: bytes) -> bytes:
    """``foo.$2.$1`` → ``foo.*.*``: the filter of all that a destination with wildcards can become."""
    tokens = destination.split(b".")
    for i, function in enumerate(functions_of(destination)):
        if function is not None and function.name == "wildcard":
            tokens[i] = b"*"
    return b".".join(tokens)


# Reading a destination ------------------------------------------------------------------------------


def _looks_like_function(token: bytes) -> bool:
    return len(token) > 4 and token.startswith(b"{{") and token.endswith(b"}}")


def functions_of(destination: bytes) -> list[Function | None]:
    """For each token; see ``function_of``."""
    return [function_of(token) for token in destination.split(b".")]


def function_of(token: bytes) -> Function | None:
    """What stands in one token of a destination; None = plain text. Raises TransformError."""
    if len(token) > 1 and token[:1] == b"$":
        return Function("wildcard", (int(token[1:]),)) if _NUMBER.fullmatch(token[1:]) else None
    if not _looks_like_function(token):
        return None
    for name, pattern in _FUNCTIONS.items():
        found = pattern.search(token)
        if found is not None:
            return _READERS.get(name, _one_and_number)(name, _COMMA.split(found[1]), token)
    raise _error(_UNKNOWN_FUNCTION, token)


def _number(argument: bytes, token: bytes, most: int | None = _INT32_MAX) -> int:
    text = argument.strip(b" ")
    if not _NUMBER.fullmatch(text) or (most is not None and int(text) > most):
        raise _error(_BAD_ARGUMENT, token)
    return int(text)


def _wildcard(name: str, arguments: list[bytes], token: bytes) -> Function:
    if arguments == [b""]:
        raise _error(_NOT_ENOUGH, token)
    if len(arguments) > 1:
        raise _error(_TOO_MANY, token)
    return Function(name, (_number(arguments[0], token, None),))


def _partition(name: str, arguments: list[bytes], token: bytes) -> Function:
    buckets = _number(arguments[0], token)
    return Function(name, tuple(_number(a, token, None) for a in arguments[1:]), buckets)


def _random(name: str, arguments: list[bytes], token: bytes) -> Function:
    if len(arguments) != 1:
        raise _error(_NOT_ENOUGH, token)
    return Function(name, number=_number(arguments[0], token))


def _two(arguments: list[bytes], token: bytes) -> int:
    if len(arguments) != 2:
        raise _error(_NOT_ENOUGH if len(arguments) < 2 else _TOO_MANY, token)
    return _number(arguments[0], token, None)


def _split(name: str, arguments: list[bytes], token: bytes) -> Function:
    index = _two(arguments, token)
    if b" " in arguments[1] or b"." in arguments[1]:
        raise _error(_BAD_ARGUMENT, token)
    return Function(name, (index,), text=arguments[1])


def _one_and_number(name: str, arguments: list[bytes], token: bytes) -> Function:
    index = _two(arguments, token)
    return Function(name, (index,), _number(arguments[1], token))


_READERS: Final = {
    "wildcard": _wildcard,
    "partition": _partition,
    "random": _random,
    "split": _split,
}


def _check_wildcards(
    destination: bytes, functions: list[Function | None], wildcards: int, strict: bool
) -> None:
    used = 0
    for token, function in zip(destination.split(b"."), functions, strict=True):
        if function is None:
            continue
        if strict and function.name != "wildcard":
            raise _error(_ONLY_WILDCARD, token)
        used += len(function.wildcards)
        for index in function.wildcards:
            if index > wildcards:
                raise TransformError(f"{_OUT_OF_RANGE} in {token.decode()}: [{index}]")
    if strict and used < wildcards:
        raise _error(_NOT_ALL, destination)


def _check_literal_source(functions: list[Function | None], tokens: list[bytes]) -> None:
    for token, function in zip(tokens, functions, strict=True):
        if function is not None and function.name not in ("random", "partition"):
            raise _error(_OUT_OF_RANGE, token)


# Filling a destination ------------------------------------------------------------------------------


def _piece(function: Function, places: list[int]) -> _Piece:
    """Indexes below 1 stand for the subject's first token, as they do in nats-server."""
    at = [places[index - 1] if index > 0 else 0 for index in function.wildcards]
    number = function.number
    if function.name == "partition":
        return _partition_piece(at, number)
    if function.name == "random":
        return lambda tokens, random: b"%d" % int(random() * abs(number)) if number else b"0"
    first = at[0]
    if function.name == "wildcard":
        return lambda tokens, random: tokens[first]
    if function.name == "split":
        text = function.text
        return lambda tokens, random: _split_token(tokens[first], text)
    cut = _CUTS[function.name]

    def cut_token(tokens: list[bytes], random: Random) -> bytes:
        token = tokens[first]
        return cut(token, number) if 0 < number < len(token) else token

    return cut_token


def _partition_piece(at: list[int], buckets: int) -> _Piece:
    def partition_token(tokens: list[bytes], random: Random) -> bytes:
        key = b"".join([tokens[i] for i in at]) if at else b".".join(tokens)
        return b"%d" % partition(key, buckets)

    return partition_token


def partition(key: bytes, buckets: int) -> int:
    """FNV-1a with 32 bits, modulo ``buckets``; 0 without buckets."""
    if buckets == 0:
        return 0
    found = 0x811C9DC5
    for byte in key:
        found = (found ^ byte) * 0x01000193 & 0xFFFFFFFF
    return found % (buckets & 0xFFFFFFFF)


def _split_token(token: bytes, text: bytes) -> bytes:
    """Empty parts at both ends vanish; between others they leave no empty token either."""
    if not text:
        letters = token.decode("utf-8", "surrogateescape")
        return b".".join(letter.encode("utf-8", "surrogateescape") for letter in letters)
    return b".".join(part for part in token.split(text) if part)


def _slice_from_left(token: bytes, size: int) -> bytes:
    return b".".join(token[i : i + size] for i in range(0, len(token), size))


def _slice_from_right(token: bytes, size: int) -> bytes:
    first = len(token) % size
    parts = [token[:first]] if first else []
    return b".".join(parts + [token[i : i + size] for i in range(first, len(token), size)])


_CUTS: Final[dict[str, Callable[[bytes, int], bytes]]] = {
    "splitfromleft": lambda token, at: token[:at] + b"." + token[at:],
    "splitfromright": lambda token, at: token[:-at] + b"." + token[-at:],
    "slicefromleft": _slice_from_left,
    "slicefromright": _slice_from_right,
    "left": lambda token, size: token[:size],
    "right": lambda token, size: token[-size:],
}

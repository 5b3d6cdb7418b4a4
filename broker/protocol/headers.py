"""The ``NATS/1.0`` header block. Clients' blocks are carried unread; this is for what the server itself looks at.

Wire     NATS/1.0[ status[ description]]\\r\\n (Name: value\\r\\n)* \\r\\n
Source   ADR-4; nats-server ``sliceHeader``: names compare exactly, white space around the value is trimmed
"""

PREFIX = b"NATS/1.0\r\n"
_LINE_END = b"\r\n"


def get(header: bytes, name: bytes) -> bytes | None:
    """The first value of ``name``; None when it isn't there."""
    at = header.find(b"\r\n%b:" % name)
    if at < 0:
        return None
    start = at + len(name) + 3
    end = header.find(_LINE_END, start)
    return header[start : end if end >= 0 else len(header)].strip(b" \t")


def build(fields: dict[bytes, bytes]) -> bytes:
    """A block with these fields in this order; line ends inside a value become spaces."""
    lines = (b"%b: %b\r\n" % (k, _one_line(v)) for k, v in fields.items())
    return PREFIX + b"".join(lines) + _LINE_END


def with_field(header: bytes, name: bytes, value: bytes) -> bytes:
    """``header`` (empty allowed) with one more field at its end."""
    field = b"%b: %b\r\n\r\n" % (name, _one_line(value))
    if not header:
        return PREFIX + field
    return header[:-2] + field if header.endswith(b"\r\n\r\n") else header + field


def without(header: bytes, name: bytes) -> bytes:
    """``header`` without any field of that name; empty when nothing else was in it."""
    lines = header.split(_LINE_END)
    kept = [line for line in lines if not line.startswith(b"%b:" % name)]
    if len(kept) == len(lines):
        return header
    return b"" if kept == [PREFIX[:-2], b"", b""] else _LINE_END.join(kept)


def without_prefixes(header: bytes, prefixes: tuple[bytes, ...]) -> bytes:
    """``header`` without the fields whose names begin so; empty when nothing else was in it."""
    first, *lines = header.split(_LINE_END)
    kept = [line for line in lines if line and not line.startswith(prefixes)]
    return _LINE_END.join((first, *kept, b"", b"")) if kept else b""


def _one_line(value: bytes) -> bytes:
    return value.replace(b"\r", b" ").replace(b"\n", b" ")

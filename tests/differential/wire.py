"""One transcript against one server: what each client is told after each step, as events that can be compared.

What differs from run to run is left out: most of INFO, times, and the random parts of the server's own subjects.
"""

import base64
import json
import re
import socket
import time
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Any

Event = tuple[Any, ...]
#: For each step of a transcript and each client that was told something.
Told = list[dict[str, list[Event]]]
_TIMEOUT_S = 10.0
_MOMENT_S = 2.0
_CONNECT = {
    "verbose": False,
    "pedantic": False,
    "headers": True,
    "no_responders": True,
    "protocol": 1,
}
#: What of INFO must be the same.
_INFO = (
    "auth_required",
    "headers",
    "max_payload",
    "nonce",
    "proto",
    "remote_account",
    "acc_is_sys",
)
_RESPONSE = re.compile(rb"_R_\.[0-9A-Za-z]{6}\.[0-9A-Za-z]{6}")
_TIMES = re.compile(rb'"(rtt|start|ts|id|server)":("[^"]*"|[0-9]+),?')


@dataclass(frozen=True)
class Answer:
    """A step: publish this to the reply of the message that the client received so many messages ago."""

    payload: bytes
    header: bytes = b""
    reply: bytes = b""
    back: int = 0


@dataclass
class Client:
    """One connection; ``events`` are what it was told since the last look, ``replies`` the subjects to answer to."""

    sock: socket.socket
    replies: list[bytes] = field(default_factory=list)
    buffer: bytes = b""
    events: list[Event] = field(default_factory=list)
    closed: bool = False
    gone: bool = False

    def send(self, data: bytes) -> None:
        try:
            self.sock.sendall(data)
        except OSError:
            self.closed = True

    def begin(self, action: bytes | dict[str, Any]) -> None:
        """After INFO, which has the nonce."""
        while b"\r\n" not in self.buffer:
            self.buffer += self.sock.recv(65536)
        found = re.search(rb'"nonce":"([^"]+)"', self.buffer)
        nonce = found[1] if found else b""
        self.send(action if isinstance(action, bytes) else _connect_line(action, nonce))

    def answer(self, answer: Answer) -> None:
        subject = self.replies[-1 - answer.back]
        self.send(publish(subject, answer.payload, answer.header, answer.reply))

    def settle(self, wanted: int) -> None:
        """Read until the answer to a PING, or the end; again for a moment while less than wanted came."""
        until = time.monotonic() + _MOMENT_S
        self._settle()
        while len(self.events) < wanted and not self.closed and time.monotonic() < until:
            self._settle()

    def _settle(self) -> None:
        if self.closed:
            return
        self.send(b"PING\r\n")
        while not self.closed and not self._read_events():
            try:
                more = self.sock.recv(65536)
            except ConnectionError:
                more = b""
            self.closed = not more
            self.buffer += more
        if self.closed:
            self._read_events()

    def take(self) -> list[Event]:
        """What it was told since the last time, its end as the last."""
        events, self.events = _ordered(self.events), []
        if self.closed and not self.gone:
            self.gone = True
            events.append(("CLOSED",))
        return events

    def leave(self) -> None:
        """Until the server has closed its end too: what it did for this client is over then."""
        with suppress(OSError):
            self.sock.shutdown(socket.SHUT_WR)
            while self.sock.recv(65536):
                pass
        self.sock.close()

    def _read_events(self) -> bool:
        """True after PONG."""
        while b"\r\n" in self.buffer:
            line, rest = self.buffer.split(b"\r\n", 1)
            word, _, arguments = line.partition(b" ")
            if word in (b"MSG", b"HMSG"):
                *_, size = line.split()
                if len(rest) < int(size) + 2:
                    return False
                words = line.split()
                self.replies.append(words[3] if len(words) == 5 + (word == b"HMSG") else b"")
                self.events.append(_message(words, rest[: int(size)]))
                self.buffer = rest[int(size) + 2 :]
                continue
            self.buffer = rest
            if word == b"PONG":
                return True
            if word == b"PING":
                self.send(b"PONG\r\n")
            elif word == b"INFO":
                self.events.append(_info(arguments))
            else:
                self.events.append((_steady(line).decode(),))
        return False


def publish(subject: bytes, payload: bytes = b"", header: bytes = b"", reply: bytes = b"") -> bytes:
    """Wire   PUB or, with a header, HPUB"""
    words = [b"HPUB" if header else b"PUB", subject, *([reply] if reply else [])]
    sizes = [len(header)] if header else []
    numbers = [b"%d" % size for size in (*sizes, len(header) + len(payload))]
    return b" ".join([*words, *numbers]) + b"\r\n" + header + payload + b"\r\n"


def _info(arguments: bytes) -> Event:
    fields = json.loads(arguments)
    kept = {name: fields[name] for name in _INFO if name in fields}
    if "nonce" in kept:
        kept["nonce"] = len(kept["nonce"])
    return ("INFO", *sorted(kept.items()))


def _message(words: list[bytes], content: bytes) -> Event:
    """Sizes follow from the content, so they are left out; MSG or HMSG isn't."""
    header_size = int(words[-2]) if words[0] == b"HMSG" else 0
    numbers = 2 if words[0] == b"HMSG" else 1
    reply = words[3] if len(words) == 4 + numbers else b""
    header, payload = content[:header_size], content[header_size:]
    if payload.startswith(b'{"server":{'):
        payload = _event(payload)
    parts = (
        words[0],
        _steady(words[1]),
        words[2],
        _steady(reply),
        _TIMES.sub(b"", header),
        _TIMES.sub(b"", payload),
    )
    return tuple(part.decode(errors="backslashreplace") for part in map(_steady, parts))


def _event(payload: bytes) -> bytes:
    """What a server tells, without who tells it and when; the order of fields is kept."""
    event = json.loads(payload)
    event.pop("server")
    for part in event.get("events", ()):
        part.pop("ts")
        part.pop("cid", None)
    return json.dumps(event).encode()


def _steady(text: bytes) -> bytes:
    return _RESPONSE.sub(b"_R_.*.*", text)


def _connect_line(options: dict[str, Any], nonce: bytes) -> bytes:
    """Options may have the user's ``key``, which signs."""
    options = dict(options)
    key = options.pop("key", None)
    if key is not None:
        options["sig"] = base64.urlsafe_b64encode(key.sign(nonce)).rstrip(b"=").decode()
    return b"CONNECT " + json.dumps(_CONNECT | options).encode() + b"\r\n"


def play(port: int, steps: Sequence[tuple[str, Any]], like: Told | None = None) -> Told:
    """Runs the steps; for each of them what each client was told.

    ``like`` is what another server told: where it told more, this one is given a moment, as some of what nats-server
    tells comes from threads of its own.

    A step is a client's name with bytes to send, with an Answer, with a dictionary of CONNECT options (a new
    connection), or None to close it.
    """
    clients: dict[str, Client] = {}
    told: Told = []
    try:
        for name, action in steps:
            if action is None:
                clients.pop(name).leave()
            elif isinstance(action, dict) or name not in clients:
                sock = socket.create_connection(("127.0.0.1", port), timeout=_TIMEOUT_S)
                sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
                clients[name] = Client(sock)
                clients[name].begin(action)
            elif isinstance(action, Answer):
                clients[name].answer(action)
            else:
                clients[name].send(action)
            wanted = like[len(told)] if like is not None else {}
            for other in [name, *clients]:
                if other in clients:
                    clients[other].settle(len(wanted.get(other, ())))
            told.append({n: events for n, c in clients.items() if (events := c.take())})
    finally:
        for client in clients.values():
            client.leave()
    return told


def _ordered(events: list[Event]) -> list[Event]:
    """Copies of one message for several subscriptions come in any order."""
    messages = sorted((e for e in events if e[0] in ("MSG", "HMSG")), key=lambda e: (e[5], e[2], e))
    others = [e for e in events if e[0] not in ("MSG", "HMSG")]
    return [*others, *messages]

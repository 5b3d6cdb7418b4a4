"""What is said to a server: by configuration, each transcript with a name that says what it is about.

A step is a client with what it sends: bytes, an Answer to what it received, CONNECT options for a new connection, or
None to close it.
"""

# ruff: noqa: E501  (a transcript reads best as one line)

from typing import Any

from tests.differential import operator
from tests.differential.wire import Answer, publish

Steps = list[tuple[str, Any]]


def user(login: str, **more: Any) -> dict[str, Any]:
    return {"user": login, "pass": "x", **more}


def _one(*blocks: bytes, **options: Any) -> Steps:
    """A single client."""
    return [("c", options), *(("c", block) for block in blocks)]


PLAIN: dict[str, Steps] = {
    "unknown operation": _one(b"FOO\r\n"),
    "publish with one word": _one(b"PUB a\r\n"),
    "publish with five words": _one(b"PUB a b c d 1\r\n"),
    "negative size": _one(b"PUB a -1\r\n"),
    "size that is no number": _one(b"PUB a x\r\n"),
    "payload longer than announced": _one(b"SUB a 1\r\nPUB a 1\r\nxyz\r\n"),
    "payload without its end": _one(b"PUB a 1\r\nx\n\r\n"),
    "payload over max_payload": _one(b"PUB a 1025\r\n"),
    "control line too long": _one(b"PUB " + b"a" * 600 + b" 0\r\n\r\n"),
    "control line too long and unfinished": _one(b"SUB " + b"a" * 600),
    "subscribing with four words": _one(b"SUB a b c d\r\n"),
    "subscribing with one word": _one(b"SUB a\r\n"),
    "invalid subjects": _one(b"SUB a..b 1\r\nSUB .a 2\r\nSUB a. 3\r\nSUB >.a 4\r\nSUB a.>.b 5\r\n"),
    "wildcards as part of a token": _one(b"SUB a* 1\r\nPUB a* 0\r\n\r\nPUB ab 0\r\n\r\n"),
    "publishing to wildcards": _one(b"SUB a.* 1\r\nSUB a.b 2\r\nPUB a.* 1\r\nx\r\nPUB a.> 1\r\ny\r\n"),
    "too many tokens": _one(b"SUB 1.2.3.4.5.6.7.8.9 1\r\nSUB 1.2.3.4.5.6.7.8 2\r\n"),
    "same sid twice": _one(b"SUB a 1\r\nSUB b 1\r\nPUB a 1\r\nx\r\nPUB b 1\r\ny\r\n"),
    "unsubscribing": _one(b"SUB a 1\r\nUNSUB 1\r\nPUB a 1\r\nx\r\nUNSUB 9\r\n"),
    "unsubscribing after a number": _one(b"SUB a 1\r\nUNSUB 1 2\r\n", b"PUB a 1\r\n1\r\nPUB a 1\r\n2\r\nPUB a 1\r\n3\r\n"),
    "unsubscribing after fewer than came": _one(
        b"SUB a 1\r\nPUB a 1\r\n1\r\nPUB a 1\r\n2\r\nUNSUB 1 1\r\nPUB a 1\r\n3\r\n"
    ),
    "unsubscribing with three words": _one(b"UNSUB 1 2 3\r\n"),
    "unsubscribing with none": _one(b"UNSUB\r\n"),
    "message from a client": _one(b"MSG a 1 0\r\n\r\n"),
    "route operation": _one(b"RS+ a b\r\n"),
    "error from a client": _one(b"-ERR 'x'\r\n"),
    "ok from a client": _one(b"+OK\r\n"),
    "info from a client": _one(b"INFO {}\r\n", b"INFO {x\r\n"),
    "connect that isn't JSON": [("c", b"CONNECT {x\r\n")],
    "connect with a wrong type": [("c", b'CONNECT {"verbose":"x"}\r\n')],
    "connect without protocol": [("c", b'CONNECT {"verbose":false}\r\n'), ("c", b"SUB a 1\r\nPUB a 0\r\n\r\n")],
    "unknown protocol": _one(protocol=2),
    "account in connect": _one(account="x"),
    "no responders without headers": _one(headers=False),
    "without connect": [("c", b"SUB a 1\r\nPUB a 2\r\nhi\r\n")],
    "lower case and blanks": _one(b"sub   a\t1\r\npub  a \t 2\r\nhi\r\npInG\r\n"),
    "bare line feeds": _one(b"SUB a 1\nPUB a 2\nhi\r\n"),
    "verbose": _one(
        b"SUB a 1\r\nPUB a 1\r\nx\r\nUNSUB 1\r\nSUB b..c 2\r\nSUB a 3\r\nSUB a 3\r\nHPUB a 12 12\r\nNATS/1.0\r\n\r\n\r\n",
        verbose=True,
    ),
    "pedantic": _one(b"SUB > 1\r\nPUB a.* 1\r\nx\r\nPUB a..b 1\r\ny\r\nPUB a 1\r\nz\r\n", pedantic=True),
    "echo off": _one(b"SUB a 1\r\nSUB a q 2\r\nPUB a 1\r\nx\r\n", echo=False),
    "headers": _one(
        b"SUB h 1\r\nHPUB h 18 20\r\nNATS/1.0\r\nA: b\r\n\r\nhi\r\nHPUB h r 12 12\r\nNATS/1.0\r\n\r\n\r\nHPUB h 3 4\r\nabcd\r\n"
    ),
    "headers to a client without": [
        ("old", {"headers": False, "no_responders": False}), ("old", b"SUB h 1\r\n"), ("new", {}),
        ("new", b"HPUB h r 18 20\r\nNATS/1.0\r\nA: b\r\n\r\nhi\r\n"), ("old", b"HPUB h 12 12\r\nNATS/1.0\r\n\r\n\r\n"),
    ],
    "header longer than the message": _one(b"HPUB h 5 4\r\nabcd\r\n"),
    "header with one number": _one(b"HPUB h 4\r\nabcd\r\n"),
    "no responders": _one(b"SUB r.* 1\r\nPUB nobody r.1 2\r\nhi\r\nPUB a..b r.2 0\r\n\r\n"),
    "no responders not asked for": _one(b"SUB r 1\r\nPUB nobody r 2\r\nhi\r\n", no_responders=False),
    "no responders with somebody": _one(b"SUB r 1\r\nSUB somebody 2\r\nPUB somebody r 2\r\nhi\r\n"),
    "reserved replies": _one(
        b"PUB a _R_.x 0\r\n\r\nPUB a $JS.ACK.x 0\r\n\r\nPUB a _GR_.x 0\r\n\r\nPUB _R_.x 0\r\n\r\nPUB $NRG.x 0\r\n\r\nPUB _GR_.x 0\r\n\r\n"
    ),
    "system queue group": _one(b"SUB a _sys_ 1\r\nSUB a other 2\r\n"),
    "queue groups": [
        ("a", {}), ("a", b"SUB q one 1\r\nSUB q two 2\r\nSUB q 3\r\nSUB q.* one 4\r\n"), ("b", {}),
        ("b", b"PUB q 1\r\nx\r\nPUB q.1 1\r\ny\r\n"),
    ],
    "connecting again": _one(b"SUB a 1\r\n", b'CONNECT {"verbose":false}\r\nPUB a 0\r\n\r\n', b"SUB a 2\r\nPUB a 0\r\n\r\n"),
}  # fmt: skip

USERS: dict[str, Steps] = {
    "no credentials": _one(),
    "wrong password": _one(user="open", **{"pass": "y"}),
    "unknown user": _one(user="nobody", **{"pass": "x"}),
    "bcrypt": [("c", {"user": "hashed", "pass": "foo"}), ("c", b"PUB a 0\r\n\r\n")],
    "bcrypt with a wrong password": [("c", {"user": "hashed", "pass": "bar"})],
    "something before connect": [("c", b"PUB a 0\r\n\r\n")],
    "publishing with permissions": _one(
        b"PUB a.b 0\r\n\r\nPUB a.secret 0\r\n\r\nPUB b 0\r\n\r\nPUB a.* 0\r\n\r\nPUB x r 0\r\n\r\nPUB a.b r.x 0\r\n\r\n",
        **user("limited"),
    ),
    "publishing with permissions, verbose": _one(b"PUB a.b 0\r\n\r\nPUB b 0\r\n\r\n", **user("limited", verbose=True)),
    "subscribing with permissions": _one(
        b"SUB b.x 1\r\nSUB b.secret 2\r\nSUB b.* 3\r\nSUB > 4\r\nSUB c 5\r\nSUB b.> 6\r\nSUB b.x.hidden 7\r\nSUB b.secret q 8\r\n",
        **user("limited"),
    ),
    "subscribing in queue groups with permissions": _one(
        b"SUB q.x work.a 1\r\nSUB q.x other 2\r\nSUB q.x 3\r\nSUB b.x any 4\r\n", **user("limited")
    ),
    "what a wildcard may not see": [
        ("l", user("limited")), ("l", b"SUB b.* 1\r\nSUB b.> 2\r\nSUB b.* q 3\r\n"), ("o", user("open")),
        ("o", b"PUB b.ok 1\r\n1\r\nPUB b.secret 1\r\n2\r\nPUB b.x.hidden 1\r\n3\r\nPUB b.x.seen 1\r\n4\r\n"),
    ],
    "wildcards against wildcards": _one(
        b"SUB w.* 2\r\nSUB x.> 3\r\nSUB x.y.> 4\r\nSUB x.*.z 5\r\nSUB x.y.* 6\r\nSUB x.y.*.> 7\r\nSUB *.a 8\r\nSUB w.secret 9\r\nSUB * 10\r\n",
        **user("edges")),
    "publishing to wildcards with permissions": _one(
        b"PUB w.> 0\r\n\r\nPUB w.* 0\r\n\r\nPUB x.* 0\r\n\r\nPUB w.a.b 0\r\n\r\nPUB w.secret 0\r\n\r\nPUB x. 0\r\n\r\nPUB x 0\r\n\r\nPUB x.a..b 0\r\n\r\n",
        **user("edges")),
    "a trace that isn't permitted": [
        ("l", user("limited")), ("l", publish(b"a.b", b"", b"NATS/1.0\r\nNats-Trace-Dest: T\r\n\r\n")),
        ("o", user("open")), ("o", b"SUB a.> 1\r\n"), ("l", publish(b"c", b"", b"NATS/1.0\r\nNats-Trace-Dest: a.T\r\n\r\n"))],
    "denied queue groups": _one(
        b"SUB d.a grp 1\r\nSUB d.a other 2\r\nSUB d.a 3\r\nSUB d.* grp 4\r\nSUB d.x.b grp.1 5\r\nSUB d.x.b grp 6\r\nSUB e.a e.x 7\r\nSUB e.a f 8\r\nSUB e.a 9\r\nSUB e.a e.* 10\r\n",
        **user("edges")),
    "what overlapping denials hide": [
        ("l", user("edges")), ("l", b"SUB w.* 1\r\nSUB d.* grp 2\r\nSUB d.> grp.1 3\r\nSUB d.> other 4\r\nSUB x.y.> 5\r\n"), ("o", user("open")),
        *(("o", publish(subject, b"1")) for subject in (b"w.secret", b"w.ok", b"d.a", b"d.c", b"d.x.b", b"d.secret", b"x.y.z", b"x.y.z.1"))],
    "nothing allowed": _one(b"PUB a 0\r\n\r\nSUB a 1\r\nSUB > 2\r\n", **user("nothing")),
    "responses beside an allow list": [
        ("r", user("both")), ("r", b"SUB w.b 1\r\nPUB w.a 0\r\n\r\nPUB i.1 0\r\n\r\n"), ("o", user("open")),
        ("o", b"SUB i.* 1\r\nPUB w.b i.1 1\r\nx\r\n"), ("r", b"PUB i.1 1\r\n1\r\nPUB i.1 1\r\n2\r\n")],
    "response permissions": [
        ("r", user("responder")), ("r", b"SUB req 1\r\nPUB i.1 0\r\n\r\n"), ("o", user("open")),
        ("o", b"SUB i.* 1\r\nPUB req i.1 1\r\nx\r\n"),
        ("r", b"PUB i.1 1\r\n1\r\nPUB i.2 1\r\n1\r\nPUB i.1 1\r\n2\r\nPUB i.1 1\r\n3\r\n"),
    ],
    "response permissions alone": [
        ("r", user("answering")), ("r", b"SUB req 1\r\nPUB i.1 0\r\n\r\n"), ("o", user("open")),
        ("o", b"SUB i.* 1\r\nPUB req i.1 1\r\nx\r\n"), ("r", b"PUB i.1 1\r\n1\r\nPUB i.1 1\r\n2\r\n"),
    ],
}  # fmt: skip

MAPPINGS: dict[str, Steps] = {
    "mapped subjects": _one(
        b"SUB > 1\r\n",
        b"PUB m.lit 1\r\n1\r\nPUB m.a.b 1\r\n2\r\nPUB m.part.a-b.x 1\r\n3\r\nPUB east 1\r\n4\r\nPUB pre.a.b 1\r\n5\r\nPUB m 1\r\n6\r\n",
        **user("open"),
    ),
    "lost on purpose": _one(b"SUB > 1\r\n", b"PUB m.lost 1\r\nx\r\n", b"PUB m.lost r 1\r\nx\r\n", **user("open")),
    "no responders on the mapped subject": _one(b"SUB r 1\r\nPUB m.lit r 0\r\n\r\n", **user("open")),
    "permissions of the mapped subject": _one(b"PUB m.lit 0\r\n\r\nPUB m.a.b.c 0\r\n\r\nPUB other 0\r\n\r\n", **user("mapped")),
    "mapped with headers": _one(b"SUB > 1\r\nHPUB m.lit r 12 13\r\nNATS/1.0\r\n\r\nx\r\n", **user("open")),
    "pedantic and mapped": _one(b"SUB > 1\r\nPUB m.*.> 1\r\nx\r\n", **user("open", pedantic=True)),
}  # fmt: skip

_A, _B, _C = ("a", user("a")), ("b", user("b")), ("c", user("c"))

ACCOUNTS: dict[str, Steps] = {
    "a stream is imported as it is": [_A, _B, ("b", b"SUB s.pub.> 1\r\nSUB s.pub.x 2\r\nSUB s.> 3\r\nSUB > 4\r\nSUB s.*.x 5\r\nSUB other 6\r\n"),
        ("a", b"PUB s.pub.x 1\r\n1\r\nPUB s.pub.y.z 1\r\n2\r\nPUB s.other 1\r\n3\r\n")],
    "a stream under another subject": [_A, _B, ("b", b"SUB from.a.* 1\r\nSUB from.a.x 2\r\nSUB from.> 3\r\nSUB s.x.priv 4\r\nSUB from.*.y 5\r\n"),
        ("a", b"PUB s.x.priv 1\r\n1\r\nPUB s.y.priv r 1\r\n2\r\nPUB from.a.x 1\r\n3\r\n")],
    "a stream with a prefix": [_A, _B, ("b", b"SUB pre.lit 1\r\nSUB lit 2\r\nSUB pre.> 3\r\n"), ("a", b"PUB lit 1\r\n1\r\n")],
    "a stream of the account's own token": [_A, _B, ("b", b"SUB t.B.data 1\r\nSUB t.*.data 2\r\nSUB > 3\r\n"), ("a", b"PUB t.B.data 1\r\n1\r\nPUB t.C.data 1\r\n2\r\n")],
    "a single subject of a stream": [_A, _C, ("c", b"SUB mine 1\r\nSUB s.pub.x 2\r\n"), ("a", b"PUB s.pub.x 1\r\n1\r\nPUB s.pub.y 1\r\n2\r\n")],
    "queue groups over a stream": [_A, _B, ("b", b"SUB s.pub.x q 1\r\nSUB s.pub.* q 2\r\nSUB s.pub.x w 3\r\n"), ("a", b"PUB s.pub.y 1\r\n1\r\n")],
    "unsubscribing from a stream": [_A, _B, ("b", b"SUB s.pub.x 1\r\n"), ("a", b"PUB s.pub.x 1\r\n1\r\n"), ("b", b"UNSUB 1\r\n"), ("a", b"PUB s.pub.x 1\r\n2\r\n")],
    "nothing goes back along a stream": [_A, _B, ("a", b"SUB s.pub.x 1\r\n"), ("b", b"PUB s.pub.x 1\r\n1\r\n")],
    "a stream is interest": [_A, ("a", b"SUB r 1\r\nPUB s.pub.x r 0\r\n\r\n"), _B, ("b", b"SUB s.pub.x 1\r\n"), ("a", b"PUB s.pub.x r 0\r\n\r\n"), ("b", None), ("a", b"PUB s.pub.x r 0\r\n\r\n")],
    "headers over a stream": [_A, _B, ("b", b"SUB from.a.x 1\r\n"), ("a", b"HPUB s.x.priv 18 20\r\nNATS/1.0\r\nA: b\r\n\r\nhi\r\n")],
    "a service answers once": [_A, _B, _C, ("c", b"SUB chain 1\r\n"), ("b", b"SUB r 1\r\nPUB one r 2\r\nhi\r\n")],
    "a service that nobody serves": [_A, _B, ("b", b"SUB r 1\r\nPUB one r 2\r\nhi\r\nPUB local.stream r 0\r\n\r\nPUB swap.x.y r 0\r\n\r\n")],
    "a request without a reply": [_A, _B, ("a", b"SUB svc.stream 1\r\n"), ("b", b"PUB local.stream 2\r\nhi\r\n")],
    "tokens change places": [_A, _B, ("a", b"SUB svc.*.* 1\r\n"), ("b", b"SUB r 1\r\nPUB swap.x.y r 2\r\nhi\r\n")],
    "an account's mappings hold for its service": [_A, _B, ("a", b"SUB svc.> 1\r\n"), ("b", b"SUB r 1\r\nPUB swap.here.mapped r 2\r\nhi\r\n")],
    "who asks is shared": [_A, _B, ("a", b"SUB svc.chunk 1\r\n"), ("b", b"SUB r 1\r\nHPUB svc.chunk r 18 20\r\nNATS/1.0\r\nA: b\r\n\r\nhi\r\n")],
    "who asks can't be pretended": [_A, _B, ("a", b"SUB svc.stream 1\r\n"),
        ("b", publish(b"local.stream", b"hi", b'NATS/1.0\r\nNats-Request-Info: {"acc":"X"}\r\nA: b\r\n\r\n', b"r"))],
    "one answer, and no second one": [_A, _B, ("a", b"SUB svc.*.* 1\r\n"), ("b", b"SUB r 1\r\nPUB swap.x.y r 2\r\nhi\r\n"),
        ("a", Answer(b"first")), ("a", Answer(b"second")), ("a", Answer(b"third", reply=b"q"))],
    "an answer with a header": [_A, _B, ("a", b"SUB svc.*.* 1\r\n"), ("b", b"SUB r 1\r\nPUB swap.x.y r 2\r\nhi\r\n"),
        ("a", Answer(b"", b"NATS/1.0\r\nA: b\r\n\r\n"))],
    "many answers up to an empty one": [_A, _B, ("a", b"SUB svc.stream 1\r\n"), ("b", b"SUB r 1\r\nPUB local.stream r 2\r\nhi\r\n"),
        ("a", Answer(b"1")), ("a", Answer(b"2")), ("a", Answer(b"", b"NATS/1.0\r\nA: b\r\n\r\n")), ("a", Answer(b"")), ("a", Answer(b"late"))],
    "chunks up to an empty one": [_A, _B, ("a", b"SUB svc.chunk 1\r\n"), ("b", b"SUB r 1\r\nPUB svc.chunk r 2\r\nhi\r\n"),
        ("a", Answer(b"1")), ("a", Answer(b"2")), ("a", Answer(b"")), ("a", Answer(b"late"))],
    "an answer through two accounts": [_A, _B, _C, ("c", b"SUB chain 1\r\n"), ("a", b"SUB > 1\r\n"), ("b", b"SUB r 1\r\nPUB one r 2\r\nhi\r\n"), ("c", Answer(b"yes")), ("c", Answer(b"again"))],
    "a dialogue": [_A, _B, ("a", b"SUB svc.stream 1\r\nSUB next 2\r\n"), ("b", b"SUB r 1\r\nPUB local.stream r 2\r\nhi\r\n"),
        ("a", Answer(b"and you?", reply=b"next")), ("b", Answer(b"fine")), ("a", Answer(b"bye"))],
    "the asker is gone": [_A, _B, ("a", b"SUB svc.stream 1\r\nSUB x 2\r\n"), ("b", b"SUB r 1\r\nPUB local.stream r 2\r\nhi\r\n"),
        ("b", b"UNSUB 1\r\n"), ("a", Answer(b"late", reply=b"x")), ("b", b"SUB r 2\r\n"), ("a", Answer(b"later", reply=b"x"))],
    "the asker has left": [_A, _B, ("a", b"SUB svc.stream 1\r\nSUB x 2\r\n"), ("b", b"SUB r 1\r\nPUB local.stream r 2\r\nhi\r\n"),
        ("b", None), ("a", Answer(b"late", reply=b"x"))],
    "a request from a stream's message": [_A, _B, ("b", b"SUB s.pub.x 1\r\n"), ("a", b"SUB r 1\r\nPUB s.pub.x r 2\r\nhi\r\n"), ("b", Answer(b"goes nowhere"))],
    "a service through its own circle": [_A, _B, ("a", b"SUB r 1\r\nPUB svc.one r 2\r\nhi\r\n")],
    "services in queue groups": [_A, _B, ("a", b"SUB svc.stream q 1\r\n"), ("b", b"SUB r 1\r\nPUB local.stream r 2\r\nhi\r\n")],
    "an account's token in a service": [_A, _B, ("a", b"SUB priv.* 1\r\n"), ("b", b"PUB priv 1\r\nx\r\n")],
    "importing isn't subscribing": [_A, _B, ("b", b"SUB one 1\r\nSUB local.stream 2\r\n"), ("a", b"PUB svc.stream 1\r\nx\r\nPUB svc.one 1\r\ny\r\n"), ("b", b"PUB one 1\r\nz\r\n")],
}  # fmt: skip


def _traced(subject: bytes, destination: bytes = b"T", *fields: bytes, reply: bytes = b"") -> bytes:
    lines = [b"Nats-Trace-Dest: " + destination, *fields] if destination else list(fields)
    return publish(
        subject,
        b"hi",
        b"NATS/1.0\r\n" + b"".join(line + b"\r\n" for line in lines) + b"\r\n",
        reply,
    )


_ONLY = b"Nats-Trace-Only: true"

#: Under the configuration of ACCOUNTS.
TRACES: dict[str, Steps] = {
    "a trace": [_A, ("a", b"SUB T 1\r\nSUB x 2\r\nSUB x.* 3\r\n"), ("a", _traced(b"x")), ("a", _traced(b"x.y", b"T", b"Other: 1", b"other:  2 ", b"Other: 3"))],
    "a trace of nothing": [_A, ("a", b"SUB T 1\r\nSUB r 2\r\n"), ("a", _traced(b"nobody")), ("a", _traced(b"nobody", reply=b"r"))],
    "only a trace": [_A, ("a", b"SUB T 1\r\nSUB x 2\r\nSUB x q 3\r\nSUB r 4\r\n"), ("a", _traced(b"x", b"T", _ONLY)), ("a", _traced(b"x", b"T", b"Nats-Trace-Only: no")),
        ("a", _traced(b"x", b"", _ONLY)), ("a", _traced(b"x", b"T", _ONLY, reply=b"r")), ("a", _traced(b"nobody", b"T", _ONLY, reply=b"r"))],
    "traces that can't be": [_A, ("a", b"SUB > 1\r\n"), ("a", _traced(b"x", b"T.*")), ("a", _traced(b"x", b"T.*", _ONLY)), ("a", _traced(b"x", b"trace disabled")), ("a", _traced(b"x", b"a..b"))],
    "a trace through a mapping": [_A, ("a", b"SUB T 1\r\nSUB mapped 2\r\n"), ("a", _traced(b"map.me"))],
    "a trace without an echo": [("a", user("a", echo=False)), ("w", user("a")), ("w", b"SUB T 1\r\n"), ("a", b"SUB x 2\r\n"), ("a", _traced(b"x"))],
    "a trace to a named client in a group": [("a", user("a", name="me")), ("a", b"SUB T 1\r\nSUB x q 2\r\n"), ("a", _traced(b"x"))],
    "a trace over streams": [_A, _B, ("a", b"SUB T 1\r\n"), ("b", b"SUB from.a.x 1\r\nSUB s.pub.x 2\r\nSUB s.pub.* q 3\r\n"),
        ("a", _traced(b"s.x.priv")), ("a", _traced(b"s.pub.x")), ("a", _traced(b"s.x.priv", b"T", _ONLY)), ("a", _traced(b"s.pub.x", b"T", _ONLY))],
    "a trace up to a service": [_A, _B, ("a", b"SUB svc.stream 1\r\n"), ("b", b"SUB T 1\r\nSUB r 2\r\n"), ("b", _traced(b"local.stream", reply=b"r")), ("b", _traced(b"local.stream", b"T", _ONLY))],
    "only a trace through a service": [_A, _B, ("a", b"SUB svc.chunk 1\r\n"), ("b", b"SUB T 1\r\nSUB r 2\r\n"), ("b", _traced(b"svc.chunk", b"T", _ONLY)), ("b", _traced(b"svc.chunk", b"T", _ONLY, reply=b"r"))],
    "a trace by traceparent": [_A, ("a", b"SUB all.traces 1\r\nSUB x 2\r\n"),
        *(("a", _traced(b"x", b"", b"%b: 00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-%b" % (name, flags)))
          for name, flags in ((b"traceparent", b"01"), (b"TraceParent", b"03"), (b"traceparent", b"00"), (b"traceparent", b"x1"), (b"traceparent", b"1")))],
    "a traceparent where nobody traces": [_B, ("b", b"SUB > 1\r\n"), ("b", _traced(b"x", b"", b"traceparent: 00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"))],
    "many traces in one block": [_A, ("a", b"SUB T 1\r\nSUB x 2\r\n"), ("a", publish(b"x", b"hi", b"NATS/1.0\r\nA: b\r\n\r\n") * 20 + _traced(b"x") + publish(b"x", b"hi", b"NATS/1.0\r\nA: b\r\n\r\n") * 2)],
}  # fmt: skip

_X, _Y = ("x", operator.exporter()), ("y", operator.importer())

OPERATOR: dict[str, Steps] = {
    "a user of an unknown account": _one(**operator.stranger()),
    "no credentials": _one(),
    "no signature": _one(jwt=operator.importer()["jwt"]),
    "a signature by somebody else": _one(jwt=operator.importer()["jwt"], key=operator.importer()["key"]),
    "a token that is none": _one(jwt="abc", sig="abc"),
    "an expired token": _one(**operator.importer(expires_at=operator.NOW - 1)),
    "a token of tomorrow": _one(**operator.importer(not_before=operator.NOW + 86_400)),
    "a bearer token": _one(b"PUB a 0\r\n\r\n", **operator.importer(bearer_token=True)),
    "another network": _one(**operator.importer(src=["10.0.0.0/8"])),
    "this network": _one(**operator.importer(src=["10.0.0.0/8", "127.0.0.0/8"])),
    "out of the time window": _one(**operator.importer(times=operator.window("00:00:00", "00:00:01"), times_location="UTC")),
    "in the time window": _one(**operator.importer(times=operator.window("00:00:01", "00:00:00"), times_location="UTC")),
    "another type of connection": _one(**operator.importer(allowed_connection_types=["WEBSOCKET"])),
    "this type of connection": _one(**operator.importer(allowed_connection_types=["standard"])),
    "an unknown type of connection": _one(**operator.importer(allowed_connection_types=["CARRIER_PIGEON"])),
    "a proxy wanted": _one(**operator.importer(proxy_required=True)),
    "two subscriptions": _one(b"SUB a 1\r\nSUB b 2\r\nSUB c 3\r\nUNSUB 1\r\nSUB d 4\r\n", **operator.importer(subs=2)),
    "no payload at all": _one(b"PUB a 0\r\n\r\n", b"PUB a 1\r\nx\r\n", **operator.importer(payload=0)),
    "a small payload": _one(b"PUB a 3\r\nabc\r\n", b"PUB a 4\r\nabcd\r\n", **operator.importer(payload=3)),
    "default permissions": _one(b"PUB default.denied 0\r\n\r\nPUB a 0\r\n\r\n", **operator.importer()),
    "own permissions instead of the default ones": _one(
        b"PUB default.denied 0\r\n\r\nPUB a 0\r\n\r\n", **operator.importer(**operator.permissions(["default.>"], []))),
    "a scoped user": _one(
        b"PUB u.user.x 0\r\n\r\nPUB u.other.x 0\r\n\r\nPUB t.red 0\r\n\r\nSUB u.user.> 1\r\nSUB u.* 2\r\nSUB u.user.a 3\r\nSUB u.user.b 4\r\n",
        b"PUB u.user.x 11\r\n", **operator.scoped(tags=["team:red"])),
    "a scoped user with permissions": _one(**operator.scoped(**operator.permissions(["a"], ["b"]))),
    "a scoped user with limits": _one(**operator.scoped(subs=5)),
    "answering once": [
        ("r", operator.exporter(**operator.permissions([], ["req"], (0, 0)))), ("r", b"SUB req 1\r\nPUB i.1 0\r\n\r\n"), _X,
        ("x", b"SUB i.* 1\r\nPUB req i.1 1\r\nx\r\n"), ("r", b"PUB i.1 1\r\n1\r\nPUB i.1 1\r\n2\r\n")],
    "answering without end": [
        ("r", operator.exporter(**operator.permissions([], ["req"], (-1, -1)))), ("r", b"SUB req 1\r\n"), _X,
        ("x", b"SUB i.* 1\r\nPUB req i.1 1\r\nx\r\n"), ("r", b"PUB i.1 1\r\n1\r\nPUB i.1 1\r\n2\r\nPUB i.1 1\r\n3\r\n")],
    "answering too late": [
        ("r", operator.exporter(**operator.permissions([], ["req"], (5, 1)))), ("r", b"SUB req 1\r\n"), _X,
        ("x", b"SUB i.* 1\r\nPUB req i.1 1\r\nx\r\n"), ("r", b"PUB i.1 1\r\n1\r\n")],
    "mapped by claims": _one(b"SUB > 1\r\nPUB map.a 1\r\nx\r\n", **operator.importer()),
    "an open stream": [_X, _Y, ("y", b"SUB here.> 1\r\nSUB open.x 2\r\n"), ("x", b"PUB open.x 1\r\n1\r\n")],
    "streams with activations": [_X, _Y, ("y", b"SUB closed.* 1\r\nSUB revoked 2\r\n"),
        *(("x", publish(b"closed." + letter.encode(), b"1")) for letter in "abcf"), ("x", publish(b"revoked", b"1"))],
    "the account's own token": [_X, _Y, ("y", b"SUB own.> 1\r\n"),
        ("x", publish(b"own.%b.a" % operator.KEYS.importer.public.encode(), b"1")), ("x", publish(b"own.other.a", b"2"))],
    "a service": [_X, _Y, ("x", b"SUB svc.> 1\r\n"), ("y", b"SUB r 1\r\nPUB ask.me r 2\r\nhi\r\n"),
        ("x", Answer(b"1")), ("x", Answer(b"2")), ("x", Answer(b"")), ("x", Answer(b"3"))],
    "a service by the old field": [_X, _Y, ("x", b"SUB svc.> 1\r\n"), ("y", b"SUB r 1\r\nPUB svc.old r 2\r\nhi\r\n"), ("x", Answer(b"1"))],
    "a service with an activation": [_X, _Y, ("x", b"SUB private 1\r\n"), ("y", b"SUB r 1\r\nPUB private r 2\r\nhi\r\n"), ("x", Answer(b"1"))],
    "a service that isn't imported": [_X, ("x", b"SUB private 1\r\n"), _Y, ("y", b"SUB r 1\r\nPUB svc.y r 2\r\nhi\r\n")],
    **{f"an account whose import has {name}": _one(**operator.broken(name)) for name in operator.BROKEN},
}  # fmt: skip

TRANSCRIPTS = {
    "plain": PLAIN,
    "users": USERS,
    "mappings": MAPPINGS,
    "accounts": ACCOUNTS | TRACES,
    "operator": OPERATOR,
}

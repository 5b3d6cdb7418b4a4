"""A stream import against its meaning: a subscription receives what its filter matches, as the importer names it."""

from hypothesis import given, settings
from hypothesis import strategies as st

from broker.core.message import Message
from broker.core.stream_import import StreamImport
from broker.core.subscription import InternalSubscription
from broker.protocol.subject import is_valid_literal, matches
from broker.protocol.transform import TransformError
from tests.support.wire import Wired

_token = st.sampled_from([b"a", b"b", b"c"])
_literals = st.lists(_token, min_size=1, max_size=4).map(b".".join)
_filters = st.tuples(
    st.lists(st.one_of(_token, st.just(b"*")), min_size=1, max_size=3), st.booleans()
).map(lambda parts: b".".join([*parts[0], b">"] if parts[1] else parts[0]))


@st.composite
def _imports(draw: st.DrawFn) -> tuple[bytes, bytes]:
    """A source, and a local subject with the same wildcards in any order."""
    source = draw(_filters)
    tokens = source.split(b".")
    count = tokens.count(b"*")
    order = draw(st.permutations(range(1, count + 1)))
    local = [b"$%d" % n for n in order]
    for _ in range(draw(st.integers(0 if local or tokens[-1] == b">" else 1, 2))):
        local.insert(draw(st.integers(0, len(local))), draw(_token))
    return source, b".".join([*local, b">"] if tokens[-1] == b">" else local)


@settings(max_examples=400)
@given(_imports(), _filters, st.lists(_literals, min_size=1, max_size=6), st.booleans())
def test_a_subscription_receives_what_its_filter_matches(
    subjects: tuple[bytes, bytes], wanted: bytes, published: list[bytes], same: bool
) -> None:
    server = Wired().server
    exporter, importer = server.add_account("A"), server.add_account("B")
    source, local = subjects
    try:
        stream = StreamImport(exporter, source, b"" if same else local)
    except TransformError:  # more of them than a destination may name
        return
    got: list[bytes] = []
    sub = InternalSubscription(wanted, lambda message: got.append(message.subject))
    importer.insert(sub)
    stream.take(sub)
    expected = []
    for subject in published:
        assert is_valid_literal(subject)
        exporter.deliver(Message(subject, b"", b"", b""))
        if matches(source, subject) and matches(wanted, stream.show(subject)):
            expected.append(stream.show(subject))
    assert got == expected
    stream.release(sub)
    assert len(exporter.sublist) == 0

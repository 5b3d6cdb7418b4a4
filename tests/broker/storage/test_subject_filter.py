"""Filters against a matcher that goes token by token."""

from hypothesis import given, settings
from hypothesis import strategies as st

from broker.storage.subject_filter import covers, is_literal, literal_prefix, matcher

tokens = st.sampled_from([b"a", b"b", b"aa", b"a*", b">x", b"+", b"."[:0] + b"c"])
subjects = st.lists(tokens, min_size=1, max_size=4).map(b".".join)
filters = st.builds(
    lambda parts, tail: b".".join([*parts, *tail]),
    st.lists(st.one_of(tokens, st.just(b"*")), min_size=1, max_size=3),
    st.sampled_from([[], [b">"]]),
)


def naive(subject_filter: bytes, subject: bytes) -> bool:
    wanted, given_tokens = subject_filter.split(b"."), subject.split(b".")
    for index, token in enumerate(wanted):
        if token == b">" and index == len(wanted) - 1:
            return len(given_tokens) > index
        if index >= len(given_tokens) or token not in (b"*", given_tokens[index]):
            return False
    return len(wanted) == len(given_tokens)


@settings(max_examples=100)
@given(filters, subjects)
def test_a_filter_takes_what_its_tokens_take(subject_filter: bytes, subject: bytes) -> None:
    assert bool(matcher(subject_filter)(subject)) == naive(subject_filter, subject)
    if naive(subject_filter, subject):
        assert subject.startswith(literal_prefix(subject_filter))


@settings(max_examples=100)
@given(filters, filters, subjects)
def test_what_is_covered_takes_nothing_else(wide: bytes, narrow: bytes, subject: bytes) -> None:
    if covers(wide, narrow) and naive(narrow, subject):
        assert naive(wide, subject)


def test_wildcards_count_only_as_whole_tokens() -> None:
    assert is_literal(b"a.b*.c") and is_literal(b"a.>.b>")
    assert not is_literal(b"a.*") and not is_literal(b">")
    assert covers(b">", b"a.*") and covers(b"a.*", b"a.*") and not covers(b"a.*", b"a.>")
    assert covers(b"a.>", b"a.*.>") and not covers(b"a.>", b"a")

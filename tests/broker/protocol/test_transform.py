"""Subject transforms: what each function makes of a token, and what is refused in which words."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from broker.protocol.transform import Transform, TransformError, partition, validate_mapping


def _random() -> float:
    return 0.99


@pytest.mark.parametrize(
    ("source", "destination", "subject", "expected"),
    [
        ("foo", "bar", "foo", "bar"),
        ("foo.*.*", "bar.$2.$1", "foo.a.b", "bar.b.a"),
        ("foo.*.*", "bar.{{wildcard(2)}}.{{ Wildcard( 1 ) }}", "foo.a.b", "bar.b.a"),
        ("foo.>", "bar.>", "foo.a.b", "bar.a.b"),
        ("foo.*.>", "x.$1.y.>", "foo.a.b.c", "x.a.y.b.c"),
        ("", "pre.>", "a.b", "pre.a.b"),
        (">", ">", "a.b", "a.b"),
        ("foo.*", "{{partition(10,1)}}.$1", "foo.bar", "2.bar"),
        ("foo.*.*", "p.{{partition(5,1,2)}}", "foo.a.b", "p.1"),
        ("foo.>", "p.{{partition(5)}}.>", "foo.a.b", "p.4.a.b"),
        ("foo.bar", "p.{{partition(7)}}", "foo.bar", "p.3"),
        ("foo.*", "r.{{random(8)}}", "foo.a", "r.7"),
        ("foo.*", "r.{{random(0)}}", "foo.a", "r.0"),
        ("foo.*", "s.{{split(1,-)}}", "foo.-a--b-c-", "s.a.b.c"),
        ("foo.*", "s.{{splitFromLeft(1,3)}}", "foo.12345", "s.123.45"),
        ("foo.*", "s.{{splitfromright(1,3)}}", "foo.12345", "s.12.345"),
        ("foo.*", "s.{{splitfromleft(1,5)}}", "foo.12345", "s.12345"),
        ("foo.*", "s.{{SliceFromLeft(1,2)}}", "foo.12345", "s.12.34.5"),
        ("foo.*", "s.{{slicefromright(1,2)}}", "foo.12345", "s.1.23.45"),
        ("foo.*", "s.{{left(1,2)}}.{{right(1,2)}}", "foo.12345", "s.12.45"),
        ("foo.*", "s.$x.$1", "foo.a", "s.$x.a"),
    ],
)
def test_a_matching_subject_becomes(
    source: str, destination: str, subject: str, expected: str
) -> None:
    transform = Transform(source.encode(), destination.encode())
    assert transform.match(subject.encode(), _random) == expected.encode()


@pytest.mark.parametrize("subject", [b"bar.a", b"foo", b"foo.a.b", b"foo.*", b"foo..b", b""])
def test_what_the_source_does_not_cover_is_no_match(subject: bytes) -> None:
    assert Transform(b"foo.*", b"bar.$1").match(subject, _random) is None


@pytest.mark.parametrize(
    ("source", "destination", "text"),
    [
        ("foo", "bar.>", "invalid subject"),
        ("foo.>", "bar", "invalid subject"),
        ("foo.*", "bar.*", "invalid subject"),
        ("foo..a", "bar", "invalid subject"),
        ("foo.*", "bar.$2", "wildcard index out of range in $2: [2]"),
        ("foo", "bar.$1", "wildcard index out of range in $1"),
        (
            "foo.*",
            "{{wildcard()}}",
            "not enough arguments passed to the function in {{wildcard()}}",
        ),
        ("foo.*", "{{wildcard(1,2)}}", "too many arguments passed to the function in"),
        ("foo.*", "{{wildcard(x)}}", "function argument is invalid or in the wrong format in"),
        ("foo.*", "{{partition()}}", "function argument is invalid or in the wrong format in"),
        ("foo.*", "{{partition(9999999999,1)}}", "function argument is invalid"),
        ("foo.*", "{{split(1)}}", "not enough arguments passed to the function in {{split(1)}}"),
        ("foo.*", "{{random(1,2)}}", "not enough arguments passed to the function in"),
        ("foo.*", "{{upper(1)}}", "unknown function in {{upper(1)}}"),
    ],
)
def test_what_cannot_be_is_refused_in_the_servers_words(
    source: str, destination: str, text: str
) -> None:
    with pytest.raises(TransformError) as refused:
        Transform(source.encode(), destination.encode())
    assert text in str(refused.value)


def test_an_import_uses_every_wildcard_and_no_other_function() -> None:
    with pytest.raises(TransformError, match=r"not using all of the token wildcard\(s\) in bar"):
        Transform(b"foo.*", b"bar", strict=True)
    with pytest.raises(TransformError, match="only mapping function allowed for import"):
        Transform(b"foo.*", b"bar.{{left(1,2)}}", strict=True)


def test_the_destination_of_a_mapping_may_be_empty_but_not_unclear() -> None:
    with pytest.raises(TransformError, match="unknown function"):
        validate_mapping(b"foo.*", b"bar.{{first(1,2)}}")
    with pytest.raises(TransformError, match="invalid transform"):
        validate_mapping(b"foo.>", b"bar.>.>")
    validate_mapping(b"foo.*", b"bar.{{partition(3,1)}}")
    validate_mapping(b"foo.*", b"")


@given(st.permutations([1, 2, 3, 4]), st.lists(st.sampled_from("abcd"), min_size=4, max_size=4))
def test_a_reversed_transform_leads_back(order: list[int], tokens: list[str]) -> None:
    forth = Transform(
        b"a.*.*.b.*.*.>", (".".join(f"${n}" for n in order) + ".c.>").encode(), strict=True
    )
    subject = "a.{}.{}.b.{}.{}.rest.x".format(*tokens).encode()
    there = forth.match(subject, _random)
    assert there is not None
    assert forth.reversed().match(there, _random) == subject


def test_the_hash_is_fnv_1a() -> None:
    assert partition(b"foobar", 2**32 - 1) == 0xBF9CF968
    assert partition(b"anything", 0) == 0

"""nkeys against the independent ``nkeys`` package, and against every damaged key."""

import copy
import pickle

import nkeys as oracle
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from broker.identity import nkeys
from broker.identity.nkeys import KeyPair, Kind, NkeyError, is_public, kind_of, verify

SIGNING: tuple[Kind, ...] = ("operator", "account", "user", "server")
LETTERS = {"operator": "O", "account": "A", "user": "U", "server": "N", "curve": "X"}


@pytest.mark.parametrize("kind", SIGNING)
def test_keys_are_the_oracles(kind: Kind) -> None:
    key = KeyPair.generate(kind)
    theirs = oracle.from_seed(bytearray(key.seed.encode()))
    assert theirs.public_key.decode() == key.public
    assert verify(key.public, b"nonce", theirs.sign(b"nonce"))
    assert theirs.verify(b"nonce", key.sign(b"nonce"))
    assert KeyPair.from_seed(key.seed) == key


@pytest.mark.parametrize("kind", [*SIGNING, "curve"])
def test_first_letters_and_kinds(kind: Kind) -> None:
    key = KeyPair.generate(kind)
    assert key.public[0] == LETTERS[kind]
    assert key.seed[:2] == "S" + LETTERS[kind]
    assert kind_of(key.public) == kind
    assert [other for other in LETTERS if is_public(key.public, other)] == [kind]  # type: ignore[arg-type]


def test_curve_keys_have_no_signatures() -> None:
    key = KeyPair.generate("curve")
    assert KeyPair.from_seed(key.seed).public == key.public
    with pytest.raises(NkeyError, match="curve"):
        key.sign(b"x")


def test_nothing_shows_the_seed() -> None:
    key = KeyPair.generate("user")
    for text in (repr(key), str(key), f"{key}", repr([key])):
        assert key.seed not in text
        assert key.seed[4:20] not in text
    with pytest.raises(TypeError):
        pickle.dumps(key)
    with pytest.raises(TypeError):
        copy.deepcopy(key)
    with pytest.raises(NkeyError) as caught:
        KeyPair.from_seed(key.seed[:-1] + ("A" if key.seed[-1] != "A" else "Q"))
    assert key.seed[:-1] not in str(caught.value)


def test_verify_is_false_for_anything_wrong() -> None:
    key, other = KeyPair.generate("user"), KeyPair.generate("user")
    signature = key.sign(b"data")
    assert verify(key.public, b"data", signature)
    assert not verify(other.public, b"data", signature)
    assert not verify(key.public, b"date", signature)
    assert not verify(key.public, b"data", signature[:-1])
    assert not verify(key.public, b"data", b"\0" * 64)
    assert not verify("", b"data", signature)
    assert not verify(key.seed, b"data", signature)


@given(st.data())
@settings(max_examples=60)
def test_a_damaged_key_is_no_key(data: st.DataObject) -> None:
    key = KeyPair.generate(data.draw(st.sampled_from(SIGNING)))
    text = data.draw(st.sampled_from([key.public, key.seed]))
    at = data.draw(st.integers(0, len(text) - 2))
    letter = data.draw(
        st.sampled_from("ABCDEFGHIJKLMNOPQRSTUVWXYZ234567").filter(lambda c: c != text[at])
    )
    damaged = text[:at] + letter + text[at + 1 :]
    assert kind_of(damaged) is None
    with pytest.raises(NkeyError):
        KeyPair.from_seed(damaged)


@given(st.text(max_size=80))
@settings(max_examples=100)
def test_any_text_is_refused_quietly(text: str) -> None:
    assert kind_of(text) is None
    assert not verify(text, b"", b"\0" * 64)
    with pytest.raises(NkeyError):
        KeyPair.from_seed(text)


@pytest.mark.parametrize("text", ["=" * 56, "A" * 50 + "======", "é" * 56, "a" * 56, " " * 56])
def test_padding_case_and_spaces_are_no_key(text: str) -> None:
    assert kind_of(text) is None


def test_decode_public_names_the_kind_it_wanted() -> None:
    key = KeyPair.generate("user")
    assert nkeys.encode_public("user", nkeys.decode_public(key.public)) == key.public
    with pytest.raises(NkeyError, match="an account key"):
        nkeys.decode_public(key.public, "account")

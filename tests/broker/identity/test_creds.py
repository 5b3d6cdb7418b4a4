"""The .creds text, read by us and by nats-py."""

import base64
from pathlib import Path

import nats.aio.client
import pytest

from broker.identity.claims import UserClaims
from broker.identity.creds import TEXT_MAX, CredsError, format_creds, parse_creds
from broker.identity.nkeys import KeyPair, verify

ACCOUNT = KeyPair.generate("account")
USER = KeyPair.generate("user")
JWT = UserClaims(subject=USER.public, name="app").encode(ACCOUNT)


def test_what_was_written_is_read() -> None:
    jwt, key = parse_creds(format_creds(JWT, USER.seed))
    assert jwt == JWT
    assert key == USER


@pytest.mark.parametrize(
    "change",
    [
        lambda text: text.replace("\n", "\r\n"),
        lambda text: text.replace("------END", "---END"),
        lambda text: "# mine\n" + text.replace("-----BEGIN", "  ---------BEGIN"),
    ],
)
def test_the_variants_that_parsers_accept(change: object) -> None:
    assert callable(change)
    assert parse_creds(change(format_creds(JWT, USER.seed)))[0] == JWT


@pytest.mark.parametrize(
    "text",
    ["", "x", "-----BEGIN X-----\n-----END X-----\n", format_creds("", ""), format_creds(JWT, "SU"),
     format_creds(JWT, ACCOUNT.seed), "-" * (TEXT_MAX + 1)],
)  # fmt: skip
def test_other_texts_are_refused_without_being_quoted(text: str) -> None:
    with pytest.raises(CredsError) as caught:
        parse_creds(text)
    assert ACCOUNT.seed not in str(caught.value)


async def test_nats_py_signs_with_the_file(tmp_path: Path) -> None:
    path = tmp_path / "app.creds"
    path.write_text(format_creds(JWT, USER.seed))
    client = nats.aio.client.Client()
    client._user_credentials = str(path)
    client._setup_nkeys_connect()
    assert client._user_jwt_cb is not None
    assert client._signature_cb is not None
    assert bytes(client._user_jwt_cb()).decode() == JWT
    signature = base64.b64decode(client._signature_cb("nonce"))
    assert verify(USER.public, b"nonce", signature)

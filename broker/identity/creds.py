"""The .creds file: a user JWT and the user's seed in one text, as every NATS client reads it.

Wire     -----BEGIN NATS USER JWT-----  …  ------END NATS USER JWT------  (six dashes at the end)
         -----BEGIN USER NKEY SEED-----  …  ------END USER NKEY SEED------
         The first block is the JWT, the second the seed; parsers accept three or more dashes.
Source   github.com/nats-io/jwt v2: creds_utils.go
"""

from collections.abc import Iterator

from broker.identity.nkeys import KeyPair

#: Far beyond the longest JWT; a text above it isn't looked at.
TEXT_MAX = 2 * 1024 * 1024

_TEXT = """-----BEGIN NATS USER JWT-----
{jwt}
------END NATS USER JWT------

************************* IMPORTANT *************************
NKEY Seed printed below can be used to sign and prove identity.
NKEYs are sensitive and should be treated as secrets.

-----BEGIN USER NKEY SEED-----
{seed}
------END USER NKEY SEED------

*************************************************************
"""


class CredsError(ValueError):
    """A text that is no .creds file. The message never contains the text."""


def format_creds(jwt: str, seed: str) -> str:
    """The file's text. ``seed`` is a user's (``SU…``)."""
    return _TEXT.format(jwt=jwt, seed=seed)


def parse_creds(text: str) -> tuple[str, KeyPair]:
    """The user JWT as it stands (not verified) and the user's key. Raises CredsError."""
    if len(text) > TEXT_MAX:
        raise CredsError(f"creds: longer than {TEXT_MAX} characters")
    blocks = list(_blocks(text))
    if len(blocks) < 2:
        raise CredsError("creds: expected a JWT block and a seed block")
    try:
        key = KeyPair.from_seed(blocks[1])
    except ValueError as error:
        raise CredsError(f"creds: {error}") from None
    if key.kind != "user":
        raise CredsError("creds: the seed is not a user's")
    return blocks[0], key


def _blocks(text: str) -> Iterator[str]:
    inside: list[str] | None = None
    for line in map(str.strip, text.splitlines()):
        if not (line.startswith("---") and line.endswith("---")):
            if inside is not None and line:
                inside.append(line)
        elif "BEGIN" in line:
            inside = []
        elif inside:
            yield "".join(inside)
            inside = None

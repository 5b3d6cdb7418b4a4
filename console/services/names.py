"""What things may be called."""

import re

from console.services.errors import InvalidArgument

NAME_MAX = 64
CREDENTIAL_NAME_MAX = 500
DESCRIPTION_MAX = 200
#: Namespaces and credentials: safe in file names, shells and URLs as they stand.
_PLAIN = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]*", re.ASCII)


def check_plain(name: str, longest: int = NAME_MAX) -> str:
    if len(name) > longest or not _PLAIN.fullmatch(name):
        raise InvalidArgument(
            "name",
            f"A name has 1 to {longest} letters, digits, dots, dashes and underscores,"
            " and begins with a letter or digit.",
        )
    return name


def check_title(name: str) -> str:
    """Projects: any printable text."""
    title = " ".join(name.split())
    if not 1 <= len(title) <= NAME_MAX or not title.isprintable():
        raise InvalidArgument("name", f"A name has 1 to {NAME_MAX} printable characters.")
    return title


def check_description(text: str) -> str:
    if len(text) > DESCRIPTION_MAX or "\0" in text:
        raise InvalidArgument(
            "description", f"A description has at most {DESCRIPTION_MAX} characters."
        )
    return text

"""What the product writes down: no seed, secret key, password or sign-in token in clear, in any file or log."""

import json
import re
from pathlib import Path

from tests.support.console import Console
from tests.support.stack import Stack

#: nkey seeds of any kind.
SEED = re.compile(rb"\bS[ACNOPU][A-Z2-7]{56}\b")
#: The two keys that open the rest; they are files of their own, for the owner alone (test_box, test_bootstrap).
KEY_FILES = {"secret.key", "sealing.key"}


def written(stack: Stack) -> dict[str, bytes]:
    """Every file of the data directory, and all that was printed."""
    files = {
        str(path.relative_to(stack.data_dir)): path.read_bytes()
        for path in stack.data_dir.rglob("*")
        if path.is_file() and path.name not in KEY_FILES and "static" not in path.parts
    }
    # The box of a first start shows its one-time link, to whoever started it.
    printed = "\n".join(line for line in stack.output if "/sign-in#token=" not in line)
    return files | {"output": printed.encode()}


def test_no_secret_is_written_down(stack: Stack, tmp_path: Path) -> None:
    link = stack.manage("login_link", "--email", "secrets@example.com", "--create").strip()
    person = Console(stack.url)
    person.sign_in(link)
    password = "correct horse battery staple 17"
    person.post("/api/session/password", {"new_password": password})
    namespace = person.create_namespace("secrets")
    _, file = person.create_credential(namespace, "app", tmp_path)
    seed = re.findall(SEED, file.read_bytes())[0].decode()
    key = json.loads(stack.manage("api_key", "create", "--json"))["secret_key"]
    second = person.post("/api/api-keys", {"description": "ci"})["secret_key"]
    person.get(f"/api/namespaces/{namespace}/activity")
    secrets = {
        "password": password, "seed": seed, "key": key, "second key": second,
        "link": link.split("#token=")[1], "creds": file.read_text().split("\n")[1],
    }  # fmt: skip
    texts = written(stack)
    assert any(name.endswith(".sqlite3") for name in texts)
    assert namespace.encode() in b"".join(texts.values()), "what isn't secret is there"
    found = {
        (what, name)
        for what, secret in secrets.items()
        for name, text in texts.items()
        if secret.encode() in text
    }
    assert not found
    assert {name: SEED.findall(text)[:1] for name, text in texts.items() if SEED.search(text)} == {}

"""The part of a start that needs Django, as a process of its own: database, keys, the broker's configuration.

argument  the directory for the broker's configuration
stdout    one JSON object: {"link": a one-time sign-in link, "" once somebody has signed in}
stderr    what it does, for the log
"""

import io
import json
import sys

SENTENCE = 3


def main(broker_dir: str) -> None:
    import django
    from django.core.management import call_command

    django.setup()
    call_command("bootstrap", stdout=sys.stderr)
    call_command("nats_config", dir=broker_dir, stdout=sys.stderr)
    print(json.dumps({"link": _link()}))  # noqa: T201


def _link() -> str:
    """Made anew at each start until somebody has used one, so that a lost link costs a restart at most."""
    from django.contrib.auth import get_user_model
    from django.core.management import call_command

    if get_user_model().objects.filter(last_login__isnull=False).exists():
        return ""
    output = io.StringIO()
    call_command("login_link", stdout=output)
    return output.getvalue().strip()


def sentence(error: Exception) -> str:
    """What a person can act on, for the failures that are settings; "" for the others, which keep their traceback."""
    from django.core.management.base import CommandError
    from django.db.utils import OperationalError

    from console.lib.environment import SettingError

    if isinstance(error, OperationalError):
        reason = " ".join(str(error).split())
        return f"The database can't be used ({reason}): check DATABASE_URL."
    return str(error) if isinstance(error, SettingError | CommandError) else ""


if __name__ == "__main__":
    try:
        main(sys.argv[1])
    except Exception as error:
        if not (text := sentence(error)):
            raise
        print(text, file=sys.stderr)  # noqa: T201
        sys.exit(SENTENCE)

"""The part of a start that needs Django, as a process of its own: database, keys, the broker's configuration.

argument  the directory for the broker's configuration
stdout    one JSON object: {"link": a one-time sign-in link, "" once somebody has signed in}
stderr    what it does, for the log
"""

import io
import json
import sys


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


if __name__ == "__main__":
    main(sys.argv[1])

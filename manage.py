#!/usr/bin/env python3
"""Wireroom's one entrance: ``python3 manage.py up`` runs everything, ``test`` tests it, the rest is Django's.

Any Python may read this file, so its syntax is old and it asks for the version before it imports the rest.
"""

import sys

if sys.version_info < (3, 11):  # noqa: UP036
    sys.exit(
        "Wireroom needs Python 3.11 or newer and this is Python %d.%d: "  # noqa: UP031
        "run it with a newer one, for instance python3.12 manage.py up." % sys.version_info[:2]
    )

from console.supervisor.bootstrap import main

if __name__ == "__main__":
    sys.exit(main(sys.argv))

"""``python -m broker``: nats-server's command line."""

import sys

from broker.app.run import main

if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))

"""``python -m broker``: nats-server's command line."""

import sys

from broker import bytecode

if __name__ == "__main__":
    bytecode.keep()  # before anything else is imported
    from broker.app.run import main

    sys.exit(main(sys.argv[1:]))

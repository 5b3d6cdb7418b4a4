"""The broker worker: a NATS server. Knows no Django and no database; see DESIGN.md."""

__version__ = "0.1.0"

#: What INFO, /varz and ``--version`` report: the nats-server release whose behaviour this one keeps.
NATS_VERSION = "2.15.1"

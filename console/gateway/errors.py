"""How the outside fails: not there, or there and unwilling."""


class BrokerUnavailable(Exception):
    """Redis or the broker doesn't answer in time. The message is a sentence for people."""


class BrokerRefused(Exception):
    """The broker answered that it won't; the message is its sentence."""

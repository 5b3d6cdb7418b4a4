"""How the outside fails: not there, or there and unwilling."""


class BrokerUnavailable(Exception):
    """Redis or the broker doesn't answer in time. The message is a sentence for people."""


class BrokerRefused(Exception):
    """The broker answered that it won't; the message is its sentence."""


class JetStreamRefused(Exception):
    """JetStream's own error: the message is its description, ``code`` is like HTTP's, ``err_code`` names the error."""

    def __init__(self, code: int, err_code: int, description: str) -> None:
        super().__init__(description)
        self.code = code
        self.err_code = err_code

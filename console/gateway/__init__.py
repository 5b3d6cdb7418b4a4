"""The only package that speaks to Redis and to the broker, through ``broker.contract``.

It imports no models: callers hand it keys, tokens and specifications. Every wait has a deadline, every failure of
the outside becomes ``BrokerUnavailable`` or ``BrokerRefused`` (``gateway.errors``).
"""

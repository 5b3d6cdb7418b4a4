"""JetStream: streams, their consumers and the API, as a subscriber of the core like any other.

No event loop, socket or clock: time, timers, randomness and the threads that blocking jobs run in are an
``Environment`` that the application makes. The bytes are ``broker.storage``'s.
"""

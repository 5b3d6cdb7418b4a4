"""Messages on disk: append-only segments, their index in memory, and the state of consumers.

No NATS protocol, no event loop: subjects, headers and payloads are bytes, and whatever blocks is handed out
as a job that the owner runs where it likes. Time, the disk and randomness are arguments.
"""

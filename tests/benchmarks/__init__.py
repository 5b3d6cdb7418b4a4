"""Measures the broker beside nats-server: the same work, the same machine, the same run.

`python -m tests.benchmarks` starts both servers on free loopback ports, gives them each case in turn,
swapping who goes first, and prints medians with their ratio. Nothing here is collected by the test run.

    wire.py      frames and blocking sockets: the little of NATS that a load generator needs
    flow.py      throughput: blocks of ready-made frames in, bytes counted out
    latency.py   request and reply, one at a time
    jetstream.py publishes with acknowledgement, consumers, keys and values
    scale.py     idle connections and large subscription tables
    cases.py     the table of what is measured, with the ratio each row has to reach
    report.py    medians, ratios, the printed table and the saved one

The servers are started by tests/support/servers.py.
"""

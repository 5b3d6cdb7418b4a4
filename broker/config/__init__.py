"""Settings of one server: nats-server's configuration language and flags → ``options.Config``.

``reader`` knows the language and no option; ``options`` says what a server can be set to; ``table``, ``blocks``,
``auth`` and ``accounts`` turn a parsed file into that; ``flags`` reads the command line; ``load`` joins the two.
Standard library only, and no I/O besides reading the named files. Names are nats-server's own.
"""

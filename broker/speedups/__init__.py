"""The data path in C: Cython's sources, and how pip builds them (``backend``). What they are for: broker.builds."""

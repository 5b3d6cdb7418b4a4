"""What the web program and the broker agree on; the one place where they meet.

Names of Redis keys and channels (``channels``), tap specifications and tap frames (``taps``, ``frames``),
commands and their replies (``commands``), and the reports the broker gives of itself (``reports``).
Standard library only. A later bridge to a nats-server cluster implements the same forms.
"""

"""The web program: Django, its JSON interface, its sockets, and the keeper of claims.

It never sits in the way of a message. ``DESIGN.md`` beside this file says which way a claim, a tap frame
and an event go.
"""

__version__ = "0.1.0"

"""Names of every Redis key and pub/sub channel, and the times that go with them.

Nothing stored under these names is a source of truth: claims can be rebuilt from the web program's
database, everything else from the running broker.
"""

PREFIX = "wireroom:"

# Claims: web → broker -----------------------------------------------------------------------------

#: Hash: account public key → account JWT, or an operator-signed tombstone (see ``broker.identity.claims``).
CLAIMS = PREFIX + "claims"

#: Written by web after it has stored the claims of every account; absent after Redis lost its data.
#: The value is free text for people. Broker never deletes an account because it is absent from CLAIMS.
CLAIMS_COMPLETE = PREFIX + "claims:complete"

# Commands: web → broker, with a reply ---------------------------------------------------------------

#: Pub/sub: a ``commands.Command`` as JSON. PUBLISH answers 0 when no broker listens.
COMMANDS = PREFIX + "commands"

#: The reply's list disappears by itself when the asker has gone away.
REPLY_TTL_S = 30


def reply(command_id: str) -> str:
    """List with one element, the ``commands.Reply`` as JSON; the asker waits with BLPOP."""
    return f"{PREFIX}reply:{command_id}"


# Web's own: its processes count together ---------------------------------------------------------------


def rate(what: str, minute: int) -> str:
    """Number of ``what`` in a minute (Unix time // 60); expires by itself."""
    return f"{PREFIX}rate:{what}:{minute}"


# What the broker says of itself ----------------------------------------------------------------------

#: Set of server ids that have been seen; an id whose presence key has expired is gone.
SERVERS = PREFIX + "servers"
PRESENCE_TTL_S = 6
PRESENCE_INTERVAL_S = 2


def presence(server_id: str) -> str:
    """String with a time to live of PRESENCE_TTL_S: ``reports.Presence`` as JSON."""
    return f"{PREFIX}server:{server_id}"


USAGE_TTL_S = 10
USAGE_INTERVAL_S = 1


def usage(server_id: str) -> str:
    """Hash: account public key → ``reports.Usage`` as JSON; expires USAGE_TTL_S after the last report."""
    return f"{PREFIX}usage:{server_id}"


#: Redis stream of ``reports.Event``, field ``e`` = JSON; trimmed to about EVENTS_MAX entries.
EVENTS = PREFIX + "events"
EVENTS_MAX = 10_000
#: Consumer group that the web processes share, so that one of them handles each event.
EVENTS_GROUP = "web"

# Taps: web asks, broker copies ------------------------------------------------------------------------

#: Set of tap ids that somebody wants; the lease is the time to live of ``tap(id)``.
TAPS = PREFIX + "taps"

#: Pub/sub: a tap id, whenever ``tap(id)`` was written first or removed (not for a renewal).
TAPS_CHANGED = PREFIX + "taps:changed"

#: A tap whose lease isn't renewed ends by itself within TAP_LEASE_S + 1 s.
TAP_LEASE_S = 10
TAP_RENEW_S = 3


def tap(tap_id: str) -> str:
    """String with a time to live of TAP_LEASE_S: ``taps.TapSpec`` as JSON."""
    return f"{PREFIX}tap:{tap_id}"


def tap_frames(tap_id: str) -> str:
    """Pub/sub: binary tap frames (``frames.TapFrame``)."""
    return f"{PREFIX}tap:{tap_id}:frames"

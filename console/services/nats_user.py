"""The NATS user as which this program works in a namespace for somebody: it may what that person's role may."""

from console.gateway.nats import Identity
from console.models import Role
from console.selectors.access import Access
from console.services.claims import new_user

#: Longer than the gateway keeps a connection, so that none ends in the middle of a request.
LIFETIME_S = 600
INBOX = "_INBOX.>"

#: What changes nothing: looking at streams, consumers and messages. ``CONSUMER.MSG.NEXT`` isn't among them.
_READS = [
    "$JS.API.INFO",
    "$JS.API.STREAM.LIST",
    "$JS.API.STREAM.NAMES",
    "$JS.API.STREAM.INFO.*",
    "$JS.API.STREAM.MSG.GET.*",
    "$JS.API.CONSUMER.LIST.*",
    "$JS.API.CONSUMER.NAMES.*",
    "$JS.API.CONSUMER.INFO.*.*",
]
_PERMISSIONS = {
    Role.OWNER: {"publish": {"allow": [">"]}, "subscribe": {"allow": [INBOX]}},
    Role.EDITOR: {"publish": {"allow": [">"]}, "subscribe": {"allow": [INBOX]}},
    Role.VIEWER: {"publish": {"allow": _READS}, "subscribe": {"allow": [INBOX]}},
}


def of(access: Access) -> Identity:
    """Who, and how to make its token: only done when the gateway has no open connection for it."""
    namespace, role = access.namespace, access.role
    return Identity(
        namespace.id,
        role.value,
        lambda: new_user(
            namespace,
            f"console-{role.value}",
            lifetime_s=LIFETIME_S,
            permissions=_PERMISSIONS[role],
        ),
    )

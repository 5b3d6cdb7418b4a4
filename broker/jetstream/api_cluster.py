"""Requests that only a cluster can fulfil, answered as a server that stands alone answers them."""

from broker.jetstream import errors
from broker.jetstream.api import Operation, Request


def _needs_cluster(request: Request) -> None:
    raise errors.CLUSTER_REQUIRED()


OPERATIONS = tuple(
    Operation(name, tokens, f"{type_}_response", _needs_cluster)
    for name, tokens, type_ in (
        ("STREAM.PEER.REMOVE", 1, "stream_remove_peer"),
        ("STREAM.PEER.EVACUATE", 1, "stream_evacuate_peer"),
        ("STREAM.CANCEL_MOVE", 1, "stream_cancel_move"),
        ("STREAM.LEADER.STEPDOWN", 1, "stream_leader_stepdown"),
        ("CONSUMER.LEADER.STEPDOWN", 2, "consumer_leader_stepdown"),
        ("CONSUMER.PEER.REMOVE", 2, "consumer_remove_peer"),
        ("CONSUMER.PEER.EVACUATE", 2, "consumer_evacuate_peer"),
    )
)

"""Requests of one inbox are served in one go as they would be one message after the other."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from broker.jetstream.consumer_requests import PullRequest, Requests


def queue_of(batches: list[int], inboxes: list[bytes] | None = None) -> Requests:
    requests = Requests(512, lambda inbox, header: None, lambda inbox: True)
    for at, batch in enumerate(batches):
        inbox = inboxes[at] if inboxes else b"inbox"
        assert requests.add(PullRequest(inbox, 1, {"batch": batch, "expires": 100}))
    return requests


def left(requests: Requests) -> list[tuple[int, int]]:
    return [(request.left, request.delivered) for request in requests._queue]


@given(st.lists(st.integers(1, 9), min_size=1, max_size=6), st.data())
def test_many_messages_at_once_are_counted_off_as_one_by_one(
    batches: list[int], data: st.DataObject
) -> None:
    together, singly = queue_of(batches), queue_of(batches)
    served = data.draw(st.integers(1, sum(batches)))
    given_ = together.count_off(served)
    touched = {id(singly.next(10, 2)) for _ in range(served)}
    assert left(together) == left(singly)
    assert len(given_) == len(touched)
    assert together.wanted() == sum(batches) - served


def test_only_requests_that_are_alike_are_served_in_one_go() -> None:
    assert queue_of([3, 4]).of_one_inbox(2) == (b"inbox", 7)
    assert queue_of([3, 4]).of_one_inbox(200) == (b"", 0), "late"
    assert queue_of([3, 4], [b"a", b"b"]).of_one_inbox(2) == (b"", 0)
    limited = queue_of([3])
    limited.add(PullRequest(b"inbox", 1, {"batch": 2, "max_bytes": 100}))
    assert limited.of_one_inbox(2) == (b"", 0)
    prioritized = queue_of([3, 4])
    prioritized.by_priority = True
    assert prioritized.of_one_inbox(2) == (b"", 0)
    assert Requests(1, lambda inbox, header: None, lambda inbox: True).of_one_inbox(2) == (b"", 0)

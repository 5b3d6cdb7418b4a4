"""The keeper: what runs in the background of each web process, in a thread of its own.

It sees to it that Redis and the broker have the claims that the database has, whatever was lost in between, and
takes the broker's events out of their log: one of all web processes handles each.
"""

import logging
import threading
import time
from collections.abc import Callable

from django.db import Error as DatabaseError
from django.db import close_old_connections

from console.gateway.errors import BrokerUnavailable
from console.gateway.events import Entry, EventLog
from console.services import credentials, happenings, reconciliation

log = logging.getLogger(__name__)

#: Claims that no broker has confirmed are looked for this often; in between it waits for events.
TURN_S = 1.0
#: All claims are compared this often, besides whenever Redis has lost its mark.
FULL_CHECK_S = 60.0
#: Events that another process left behind are looked for this often.
ABANDONED_CHECK_S = 30.0


class Keeper:
    """One turn after another until ``stop``; a failing turn is logged once until it succeeds again."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._stopping = threading.Event()
        self._log = EventLog()
        self._next_full_s = self._next_abandoned_s = float("-inf")
        self._failing = ""

    def run(self) -> None:
        while not self._stopping.is_set():
            if not self.turn_safely():
                self._stopping.wait(TURN_S)

    def stop(self) -> None:
        self._stopping.set()

    def turn_safely(self) -> bool:
        """Whether it succeeded; then it has waited already, for events."""
        close_old_connections()
        try:
            self.turn()
        except (BrokerUnavailable, DatabaseError) as error:
            self._say_once(str(error) or type(error).__name__)
        except Exception:  # the thread must live on: without it claims would never be repaired
            log.exception("The keeper's turn failed")
        else:
            self._say_once("")
            return True
        finally:
            close_old_connections()
        return False

    def turn(self) -> None:
        """Raises BrokerUnavailable when Redis is away."""
        now = self._clock()
        if now >= self._next_full_s or not reconciliation.is_complete():
            reconciliation.reconcile()
            reconciliation.revoke_abandoned()
            self._next_full_s = now + FULL_CHECK_S
        credentials.revoke_due()
        more = reconciliation.deliver_pending() >= reconciliation.PENDING_MAX
        if now >= self._next_abandoned_s:
            self._next_abandoned_s = now + ABANDONED_CHECK_S
            self._handle(self._log.abandoned())
        self._handle(self._log.read(0 if more else TURN_S))

    def _handle(self, entries: list[Entry]) -> None:
        happenings.handle([event for _, event in entries if event is not None])
        self._log.acknowledge(entries)

    def _say_once(self, problem: str) -> None:
        if problem and not self._failing:
            log.warning("Claims wait: %s", problem)
        elif self._failing and not problem:
            log.info("Claims are kept again")
        self._failing = problem


def start() -> Keeper:
    """Starts a keeper in a daemon thread."""
    keeper = Keeper()
    threading.Thread(target=keeper.run, name="keeper", daemon=True).start()
    return keeper

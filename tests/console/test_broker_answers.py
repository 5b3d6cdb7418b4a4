"""How long the console waits for the broker: as long as it says, also beyond what one read of Redis may take."""

from typing import Any

import pytest

from console.gateway import broker
from console.gateway.errors import BrokerUnavailable
from tests.console.fake_broker import FakeBroker


def test_a_late_answer_is_waited_for_in_pieces(redis: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(broker, "SOCKET_TIMEOUT_S", 0.1)
    with FakeBroker(redis) as fake:
        fake.data["ping"] = {"here": 1}
        fake.delay_s = 0.4
        assert broker.ask("ping", timeout_s=10) == {"here": 1}
        fake.answers = False
        with pytest.raises(BrokerUnavailable, match="in time"):
            broker.ask("ping", timeout_s=0.3)

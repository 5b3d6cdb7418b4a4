"""The ack policy ``flow_control``, ours beside nats-server: the same messages, requests, floors and removals."""

from nats.aio.subscription import Subscription

from tests.broker.jetstream.conftest import Same
from tests.support.side_by_side import DEADLINE_S, shape
from tests.support.twins import Party


async def flows(party: Party, sub: Subscription, seq: int | str, consumer_seq: int | str) -> None:
    """What comes up to the next flow control request, which is answered; heartbeats are passed over."""
    while True:
        message = await sub.next_msg(timeout=DEADLINE_S)
        if message.reply:
            party.transcript.append(shape(message))
        if message.reply.startswith("$JS.FC."):
            break
    last = {"Nats-Last-Stream": str(seq), "Nats-Last-Consumer": str(consumer_seq)}
    await party.client.publish(message.reply, headers=last if seq else None)
    await party.client.flush()


async def test_an_answer_to_flow_control_acknowledges_what_it_names(same: Same) -> None:
    async def steps(party: Party) -> None:
        await party.api("STREAM.CREATE.F", {"name": "F", "retention": "interest"})
        config = {
            "durable_name": "C", "deliver_subject": "to.f", "ack_policy": "flow_control", "max_ack_pending": 3
        }  # fmt: skip
        await party.api("CONSUMER.CREATE.F.C", {"stream_name": "F", "config": config})
        for at in range(5):
            await party.publish("F", b"%d" % at)
        sub = await party.client.subscribe("to.f")
        for seq, consumer_seq in (
            (0, 0), (1, 1), (3, "x"), ("x", 3), ("9" * 5000, 3), (1, 3), (3, 3), (5, 5)
        ):  # fmt: skip
            await flows(party, sub, seq, consumer_seq)
            await party.api("CONSUMER.INFO.F.C")
        await party.publish("F", b"5")
        await flows(party, sub, 6, 6)
        await party.api("CONSUMER.INFO.F.C")
        await party.gone("F", 0)

    await same(steps)


async def test_words_on_the_subject_of_a_message_are_not_heard(same: Same) -> None:
    async def steps(party: Party) -> None:
        await party.api("STREAM.CREATE.F", {"name": "F"})
        config = {"durable_name": "C", "deliver_subject": "to.f", "ack_policy": "flow_control"}
        await party.api("CONSUMER.CREATE.F.C", {"stream_name": "F", "config": config})
        sub = await party.client.subscribe("to.f")
        await party.publish("F", b"1")
        message = await sub.next_msg(timeout=DEADLINE_S)
        while message.reply.startswith("$JS.FC.") or not message.reply:
            message = await sub.next_msg(timeout=DEADLINE_S)
        party.transcript.append(shape(message))
        for word in (b"", b"-NAK", b"+TERM"):
            await party.client.publish(message.reply, word)
        await party.client.flush()
        await party.api("CONSUMER.INFO.F.C")

    await same(steps)

"""Message schedules on our broker and on nats-server: judged alike, and produced alike."""

import datetime
import json

from tests.broker.jetstream.conftest import Same
from tests.support.twins import Party

S = 1_000_000_000
FAR = "@at 2099-01-01T00:00:00Z"

PATTERNS = [
    FAR, "@at x", "@at", "@every 1s", "@every 999ms", "@every x", "@every 1h30m", "@yearly", "@annually", "@monthly",
    "@weekly", "@daily", "@midnight", "@hourly", "@Hourly", "@never", "* * * * * *", "* * * * *", "0 0 0 1 1 0 0",
    "60 * * * * *", "59 59 23 31 12 6", "* * * 0 * *", "* * * * 13 *", "* * * * * 7", "*/0 * * * * *", "*/5 * * * * *",
    "1-5 * * * * *", "5-1 * * * * *", "1-2-3 * * * * *", "1/2/3 * * * * *", "1,2,3 * * * * *",
    "x * * * * *",
    "-1 * * * * *", "* * * * jan mon", "* * * * January mon", "* * * * JAN-Feb MON-fri", "0 0 0 31 2 *", "0 0 0 29 2 *",
    "3/10 * * * * *", "? ? ? ? ? ?", "*-5 * * * * *", "+5 * * * * *",
]  # fmt: skip


async def stream(party: Party, **config: object) -> None:
    await party.api(
        "STREAM.CREATE.S",
        {
            "name": "S",
            "subjects": ["s.>"],
            "allow_msg_schedules": True,
            "allow_msg_ttl": True,
            **config,
        },
    )


async def publish(party: Party, subject: str = "s.plan", **fields: str) -> None:
    party.transcript.append(fields)
    names = {name.replace("_", "-"): value for name, value in fields.items()}
    header = {
        f"Nats-Schedule-{name}" if name != "Pattern" else "Nats-Schedule": v
        for name, v in names.items()
    }
    answer = await party.client.request(subject, b"body", headers=header, timeout=5)
    party.transcript.append(json.loads(answer.data))


async def test_patterns_are_judged_alike(same: Same) -> None:
    async def steps(party: Party) -> None:
        await stream(party)
        for pattern in PATTERNS:
            await publish(party, Pattern=pattern, Target="s.to")
            await publish(party, Pattern=pattern, Target="s.to", Time_Zone="Europe/Berlin")

    await same(steps)


async def test_the_other_headers_of_a_schedule_are_judged_alike(same: Same) -> None:
    async def steps(party: Party) -> None:
        await stream(party)
        await party.api(
            "STREAM.CREATE.T", {"name": "T", "subjects": ["t.>"], "allow_msg_schedules": True}
        )
        await party.api("STREAM.CREATE.U", {"name": "U", "subjects": ["u.>"]})
        daily = "@daily"
        for target in ("", "s.plan", "s.*", "t.x", "s..x", "s.x y", "s.to"):
            await publish(party, Pattern=daily, Target=target)
        for source in ("", "s.plan", "s.to", "s.*", "t.x", "s.from"):
            await publish(party, Pattern=daily, Target="s.to", Source=source)
        for life in ("", "0", "5", "x", "never", "1m", "100ms"):
            await publish(party, Pattern=daily, Target="s.to", TTL=life)
            await publish(party, "t.plan", Pattern=daily, Target="t.to", TTL=life)
        for rollup in ("", "sub", "all", "x", "SUB"):
            await publish(party, Pattern=daily, Target="s.to", Rollup=rollup)
        for zone in ("UTC", "Nowhere/At_All", "../../etc/passwd", "America/New_York"):
            await publish(party, Pattern=daily, Target="s.to", Time_Zone=zone)
            await publish(party, Time_Zone=zone)
        await publish(party, "u.plan", Pattern=daily, Target="u.to")
        await publish(party, "u.plan", Pattern="x", Target="u.to")
        await party.publish(
            "s.plan",
            b"x",
            Nats_Schedule=daily,
            Nats_Schedule_Target="s.to",
            Nats_Rollup="sub",
        )
        await party.publish(
            "s.plan",
            b"x",
            Nats_Schedule=daily,
            Nats_Schedule_Target="s.to",
            Nats_Rollup="all",
        )
        await party.api("STREAM.MSG.GET.S", {"last_by_subj": "s.plan"})
        await party.publish("s.x", b"x", Nats_Schedule_Next="x")
        await party.publish("s.x", b"x", Nats_Schedule_Next="purge")
        await party.publish("s.x", b"x", Nats_Scheduler="s.plan")
        await party.publish("s.plan", b"x", Nats_Schedule_Next="purge", Nats_Scheduler="s.plan")
        await party.publish("s.x", b"x", Nats_Schedule_Next="purge", Nats_Scheduler="s.x.>")
        await party.publish("u.x", b"x", Nats_Schedule_Next="purge", Nats_Scheduler="u.plan")
        await party.publish("s.y", b"x", Nats_Schedule_Next="purge", Nats_Scheduler="s.none")
        await party.publish("s.z", b"x", Nats_Schedule_Next="purge", Nats_Scheduler="s.y")
        await party.publish("s.z", b"x", Nats_Schedule_Next="purge", Nats_Scheduler="s.plan")
        await party.api("STREAM.INFO.S", {"subjects_filter": ">"})

    await same(steps)


async def test_a_message_is_produced_at_its_time_and_its_schedule_goes(same: Same) -> None:
    async def steps(party: Party) -> None:
        await stream(party)
        at = datetime.datetime.now(datetime.UTC) + datetime.timedelta(seconds=1)
        await party.publish("s.from", b"content", Own="source", Nats_Msg_Id="i")
        for name, more in (
            ("a", {"Nats_Schedule_TTL": "1h", "Own": "x", "Nats_Msg_Id": "j", "Nats_TTL": "2h"}),
            ("b", {"Nats_Schedule_Source": "s.from", "Nats_Schedule_Rollup": "sub"}),
            ("c", {"Nats_Schedule_Source": "s.absent"}),
        ):
            await party.publish(
                f"s.plan.{name}",
                b"own",
                Nats_Schedule=f"@at {at.isoformat()}",
                Nats_Schedule_Target=f"s.to.{name}",
                **more,
            )
        await party.sequence("S", 7)
        await party.api("STREAM.INFO.S", {"subjects_filter": ">"})
        for name in "abc":
            await party.api("STREAM.MSG.GET.S", {"last_by_subj": f"s.to.{name}"})

    await same(steps)


async def test_a_repeated_message_comes_again_until_its_schedule_goes(same: Same) -> None:
    async def steps(party: Party) -> None:
        await stream(party)
        await party.publish(
            "s.plan", b"own", Nats_Schedule="@every 1s", Nats_Schedule_Target="s.to"
        )
        await party.sequence("S", 3)
        answer = await party.client.request("$JS.API.STREAM.MSG.GET.S", b'{"last_by_subj":"s.to"}')
        assert b"message" in answer.data
        await party.api("STREAM.PURGE.S", {"filter": "s.plan"})
        await party.publish(
            "s.cron", b"own", Nats_Schedule="* * * * * *", Nats_Schedule_Target="s.to"
        )
        await party.gone("S", 99)
        state = json.loads((await party.client.request("$JS.API.STREAM.INFO.S", b"")).data)["state"]
        await party.sequence("S", state["last_seq"] + 2)
        await party.api("STREAM.DELETE.S")

    await same(steps)

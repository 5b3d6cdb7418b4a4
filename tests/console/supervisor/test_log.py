"""The merged log: prefixes, colours, control characters, and a reader that has stopped reading."""

import io
import os

from console.supervisor import log as module
from console.supervisor.log import LINES_MAX, Log
from tests.support.wait import wait_until


def written(colour: bool, *lines: tuple[str, str]) -> str:
    stream = io.StringIO()
    log = Log(stream, colour)
    for program, text in lines:
        log.line(program, text)
    log.close()
    return stream.getvalue()


def test_each_line_says_whose_it_is() -> None:
    assert written(False, ("web", "a"), ("broker", "b")) == "web    | a\nbroker | b\n"


def test_colour_only_where_wanted() -> None:
    assert "\x1b[36mweb    |\x1b[0m a" in written(True, ("web", "a"))


def test_what_a_peer_wrote_does_not_steer_the_terminal() -> None:
    assert (
        written(False, ("web", "a\x1b[2J\x1b]0;title\x07b\rc\x9bd\te"))
        == "web    | a]0;titlebcd\te\n"
    )


def test_lines_are_bounded() -> None:
    assert len(written(False, ("web", "x" * 100_000))) < module.LINE_CHARS_MAX + 20


def test_a_reader_that_stopped_holds_nobody_up_and_is_told_what_it_missed() -> None:
    reading, writing = os.pipe()
    os.set_blocking(reading, False)
    with os.fdopen(writing, "w") as stream:
        log = Log(stream, False)
        for _ in range(LINES_MAX * 3):  # more than the pipe and the queue hold
            log.line("web", "x" * 100)
        assert log._dropped > 0
        got = bytearray()

        def drain() -> bool:
            try:
                got.extend(os.read(reading, 1 << 20))
            except BlockingIOError:
                return False
            return b"lines dropped" in got

        wait_until(drain, "the note about dropped lines")
        log.close()
    os.close(reading)


def test_a_reader_that_went_away_is_no_error() -> None:
    reading, writing = os.pipe()
    os.close(reading)
    log = Log(os.fdopen(writing, "w"), False)
    log.line("web", "a")
    log.close()
    assert not log._thread.is_alive()

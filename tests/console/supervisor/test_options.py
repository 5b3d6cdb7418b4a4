"""Options, their variables and the sentences for bad values."""

from pathlib import Path

import pytest

from console.supervisor.bootstrap import ROOT
from console.supervisor.options import SETTINGS, Problem, parse


def test_defaults() -> None:
    options = parse([], {})
    assert (options.host, options.http_port, options.nats_port) == ("127.0.0.1", 8000, 4222)
    assert (options.ws_port, options.monitor_port, options.redis_url) == (9222, 8222, "")
    assert options.data_dir == ROOT / ".data" and options.is_default_data_dir


def test_an_option_wins_over_its_variable_which_wins_over_the_default() -> None:
    environ = {
        "WIREROOM_HTTP_PORT": "8001",
        "WIREROOM_NATS_PORT": "4333",
        "REDIS_URL": " redis://r ",
    }
    options = parse(["--http-port", "8002"], environ)
    assert (options.http_port, options.nats_port, options.redis_url) == (8002, 4333, "redis://r")


def test_a_relative_data_directory_belongs_to_where_it_was_given(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    assert parse(["--data-dir", "here"], {}).data_dir == tmp_path / "here"
    assert parse([], {"WIREROOM_DATA_DIR": "there"}).data_dir == tmp_path / "there"


@pytest.mark.parametrize(
    "text", ["0", "-1", "65536", "http", "8_0", "٣", "", "99999999999999999999"]
)
def test_a_bad_port_names_the_option(text: str) -> None:
    with pytest.raises(Problem, match="--http-port"):
        parse(["--http-port", text], {})


@pytest.mark.parametrize(
    "setting", [s for s in SETTINGS if s.metavar == "PORT"], ids=lambda s: s.name
)
def test_a_bad_variable_names_itself_and_the_option(setting: object) -> None:
    variable, name = setting.variable, setting.name  # type: ignore[attr-defined]
    with pytest.raises(Problem, match=rf"{variable} \(option --{name}\)"):
        parse([], {variable: "x"})


def test_two_programs_cannot_share_a_port_but_both_can_be_off() -> None:
    with pytest.raises(Problem, match="--http-port and --nats-port are both 9000"):
        parse(["--http-port", "9000", "--nats-port", "9000"], {})
    options = parse(["--ws-port", "0", "--monitor-port", "0"], {})
    assert set(options.ports) == {"--http-port", "--nats-port"}


@pytest.mark.parametrize("host", ["", "a b", "http://x"])
def test_a_bad_host_names_the_option(host: str) -> None:
    with pytest.raises(Problem, match="--host"):
        parse(["--host", host], {})


def test_the_programs_get_every_setting() -> None:
    environment = parse(["--data-dir", "/x"], {}).environment()
    assert environment["WIREROOM_DATA_DIR"] == "/x"
    assert set(environment) == {setting.variable for setting in SETTINGS}

"""Options of an analysis: names, files and what is written of them."""

from __future__ import annotations

import inspect
from pathlib import Path

import pytest

import drtengine as dt
from drtengine.analysis import Settings, read_settings, settings_text
from drtengine.analysis.settings import STAGES, options_of


def write(folder: Path, text: str) -> Path:
    (folder / "options.toml").write_text(text, encoding="utf-8")
    return folder / "options.toml"


def test_written_options_read_back(tmp_path: Path) -> None:
    given = Settings(
        title='a "b" ü',
        level=0.9,
        processes={"charge transfer": (1e-2, 1.0), "SEI": (0.0, 1e-3)},
        drt={"method": "log", "band": 0.95, "exclude": [50.0, 100.0], "capacitance": True},
        kk={"limits": {"p_fail": 1e-4, "structure_fail": [0.002, 0.004]}},
        gitt={"sphere_radius": 5e-6, "window": [1.0, 30.0]},
    )
    assert read_settings(write(tmp_path, settings_text(given))) == given


def test_every_option_of_every_stage_stands_in_the_file_with_its_default_commented_out(tmp_path: Path) -> None:
    text = settings_text()
    assert read_settings(write(tmp_path, text)) == Settings()
    for stage, (function, _) in STAGES.items():
        table = text.split(f"[{stage}]\n")[1].split("\n[")[0]
        defaults = inspect.signature(function).parameters
        for name in options_of(stage):
            assert f"\n# {name} = " in f"\n{table}", (stage, name)
            default = defaults[name].default
            if isinstance(default, str):
                assert f'# {name} = "{default}"' in table


def test_uncommented_defaults_are_the_defaults(tmp_path: Path) -> None:
    lines = settings_text().split("\n")
    known = [line.removeprefix("# ") for line in lines if " = " in line and "(no default)" not in line]
    numbers = [line for line in known if line.startswith(("mu_stop", "min_height", "max_gap"))]
    assert numbers == ["mu_stop = 0.85", "min_height = 0.02", "max_gap = 1"]
    settings = read_settings(write(tmp_path, "[peaks]\n" + numbers[1] + "\n[tracks]\n" + numbers[2]))
    assert settings.for_stage("peaks") == {"min_height": 0.02}
    assert settings.for_stage("tracks") == {"max_gap": 1}


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("[drt]\nmethd = 'log'", "unknown option 'drt.methd'.*did you mean 'method'"),
        ("titel = 'x'", "unknown option 'titel'.*did you mean 'title'"),
        ("[processs]\na = [0, 1]", "unknown option 'processs'.*did you mean 'processes'"),
        ("[kk.limits]\np_fial = 0.1", "unknown option 'kk.limits.p_fial'.*did you mean 'p_fail'"),
        ("[drt]\nprogress = 1", "unknown option 'drt.progress'"),
        ("check = 1", "check must be true or false"),
        ("level = true", "level must be a number"),
        ("drt = 3", "drt must map names of options to values"),
        ("[processes]\na = [1, 0]", "'a' must lie between"),
        ("check = false\ndrop_invalid = true", "drop_invalid needs the check"),
        ("title = ", "not TOML"),
    ],
)
def test_a_file_that_cannot_be_used_names_itself_and_the_option(tmp_path: Path, text: str, told: str) -> None:
    def attempt() -> None:
        settings = read_settings(write(tmp_path, text))
        settings.for_stage("kk")

    with pytest.raises(dt.InvalidInput, match=told) as caught:
        attempt()
    if "limits" not in text:
        assert "options.toml" in str(caught.value)


def test_files_that_cannot_be_opened_or_decoded(tmp_path: Path) -> None:
    with pytest.raises(dt.InvalidInput, match=r"nothing.toml cannot be opened"):
        read_settings(tmp_path / "nothing.toml")
    (tmp_path / "latin.toml").write_bytes('title = "ü"'.encode("latin-1"))
    with pytest.raises(dt.InvalidInput, match="not UTF-8"):
        read_settings(tmp_path / "latin.toml")


def test_what_is_given_later_goes_before() -> None:
    settings = Settings(along="cycle", drt={"method": "log", "area": 2.0})
    updated = settings.updated({"along": "voltage", "drt": {"area": 1.0}, "peaks": {}})
    assert (updated.along, dict(updated.drt)) == ("voltage", {"method": "log", "area": 1.0})
    assert settings.along == "cycle"


def test_limits_of_a_file_become_limits_of_the_check() -> None:
    limits = Settings(kk={"limits": {"structure_fail": [0.002, 0.004]}}).for_stage("kk")["limits"]
    assert limits == dt.KkLimits(structure_fail=(0.002, 0.004))

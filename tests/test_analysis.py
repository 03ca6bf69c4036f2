"""Whole analyses: stages put together, files told apart, nothing lost."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

import drtengine as dt
from drtengine import simulate
from drtengine.analysis.kinetics import kind_of

FREQUENCY = np.geomspace(1e4, 1e-2, 50)
CELL = simulate.Circuit([simulate.Resistor(10), simulate.ZARC(50, 1e-2, 0.8), simulate.ZARC(20, 1, 0.9)])
SPHERE = {"sphere_radius": 5e-6}


def spectrum(k: int, *, drift: float = 0.0, frequency: Any = FREQUENCY) -> dt.Spectrum:
    noise = np.random.default_rng(k).normal(size=(2, frequency.size)) * 2e-3
    Z = CELL.impedance(frequency) * (1 + 0.1 * k) * (1 + drift * np.linspace(0, 1, frequency.size))
    return dt.Spectrum(
        frequency, Z * (1 + noise[0] + 1j * noise[1]), name=f"cell {k}", coordinates={"voltage": 0.1 * k}
    )


def campaign(count: int, drifting: tuple[int, ...] = ()) -> dt.Campaign:
    return dt.Campaign.from_spectra([spectrum(k, drift=0.8 if k in drifting else 0.0) for k in range(count)])


def write_csv(path: Path, k: int) -> Path:
    one = spectrum(k)
    pd.DataFrame({"Frequency / Hz": one.frequency, "Z' / ohm": one.Z.real, "Z'' / ohm": one.Z.imag}).to_csv(
        path, index=False
    )
    return path


def cycles() -> pd.DataFrame:
    """Two cycles at constant current whose voltage is a slow curve."""
    time = np.arange(4000.0)
    half = (time % 1000) / 1000
    up = (time // 1000) % 2 == 0
    s = np.where(up, half, 1 - half)
    return pd.DataFrame({"time_s": time, "current_A": np.where(up, 1e-3, -1e-3), "voltage_V": 3 + s**3 + 0.1 * up})


# one call


def test_the_stages_are_those_one_calls_oneself() -> None:
    data = campaign(4)
    processes = {"fast": (1e-3, 0.1), "slow": (0.1, 10.0)}
    analysis = dt.analyze(data, drt={"method": "log", "area": 2.0}, processes=processes, along="voltage")
    result = dt.fit_drt(data, method="log", area=2.0)
    np.testing.assert_array_equal(analysis.result.gamma, result.gamma)
    assert analysis.check is not None
    np.testing.assert_array_equal(analysis.check.verdict, dt.check_kk(data).verdict)
    tracks = dt.track_peaks(dt.find_peaks(result, processes=processes), along="voltage")
    np.testing.assert_array_equal(analysis.tracks.track, tracks.track)
    np.testing.assert_array_equal(analysis.peaks.tau, tracks.peaks.tau)
    assert analysis.processes is not None
    np.testing.assert_array_equal(analysis.processes.R, dt.integrate_processes(result, processes).R)
    np.testing.assert_array_equal(analysis.map["gamma"], dt.map_gamma(result, along="voltage")["gamma"])
    assert set(analysis.seconds) == {"reading", "checking", "inverting", "finding peaks", "kinetics"}
    assert repr(analysis).startswith("<Analysis: 4 spectra, 4 inverted, 4 pass Kramers-Kronig, ")


def test_a_single_spectrum_is_an_analysis_too() -> None:
    analysis = dt.analyze(spectrum(0), check=False)
    assert (len(analysis), analysis.check, analysis.title) == (1, None, "cell 0")


def test_spectra_that_fail_can_be_left_out() -> None:
    data = campaign(5, drifting=(1, 3))
    everything = dt.analyze(data)
    assert everything.check is not None
    assert list(everything.check.verdict == "fail") == [False, True, False, True, False]
    assert len(everything.result) == 5
    rest = dt.analyze(data, drop_invalid=True)
    np.testing.assert_array_equal(rest.kept, [0, 2, 4])
    assert rest.check is not None
    assert len(rest.check) == len(rest.campaign) == 5
    assert any("2 of 5 spectra left out" in note for note in rest.notes)


def test_where_all_fail_it_says_what_to_do() -> None:
    with pytest.raises(dt.InvalidInput, match=r"all 3 spectra fail .* drift.* leave drop_invalid out"):
        dt.analyze(campaign(3, drifting=(0, 1, 2)), drop_invalid=True)


def test_where_none_can_be_inverted_it_says_why() -> None:
    data = dt.Campaign.from_arrays(FREQUENCY, np.full((2, 50), np.nan + 0j))
    with pytest.raises(dt.InvalidInput, match="none of the 2 spectra could be inverted"):
        dt.analyze(data)


def test_an_unknown_coordinate_is_refused_before_the_work() -> None:
    with pytest.raises(dt.InvalidInput, match=r"no coordinate 'volage'.*did you mean 'voltage'"):
        dt.analyze(campaign(2), along="volage")


def test_spectra_that_crowd_on_a_coordinate_are_shown_by_number() -> None:
    data = campaign(6).with_coordinates(voltage=[0, 1, 2, 3, 4, 1e4])
    analysis = dt.analyze(data)
    assert analysis.series.along == "spectrum"
    assert any("crowd on voltage" in note for note in analysis.notes)
    assert dt.analyze(data, along="voltage").series.along == "voltage"


def test_progress_is_told_by_stage() -> None:
    told: list[tuple[str, int, int]] = []
    dt.analyze(campaign(2), progress=lambda *step: told.append(step))
    assert list(dict.fromkeys(stage for stage, _, _ in told)) == [
        *("reading", "checking", "inverting", "finding peaks", "kinetics")
    ]
    assert ("checking", 2, 2) in told


def test_the_result_does_not_depend_on_threads() -> None:
    one, two = (dt.analyze(campaign(3), n_threads=n) for n in (1, 2))
    np.testing.assert_array_equal(one.result.gamma, two.result.gamma)
    np.testing.assert_array_equal(one.peaks.u_tau, two.peaks.u_tau)


# files


def test_a_bad_file_among_many_is_listed_and_stops_nothing(tmp_path: Path) -> None:
    files = [write_csv(tmp_path / f"cell{k}.csv", k) for k in (1, 2, 10)]
    (tmp_path / "broken.csv").write_text("frequency,Z',Z''\n1,2\n")
    (tmp_path / "empty.csv").touch()
    (tmp_path / "notes.txt").write_text("measured on Monday")
    for paths in (tmp_path, sorted(tmp_path.iterdir()), str(tmp_path / "*")):
        analysis = dt.analyze(paths)  # type: ignore[arg-type]
        assert list(analysis.campaign.coordinates["file"]) == [file.name for file in files]
        assert {Path(name).name for name in analysis.refused} == {"broken.csv", "empty.csv", "notes.txt"}
        assert all(Path(name).name in reason for name, reason in analysis.refused.items())


def test_no_readable_file_at_all(tmp_path: Path) -> None:
    (tmp_path / "notes.txt").write_text("nothing")
    for paths in (tmp_path, tmp_path / "notes.txt", [tmp_path / "notes.txt"]):
        with pytest.raises(dt.UnreadableFile, match=r"can be read as impedance[\s\S]*notes.txt"):
            dt.analyze(paths)  # type: ignore[arg-type]
    with pytest.raises(dt.UnreadableFile, match="there is no file"):
        dt.analyze(tmp_path / "nowhere.csv")


def test_tables_among_the_files_get_sections(tmp_path: Path) -> None:
    write_csv(tmp_path / "eis.csv", 0)
    simulate.gitt(D=1e-15, count=4, **SPHERE).frame.to_csv(tmp_path / "titration.csv", index=False)
    cycles().to_csv(tmp_path / "cycler.csv", index=False)
    analysis = dt.analyze(tmp_path, gitt=SPHERE)
    by_kind = {section.kind: section for section in analysis.sections}
    assert set(by_kind) == {"gitt", "cycling"}
    assert list(by_kind["gitt"].sources) == ["titration.csv"]
    assert isinstance(by_kind["gitt"].result, dt.GittResult)
    np.testing.assert_allclose(by_kind["gitt"].result.D, 1e-15, rtol=1e-3)
    assert analysis.refused == {}


def test_a_section_says_what_is_missing(tmp_path: Path) -> None:
    write_csv(tmp_path / "eis.csv", 0)
    simulate.gitt(D=1e-15, count=4, **SPHERE).frame.to_csv(tmp_path / "titration.csv", index=False)
    (section,) = dt.analyze(tmp_path).sections
    assert section.result is None
    assert "--sphere-radius" in section.missing
    assert "[gitt]" in section.missing


def test_diffusion_in_the_spectra_is_a_section_of_its_own(shared_data: Path) -> None:
    analysis = dt.analyze(shared_data / "kinetics" / "truth" / "exact_eis_warburg_semiinf.csv")
    (section,) = analysis.sections
    assert section.kind == "warburg"
    assert "area (m²) and concentration" in section.missing
    known = dt.analyze(
        shared_data / "kinetics" / "truth" / "exact_eis_warburg_semiinf.csv",
        warburg={"area": 1e-4, "concentration": 1e3},
    )
    assert known.sections[0].missing == ""


@pytest.mark.parametrize(
    ("file", "kind"),
    [
        ("truth/exact_gitt_plane_ohmic_ct_noise.csv", "gitt"),
        ("truth/pybamm_gitt_si_spm_rest30min.csv", "gitt"),
        ("truth/exact_ici_sphere.csv", "ici"),
        ("ampworks/ici_discharge.csv", "ici"),
        ("ici_studio/ici_reference_a.txt", "ici"),
        ("truth/exact_cv_dunn.csv", "cv"),
        ("ixdat/Pt_poly_cv.mpt", "cv"),
        ("cellpy/neware_uio.csv", "cycling"),
    ],
)
def test_kinds_of_measured_tables(shared_data: Path, file: str, kind: str) -> None:
    assert kind_of(dt.read_table(shared_data / "kinetics" / file)) == kind


def test_a_sweep_without_its_rate_is_a_voltammogram() -> None:
    time = np.arange(4000.0)
    potential = np.interp(time % 1000, [0, 500, 1000], [0, 0.5, 0])
    current = np.tanh(20 * (potential - 0.25)) * np.sign(np.gradient(potential))
    frame = pd.DataFrame({"time_s": time, "current_A": current, "voltage_V": potential})
    assert kind_of(frame) == "cv"
    assert kind_of(cycles()) == "cycling"


# notebooks


def test_a_notebook_shows_numbers_and_escapes_names() -> None:
    analysis = dt.analyze(campaign(3), title="<b>x</b>", processes={"<i>": (1e-3, 0.1)})
    shown = analysis._repr_html_()
    assert "&lt;b&gt;x" in shown
    assert "R of &lt;i&gt;" in shown
    assert "3 pass, 0 warn, 0 fail" in shown
    assert "data:image/png;base64," in shown

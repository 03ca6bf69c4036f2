"""Bad input to the Kramers-Kronig check, masks, and how its result looks."""

from __future__ import annotations

import pickle
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import drtengine as dt
from drtengine.kk.result import PER_SPECTRUM
from drtengine.simulate import ZARC, Circuit, Resistor

F = np.geomspace(1e5, 1e-2, 71)
Z = Circuit([Resistor(10), ZARC(50, 1e-2, 0.8), ZARC(20, 1.0, 0.9)]).impedance(F)
NOISY = dt.simulate.add_noise(Z, 1e-3)


def only(spectrum: dt.Spectrum, **options: Any) -> tuple[dt.Status, str, str]:
    r = dt.check_kk(spectrum, **options)
    return dt.Status(r.status[0]), str(r.verdict[0]), r.reason[0]


def test_too_few_points_are_not_tested() -> None:
    status, verdict, reason = only(dt.Spectrum(F[::7], Z[::7]))
    assert (status, verdict) == (dt.Status.TOO_FEW_POINTS, "warn")
    assert "11 points are too few for 7 decades" in reason
    assert only(dt.Spectrum(F[:2], Z[:2]))[0] == dt.Status.TOO_FEW_POINTS


def test_one_decade_is_not_tested() -> None:
    f = np.geomspace(1e3, 1e2, 40)
    status, verdict, reason = only(dt.Spectrum(f, 10 + 5 / (1 + 2j * np.pi * f * 1e-3)))
    assert (status, verdict) == (dt.Status.NARROW_WINDOW, "warn")
    assert "1 decades of frequency are too few" in reason


def test_a_little_more_than_a_decade_is_tested() -> None:
    f = np.geomspace(1.2e3, 1e2, 40)
    z = dt.simulate.add_noise(10 + 5 / (1 + 2j * np.pi * f * 1e-3), 1e-3)
    assert only(dt.Spectrum(f, z))[:2] == (dt.Status.OK, "pass")


def test_a_flipped_sign_is_named() -> None:
    status, verdict, reason = only(dt.Spectrum(F, NOISY.conj()))
    assert (status, verdict) == (dt.Status.SIGN_FLIPPED, "fail")
    assert "pass Z.conj()" in reason


@pytest.mark.parametrize("unit", [1e-6, 1e-3, 1e3, 1e9])
def test_units_do_not_matter(unit: float) -> None:
    assert only(dt.Spectrum(F, NOISY * unit))[:2] == (dt.Status.OK, "pass")


def test_exact_spectra_pass() -> None:
    s = 2j * np.pi * F
    assert only(dt.Spectrum(F, 5 + 0 * s))[1] == "pass"
    assert only(dt.Spectrum(F, 5 + 3e-6 * s + 1 / s))[1] == "pass"
    assert only(dt.Spectrum(F, Z))[1] == "pass"


def test_short_spectra_stand_beside_long_ones() -> None:
    short = dt.Spectrum(F[:60], NOISY[:60])
    shorter = dt.Spectrum(F[:57], NOISY[:57])
    r = dt.check_kk(dt.Campaign.from_spectra([short, shorter, short]))
    assert (r.verdict == "pass").all()
    assert np.isfinite(r.residual).sum(axis=1).tolist() == [60, 57, 60]
    assert not r.used[1, 57:].any()


@pytest.mark.parametrize(
    ("spoil", "status"),
    [
        (lambda f, z: (f, np.where(np.arange(71) == 3, np.nan, z)), dt.Status.NOT_FINITE),
        (lambda f, z: (np.where(np.arange(71) == 3, -f, f), z), dt.Status.NEGATIVE_FREQUENCY),
        (lambda f, z: (np.where(np.arange(71) == 3, f[4], f), z), dt.Status.REPEATED_FREQUENCY),
        (lambda f, z: (f, np.where(np.arange(71) == 3, 0, z)), dt.Status.ZERO_IMPEDANCE),
    ],
    ids=["nan", "negative", "repeated", "zero"],
)
def test_broken_spectra_fail_and_stop_no_other(spoil: Any, status: dt.Status) -> None:
    f, z = spoil(F, NOISY)
    r = dt.check_kk(dt.Campaign.from_spectra([dt.Spectrum(F, NOISY), dt.Spectrum(f, z), dt.Spectrum(F, NOISY)]))
    assert r.status.tolist() == [0, status, 0]
    assert r.verdict.tolist() == ["pass", "fail", "pass"]
    assert "point(s) 3" in r.reason[1]
    assert np.isnan(r.noise[1])
    assert np.isnan(r.residual[1]).all()
    assert any("spectrum 1" in note for note in r.notes)


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"method": "linkk"}, "did you mean 'lin_kk'"),
        ({"representation": "both"}, "representation"),
        ({"n_rc": "my"}, "n_rc"),
        ({"n_rc": 0}, "whole number"),
        ({"n_rc": 300}, "300 relaxations are too many for 71 points"),
        ({"n_rc": "mu", "density": 3.0}, "no meaning"),
        ({"part": "im"}, "part"),
        ({"mu_stop": 1.5}, "between 0 and 1"),
        ({"most_rc": -1}, "most_rc"),
        ({"density": -1}, "density"),
        ({"extension": 7}, "between -2 and 2"),
        ({"inductance": "no"}, "True or False"),
        ({"limits": 3}, "KkLimits"),
        ({"method": "z_hit", "n_rc": 7}, "leave out"),
        ({"weights": "unit"}, "weights"),
        ({"weights": np.ones(5)}, "shape"),
        ({"f_min": 5, "f_max": 1}, "exchange"),
        ({"n_threads": 0}, "n_threads"),
        ({"progress": 3}, "callable"),
    ],
)
def test_bad_options_are_named(options: dict[str, Any], words: str) -> None:
    with pytest.raises(dt.InvalidInput, match=words):
        dt.check_kk(dt.Spectrum(F, NOISY), **options)


def test_data_must_be_spectra() -> None:
    with pytest.raises(dt.InvalidInput, match="Campaign or a Spectrum"):
        dt.check_kk(NOISY)  # type: ignore[arg-type]


def test_points_left_out_are_not_used() -> None:
    z = NOISY.copy()
    z[20] = 1e5
    r = dt.check_kk(dt.Spectrum(F, z), exclude=[F[20]], f_min=0.05)
    assert r.verdict[0] == "pass"
    assert np.isfinite(r.residual[0]).sum() == (F >= 0.05).sum() - 1
    weights = np.where(np.arange(71) == 20, 0, 1 / np.abs(z))
    assert dt.check_kk(dt.Spectrum(F, z), weights=weights).verdict[0] == "pass"


def test_progress_reaches_the_end() -> None:
    seen: list[tuple[int, int]] = []
    dt.check_kk(dt.Campaign.from_arrays(F, np.tile(NOISY, (5, 1))), progress=lambda *step: seen.append(step))
    assert seen[-1] == (5, 5)


@pytest.mark.parametrize("part", ["real", "imaginary", "both"])
def test_the_reported_fit_can_be_another(part: str) -> None:
    campaign = dt.Campaign.from_arrays(F, np.tile(NOISY, (3, 1)))
    default = dt.check_kk(campaign)
    r = dt.check_kk(campaign, n_rc=20, part=part)
    assert (r.n_rc == 20).all()
    assert (r.verdict == default.verdict).all()
    assert r.noise.tobytes() == default.noise.tobytes()
    assert r.chi2 == pytest.approx((np.abs(r.residual) ** 2).sum(axis=1))


# ---------------------------------------------------------------- masks


def test_masked_remembers_what_was_left_out() -> None:
    z = np.tile(NOISY, (3, 1))
    z[1, 30] *= 1.2
    z[2] *= 1 + np.linspace(0, 1, 71) ** 3
    campaign = dt.Campaign.from_arrays(
        F, z, coordinates={"voltage": [1.0, 2.0, 3.0]}, point_time=np.tile(np.arange(71.0), (3, 1))
    )
    r = dt.check_kk(campaign)
    assert r.verdict.tolist() == ["pass", "warn", "fail"]
    points = r.flagged & (r.verdict == "warn")[:, None]
    clean = campaign.masked(points=points, spectra=r.verdict == "fail")
    assert len(clean) == 2
    assert clean.coordinates["voltage"].tolist() == [1, 2]
    assert clean.is_point.sum(axis=1).tolist() == [71, 70]
    assert np.array_equal(clean[1].Z, np.delete(z[1], 30))
    assert np.array_equal(clean[1].frequency, np.delete(F, 30))
    assert clean[1].point_time is not None
    assert np.array_equal(clean[1].point_time, np.delete(np.arange(71.0), 30))
    assert clean.label(1) == "spectrum 1"
    notes = ("1 of 3 spectra left out: spectrum 2", f"spectrum 1: 1 point(s) left out: {F[30]:.4g} Hz")
    for result in (clean, dt.fit_drt(clean), dt.check_kk(clean)):
        assert set(notes) <= set(result.notes)
    assert (dt.check_kk(clean).verdict == "pass").all()
    assert campaign.Z.tobytes() == z.tobytes()


def test_masks_of_nothing_change_nothing() -> None:
    campaign = dt.Campaign.from_arrays(F, np.tile(NOISY, (3, 1)))
    same = campaign.masked(points=np.zeros((3, 71), bool))
    assert same.is_shared
    assert same.notes == ()
    assert same.Z.tobytes() == campaign.Z.tobytes()


def test_bad_masks_are_named() -> None:
    campaign = dt.Campaign.from_arrays(F, np.tile(NOISY, (3, 1)))
    with pytest.raises(dt.InvalidInput, match=r"points must be a mask of shape \(3, 71\)"):
        campaign.masked(points=np.zeros(71, bool))
    with pytest.raises(dt.InvalidInput, match="spectra must be a mask"):
        campaign.masked(spectra=[0, 1])
    with pytest.raises(dt.InvalidInput, match="nothing is left"):
        campaign.masked(spectra=[True] * 3)


# ---------------------------------------------------------------- the result


def test_result_pickles_and_is_read_only() -> None:
    r = dt.check_kk(dt.Campaign.from_arrays(F, np.tile(NOISY, (2, 1))), method="bayesian_hilbert")
    twin = pickle.loads(pickle.dumps(r))
    assert twin.residual.tobytes() == r.residual.tobytes()
    assert twin.reason == r.reason
    assert twin.scores["s_mu"].tobytes() == r.scores["s_mu"].tobytes()
    with pytest.raises(ValueError, match="read-only"):
        r.noise[0] = 1
    assert repr(r) == "<KkResult: 2 spectra, 2 pass, 0 warn, 0 fail>"


def test_result_is_stored_bit_for_bit(tmp_path: Path) -> None:
    z = np.tile(NOISY, (3, 1))
    z[1, 30] *= 1.2
    z[2] = np.nan
    campaign = dt.Campaign.from_arrays(F, z, coordinates={"voltage": [1.0, 2.0, 3.0], "noise": ["a", "b", "c"]})
    for method in ("lin_kk", "bayesian_hilbert"):
        r = dt.check_kk(campaign, method=method)
        dt.save(r, tmp_path / "kk.nc")
        twin = dt.load(tmp_path / "kk.nc")
        assert isinstance(twin, dt.KkResult)
        for name in (*PER_SPECTRUM, "residual", "flagged", "window", "n_rc", "status", "stands_out", "used"):
            assert getattr(twin, name).tobytes() == getattr(r, name).tobytes(), name
        assert twin.verdict.tolist() == r.verdict.tolist()
        assert (twin.reason, twin.notes, dict(twin.options)) == (r.reason, r.notes, dict(r.options))
        assert list(twin.scores) == list(r.scores)
        assert twin.coordinates["noise"].tolist() == ["a", "b", "c"]


def test_tables_have_a_row_for_each_spectrum_and_each_point() -> None:
    r = dt.check_kk(dt.Campaign.from_spectra([dt.Spectrum(F, NOISY), dt.Spectrum(F[:60], NOISY[:60])]))
    summary, frame = r.summary(), r.to_frame()
    assert summary["verdict"].tolist() == ["pass", "pass"]
    assert summary["noise"].tolist() == r.noise.tolist()
    assert len(frame) == 131
    assert frame["residual_real"].to_numpy()[71:].tolist() == r.residual.real[1, :60].tolist()

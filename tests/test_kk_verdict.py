"""Verdicts: what passes, what fails, which points and windows, on simulated cells and on real ones."""

from __future__ import annotations

from itertools import combinations, pairwise
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import drtengine as dt
from drtengine.kk.statistics import autocorrelation, runs_probability
from drtengine.simulate import RC, ZARC, Capacitor, Circuit, Gerischer, Inductor, Resistor, TransmissiveWarburg
from drtengine.spectrum import ComplexArray, FloatArray

F = np.geomspace(1e5, 1e-2, 71)
COUNT = 40
TIME = np.cumsum(1 + 2 / F)
TIME = (TIME - TIME[0]) / (TIME[-1] - TIME[0])
CELL = Circuit([Resistor(10), ZARC(20, 1e-3, 0.9), ZARC(40, 0.3, 0.8), TransmissiveWarburg(20, 30)])


def campaign(Z: ComplexArray, noise: float = 1e-3, seed: int = 0, frequency: FloatArray = F) -> dt.Campaign:
    """COUNT measurements of the same thing."""
    return dt.Campaign.from_arrays(frequency, dt.simulate.add_noise(np.tile(Z, (COUNT, 1)), noise, seed=seed))


def drifting(size: float) -> ComplexArray:
    """CELL while the larger charge transfer resistance grows during the sweep."""
    s = 2j * np.pi * F
    R = 40 * (1 + size * TIME)
    rest = Circuit([Resistor(10), ZARC(20, 1e-3, 0.9), TransmissiveWarburg(20, 30)]).impedance(F)
    return rest + R / (1 + R / 40 * (s * 0.3) ** 0.8)


VALID = {
    "cell": CELL.impedance(F),
    "offset": (CELL + Resistor(100)).impedance(F),
    "lead": (CELL + Inductor(3e-6)).impedance(F),
    "loop": CELL.impedance(F) - 8 / (1 + 2j * np.pi * F * 5),
    "blocking": (CELL + Capacitor(0.2)).impedance(F),
    "reaction": (Resistor(1) + Gerischer(30, 1)).impedance(F),
    "one relaxation": (Resistor(1) + RC(30, 0.1)).impedance(F),
    "resistor": Resistor(5).impedance(F),
    "delay of 10 ns": CELL.impedance(F) * np.exp(-2j * np.pi * F * 1e-8),
}


@pytest.mark.parametrize("name", VALID)
@pytest.mark.parametrize("noise", [5e-4, 2e-3, 5e-3])
def test_valid_spectra_pass(name: str, noise: float) -> None:
    r = dt.check_kk(campaign(VALID[name], noise))
    assert (r.verdict != "pass").sum() <= 1
    assert (r.verdict != "fail").all()
    assert np.median(r.noise) == pytest.approx(noise, rel=0.05)
    passed = r.verdict == "pass"
    assert (r.window[passed] == [F[-1], F[0]]).all()


@pytest.mark.parametrize(
    ("Z", "noise"),
    [
        (drifting(0.2), 1e-3),
        (CELL.impedance(F) * (1 + 0.1 * TIME), 2e-3),
        (CELL.impedance(F) * np.where(F < 1, 1.02, 1), 1e-3),
        (CELL.impedance(F) * (1 + 0.05 * np.exp(-0.5 * (np.log10(F / 50) / 0.15) ** 2)), 1e-3),
    ],
    ids=["one R drifts 20 %", "all drifts 10 %", "gain steps 2 %", "bump of 5 %"],
)
def test_invalid_spectra_fail(Z: ComplexArray, noise: float) -> None:
    r = dt.check_kk(campaign(Z, noise))
    assert (r.verdict == "fail").mean() >= 0.95
    assert all("structure" in reason for reason in r.reason)
    assert (r.p_value < 1e-3).mean() >= 0.95


def test_the_drift_is_measured_when_times_are_known() -> None:
    """All of Z grows by 10 % of its start while the instrument notes the times."""
    Z = campaign(CELL.impedance(F) * (1 + 0.1 * TIME), 1e-3).Z
    timed = dt.Campaign.from_arrays(F, Z, point_time=np.tile(500 * TIME, (COUNT, 1)))
    r = dt.check_kk(timed)
    assert r.drift == pytest.approx(0.1, abs=0.02)
    assert all("guessed" not in reason for reason in r.reason)
    assert any("drifted by" in reason for reason in r.reason)
    assert r.timed.all()
    assert any("guessed" in reason for reason in dt.check_kk(campaign(CELL.impedance(F) * (1 + 0.1 * TIME))).reason)


def test_times_are_used_of_those_spectra_that_have_them() -> None:
    Z = campaign(CELL.impedance(F) * (1 + 0.1 * TIME), 1e-3).Z
    times = np.tile(500 * TIME, (COUNT, 1))
    whole = dt.check_kk(dt.Campaign.from_arrays(F, Z, point_time=times))
    times[1], times[2] = np.nan, 7.0
    some = dt.check_kk(dt.Campaign.from_arrays(F, Z, point_time=times))
    guessed = dt.check_kk(dt.Campaign.from_arrays(F, Z))
    known = np.arange(COUNT) != 1
    known[2] = False
    assert (some.timed == known).all()
    assert (some.drift == np.where(known, whole.drift, guessed.drift)).all()
    assert not guessed.timed.any()


def test_the_drift_of_a_measurement_uses_the_times_in_the_file(shared_data: Path) -> None:
    """Zahner's files have them. At 275 mV a diode drifts, whatever the order of its points."""
    cells = dt.read(sorted((shared_data / "zahner_ism_diode").glob("2*_mvdc.ism")))
    r = dt.check_kk(cells)
    assert r.timed.all()
    assert "as if Z drifted by -1.5 %" in r.reason[-1]
    assert "guessed" not in r.reason[-1]
    blind = dt.check_kk(dt.Campaign.from_arrays(cells.frequency, cells.Z))
    assert not blind.timed.any()
    assert (blind.drift != r.drift).all()


def test_a_bump_is_flagged_where_it_is() -> None:
    bump = np.exp(-0.5 * (np.log10(F / 50) / 0.15) ** 2)
    broken = campaign(CELL.impedance(F) * (1 + 0.05 * bump))
    r = dt.check_kk(broken)
    assert r.flagged.any(axis=1).mean() >= 0.9
    assert np.abs(np.log10(r.frequency[r.flagged] / 50)).max() < 0.6
    cleaned = dt.check_kk(broken.masked(points=r.flagged))
    assert (cleaned.verdict[r.flagged.any(axis=1)] == "pass").mean() >= 0.95


@given(point=st.integers(3, 67), angle=st.floats(0, 2 * np.pi), size=st.sampled_from([3.0, 10.0]))
def test_single_points_far_off_are_flagged(point: int, angle: float, size: float) -> None:
    Z = dt.simulate.add_noise(CELL.impedance(F), 1e-3, seed=1)
    Z[point] *= 1 + size * np.exp(1j * angle)
    r = dt.check_kk(dt.Spectrum(F, Z))
    assert r.verdict[0] == "warn"
    assert np.flatnonzero(r.flagged[0]).tolist() == [point]
    assert r.noise[0] < 2e-3
    assert f"{F[point]:.4g} Hz" in r.reason[0]


@pytest.mark.parametrize("size", [0.03, 0.1, 1.0, 1.05])
def test_single_points_that_are_off_are_flagged_wherever_they_are(size: float) -> None:
    """Also where the model bends towards them, and, off by 100 %, where they are nearly zero."""
    points, angles = (grid.ravel() for grid in np.meshgrid(np.arange(3, 68), 0.1 + np.arange(16) * np.pi / 8))
    Z = np.tile(dt.simulate.add_noise(CELL.impedance(F), 1e-3, seed=1), (points.size, 1))
    Z[np.arange(points.size), points] *= 1 + size * np.exp(1j * angles)
    r = dt.check_kk(dt.Campaign.from_arrays(F, Z))
    assert (r.flagged.sum(axis=1) == 1).all()
    assert r.flagged[np.arange(points.size), points].all()
    assert (r.verdict == "warn").mean() >= 0.99


def test_a_point_that_is_zero_but_for_noise_is_flagged() -> None:
    Z = np.tile(dt.simulate.add_noise(CELL.impedance(F), 1e-3, seed=2), (65, 1))
    points = np.arange(3, 68)
    Z[np.arange(65), points] *= 1e-6j
    r = dt.check_kk(dt.Campaign.from_arrays(F, Z))
    assert (np.argwhere(r.flagged)[:, 1] == points).all()
    assert np.median(r.noise) == pytest.approx(1e-3, rel=0.2)


def test_noise_alone_warns_and_fails() -> None:
    assert (dt.check_kk(campaign(VALID["cell"], 0.015)).verdict == "warn").mean() > 0.9
    loud = dt.check_kk(campaign(VALID["cell"], 0.05))
    assert (loud.verdict == "fail").all()
    assert all("beyond use" in reason for reason in loud.reason)


def test_limits_can_be_moved() -> None:
    Z = campaign(CELL.impedance(F) * np.where(F < 1, 1.02, 1), 1e-3)
    lenient = dt.KkLimits(structure_warn=(0.05, 0.06), structure_fail=(0.05, 0.06))
    assert (dt.check_kk(Z, limits=lenient).verdict == "pass").mean() >= 0.95
    strict = dt.KkLimits(noise_warn=5e-4, noise_fail=7e-4)
    assert (dt.check_kk(campaign(VALID["cell"], 1e-3), limits=strict).verdict == "fail").all()


@pytest.mark.parametrize("limits", [{"p_warn": 0}, {"noise_fail": np.nan}, {"structure_warn": (0.2, 0.1)}])
def test_limits_must_make_sense(limits: dict[str, float]) -> None:
    with pytest.raises(dt.InvalidInput, match=next(iter(limits))):
        dt.KkLimits(**limits)  # type: ignore[arg-type]


def test_a_window_is_found_above_a_drift() -> None:
    """Z rises with the square of the time, which goes by at low frequency."""
    r = dt.check_kk(campaign(CELL.impedance(F) * (1 + 0.5 * TIME**2), 1e-3))
    assert (r.verdict == "fail").all()
    assert np.isfinite(r.window).all()
    assert (r.window[:, 1] == F[0]).mean() > 0.9
    low = r.window[:, 0]
    assert (low > F[-1]).all()
    assert np.median(low) < 2
    for i in range(0, COUNT, 10):
        assert dt.check_kk(r.campaign[i], f_min=low[i], f_max=r.window[i, 1]).verdict[0] == "pass"


def test_the_admittance_is_used_where_the_impedance_fails() -> None:
    """A passivating electrode: the current falls as the potential rises, in the long run."""
    s = 2j * np.pi * F
    Z = 2 + 1 / (s * 1e-5 + 1 / 50 - 1 / 30 / (1 + s))
    assert (dt.check_kk(campaign(Z), representation="impedance").verdict == "fail").all()
    r = dt.check_kk(campaign(Z))
    assert (r.verdict == "pass").mean() >= 0.95
    assert (r.representation == "admittance").all()
    assert np.nanmedian(np.abs(r.residual)) < 2e-3


def test_user_weights_change_nothing_if_they_are_the_default_ones() -> None:
    Z = campaign(drifting(0.1))
    plain, given_ = dt.check_kk(Z), dt.check_kk(Z, weights=7 / np.abs(Z.Z))
    assert (plain.verdict == given_.verdict).all()
    assert given_.noise == pytest.approx(plain.noise, rel=1e-6)


def test_statistics_of_noise_and_of_a_wave() -> None:
    rng = np.random.default_rng(0)
    noise = rng.standard_normal((500, 71)) + 1j * rng.standard_normal((500, 71))
    assert np.mean(runs_probability(noise) < 0.05) < 0.07
    assert np.abs(autocorrelation(noise)).max() < 0.6
    wave = np.sin(np.linspace(0, 6, 71)) * (1 + 1j)
    assert runs_probability(wave[None])[0] < 1e-6
    assert autocorrelation(wave[None])[0] > 0.9
    values = np.array([3.0, -1, 2, -2, 1]) + 0j
    centred = values.real - values.real.mean()
    expected = centred[1:] @ centred[:-1] / (centred @ centred)
    assert autocorrelation(values[None] * (1 + 1j))[0] == pytest.approx(expected)


def test_runs_probability_is_that_of_all_arrangements() -> None:
    """Ten signs, five of each: exact share of arrangements with at most three runs."""

    def runs(positive: tuple[int, ...]) -> int:
        signs = [i in positive for i in range(10)]
        return 1 + sum(a != b for a, b in pairwise(signs))

    counts = [runs(c) for c in combinations(range(10), 5)]
    exact = np.mean([c <= 3 for c in counts])
    signs = np.array([1, 1, 1, -1, -1, -1, -1, -1, 1, 1.0])
    alternating = np.array([1, -1.0] * 5)
    found = runs_probability((signs + 1j * alternating)[None])[0]
    assert found == pytest.approx(2 * exact, abs=0.03)


def test_a_spectrum_unlike_its_neighbours_is_pointed_out() -> None:
    s = 2j * np.pi * F
    R = np.linspace(50, 80, 20)
    R[8] = 95
    Z = 10 + R[:, None] / (1 + (s * 0.1) ** 0.9)
    series = dt.Campaign.from_arrays(F, dt.simulate.add_noise(Z, 1e-3), coordinates={"cycle": np.arange(20.0)})
    r = dt.check_kk(series)
    assert np.flatnonzero(r.stands_out).tolist() == [8]
    assert "differs from its neighbours" in r.reason[8]
    assert (r.verdict == "pass").all()


# ---------------------------------------------------------------- second opinions


@pytest.mark.parametrize("method", ["z_hit", "bayesian_hilbert"])
def test_other_methods_tell_a_valid_cell_from_a_drifting_one(method: str) -> None:
    valid = dt.check_kk(campaign(VALID["cell"], 1e-3), method=method)
    assert (valid.verdict == "pass").mean() >= 0.95
    broken = dt.check_kk(campaign(CELL.impedance(F) * (1 + 0.3 * TIME), 1e-3), method=method)
    assert (broken.verdict == "fail").mean() >= 0.95
    assert np.isnan(valid.mu).all()


def test_z_hit_of_a_constant_phase_element_is_exact() -> None:
    """ln|Z| is linear and the phase constant: both terms of the formula hold exactly."""
    r = dt.check_kk(dt.Spectrum(F, 3 / (2j * np.pi * F) ** 0.6), method="z_hit")
    assert np.abs(r.residual).max() < 1e-10


def test_z_hit_declines_where_the_phase_wraps() -> None:
    Z = 10 * np.exp(1j * np.linspace(0, -1.5 * np.pi, F.size))
    r = dt.check_kk(dt.Spectrum(F, Z), method="z_hit")
    assert r.status[0] == dt.Status.PHASE_WRAPS
    assert "phase jumps" in r.reason[0]
    assert np.isnan(r.residual).all()


def test_bayesian_bands_hold_what_they_promise() -> None:
    """The imaginary part, predicted from the real one, lies within three deviations where the cell is valid."""
    r = dt.check_kk(campaign(VALID["cell"], 2e-3), method="bayesian_hilbert")
    assert set(r.scores) == {"s_mu", "s_res_1", "s_res_2", "s_res_3", "s_HD", "s_JSD"}
    assert np.median(r.scores["s_res_3"], axis=0).min() > 0.9
    assert (np.diff([np.median(r.scores[f"s_res_{k}"], axis=0) for k in (1, 2, 3)], axis=0) >= 0).all()
    for name in ("s_HD", "s_JSD"):
        assert ((r.scores[name] >= 0) & (r.scores[name] <= 1)).all()


# ---------------------------------------------------------------- real cells


@pytest.mark.parametrize(
    ("states", "allowed", "share"),
    [(("I", "V", "IX"), ("pass", "warn"), 0.97), (("II", "III", "VI", "VII", "VIII"), ("fail",), 0.97)],
    ids=["rested", "under current"],
)
def test_states_of_a_real_campaign(
    shared_data: Path, states: tuple[str, ...], allowed: tuple[str, ...], share: float
) -> None:
    for state in states:
        r = dt.check_kk(dt.read(shared_data / "zhang2020_25C08_45C01" / f"EIS_state_{state}_25C08.txt"))
        assert np.isin(r.verdict, allowed).mean() >= share, state
        assert np.isfinite(r.window[r.verdict != "fail"]).all()

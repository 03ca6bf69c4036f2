"""Lin-KK fits: reference values, a second implementation, and that nothing depends on threads or neighbours."""

from __future__ import annotations

from collections.abc import Callable
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import drtengine as dt
from drtengine.kk.criteria import CRITERIA, Trial, choose, curvatures
from drtengine.kk.linear import Elements, Grid, complex_pairs, fit, fit_and_test, mu_of, relaxation_times, sweep_time
from drtengine.kk.model import KkModel
from drtengine.spectrum import ComplexArray, FloatArray

F = np.geomspace(1e5, 1e-2, 71)


def grid_of(frequency: FloatArray, Z: ComplexArray, n_threads: int = 1) -> Grid:
    time = sweep_time(frequency)[None]
    time = (time - time.min()) / np.ptp(time)
    return Grid(frequency, np.atleast_2d(Z), np.ones(np.atleast_2d(Z).shape), time, n_threads)


def valid_spectra(count: int, noise: float = 1e-3, seed: int = 0, frequency: FloatArray = F) -> ComplexArray:
    """Two ZARCs, a lead and a series capacitance, all of random size."""
    rng = np.random.default_rng(seed)
    s = 2j * np.pi * frequency
    Z = np.empty((count, frequency.size), complex)
    for i in range(count):
        R, tau, phi = 10 ** rng.uniform(0, 2, 3), 10 ** rng.uniform(-4, 1, 2), rng.uniform(0.7, 1, 2)
        Z[i] = R[0] + 1e-7 * s + 1 / (10 * s)
        Z[i] += sum(R[k + 1] / (1 + (s * tau[k]) ** phi[k]) for k in range(2))
    return Z * (1 + noise * (rng.standard_normal(Z.shape) + 1j * rng.standard_normal(Z.shape)))


def columns(frequency: FloatArray, tau: FloatArray, elements: Elements) -> ComplexArray:
    """The model written down anew, columns R, L, C (those it has) and relaxations."""
    s = 2j * np.pi * frequency[:, None]
    relaxations = s * tau / (1 + s * tau) if elements.admittance else 1 / (1 + s * tau)
    rising = elements.capacitance if elements.admittance else elements.inductance
    falling = elements.inductance if elements.admittance else elements.capacitance
    return np.hstack([np.ones_like(s), *([s] * rising), *([1 / s] * falling), relaxations])


def least_squares(X: ComplexArray, A: ComplexArray) -> tuple[ComplexArray, float]:
    """Residual relative to abs(X) by NumPy, columns scaled, and the condition number."""
    modulus = np.abs(X)
    rows = np.vstack([A.real / modulus[:, None], A.imag / modulus[:, None]])
    norm = np.linalg.norm(rows, axis=0)
    solution, _, _, singular = np.linalg.lstsq(
        rows / norm, np.concatenate([X.real, X.imag] / modulus), rcond=np.finfo(float).eps
    )
    return (X - A @ (solution / norm)) / modulus, float(singular[0] / singular[-1])


def public_spectra(folder: Path) -> list[dt.Spectrum]:
    """Every spectrum that can be read, of the long campaigns a few."""
    spectra = []
    patterns = ("zahner_ism_diode/*.ism", "impedancepy_formats/*", "zhang*/EIS*.txt", "ml621_soc/*", "nleis_small/*")
    for path in (path for pattern in patterns for path in sorted(folder.glob(pattern))):
        try:
            campaign = dt.read(path)
        except dt.InvalidInput:
            continue
        spectra += [campaign[i] for i in range(0, len(campaign), 40) if campaign.problems[i] == 0]
    return [s for s in spectra if len(s) > 20]


def zview(path: Path) -> dt.Spectrum:
    lines = path.read_text(errors="replace").splitlines()
    start = next(i for i, line in enumerate(lines) if "End Comments" in line) + 1
    table = np.array([line.split() for line in lines[start:] if line.strip()], dtype=float)
    return dt.Spectrum(table[:, 0], table[:, 4] + 1j * table[:, 5])


# ---------------------------------------------------------------- reference values


def test_mu_of_schonleber_on_a_dummy_cell(shared_data: Path) -> None:
    """impedance.py 1.7 gives M = 10 and this mu for the same file, part and limit."""
    spectrum = zview(shared_data / "impedancepy_formats" / "Circuit3_EIS_1.z")
    r = dt.check_kk(spectrum, n_rc="mu", part="real", mu_stop=0.69, representation="impedance", capacitance=False)
    assert r.n_rc[0] == 10
    assert r.mu[0] == pytest.approx(0.6843821117885378, abs=1e-12)


@pytest.mark.parametrize(("highest", "points", "n_rc", "mu"), [(1e3, 55, 26, 0.3063), (1e5, 66, 28, 0.4614)])
def test_mu_of_schonleber_on_a_cell(shared_data: Path, highest: float, points: int, n_rc: int, mu: float) -> None:
    table = np.loadtxt(shared_data / "impedancepy_formats" / "exampleData.csv", delimiter=",")
    table = table[table[:, 0] < highest]
    spectrum = dt.Spectrum(table[:, 0], table[:, 1] + 1j * table[:, 2])
    r = dt.check_kk(spectrum, n_rc="mu", mu_stop=0.5, representation="impedance")
    assert len(spectrum) == points
    assert (r.n_rc[0], round(float(r.mu[0]), 4)) == (n_rc, mu)


@pytest.mark.filterwarnings("ignore:.*uncalibrated:drtengine.DataWarning")
def test_residuals_are_those_of_numpy_on_every_public_spectrum(shared_data: Path) -> None:
    spectra = public_spectra(shared_data)
    assert len(spectra) > 50
    for spectrum in spectra:
        order = np.argsort(-spectrum.frequency)
        f, Z = spectrum.frequency[order], spectrum.Z[order]
        for admittance in (False, True):
            X = 1 / Z if admittance else Z
            for count in (1, 2, 5, 12, 25, 35, 50):
                tau = np.geomspace(1 / (2 * np.pi * f[0]), 1 / (2 * np.pi * f[-1]), count)
                elements = Elements(admittance=admittance)
                if count + 3 > f.size:  # as many unknowns as data: nothing is left
                    continue
                expected, condition = least_squares(X, columns(f, tau, elements))
                found = fit(grid_of(f, Z), tau, elements)
                assert not found.failed[0]
                tolerance = max(1e-9, 100 * np.finfo(float).eps * condition)
                assert np.abs(found.residual[0] - expected).max() <= tolerance, (spectrum.name, admittance, count)


@pytest.mark.parametrize("admittance", [False, True])
@pytest.mark.parametrize("inductance", [False, True])
@pytest.mark.parametrize("capacitance", [False, True])
def test_elements_are_those_of_numpy(admittance: bool, inductance: bool, capacitance: bool) -> None:
    Z = valid_spectra(11)
    tau = np.geomspace(1e-6, 10, 12)
    elements = Elements(admittance, inductance, capacitance)
    found = fit(grid_of(F, Z), tau, elements)
    A = columns(F, tau, elements)
    rising = capacitance if admittance else inductance
    falling = inductance if admittance else capacitance
    present = np.array([True, rising, falling, *([True] * tau.size)])
    assert (found.elements[:, ~present] == 0).all()
    for i, z in enumerate(Z):
        X = 1 / z if admittance else z
        expected, _ = least_squares(X, A)
        assert np.abs(found.residual[i] - expected).max() < 1e-11
        assert np.abs(A @ found.elements[i, present] - (X - expected * np.abs(X))).max() < 1e-9 * np.abs(X).max()


@pytest.mark.parametrize("part", ["real", "imaginary"])
@pytest.mark.parametrize("admittance", [False, True])
def test_a_part_is_fitted_alone_and_the_rest_completed(part: str, admittance: bool) -> None:
    """Boukamp's real and imaginary tests, written down anew with lstsq for both steps."""
    Z = valid_spectra(3)
    X = 1 / Z if admittance else Z
    tau = np.geomspace(1e-6, 10, 9)
    found = fit(grid_of(F, Z), tau, Elements(admittance=admittance, part=part))
    s = 2j * np.pi * F[:, None]
    relaxations = s * tau / (1 + s * tau) if admittance else 1 / (1 + s * tau)
    for i, x in enumerate(X):
        w = 1 / np.abs(x)[:, None]
        straight, bent = np.ones_like(s), np.hstack([s, 1 / s])
        first = np.hstack([straight, relaxations]).real if part == "real" else np.hstack([bent, relaxations]).imag
        later = bent.imag if part == "real" else straight.real
        target, other = (x.real, x.imag) if part == "real" else (x.imag, x.real)
        norm = np.linalg.norm(first * w, axis=0)
        solution = np.linalg.lstsq(first * w / norm, target * w[:, 0], rcond=None)[0] / norm
        rest = other - getattr(relaxations @ solution[-tau.size :], "imag" if part == "real" else "real")
        scale = np.linalg.norm(later * w, axis=0)
        completed = np.linalg.lstsq(later * w / scale, rest * w[:, 0], rcond=None)[0] / scale
        unseen = (rest - later @ completed) * w[:, 0]
        seen = (target - first @ solution) * w[:, 0]
        residual = found.residual[i]
        assert np.abs((residual.real if part == "real" else residual.imag) - seen).max() < 1e-9
        assert np.abs((residual.imag if part == "real" else residual.real) - unseen).max() < 1e-9


def test_the_test_is_one_long_qr() -> None:
    """Scores, noise, drift and leverage against a QR of model and remainders, one after the other."""
    Z = valid_spectra(5, noise=2e-3) * (1 + 0.05 * np.linspace(0, 1, F.size))
    grid = grid_of(F, Z)
    for admittance in (False, True):
        found = fit_and_test(grid, admittance=admittance, density=4, extension=0.3, leverage=True)
        A = columns(F, found.tau, Elements(admittance=admittance))
        for i, z in enumerate(Z):
            X = 1 / z if admittance else z
            fitted = X / np.abs(X) - found.residual[i]
            x = np.log(F / F[-1]) / np.log(F[0] / F[-1])
            count = round(2 * grid.decades) + 1
            B = np.hstack(
                [(grid.time[0] * fitted)[:, None], 1j * np.cos(np.pi * x[:, None] * np.arange(count)) * fitted[:, None]]
            )
            whole = np.hstack([A / np.abs(X)[:, None], B])
            whole = np.vstack([whole.real, whole.imag])
            whole /= np.linalg.norm(whole, axis=0)
            Q, _ = np.linalg.qr(whole)
            y = X / np.abs(X)
            y = np.concatenate([y.real, y.imag])
            q, p = count + 1, A.shape[1]
            scores, rest = Q[:, p:].T @ y, y - Q @ (Q.T @ y)
            variance = rest @ rest / (y.size - p - q)
            assert found.noise[i] == pytest.approx(np.sqrt(variance), rel=1e-6)
            structure = np.sqrt(max(scores @ scores - q * variance, 0) / y.size)
            assert found.structure[i] == pytest.approx(structure, rel=1e-5)
            hat = (Q**2).sum(axis=1).reshape(2, -1).T
            assert np.abs(found.leverage[i] - hat).max() < 1e-6


def test_p_values_are_uniform_for_valid_spectra() -> None:
    """Kolmogorov-Smirnov on 4000 noisy spectra of one circuit that the model contains exactly."""
    from scipy.stats import kstest

    tau = relaxation_times(F, 4, 0.3)
    Z = np.tile(10 + columns(F, tau, Elements())[:, 3:][:, [5, 12, 20]] @ [5.0, 20.0, 30.0], (4000, 1))
    rng = np.random.default_rng(3)
    Z = Z * (1 + 2e-3 * (rng.standard_normal(Z.shape) + 1j * rng.standard_normal(Z.shape)))
    found = fit_and_test(grid_of(F, Z), admittance=False, density=4, extension=0.3)
    assert kstest(found.p_value, "uniform").pvalue > 0.01
    assert np.median(found.noise) == pytest.approx(2e-3, rel=0.01)
    assert np.std(found.drift / found.u_drift) == pytest.approx(1, rel=0.05)


# ---------------------------------------------------------------- what must not matter


def test_neither_threads_nor_neighbours_change_a_bit() -> None:
    Z = valid_spectra(37)
    whole = fit_and_test(grid_of(F, Z), admittance=False, density=4, extension=0.3, leverage=True)
    threaded = fit_and_test(grid_of(F, Z, 3), admittance=False, density=4, extension=0.3, leverage=True)
    for name in ("elements", "residual", "rest", "noise", "p_value", "drift", "leverage"):
        assert getattr(whole, name).tobytes() == getattr(threaded, name).tobytes()
    for i in (0, 7, 8, 36):
        alone = fit_and_test(grid_of(F, Z[i : i + 1]), admittance=False, density=4, extension=0.3, leverage=True)
        for name in ("elements", "residual", "rest", "noise", "p_value", "drift", "leverage"):
            assert getattr(whole, name)[i].tobytes() == getattr(alone, name)[0].tobytes(), name


def test_a_search_by_mu_gives_the_same_bits_in_any_company() -> None:
    """Spectra stop at different numbers, and those that go on fill the places of those that have stopped."""
    Z = valid_spectra(139)
    whole = dt.check_kk(dt.Campaign.from_arrays(F, Z), n_rc="mu", n_threads=2)
    assert np.unique(whole.n_rc).size > 10
    for i in (0, 46, 47, 48, 100, 138):
        alone = dt.check_kk(dt.Spectrum(F, Z[i]), n_rc="mu", n_threads=1)
        for name in ("n_rc", "mu", "residual", "chi2"):
            assert getattr(whole, name)[i].tobytes() == getattr(alone, name)[0].tobytes(), (i, name)


def test_check_gives_the_same_bits_however_it_is_cut() -> None:
    Z = valid_spectra(30, noise=4e-3)
    Z[::3] *= 1 + 0.3 * np.linspace(0, 1, F.size) ** 3
    Z[4, 30] *= 1.1
    whole = dt.check_kk(dt.Campaign.from_arrays(F, Z), n_threads=2)
    for i in range(30):
        alone = dt.check_kk(dt.Spectrum(F, Z[i]), n_threads=1)
        for name in ("verdict", "noise", "p_value", "residual", "flagged", "window", "mu", "autocorrelation"):
            assert getattr(whole, name)[i].tobytes() == getattr(alone, name)[0].tobytes(), (i, name)


def test_unit_and_order_do_not_matter() -> None:
    Z = valid_spectra(4)
    Z[1] *= 1 + 0.2 * np.linspace(0, 1, F.size) ** 2
    ohm = dt.check_kk(dt.Campaign.from_arrays(F, Z))
    milli = dt.check_kk(dt.Campaign.from_arrays(F, 1000 * Z))
    turned = dt.check_kk(dt.Campaign.from_arrays(F[::-1], Z[:, ::-1]))
    for other in (milli, turned):
        assert (other.verdict == ohm.verdict).all()
        assert other.noise == pytest.approx(ohm.noise, rel=1e-9)
    assert turned.residual[:, ::-1].tobytes() == ohm.residual.tobytes()


def test_a_spectrum_over_many_decades_has_columns_of_its_own() -> None:
    """abs(Z) over nine decades, where shared columns are of no use."""
    s = 2j * np.pi * F
    Z = 1e-3 + 1 / (1e-6 * s) + 1e-3 / (1 + s * 1e-3)
    found = fit(grid_of(F, Z), relaxation_times(F, 4, 0.3), Elements())
    assert not found.failed[0]
    assert np.abs(found.residual).max() < 1e-9


def test_mu() -> None:
    assert mu_of(np.array([[3.0, -1.0, 1.0], [1.0, 2.0, 0.0], [-1.0, -2.0, 0.0]])).tolist() == [0.75, 1.0, 0.0]


def test_search_by_mu_is_many_fits() -> None:
    Z = valid_spectra(9)
    grid = grid_of(F, Z)
    residual, mu, count = KkModel(n_rc="mu", mu_stop=0.8).fit(grid, admittance=False)
    for i in range(9):
        alone = KkModel(n_rc=int(count[i])).fit(grid.take(np.array([i])), admittance=False)
        assert alone[0][0] == pytest.approx(residual[i], abs=1e-10)
        assert alone[1][0] == pytest.approx(mu[i], rel=1e-8)
        assert mu[i] <= 0.8
        for fewer in range(1, int(count[i])):
            assert KkModel(n_rc=fewer).fit(grid.take(np.array([i])), admittance=False)[1][0] > 0.8


def test_pairs_are_complex_numbers() -> None:
    assert complex_pairs(np.array([[1.0, 2.0, 3.0, 4.0]])).tolist() == [[1 + 2j, 3 + 4j]]


@pytest.mark.parametrize("criterion", CRITERIA)
def test_criteria_stop_neither_early_nor_late(criterion: str) -> None:
    """Where chi2 has fallen to the noise, at least one relaxation a decade and not the end of the search."""
    Z = valid_spectra(30)
    r = dt.check_kk(dt.Campaign.from_arrays(F, Z), n_rc=criterion, most_rc=40)
    assert np.sqrt(r.chi2 / (2 * F.size)) == pytest.approx(1e-3, rel=0.6)
    assert (r.n_rc >= 5).all()
    assert np.median(r.n_rc) < 30
    alone = dt.check_kk(dt.Spectrum(F, Z[4]), n_rc=criterion, most_rc=40)
    assert alone.n_rc[0] == r.n_rc[4]


def test_curvature_of_circles() -> None:
    """Any three points of an arc of radius 25 have curvature 1/25; between two arcs it turns twice."""
    s = 2j * np.pi * F
    one = 50 / (1 + s * 1e-2)
    inside = slice(20, 50)  # at the ends rounding is as large as the arc between two points
    np.testing.assert_allclose(np.abs(curvatures(one.real[None], one.imag[None]))[0, inside], 1 / 25, rtol=1e-6)
    straight = np.linspace(0, 1, 9)[None]
    assert (curvatures(straight, 2 * straight) == 0).all()


def trial(**given: Any) -> Trial:
    nothing = np.empty((1, 0))
    blank = {"relaxations": nothing, "tau": nothing[0], "curvature": nothing, "mu": nothing, "chi2": nothing}
    return Trial(**{**blank, **given})


def test_criteria_by_hand() -> None:
    assert CRITERIA["norm"](trial(relaxations=np.array([[3.0, 4.0]]), tau=np.ones(2)), 0.85)[0] == 2.5
    apex = trial(relaxations=np.array([[2.0, -4.0]]), tau=np.array([2.0, 8.0]))
    assert CRITERIA["apex"](apex, 0.85)[0] == -np.log(3)
    bent = trial(curvature=np.array([[1.0, 1, -1, -1, -1, -3, 1, 1, -1, -1], [1.0] * 10]))
    assert CRITERIA["sign_changes"](bent, 0.85).tolist() == [3, 0]
    assert CRITERIA["sign_distance"](bent, 0.85).tolist() == [-3, -12]  # changes after points 1, 5, 7 of 12
    assert CRITERIA["curvature"](bent, 0.85)[0] == pytest.approx(np.sqrt(18))
    scores = CRITERIA["mu_score"](trial(mu=np.array([0.9, 0.69, 0.69]), chi2=np.array([1e-4, 1e-4, 1e-2])), 0.85)
    assert scores.tolist() == [np.inf, pytest.approx(-4 / 0.16**0.75), pytest.approx(-2 / 0.16**0.75)]


TAU_RANGE = (1e-6, 20.0)


@cache
def trials_by_definition(seed: int, most: int) -> list[list[tuple[Any, ...]]]:
    """Of random spectra, fits with 1, 2, 3, ... relaxations: chi2, mu, tau, R, curvatures, their mean distance."""
    return [[trial_by_definition(Z, number) for number in range(1, most + 1)] for Z in valid_spectra(6, 3e-3, seed)]


def trial_by_definition(Z: ComplexArray, number: int) -> tuple[Any, ...]:
    tau = np.logspace(*np.log10(TAU_RANGE), number) if number > 1 else np.array(TAU_RANGE[1:])
    A, modulus = columns(F, tau, Elements()), np.abs(Z)
    rows = np.vstack([A.real / modulus[:, None], A.imag / modulus[:, None]])
    size = np.linalg.norm(rows, axis=0)
    x = np.linalg.lstsq(rows / size, np.concatenate([Z.real, Z.imag] / modulus), rcond=1e-15)[0] / size
    R, curve = x[3:], A @ x
    chi2 = float((np.abs(Z - curve) ** 2 / modulus**2).sum())
    mu = 1 - sum(abs(r) for r in R if r < 0) / sum(r for r in R if r >= 0) if (R > 0).any() else 0.0
    bends = [circle_curvature(*curve[i : i + 3]) for i in range(F.size - 2)]
    turns = [i for i in range(1, len(bends)) if (bends[i] > 0) != (bends[i - 1] > 0)]
    distance = float(np.mean(np.diff(turns))) if len(turns) > 1 else float(F.size)
    return chi2, mu, tau, R, bends, distance, len(turns)


def circle_curvature(a: complex, b: complex, c: complex) -> float:
    """One over the radius of the circle through three points, positive where it turns to the left."""
    rows = np.array([[(b - a).real, (b - a).imag], [(c - a).real, (c - a).imag]])
    centre = np.linalg.solve(2 * rows, (rows**2).sum(axis=1))
    return float(np.sign(np.linalg.det(rows)) / np.hypot(*centre))


SCORES: dict[str, Callable[..., Any]] = {
    "mu_score": lambda chi2, mu, *_: np.log10(chi2) / (0.85 - mu) ** 0.75 if mu < 0.85 else np.inf,
    "norm": lambda chi2, mu, tau, R, *_: np.linalg.norm(R) / tau.size,
    "curvature": lambda chi2, mu, tau, R, bends, *_: np.linalg.norm(bends),
    "sign_changes": lambda *trial: trial[-1],
    "sign_distance": lambda *trial: -trial[-2],
    "apex": lambda chi2, mu, tau, R, *_: -np.log(sum(abs(t / r) for t, r in zip(tau, R, strict=True))),
}


def choose_by_definition(trials: list[tuple[Any, ...]], criterion: str) -> tuple[int, int]:
    """The number that a criterion chooses, and the lower limit."""
    chi2 = [trial[0] for trial in trials]
    level, most = float(np.median(chi2[-(len(trials) // 3) - 1 :])), len(trials)
    lowest = next((n for n in range(most) if max(chi2[n:]) <= 2 * level), most - 1)
    highest = next((n - 1 for n in range(lowest + 1, most) if trials[n][5] < 4), most - 1)
    scores = {n: float(SCORES[criterion](*trials[n])) for n in range(lowest, highest + 1)}
    best = min(scores, key=scores.__getitem__)
    return (best if np.isfinite(scores[best]) else lowest) + 1, lowest + 1


@pytest.mark.parametrize("criterion", CRITERIA)
def test_criteria_choose_as_their_definitions_written_down_anew(criterion: str) -> None:
    Z = valid_spectra(6, 3e-3, 11)
    for most in (12, 24):
        anew = np.array([choose_by_definition(trials[:most], criterion) for trials in trials_by_definition(11, 24)])
        chosen = choose(grid_of(F, Z), Elements(), TAU_RANGE, most, criterion, 0.85)
        assert chosen.tolist() == anew[:, 0].tolist()
    if criterion not in ("mu_score", "sign_changes"):
        assert (anew[:, 0] > anew[:, 1]).any()


def test_criteria_of_the_admittance_are_those_of_its_capacitances(monkeypatch: pytest.MonkeyPatch) -> None:
    """An admittance of unit R and C: relaxations are reported as C_k = tau_k/R_k."""
    s = 2j * np.pi * F
    seen: list[Trial] = []
    monkeypatch.setitem(CRITERIA, "norm", lambda trial, _: seen.append(trial) or np.zeros(1))
    Y = (s * 1e-2 / (1 + s * 1e-2) / 5 + 1 / 7)[None]
    tau_range = (1e-3, 1e-1)
    choose(grid_of(F, 1 / Y), Elements(admittance=True), tau_range, 3, "norm", 0.85)
    np.testing.assert_allclose(seen[2].relaxations, [[0, 1e-2 / 5, 0]], atol=1e-9)


@pytest.mark.parametrize("method", ["z_hit", "bayesian_hilbert"])
def test_second_opinions_do_not_depend_on_neighbours(method: str) -> None:
    Z = valid_spectra(9)
    whole = dt.check_kk(dt.Campaign.from_arrays(F, Z), method=method)
    for i in (0, 8):
        alone = dt.check_kk(dt.Spectrum(F, Z[i]), method=method)
        assert alone.residual[0].tobytes() == whole.residual[i].tobytes()
        assert all(alone.scores[name][0].tobytes() == whole.scores[name][i].tobytes() for name in whole.scores)

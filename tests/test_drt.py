"""`fit_drt`: closed forms, nodes in tau, several frequency grids, progress and Ctrl-C, invariants."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import drtengine as dt
from drtengine import Campaign, InvalidInput, Spectrum, Status, fit_drt
from drtengine.simulate import ZARC, Capacitor, Circuit, Inductor, Resistor, add_noise

F = np.geomspace(1e5, 1e-2, 71)
CELL = Circuit([Resistor(10), ZARC(50, 1e-2, 0.8)])
Z1 = CELL.impedance(F)
Z = add_noise(np.array([Z1, 2 * Z1, 3 * Z1]), 0.003, seed=1)
CAMPAIGN = Campaign.from_arrays(F, Z, coordinates={"voltage": [0.1, 0.2, 0.3]}, names=["a", "b", "c"])


def fit(data: Campaign | Spectrum = CAMPAIGN, **options: Any) -> dt.DrtResult:
    return fit_drt(data, method="ridge", **{"lambda_": 1e-3, **options})


def spectrum(*elements: Any) -> Spectrum:
    return Spectrum(F, Circuit([*CELL.elements, *elements]).impedance(F))


def assert_close(actual: np.ndarray, desired: np.ndarray, tolerance: float = 1e-8) -> None:
    """Within the accuracy of the solver, relative to the largest value."""
    np.testing.assert_allclose(actual, desired, rtol=0, atol=tolerance * np.abs(desired).max())


# Closed forms


def test_a_zarc_and_a_resistor() -> None:
    result = fit(spectrum(), lambda_=1e-6)
    assert result.R_inf[0] == pytest.approx(10, rel=1e-3)
    assert result.R_pol[0] == pytest.approx(50, rel=1e-3)
    tau = np.geomspace(1e-4, 1, 201)
    exact = CELL.gamma(tau)
    assert np.abs(result.evaluate(tau)[0] - exact).max() < 0.03 * exact.max()
    assert np.abs(result.residual).max() < 1e-4


def test_series_inductance_and_capacitance_are_found() -> None:
    result = fit(spectrum(Inductor(2e-6)), lambda_=1e-6)
    assert result.L_0[0] == pytest.approx(2e-6, rel=1e-3)
    assert np.isnan(result.C_0[0])
    result = fit(spectrum(Capacitor(0.2)), lambda_=1e-6, capacitance=True)
    assert result.C_0[0] == pytest.approx(0.2, rel=1e-4)
    assert result.L_0[0] == pytest.approx(0, abs=1e-9)
    assert result.R_pol[0] == pytest.approx(50, rel=1e-3)
    assert np.isnan(fit(inductance=False).L_0).all()


@pytest.mark.parametrize("part", ["real", "imaginary"])
def test_one_part_alone(part: str) -> None:
    result = fit(spectrum(Inductor(1e-6), Capacitor(0.2)), lambda_=1e-6, part=part, capacitance=True)
    assert result.R_pol[0] == pytest.approx(50, rel=1e-3)
    if part == "real":
        assert result.R_inf[0] == pytest.approx(10, rel=1e-3)
        assert np.isnan([result.L_0[0], result.C_0[0]]).all()
    else:
        assert np.isnan(result.R_inf[0])
        assert result.L_0[0] == pytest.approx(1e-6, rel=2e-3)
        assert result.C_0[0] == pytest.approx(0.2, rel=1e-3)


def test_gamma_may_be_free() -> None:
    loop = Z1 - 5 / (1 + 2j * np.pi * F * 10)  # an inductive loop: negative gamma
    free, bound = (fit(Spectrum(F, loop), lambda_=1e-5, nonneg=nonneg) for nonneg in (False, True))
    assert free.gamma.min() < -1
    assert bound.gamma.min() >= 0
    assert free.chi2[0] < 0.1 * bound.chi2[0]


def test_area_scales_everything_but_lambda() -> None:
    data = spectrum(Inductor(1e-6), Capacitor(0.5))
    plain, scaled = (fit(data, capacitance=True, lambda_="gcv", area=area) for area in (None, 2.5))
    for name in ("gamma", "coefficients", "R_inf", "R_pol", "R_pol_window", "L_0", "Z", "Z_fit"):
        assert_close(getattr(scaled, name), 2.5 * getattr(plain, name))
    np.testing.assert_allclose(scaled.C_0, plain.C_0 / 2.5, rtol=1e-9)
    np.testing.assert_array_equal(scaled.lambda_, plain.lambda_)
    np.testing.assert_allclose(scaled.residual, plain.residual, atol=1e-10)
    assert (plain.unit, scaled.unit) == ("ohm", "ohm cm2")


# Nodes in tau


def test_default_nodes_cover_the_window_and_a_decade_more_on_a_lattice_through_one_second() -> None:
    for low, high in ((1e-2, 1e5), (0.37, 4.2e3), (20, 2e6)):
        f = np.geomspace(low, high, 40)
        tau = fit(Spectrum(f, CELL.impedance(f))).tau
        places = 10 * np.log10(tau)
        np.testing.assert_allclose(places, np.round(places), atol=1e-9)
        np.testing.assert_allclose(np.diff(places), 1, atol=1e-9)
        assert 0.79 < tau[0] * 10 * 2 * np.pi * high <= 1
        assert 1 <= tau[-1] / 10 * 2 * np.pi * low < 1.26


def test_nodes_cover_all_spectra_but_the_broken_ones() -> None:
    slow = Spectrum(F / 100, CELL.impedance(F / 100))
    broken = Spectrum(F * 1e6, Z1 * np.nan)
    result = fit(Campaign.from_spectra([spectrum(), slow, broken]))
    np.testing.assert_array_equal(result.tau[:92], fit(spectrum()).tau)
    assert result.tau[-1] == pytest.approx(fit(slow).tau[-1])


def test_nodes_from_the_frequencies_or_given() -> None:
    np.testing.assert_allclose(fit(tau="frequency").tau, np.sort(1 / (2 * np.pi * F)))
    np.testing.assert_allclose(fit(tau="drttools").tau, np.sort(1 / F))
    nodes = np.array([1.0, 1e-3, 1e-1])
    np.testing.assert_array_equal(fit(tau=nodes).tau, [1e-3, 1e-1, 1.0])
    assert nodes.flags.writeable
    assert nodes[0] == 1


# Several frequency grids


def test_mixed_grids() -> None:
    f = np.geomspace(2e4, 2e-2, 60)
    z = add_noise(CELL.impedance(f), 0.002, seed=3)
    spectra = [Spectrum(f, z), Spectrum(f[:57], z[:57]), Spectrum(f[1:], z[1:]), Spectrum(f[::-1], z[::-1])]
    result = fit_drt(Campaign.from_spectra(spectra), method="ridge")
    assert result.used.sum(axis=1).tolist() == [60, 57, 59, 60]
    for i, one in enumerate(spectra):
        alone = fit_drt(one, method="ridge", tau=result.tau)
        for name in ("gamma", "R_inf", "R_pol_window", "lambda_"):
            np.testing.assert_array_equal(getattr(result, name)[i], getattr(alone, name)[0])
    assert_close(result.gamma[3], result.gamma[0])
    assert result.in_window[1].sum() < result.in_window[0].sum()
    table = np.ones((4, 60))
    assert_close(fit_drt(result.campaign, method="ridge", weights=table).gamma, result.gamma, 1e-7)
    for one_a_point in ({"weights": np.ones(60)}, {"exclude": np.arange(60) == 3}):
        with pytest.raises(InvalidInput, match=r"one value a point will not do.*give \[spectrum, point\]"):
            fit_drt(result.campaign, method="ridge", **one_a_point)
    truncated = Campaign.from_spectra(spectra[:2])  # the columns still mean the same
    assert fit_drt(truncated, method="ridge", weights=np.ones(60)).status.tolist() == [Status.OK] * 2
    with pytest.raises(InvalidInput, match="needs one frequency grid"):
        fit_drt(result.campaign, method="ridge", tau="frequency")


def test_the_arrays_of_the_caller_stay_as_they_are() -> None:
    weights, exclude, lambdas, tau = (
        np.ones((3, 71)),
        np.zeros(71, dtype=bool),
        np.full(3, 1e-3),
        np.logspace(-6, 2, 50),
    )
    f, z = F.copy(), Z.copy()
    fit(Campaign(f, z), weights=weights, exclude=exclude, lambda_=lambdas, tau=tau)
    for array in (weights, exclude, lambdas, tau, f, z):
        assert array.flags.writeable
    assert (weights == 1).all()
    np.testing.assert_array_equal(z, Z)


def test_single_precision_and_strided_data() -> None:
    coarse = fit(Campaign(F.astype(np.float32), Z.astype(np.complex64)))
    assert_close(coarse.gamma, fit().gamma, 1e-4)
    strided = Campaign(np.repeat(F, 2)[::2], np.repeat(Z, 2, axis=0)[::2])
    np.testing.assert_array_equal(fit(strided).gamma, fit().gamma)


# Progress and interruption


@pytest.mark.parametrize("n_threads", [1, 2])
def test_progress_ends_at_the_number_of_spectra(n_threads: int) -> None:
    calls: list[tuple[int, int]] = []
    broken = [Spectrum(F, Z1.conj()), Spectrum(F, Z1 * np.nan), Spectrum(F[:2], Z1[:2])]
    short = [Spectrum(F[5:], Z1[5:]) for _ in range(7)]
    many = Campaign.from_spectra([*broken, *short, *(Spectrum(F, Z1 * k) for k in range(1, 301))])
    fit(many, n_threads=n_threads, progress=lambda done, total: calls.append((done, total)))
    assert calls[-1] == (310, 310)
    assert calls == sorted(calls)
    assert {total for _, total in calls} == {310}


@pytest.mark.parametrize("n_threads", [1, 2])
@pytest.mark.parametrize("error", [RuntimeError("enough"), KeyboardInterrupt()])
def test_what_progress_raises_comes_through(n_threads: int, error: BaseException) -> None:
    def progress(done: int, total: int) -> None:
        raise error

    with pytest.raises(type(error)) as caught:
        fit(n_threads=n_threads, progress=progress)
    assert caught.value is error


SLOW = """
import sys, numpy as np, drtengine as dt
f = np.geomspace(1e5, 1e-2, 200)
Z = 10 + 50 / (1 + (2j * np.pi * f * 1e-2) ** 0.8) * np.linspace(1, 2, 20_000)[:, None]
campaign = dt.Campaign(f, Z)
campaign.problems
options = dict(tau="frequency", weights="modulus", n_threads=int(sys.argv[1]), lambda_=eval(sys.argv[2]))
print("ready", flush=True)
try:
    dt.fit_drt(campaign, **options)
    print("finished")
except KeyboardInterrupt:
    print("interrupted")
"""


@pytest.mark.skipif(os.name == "nt", reason="Windows has no SIGINT for a child alone")
@pytest.mark.parametrize("n_threads", ["1", "2"])
@pytest.mark.parametrize("lambda_", ["1e-3", "'gcv'", "'evidence'"])
def test_ctrl_c_ends_a_long_fit(n_threads: str, lambda_: str) -> None:
    with subprocess.Popen([sys.executable, "-c", SLOW, n_threads, lambda_], stdout=subprocess.PIPE, text=True) as child:
        assert child.stdout is not None
        assert child.stdout.readline() == "ready\n"
        time.sleep(0.3)
        child.send_signal(signal.SIGINT)
        out, _ = child.communicate(timeout=20)
    assert out == "interrupted\n"
    assert child.returncode == 0


# Invariants


@given(st.floats(-6, 6), st.sampled_from(["unit", "modulus", "proportional"]), st.sampled_from(["gcv", 1e-4]))
@settings(max_examples=25)
def test_gamma_scales_with_Z(exponent: float, weights: str, lambda_: Any) -> None:
    factor = 10**exponent
    plain, scaled = (fit(Campaign(F, z), weights=weights, lambda_=lambda_) for z in (Z, factor * Z))
    np.testing.assert_array_equal(scaled.lambda_, plain.lambda_)
    assert_close(scaled.gamma, factor * plain.gamma)
    np.testing.assert_allclose(scaled.R_pol, factor * plain.R_pol, rtol=1e-8)


@given(st.permutations(range(71)), st.sampled_from(["unit", "modulus"]))
@settings(max_examples=20)
def test_the_order_of_frequencies_does_not_matter(order: list[int], weights: str) -> None:
    plain, shuffled = (fit(Campaign(f, z), weights=weights) for f, z in ((F, Z), (F[order], Z[:, order])))
    assert_close(shuffled.gamma, plain.gamma)
    np.testing.assert_allclose(shuffled.R_inf, plain.R_inf, rtol=1e-9)
    np.testing.assert_array_equal(np.sort(shuffled.tau), plain.tau)


@given(st.permutations(range(11)), st.sampled_from(["gcv", 1e-3]), st.integers(1, 3))
@settings(max_examples=20)
def test_the_order_of_spectra_does_not_matter(order: list[int], lambda_: Any, n_threads: int) -> None:
    z = np.concatenate([Z, 5 * Z[::-1], Z + 1, Z[:2] * 0.1])
    plain = fit_drt(Campaign(F, z), method="ridge", lambda_=lambda_)
    shuffled = fit_drt(Campaign(F, z[order]), method="ridge", lambda_=lambda_, n_threads=n_threads)
    np.testing.assert_array_equal(shuffled.gamma, plain.gamma[order])
    np.testing.assert_array_equal(shuffled.lambda_, plain.lambda_[order])


@pytest.mark.parametrize("weights", ["unit", "modulus", "proportional", "table"])
@pytest.mark.parametrize("lambda_", ["gcv", 1e-3])
def test_a_batch_equals_a_loop(weights: str, lambda_: Any) -> None:
    table = np.random.default_rng(0).uniform(0.5, 1, Z.shape)
    given_ = table if weights == "table" else weights
    batch = fit_drt(CAMPAIGN, method="ridge", weights=given_, lambda_=lambda_)
    for i, one in enumerate(CAMPAIGN):
        alone = fit_drt(
            Campaign.from_spectra([one]),
            method="ridge",
            weights=table[i : i + 1] if weights == "table" else weights,
            lambda_=lambda_,
            tau=batch.tau,
        )
        for name in ("gamma", "R_inf", "L_0", "R_pol", "lambda_", "status"):
            np.testing.assert_array_equal(getattr(alone, name)[0], getattr(batch, name)[i], err_msg=name)

"""`fit_drt(method="joint")`: one estimate along a series, against exact distributions and its own promises."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

import drtengine as dt
from drtengine import Campaign, DrtResult, InvalidInput, Spectrum, Status, fit_drt
from drtengine.simulate import ZARC, Capacitor, Circuit, Inductor, Resistor, add_noise

F = np.geomspace(1e5, 1e-2, 71)


def cell(place: float, *, jumped: bool = False) -> Circuit:
    """Three arcs that drift with the place along the series, 0 to 1; after a jump the second is another."""
    second = ZARC(35 + 20 * place, 1e-1, 0.85) if jumped else ZARC(15 + 20 * place, 10 ** (-2 + 0.8 * place), 0.85)
    return Circuit([Resistor(10), ZARC(30 + 9 * np.sin(3 * place), 1e-4, 0.8), second, ZARC(12, 0.8, 0.9)])


def circuits(count: int, *, jump: float = 2) -> list[Circuit]:
    return [cell(x, jumped=x >= jump) for x in np.linspace(0, 1, count)]


def campaign_of(cells: list[Circuit], *, noise: float = 0.003, seed: int = 1, **coordinates: Any) -> Campaign:
    Z = add_noise(np.array([c.impedance(F) for c in cells]), noise, seed=seed)
    return Campaign.from_arrays(F, Z, coordinates={"voltage": np.linspace(0, 1, len(cells)), **coordinates})


def unrelated(count: int) -> list[Circuit]:
    """Cells that have nothing to do with each other."""
    rng = np.random.default_rng(3)
    return [
        Circuit(
            [Resistor(10)]
            + [ZARC(rng.uniform(10, 70), 10 ** rng.uniform(-5, 0.8), rng.uniform(0.7, 0.95)) for _ in range(1 + i % 3)]
        )
        for i in range(count)
    ]


def fit(campaign: Campaign, **options: Any) -> DrtResult:
    return fit_drt(campaign, **{"method": "joint", "along": "voltage", **options})


def error(result: DrtResult, cells: list[Circuit]) -> np.ndarray:
    """Relative to the norm of the exact gamma [spectrum]."""
    exact = np.array([c.gamma(result.tau) for c in cells])
    return np.asarray(np.linalg.norm(result.gamma - exact, axis=1) / np.linalg.norm(exact, axis=1))


def gain(result: DrtResult, campaign: Campaign, cells: list[Circuit], **options: Any) -> np.ndarray:
    """Error over that of independent fits [spectrum]."""
    return error(result, cells) / error(fit_drt(campaign, method="log", **options), cells)


def geometric_mean(values: np.ndarray) -> float:
    return float(np.exp(np.log(values).mean()))


def with_spectrum(campaign: Campaign, index: int, Z: np.ndarray) -> Campaign:
    values = campaign.Z.copy()
    values[index] = Z
    return Campaign.from_arrays(F, values, coordinates=dict(campaign.coordinates))


# Accuracy


@pytest.mark.parametrize(("count", "noise", "most"), [(21, 0.003, 0.88), (21, 0.01, 0.85), (51, 0.01, 0.75)])
def test_a_drifting_series_is_fitted_better_than_its_spectra_alone(count: int, noise: float, most: float) -> None:
    cells = circuits(count)
    gains = []
    for seed in (1, 2, 3):
        campaign = campaign_of(cells, noise=noise, seed=seed)
        result = fit(campaign)
        gains.append(geometric_mean(gain(result, campaign, cells)))
        assert (result.status == Status.OK).all()
        assert (result.method == "joint").all()
        assert result.series is not None
        assert not result.series.jump.any()
        assert not result.notes
    assert geometric_mean(np.array(gains)) < most


def test_the_fit_explains_the_data() -> None:
    campaign = campaign_of(circuits(11))
    result = fit(campaign)
    rms = np.sqrt(result.chi2 / (2 * F.size))
    np.testing.assert_allclose(rms, 0.003, rtol=0.25)
    np.testing.assert_allclose(result.noise, 0.003, rtol=0.3)
    np.testing.assert_allclose(result.R_inf, 10, atol=0.3)
    np.testing.assert_allclose(result.R_pol, [c.R_pol for c in circuits(11)], rtol=0.02)
    np.testing.assert_allclose(result.evaluate(result.tau), result.gamma, rtol=1e-9)


def test_a_jump_is_found_and_not_smeared() -> None:
    cells = circuits(21, jump=0.5)
    campaign = campaign_of(cells)
    result = fit(campaign)
    assert result.series is not None
    np.testing.assert_array_equal(np.flatnonzero(result.series.jump), [10])
    assert result.notes == ("a jump between spectrum 9 and spectrum 10",)
    ratio = gain(result, campaign, cells)
    assert geometric_mean(ratio[8:12]) < 1
    assert geometric_mean(ratio) < 0.9


def test_unrelated_spectra_come_back_as_independent_fits() -> None:
    campaign = campaign_of(unrelated(21))
    result, alone = fit(campaign), fit_drt(campaign, method="log")
    np.testing.assert_array_equal(result.gamma, alone.gamma)
    assert (result.method == "log").all()
    assert result.notes == ("the spectra have too little in common along 'voltage' to be tied; fitted independently",)
    assert result.series is not None
    assert (result.series.eta < 1).all()
    assert np.isnan(result.series.tie).all()


def test_two_spectra_are_no_series() -> None:
    campaign = campaign_of(circuits(2))
    result = fit(campaign)
    np.testing.assert_array_equal(result.gamma, fit_drt(campaign, method="log").gamma)
    assert result.notes == ("fewer than 3 spectra could be fitted; nothing was tied together",)


def test_data_without_noise_have_an_answer() -> None:
    cells = circuits(9)
    result = fit(campaign_of(cells, noise=0))
    assert (result.status == Status.OK).all()
    assert error(result, cells).max() < 0.05


# What carries what


def test_a_noisy_spectrum_is_carried_by_its_neighbours_and_named() -> None:
    cells = circuits(21)
    campaign = campaign_of(cells)
    noisy = with_spectrum(campaign, 9, add_noise(campaign.Z[9], 0.1, seed=7))
    result = fit(noisy)
    assert result.series is not None
    np.testing.assert_array_equal(np.flatnonzero(result.series.carried), [9])
    assert result.notes == ("spectrum 9: much noisier than its neighbours, which carry its gamma",)
    assert gain(result, noisy, cells)[9] < 0.6
    others = np.arange(21) != 9
    assert geometric_mean((error(result, cells) / error(fit(campaign), cells))[others]) < 1.1


def test_a_spectrum_that_cannot_be_used_is_bridged() -> None:
    cells = circuits(21)
    Z = campaign_of(cells).Z[9].copy()
    Z[5] = np.nan
    result = fit(with_spectrum(campaign_of(cells), 9, Z))
    assert result.series is not None
    assert result.status[9] == Status.NOT_FINITE
    np.testing.assert_array_equal(np.flatnonzero(result.series.carried), [9])
    between = np.sqrt(result.gamma[8] * result.gamma[10])
    np.testing.assert_allclose(result.gamma[9], between, rtol=1e-9)
    assert error(result, cells)[9] < 0.15
    assert np.isnan(result.R_inf[9])
    assert np.isnan(result.series.u_log_gamma[9]).all()
    assert "spectrum 9: has no fit of its own; its gamma is interpolated between its neighbours" in result.notes


def test_a_spectrum_without_any_relaxation_does_not_spoil_the_series() -> None:
    cells = circuits(21)
    campaign = campaign_of(cells)
    for seed in (1, 2):  # the first has no fit of its own, the second has one that does not settle
        resistor = add_noise(np.full(F.size, 30 + 0j), 0.003, seed=seed)
        result = fit(with_spectrum(campaign, 9, resistor))
        others = np.delete(np.arange(21), 9)
        assert (result.method[others] == "joint").all()
        assert any("spectrum 9" in note for note in result.notes)
        assert geometric_mean((error(result, cells) / error(fit(campaign), cells))[others]) < 1.15


def test_nothing_is_interpolated_across_a_jump() -> None:
    cells = circuits(21, jump=0.5)
    result = fit(with_spectrum(campaign_of(cells), 10, np.full(F.size, np.nan)))
    assert result.series is not None
    assert result.series.jump[11]
    assert np.isnan(result.gamma[10]).all()
    assert not result.series.carried.any()


# Coordinates


def test_the_order_of_the_spectra_does_not_matter() -> None:
    campaign = campaign_of(circuits(11))
    shuffle = np.random.default_rng(1).permutation(11)
    np.testing.assert_allclose(fit(campaign[shuffle]).gamma, fit(campaign).gamma[shuffle], rtol=1e-10)


def test_branches_are_series_of_their_own() -> None:
    cells, others = circuits(9), circuits(9, jump=0.5)
    campaign = campaign_of(
        cells + others, voltage=np.tile(np.linspace(0, 1, 9), 2), branch=["charge"] * 9 + ["discharge"] * 9
    )
    result = fit(campaign)
    for part in (slice(0, 9), slice(9, 18)):
        np.testing.assert_array_equal(result.gamma[part], fit(campaign[part]).gamma)
    assert result.notes == ("branch 'discharge': a jump between spectrum 12 and spectrum 13",)


def test_uneven_spacing_is_respected() -> None:
    """Neighbours that are close are tied more strongly: the last spectra hardly differ."""
    places = np.concatenate([np.linspace(0, 0.8, 11), np.linspace(0.98, 1, 10)])
    cells = [cell(x) for x in places]
    campaign = campaign_of(cells, noise=0.01, voltage=places)
    result, blind = fit(campaign), fit(campaign.with_coordinates(voltage=np.arange(21.0)))
    assert geometric_mean(error(result, cells)) < geometric_mean(error(blind, cells))
    assert geometric_mean(gain(result, campaign, cells)) < 0.85


def test_times_are_coordinates_too() -> None:
    campaign = campaign_of(circuits(9))
    days = np.datetime64("2024-05-01") + np.arange(9) * np.timedelta64(1, "D")
    result = fit(campaign.with_coordinates(day=days), along="day")
    np.testing.assert_allclose(result.gamma, fit(campaign).gamma, rtol=1e-6)


@pytest.mark.parametrize(
    ("coordinates", "options", "message"),
    [
        ({}, {"along": None}, "method='joint' needs a coordinate to go along, .*; the campaign has 'voltage'"),
        ({}, {"along": "votage"}, "no coordinate of numbers 'votage'; .* did you mean 'voltage'"),
        ({"file": list("abcde")}, {"along": "file"}, "no coordinate of numbers 'file'"),
        ({"voltage": [0, 1, np.nan, 2, 3]}, {}, "coordinate 'voltage' is unknown for spectrum 2"),
        (
            {"voltage": [0, 0.25, 1, 0.25, 3]},
            {},
            "coordinate 'voltage' is 0.25 for spectrum 1 and spectrum 3; leave one",
        ),
        (
            {"voltage": [0, 1, 1, 1, 3], "branch": list("aabbb")},
            {},
            "is 1.0 for spectrum 2 and spectrum 3 inside branch 'b'",
        ),
        ({}, {"method": "log"}, "along='voltage' is an option of method='joint'"),
        ({}, {"lambda_": 1e-3}, "other lambda_ go with method='ridge'"),
        ({}, {"tau": [1e-3, 1, 2, 3, 4, 5, 6, 7, 8]}, "evenly spaced"),
    ],
)
def test_misuse(coordinates: dict[str, Any], options: dict[str, Any], message: str) -> None:
    with pytest.raises(InvalidInput, match=message):
        fit(campaign_of(circuits(5), **coordinates), **options)


def test_a_campaign_without_coordinates_has_no_series() -> None:
    with pytest.raises(InvalidInput, match="needs a campaign with a coordinate of numbers"):
        fit(Campaign.from_arrays(F, campaign_of(circuits(3)).Z))


# Models and grids


def test_inductance_and_series_capacitance() -> None:
    cells = [Circuit([*c.elements, Inductor(2e-6), Capacitor(0.5)]) for c in circuits(11)]
    campaign = campaign_of(cells)
    result = fit(campaign, capacitance=True)
    np.testing.assert_allclose(result.L_0, 2e-6, rtol=0.05)
    np.testing.assert_allclose(result.C_0, 0.5, rtol=0.02)
    assert geometric_mean(gain(result, campaign, circuits(11), capacitance=True)) < 0.95
    np.testing.assert_allclose(np.sqrt(result.chi2 / (2 * F.size)), 0.003, rtol=0.25)


def test_spectra_with_frequencies_of_their_own() -> None:
    lists = [F, F[::2], np.geomspace(3e4, 3e-2, 50)]
    cells = circuits(15)
    spectra = [
        Spectrum(f, add_noise(c.impedance(f), 0.003, seed=i), coordinates={"voltage": i / 14})
        for i, c in enumerate(cells)
        for f in (lists[i % 3],)
    ]
    campaign = Campaign.from_spectra(spectra)
    result = fit(campaign)
    assert (result.method == "joint").all()
    assert geometric_mean(gain(result, campaign, cells)) < 0.9


@pytest.mark.parametrize("part", ["real", "imaginary"])
def test_one_part_alone(part: str) -> None:
    cells = circuits(9)
    result = fit(campaign_of(cells), part=part)
    assert (result.method == "joint").all()
    assert np.isnan(result.R_inf).all() == (part == "imaginary")
    assert error(result, cells).max() < 0.3


@pytest.mark.parametrize("weights", ["unit", "modulus", "proportional", "array"])
def test_weights(weights: str) -> None:
    cells = circuits(9)
    campaign = campaign_of(cells)
    given = 1 / np.abs(campaign.Z) if weights == "array" else weights
    result = fit(campaign, weights=given)
    assert set(result.weighting) == {weights}
    assert error(result, cells).max() < 0.35
    if weights == "array":
        np.testing.assert_allclose(result.gamma, fit(campaign, weights="modulus").gamma, rtol=1e-6)


@pytest.mark.parametrize("scale", [1e-4, 1e4])
def test_the_unit_of_impedance_does_not_matter(scale: float) -> None:
    campaign = campaign_of(circuits(7))
    plain, scaled = (
        fit(campaign),
        fit(Campaign.from_arrays(F, campaign.Z * scale, coordinates=dict(campaign.coordinates))),
    )
    np.testing.assert_allclose(scaled.gamma, plain.gamma * scale, rtol=1e-9)
    np.testing.assert_allclose(scaled.lambda_, plain.lambda_, rtol=1e-9)
    assert plain.series is not None
    assert scaled.series is not None
    np.testing.assert_allclose(scaled.series.tie, plain.series.tie, rtol=1e-9)


# Uncertainty


def test_the_band_covers() -> None:
    """Mean coverage over the nodes where gamma counts, at a nominal 95 %: measured 0.97 to 1.00 on drifting series."""
    cells = circuits(21)
    inside = []
    for seed in range(4):
        result = fit(campaign_of(cells, noise=0.01, seed=seed))
        assert result.series is not None
        exact = np.array([c.gamma(result.tau) for c in cells])
        counts = exact > 0.02 * exact.max(axis=1, keepdims=True)
        z = np.abs(np.log(result.gamma / exact)) / result.series.u_log_gamma
        inside.append((z < 1.96)[counts].mean())
    assert 0.92 < np.mean(inside) < 1


# Machinery


def test_the_same_bits_whatever_the_number_of_threads() -> None:
    campaign = campaign_of(circuits(9))
    one, three = fit(campaign, n_threads=1), fit(campaign, n_threads=3)
    np.testing.assert_array_equal(one.gamma, three.gamma)
    np.testing.assert_array_equal(one.R_inf, three.R_inf)


def test_progress_only_grows_and_can_interrupt() -> None:
    campaign = campaign_of(circuits(9))
    seen: list[int] = []
    fit(campaign, progress=lambda done, total: seen.append(done * 9 // total))
    assert seen == sorted(seen)
    assert seen[-1] == 9

    def stop(done: int, total: int) -> None:
        if done > total // 2:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        fit(campaign, progress=stop)


def test_a_result_survives_the_store(tmp_path: Path) -> None:
    result = fit(campaign_of(circuits(7)))
    dt.save(result, tmp_path / "series.nc")
    again = dt.load(tmp_path / "series.nc")
    assert result.series is not None
    assert again.series is not None
    assert again.series.along == "voltage"
    for name in ("eta", "tie", "jump", "carried", "u_log_gamma"):
        np.testing.assert_array_equal(getattr(again.series, name), getattr(result.series, name))
        assert not getattr(again.series, name).flags.writeable
    np.testing.assert_array_equal(again.gamma, result.gamma)


# Measured data


def test_a_measured_ageing_series(shared_data: Path) -> None:
    """Rested states of a cell over its cycles drift: they are tied, and fitted as well as alone."""
    campaign = dt.read(shared_data / "zhang2020_25C08_45C01" / "EIS_state_V_25C08.txt")
    result, alone = fit(campaign, along="cycle"), fit_drt(campaign, method="log")
    fine = result.method == "joint"
    assert fine.mean() > 0.9
    assert np.median(result.chi2[fine] / alone.chi2[fine]) < 1.5

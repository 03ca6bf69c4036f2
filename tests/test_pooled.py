"""`pool_bands`, and what `fit_drt(method="joint", band=...)` makes of it, against exact distributions."""

from __future__ import annotations

import numpy as np
import pytest

import drtengine as dt
from drtengine import InvalidInput
from drtengine.pooled import pool_bands
from test_joint import F, campaign_of, cell, circuits, fit, unrelated, with_spectrum

NONE = np.zeros(3, dtype=bool)
PLACE = np.array([0.0, 1.0, 3.0])


def pooled(
    centre: list[float], deviation: list[float], jump: np.ndarray = NONE, alone: np.ndarray = NONE
) -> tuple[np.ndarray, np.ndarray]:
    """One value for all of nine nodes."""
    over_nodes = np.repeat(np.array(centre)[:, None], 9, axis=1)
    new_centre, new_deviation = pool_bands(
        over_nodes, np.repeat(np.array(deviation)[:, None], 9, axis=1), PLACE, jump, alone
    )
    assert np.array_equal(new_centre[[0, 2]], over_nodes[[0, 2]], equal_nan=True)  # the ends have one neighbour only
    return new_centre[1], new_deviation[1]


def test_three_estimates_on_a_line_are_joined_by_their_variances() -> None:
    centre, deviation = pooled([0.0, 0.4, 3.0], [0.3, 0.5, 0.6])
    # on a line through the outer two stands 2/3 * 0 + 1/3 * 3 = 1, with the variance (2/3 * 0.3)² + (1/3 * 0.6)²
    own, line = 0.5**2, (2 / 3 * 0.3) ** 2 + (1 / 3 * 0.6) ** 2
    bend = 0.6**2 - own - line
    others = line + bend
    np.testing.assert_allclose(centre, (0.4 / own + 1 / others) / (1 / own + 1 / others))
    np.testing.assert_allclose(deviation, (1 / own + 1 / others) ** -0.5)
    near, narrow = pooled([0.0, 0.9, 3.0], [0.3, 0.5, 0.6])  # closer to the line than noise puts it: no bend is seen
    np.testing.assert_allclose(near, (0.9 / own + 1 / line) / (1 / own + 1 / line))
    np.testing.assert_allclose(narrow, (1 / own + 1 / line) ** -0.5)


def test_a_jump_a_lone_spectrum_or_a_neighbour_without_a_band_leaves_it_as_it_was() -> None:
    given = [0.0, 0.4, 3.0], [0.3, 0.5, 0.6]
    for centre, deviation in (
        pooled(*given, np.array([False, True, False])),
        pooled(*given, np.array([False, False, True])),
        pooled(*given, alone=~NONE),
        pooled([0.0, 0.4, np.nan], [0.3, 0.5, np.nan]),
    ):
        assert (centre == 0.4).all()
        assert (deviation == 0.5).all()


@pytest.mark.parametrize(
    ("cells", "narrower"),
    [(circuits(21), 0.75), (circuits(21, jump=0.5), 0.78), (unrelated(15), 1.001)],
    ids=["drift", "jump", "unrelated"],
)
def test_the_band_of_a_series_covers_and_is_narrower_where_its_spectra_agree(
    cells: list[dt.simulate.Circuit], narrower: float
) -> None:
    inside, width = [], []
    for seed in range(3):
        campaign = campaign_of(cells, noise=0.01, seed=40 + seed)
        result, alone = fit(campaign, band=0.95), dt.fit_drt(campaign, method="log", band=0.95)
        assert result.gamma_low is not None
        assert result.gamma_high is not None
        assert alone.gamma_low is not None
        assert alone.gamma_high is not None
        exact = np.array([c.gamma(result.tau) for c in cells])
        counts = exact > 0.02 * exact.max(axis=1, keepdims=True)
        inside.append(((result.gamma_low <= exact) & (exact <= result.gamma_high))[counts].mean())
        both = np.log(result.gamma_high / result.gamma_low), np.log(alone.gamma_high / alone.gamma_low)
        width.append(np.median(both[0][counts]) / np.median(both[1][counts]))
    assert 0.91 < np.mean(inside) < 0.98
    assert np.mean(width) < narrower


def test_noisy_and_broken_spectra_have_no_narrower_band_than_alone() -> None:
    cells = circuits(11)
    campaign = campaign_of(cells)
    noisy = dt.simulate.add_noise(cells[4].impedance(F)[None], 0.1, seed=5)[0]
    campaign = with_spectrum(with_spectrum(campaign, 4, noisy), 7, np.full(F.size, np.nan))
    result, alone = fit(campaign, band=0.95), dt.fit_drt(campaign, method="log", band=0.95)
    assert result.series is not None
    assert result.series.carried[[4, 7]].all()
    assert result.gamma_low is not None
    assert alone.gamma_low is not None
    np.testing.assert_allclose(result.gamma_low[4], alone.gamma_low[4], rtol=1e-12)
    assert np.isfinite(result.gamma[7]).all()
    assert np.isnan(result.gamma_low[7]).all()


def test_order_and_level() -> None:
    campaign = campaign_of([cell(x) for x in np.linspace(0, 1, 7)])
    wide, narrow, turned = fit(campaign, band=0.95), fit(campaign, band=0.5), fit(campaign[::-1], band=0.95)
    assert wide.gamma_high is not None
    assert narrow.gamma_high is not None
    assert turned.gamma_high is not None
    assert (narrow.gamma_high < wide.gamma_high).all()
    np.testing.assert_allclose(turned.gamma_high[::-1], wide.gamma_high, rtol=1e-9)
    with pytest.raises(InvalidInput, match="method='joint' has band_kind='calibrated' alone"):
        fit(campaign, band=0.95, band_kind="simultaneous")

"""A user's script, not run but checked by mypy --strict: the types of the public API are those that it promises."""

from typing import assert_type

import numpy as np
import xarray as xr
from numpy.typing import NDArray

import drtengine as dt
from drtengine.peaks import Peaks, Processes, Tracks

frequency = np.geomspace(1e5, 1e-2, 71)
cell = dt.simulate.Circuit([dt.simulate.Resistor(10), dt.simulate.ZARC(50, 1e-2, 0.8)])
campaign = dt.Campaign.from_arrays(frequency, [cell.impedance(frequency)], coordinates={"voltage": [0.1]})
assert_type(campaign, dt.Campaign)
assert_type(campaign[0], dt.Spectrum)
assert_type(campaign[:1], dt.Campaign)
assert_type(dt.read("*.mpt"), dt.Campaign)

result = dt.fit_drt(campaign, method="log", lambda_="evidence", weights="auto", band=0.95)
assert_type(result, dt.DrtResult)
assert_type(result.gamma, NDArray[np.float64])
assert_type(result.Z_fit, NDArray[np.complex128])
assert_type(result.gamma_low, NDArray[np.float64] | None)
assert_type(result.status, NDArray[np.int8])
assert_type(result.to_dataset(), xr.Dataset)

kk = dt.check_kk(campaign)
assert_type(kk.verdict, NDArray[np.str_])
good = campaign.masked(points=kk.flagged, spectra=kk.verdict == "fail")
assert_type(good, dt.Campaign)

assert_type(dt.find_peaks(result), Peaks)
assert_type(dt.track_peaks(result, along="voltage"), Tracks)
assert_type(dt.integrate_processes(result, {"charge transfer": (1e-2, 1)}), Processes)
assert_type(dt.map_gamma(result, along="voltage"), xr.Dataset)
assert_type(dt.fit_circuit(campaign, "R0-p(R1,CPE1)", guess={"R0": 10}), dt.CircuitResult)
assert_type(dt.fit_warburg(campaign).sigma, NDArray[np.float64])
assert_type(dt.fit_gitt(dt.read_table("titration.csv"), sphere_radius=5e-6).D, NDArray[np.float64])

dt.save(result, "drt.nc")
again = dt.load("drt.nc")
if isinstance(again, dt.DrtResult):
    assert_type(again.gamma, NDArray[np.float64])

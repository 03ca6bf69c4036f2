"""Results on disk: exact round trips, nothing half-written, nothing foreign read."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import drtengine as dt
from drtengine import Campaign, DrtResult, InvalidInput, Spectrum, UnreadableFile, fit_drt, load, save
from drtengine.simulate import ZARC, Circuit, Resistor, add_noise

F = np.geomspace(1e4, 1e-1, 41)
Z1 = Circuit([Resistor(10), ZARC(50, 1e-2, 0.8)]).impedance(F)
Z = add_noise(np.array([Z1, 2 * Z1, 3 * Z1]), 0.003, seed=1)
ARRAYS = (
    *("tau", "gamma", "coefficients", "R_inf", "L_0", "C_0", "R_pol", "R_pol_window", "lambda_", "error", "status"),
    *("used", "frequency", "Z", "Z_fit", "residual", "chi2", "in_window"),
)


def plain() -> DrtResult:
    table = {"voltage": [0.1, 0.2, 0.3], "branch": ["charge", "", "Entladung µ"]}
    return fit_drt(Campaign.from_arrays(F, Z, coordinates=table, names=["a", "β", ""]), lambda_=1e-3)


def with_broken_rows() -> DrtResult:
    z = Z.copy()
    z[0, 3], z[1, 4] = complex(np.inf, -0.0), complex(np.nan, 2)
    z[2, 5] = complex(-0.0, -1)
    return fit_drt(Campaign(F, z), lambda_=[1e-3, 1e-2, 1e-1])


def with_several_grids() -> DrtResult:
    spectra = [
        Spectrum(F, Z[0], "long", {"cycle": 1}, np.arange(41.0), {"µ/ü.txt": "12ab"}, ["dropped 1 row"]),
        Spectrum(F[:30], Z[1, :30], "short", {"time": 3.0}),
        Spectrum(np.append(F[5:], 0.0), np.append(Z[2, 5:], 60), "with DC"),
    ]
    return fit_drt(Campaign.from_spectra(spectra), capacitance=True)


def with_times() -> DrtResult:
    day = np.array(["2024-02-29T12:00:00.123456789", "1931-01-01", "NaT"], dtype="M8[ns]")
    return fit_drt(Campaign(F, Z, {"time": day, "E/V": [1, 2, 3], "status": ["x", "y", "z"], "SoC in %": [5, 6, 7]}))


def with_options() -> DrtResult:
    options: dict[str, Any] = {
        "f_min": 1.0,
        "exclude": F[3],
        "area": 2.5,
        "part": "imaginary",
        "weights": 1 / np.abs(Z),
    }
    return fit_drt(Campaign(F, Z), basis="c4", order=2, tau=np.logspace(-6, 2, 30), nonneg=False, **options)


def of_one_spectrum() -> DrtResult:
    return fit_drt(Spectrum(F, Z1, "alone"))


MAKERS = [plain, with_broken_rows, with_several_grids, with_times, with_options, of_one_spectrum]


def assert_same_bits(actual: Any, expected: Any, name: str) -> None:
    actual, expected = np.asarray(actual), np.asarray(expected)
    assert actual.dtype == expected.dtype, name
    assert actual.shape == expected.shape, name
    if actual.dtype.kind in "UM":
        np.testing.assert_array_equal(actual, expected, err_msg=name)
    else:
        assert np.ascontiguousarray(actual).tobytes() == np.ascontiguousarray(expected).tobytes(), name


@pytest.mark.parametrize("make", MAKERS)
def test_round_trip_is_exact(make: Any, tmp_path: Path) -> None:
    result = make()
    save(result, tmp_path / "result.nc")
    again = load(tmp_path / "result.nc")
    assert isinstance(again, DrtResult)
    for name in ARRAYS:
        assert_same_bits(getattr(again, name), getattr(result, name), name)
    assert list(again.coordinates) == list(result.coordinates)
    for name, values in result.coordinates.items():
        assert_same_bits(again.coordinates[name], values, name)
    assert dict(again.options) == dict(result.options)
    assert again.notes == result.notes
    assert again.unit == result.unit
    assert (again.basis.shape, again.basis.epsilon) == (result.basis.shape, result.basis.epsilon)
    one, two = again.campaign, result.campaign
    assert (one.names, one.notes, dict(one.sources)) == (two.names, two.notes, dict(two.sources))
    assert (one.point_time is None) == (two.point_time is None)
    if two.point_time is not None:
        assert_same_bits(one.point_time, two.point_time, "point_time")
    assert one.is_shared or not two.is_shared
    assert one.problems.tolist() == two.problems.tolist()
    assert_same_bits(again.evaluate([0.01, 3.0]), result.evaluate([0.01, 3.0]), "evaluate")
    assert repr(again) == repr(result)


def test_a_loaded_result_saves_again(tmp_path: Path) -> None:
    first, second = tmp_path / "1.nc", tmp_path / "2.nc"
    save(with_times(), first)
    save(load(first), second)
    for name in ("gamma", "Z"):
        assert_same_bits(getattr(load(second), name), getattr(load(first), name), name)
    assert load(second).to_dataset().attrs == load(first).to_dataset().attrs


def test_one_row_of_frequencies_is_held_once(tmp_path: Path) -> None:
    save(plain(), tmp_path / "r.nc")
    assert load(tmp_path / "r.nc").frequency.strides[0] == 0


@pytest.mark.parametrize("name", ["γ map µΩ.nc", "with space.nc", "no_suffix", "many.dots.nc"])
def test_any_file_name(name: str, tmp_path: Path) -> None:
    save(plain(), tmp_path / name)
    save(plain(), os.fspath(tmp_path / name))
    assert len(load(os.fspath(tmp_path / name))) == 3
    assert [path.name for path in tmp_path.iterdir()] == [name]


def test_overwriting(tmp_path: Path) -> None:
    path = tmp_path / "r.nc"
    save(plain(), path)
    old = load(path)
    save(of_one_spectrum(), path)
    assert (len(load(path)), len(old)) == (1, 3)
    save(load(path), path)
    assert len(load(path)) == 1


@pytest.mark.parametrize("error", [KeyboardInterrupt(), OSError(28, "No space left on device"), ValueError("odd")])
def test_what_fails_leaves_the_old_file(error: BaseException, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    import xarray as xr

    path = tmp_path / "r.nc"
    save(of_one_spectrum(), path)

    def fail_half_way(self: xr.Dataset, target: Path, **options: Any) -> None:
        Path(target).write_bytes(b"half")
        raise error

    monkeypatch.setattr(xr.Dataset, "to_netcdf", fail_half_way)
    expected = InvalidInput if isinstance(error, OSError) else type(error)
    with pytest.raises(expected, match=r"cannot be written: No space left" if expected is InvalidInput else None):
        save(plain(), path)
    assert [p.name for p in tmp_path.iterdir()] == ["r.nc"]
    assert len(load(path)) == 1


def test_what_cannot_be_written(tmp_path: Path) -> None:
    result = of_one_spectrum()
    with pytest.raises(InvalidInput, match=r"the folder .* does not exist"):
        save(result, tmp_path / "nowhere" / "r.nc")
    with pytest.raises(InvalidInput, match="is a folder; give the name of a file in it"):
        save(result, tmp_path)
    with pytest.raises(InvalidInput, match="is a folder"):
        save(result, "")
    with pytest.raises(InvalidInput, match="save takes a DrtResult or a KkResult, got Campaign"):
        save(result.campaign, tmp_path / "r.nc")  # type: ignore[arg-type]
    with pytest.raises(InvalidInput, match="save takes a DrtResult or a KkResult, got NoneType"):
        save(None, tmp_path / "r.nc")  # type: ignore[arg-type]
    (tmp_path / "file").write_text("x")
    with pytest.raises(InvalidInput, match=r"the folder .* does not exist"):
        save(result, tmp_path / "file" / "r.nc")
    assert [p.name for p in tmp_path.iterdir()] == ["file"]


@pytest.mark.skipif(os.name == "nt", reason="folders are locked in another way there")
def test_a_folder_that_is_locked(tmp_path: Path) -> None:
    locked = tmp_path / "locked"
    locked.mkdir()
    locked.chmod(0o500)
    try:
        if os.access(locked, os.W_OK):  # root may write anywhere
            locked = Path("/proc")
        with pytest.raises(InvalidInput, match="cannot be written"):
            save(of_one_spectrum(), locked / "r.nc")
    finally:
        (tmp_path / "locked").chmod(0o700)


def test_what_cannot_be_read(tmp_path: Path) -> None:
    import xarray as xr

    path = tmp_path / "r.nc"
    with pytest.raises(UnreadableFile, match=r"r\.nc: there is no such file"):
        load(path)
    with pytest.raises(UnreadableFile, match="there is no such file"):
        load(tmp_path)
    path.write_bytes(b"")
    with pytest.raises(UnreadableFile, match=r"r\.nc: not a NetCDF-4 file, or a damaged one"):
        load(path)
    path.write_text("frequency,Zre,Zim\n1,2,3\n")
    with pytest.raises(UnreadableFile, match="not a NetCDF-4 file"):
        load(path)
    save(plain(), path)
    path.write_bytes(path.read_bytes()[:-1000])
    with pytest.raises(UnreadableFile, match="not a NetCDF-4 file, or a damaged one"):
        load(path)
    xr.Dataset({"gamma": ("tau", [1.0, 2.0])}).to_netcdf(tmp_path / "other.nc", engine="h5netcdf")
    with pytest.raises(UnreadableFile, match=r"other\.nc: not a result saved by drtengine"):
        load(tmp_path / "other.nc")


def test_a_result_that_lacks_something(tmp_path: Path) -> None:
    import xarray as xr

    save(plain(), tmp_path / "r.nc")
    with xr.open_dataset(tmp_path / "r.nc", engine="h5netcdf") as opened:
        dataset = opened.load()
    for missing in ("gamma", "Z_imag", "lambda_"):
        dataset.drop_vars(missing).to_netcdf(tmp_path / "less.nc", engine="h5netcdf")
        with pytest.raises(UnreadableFile, match="not a result saved by drtengine, or a damaged one"):
            load(tmp_path / "less.nc")
    broken = dataset.assign_attrs(options="{")
    broken.to_netcdf(tmp_path / "less.nc", engine="h5netcdf")
    with pytest.raises(UnreadableFile, match="or a damaged one"):
        load(tmp_path / "less.nc")


def test_any_netcdf_reader_opens_it(tmp_path: Path) -> None:
    """Plain numbers with units: no complex type, no time that would be decoded from seconds."""
    import xarray as xr

    save(with_several_grids(), tmp_path / "r.nc")
    with xr.open_dataset(tmp_path / "r.nc", engine="h5netcdf") as opened:
        for name in ("tau", "point_time", "time", "gamma", "Z_real", "Z_imag"):
            assert opened[name].dtype == np.float64, name
        assert opened["tau"].attrs["units"] == "s"
        assert opened.attrs["drtengine"] == dt.__version__

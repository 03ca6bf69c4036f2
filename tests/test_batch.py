"""Batches: what is in the store is what `fit_drt` gives, bit for bit, however the work was done."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

import drtengine as dt
from batches import RIDGE, F, lazy, make, mixed
from drtengine import BatchStore, Campaign, DrtResult, InvalidInput, fit_drt, open_store, run_batch

pytest.importorskip("zarr")
pytest.importorskip("pyarrow")


def assert_same(actual: DrtResult, expected: DrtResult, *, notes: bool = True) -> None:
    ours, theirs = actual.to_dataset(), expected.to_dataset()
    assert set(ours.variables) == set(theirs.variables)
    for name, variable in theirs.variables.items():
        a, b = ours[name].to_numpy(), variable.to_numpy()
        assert a.dtype == b.dtype or a.dtype.kind == b.dtype.kind == "U", name
        assert a.shape == b.shape, name
        same = (a == b).all() if a.dtype.kind in "OU" else a.tobytes() == b.tobytes()
        assert same, name
    for name in ("sources", "campaign_notes", "basis", "epsilon", "kind", "options"):
        assert ours.attrs[name] == theirs.attrs[name], name
    if notes:
        assert set(actual.notes) == set(expected.notes)


def assert_same_store(actual: BatchStore, expected: BatchStore) -> None:
    assert actual.is_complete
    ours, theirs = actual.dataset().load(), expected.dataset().load()
    assert set(ours.variables) == set(theirs.variables)
    for name in theirs.variables:
        assert ours[name].to_numpy().tobytes() == theirs[name].to_numpy().tobytes(), name
    for table in ("spectra", "peaks", "processes"):
        if expected.has_table(table):
            assert actual.table(table).equals(expected.table(table)), table


METHODS: list[dict[str, Any]] = [
    RIDGE,
    {"method": "ridge", "lambda_": "gcv", "weights": "modulus", "capacitance": True, "f_max": 5e4, "area": 2.5},
    {"method": "ridge", "lambda_": 1e-2, "exclude": [F[20]], "tau": np.geomspace(1e-6, 10, 50), "basis": "c4"},
    {"method": "ridge", "free": (1e-2, 1.0), "lambda_": 1e-3},
    {"method": "log", "band": 0.95},
    {"method": "log", "band": 0.9, "band_kind": "sampled", "samples": 100, "seed": 3},
    {"method": "elements"},
    {"method": "auto", "per_spectrum": True},
]


@pytest.mark.parametrize("options", METHODS, ids=lambda o: f"{o['method']}-{len(o)}")
def test_store_holds_what_fit_drt_gives(options: dict[str, Any], tmp_path: Path) -> None:
    store = run_batch(mixed(), tmp_path / "x.zarr", chunk=5, n_processes=1, **options)
    sampled = options.get("band_kind") == "sampled"  # whose notes name the first of the chains that mix badly
    assert_same(store.result(), fit_drt(mixed(), **options), notes=not sampled)


def test_slices_are_slices(tmp_path: Path) -> None:
    store = run_batch(mixed(), tmp_path / "x.zarr", chunk=4, n_processes=1, **RIDGE)
    whole = fit_drt(mixed(), **RIDGE)
    for rows in (slice(3, 9), slice(None, None, 5), [7, 2, 19], np.arange(23) % 4 == 0, 6):
        part = store.result(rows)
        expected = np.atleast_1d(np.arange(23)[rows])
        assert part.gamma.tobytes() == whole.gamma[expected].tobytes()
        assert part.Z_fit.tobytes() == whole.Z_fit[expected].tobytes()
        assert part.campaign.names == tuple(f"s{i}" for i in expected)
        assert (part.coordinates["when"] == whole.coordinates["when"][expected]).sum() == (expected > 11).sum()
        assert list(part.coordinates["branch"]) == list(whole.coordinates["branch"][expected])


@pytest.mark.parametrize("chunk", [3, 8, 17, 100])
def test_chunks_change_no_bit(chunk: int, tmp_path: Path) -> None:
    store = run_batch(mixed(), tmp_path / "x.zarr", chunk=chunk, n_processes=1, method="log", weights="auto")
    assert_same(store.result(), fit_drt(mixed(), method="log", weights="auto"))


def test_processes_change_no_bit(tmp_path: Path) -> None:
    options: dict[str, Any] = {"chunk": 32, "peaks": True, "processes": {"fast": (0, 1e-2), "slow": (0.1, 10)}, **RIDGE}
    one = run_batch(lazy(90), tmp_path / "one.zarr", n_processes=1, **options)
    two = run_batch(lazy(90), tmp_path / "two.zarr", n_processes=2, **options)
    threads = run_batch(lazy(90), tmp_path / "threads.zarr", n_processes=1, n_threads=2, **options)
    assert_same_store(two, one)
    assert_same_store(threads, one)


def test_every_input_gives_the_same(tmp_path: Path) -> None:
    options = {"chunk": 64, "n_processes": 1, **RIDGE}
    expected = run_batch(make(0, 200), tmp_path / "memory.zarr", **options)
    assert_same_store(run_batch(lazy(200), tmp_path / "lazy.zarr", **options), expected)
    unknown = dt.LazyCampaign(make, 200, "frequencies not told")
    assert_same_store(run_batch(unknown, tmp_path / "unknown.zarr", **options), expected)
    pieces = (make(start, min(start + 30, 200)) for start in range(0, 200, 30))
    assert_same_store(run_batch(pieces, tmp_path / "iterator.zarr", **options), expected)
    assert not (tmp_path / "iterator.zarr" / "batch" / "spool").exists()


def test_functions_of_a_session_go_to_other_processes(tmp_path: Path) -> None:
    scale = 2.0
    doubled = dt.LazyCampaign(lambda a, b: Campaign.from_arrays(F, scale * make(a, b).Z), 40, "doubled", F)
    store = run_batch(doubled, tmp_path / "x.zarr", chunk=16, n_processes=2, **RIDGE)
    expected = fit_drt(Campaign.from_arrays(F, 2 * make(0, 40).Z), **RIDGE)
    assert store.result().gamma.tobytes() == expected.gamma.tobytes()


def write_csv(path: Path, spectra: Campaign) -> None:
    for i, spectrum in enumerate(spectra):
        rows = np.column_stack([spectrum.frequency, spectrum.Z.real, spectrum.Z.imag])
        header = "f/Hz,Re(Z)/Ohm,Im(Z)/Ohm"
        np.savetxt(path / f"cell{i}.csv", rows, delimiter=",", header=header, comments="", fmt="%.17g")


def test_names_of_files_tell_coordinates(tmp_path: Path) -> None:
    folder = tmp_path / "files"
    folder.mkdir()
    write_csv(folder, make(0, 12))
    first = sorted(folder.iterdir())[0]
    first.rename(folder / "odd.csv")
    store = run_batch(folder, tmp_path / "x.zarr", chunk=5, n_processes=1, pattern="cell{cycle:d}", **RIDGE)
    expected = dt.read(folder, pattern="cell{cycle:d}").coordinates["cycle"]
    np.testing.assert_array_equal(store.result().campaign.coordinates["cycle"], expected)
    assert np.isnan(expected).sum() == 1
    assert any("'cell{cycle:d}' does not fit 1 file name(s): odd.csv" in note for note in store.notes)
    with pytest.raises(InvalidInput, match="needs fields such as"):
        run_batch(folder, tmp_path / "y.zarr", pattern="cell", **RIDGE)
    with pytest.raises(InvalidInput, match="pattern"):  # begun with another one
        run_batch(folder, tmp_path / "x.zarr", chunk=5, n_processes=1, pattern="cell{soc:d}", **RIDGE)


def test_a_table_tells_coordinates_of_files(tmp_path: Path) -> None:
    """As `read` takes them, though each file is read alone; and the table belongs to what the store was begun with."""
    folder = tmp_path / "files"
    folder.mkdir()
    write_csv(folder, make(0, 12))
    table = {
        "file": ["cell7", "cell2.csv", "cell11", "gone"], "voltage (mV)": [700, 200, 1100, 5],
        "operator": ["Ada", "Bo", "", "Cy"],
    }  # fmt: skip
    same: dict[str, Any] = {"chunk": 5, "n_processes": 1, "pattern": "cell{cycle:d}", **RIDGE}
    store = run_batch(folder, tmp_path / "x.zarr", coordinates=table, **same)
    expected = dt.read(folder, pattern="cell{cycle:d}", coordinates=table).coordinates
    found = store.result().campaign.coordinates
    assert found.keys() == expected.keys()
    for name, values in expected.items():
        np.testing.assert_array_equal(found[name], values)
    assert found["voltage"][[2, 7, 11]] == pytest.approx([0.2, 0.7, 1.1])
    assert any("1 row(s) for files that were not read: gone" in note for note in store.notes)
    assert any("says nothing of 1 file(s): cell0.csv" in note for note in store.notes)
    assert run_batch(folder, tmp_path / "x.zarr", coordinates=dict(table), **same).notes == store.notes
    changed = {**table, "voltage (mV)": [700, 250, 1100, 5]}
    with pytest.raises(InvalidInput, match=r"coordinates of cell2.csv: voltage \(mV\) 200.0, operator Bo in the store"):
        run_batch(folder, tmp_path / "x.zarr", coordinates=changed, **same)
    with pytest.raises(InvalidInput, match=r"coordinates: .* in the store, None now"):
        run_batch(folder, tmp_path / "x.zarr", **same)
    with pytest.raises(InvalidInput, match="the table names none of the files; it has 'x'"):
        run_batch(folder, tmp_path / "y.zarr", coordinates={"file": ["x"], "soc": [1.0]}, **RIDGE)
    with pytest.raises(InvalidInput, match="a table of coordinates is for files"):
        run_batch(make(0, 3), tmp_path / "y.zarr", coordinates=table, **RIDGE)
    assert not (tmp_path / "y.zarr").exists()


def test_files_are_read_once_and_those_that_cannot_are_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    folder = tmp_path / "files"
    folder.mkdir()
    write_csv(folder, make(0, 40))
    (folder / "cell7b.csv").write_text("no table here\n")
    (folder / "notes.md").write_text("nor here\n")
    opened: list[str] = []
    real = dt.batch.sources.read
    monkeypatch.setattr("drtengine.batch.sources.read", lambda f, **k: (opened.append(f), real(f, **k))[1])
    calls: list[tuple[int, int]] = []
    store = run_batch(
        folder, tmp_path / "x.zarr", chunk=16, n_processes=1, progress=lambda *done: calls.append(done), **RIDGE
    )
    assert len(opened) == len(set(opened)) == 42
    assert [Path(reason.split(":")[0]).name for reason in store.skipped] == ["cell7b.csv", "notes.md"]
    assert all(f"skipped {reason}" in store.notes for reason in store.skipped)
    whole = fit_drt(dt.read(folder), **RIDGE)
    assert store.result().gamma.tobytes() == whole.gamma.tobytes()
    assert store.result().campaign.sources == whole.campaign.sources
    assert list(store.table()["file"]) == list(whole.coordinates["file"])
    files = [done for done, total in calls if total == 42]
    spectra = [done for done, total in calls if total == 40]
    assert files == sorted(files)
    assert files[-1] == 42
    assert spectra == [0, 16, 32, 40]


def test_failures_have_a_reason(tmp_path: Path) -> None:
    store = run_batch(mixed(), tmp_path / "x.zarr", chunk=5, n_processes=1, **RIDGE)
    failures = store.failures()
    assert list(failures["name"]) == ["s3", "s10", "s17"]
    assert all("NaN or Inf at point(s)" in reason for reason in failures["reason"])
    assert store.statuses == {"OK": 20, "NOT_FINITE": 3}


def test_peaks_and_processes_are_those_of_the_whole(tmp_path: Path) -> None:
    ranges = {"fast": (0.0, 1e-2), "slow": (0.1, 10.0), "slowest": (10.0, 15.0)}  # the last is not measured by all
    store = run_batch(mixed(), tmp_path / "x.zarr", chunk=1, n_processes=1, peaks=True, processes=ranges, **RIDGE)
    whole = fit_drt(mixed(), **RIDGE)
    for name, expected in (
        ("peaks", dt.find_peaks(whole, processes=ranges).to_frame()),
        ("processes", dt.integrate_processes(whole, ranges).to_frame()),
    ):
        actual = store.table(name)
        assert list(actual.columns) == list(expected.columns)
        assert len(actual) == len(expected)
        for column in expected.columns:
            a, b = actual[column], expected[column]
            if b.dtype.kind == "f":
                np.testing.assert_allclose(a, b, rtol=1e-9, atol=1e-12, err_msg=column)
            else:
                assert a.isna().equals(b.isna()), column
                assert list(a.dropna()) == list(b.dropna()), column


def test_single_precision_rounds_and_nothing_else(tmp_path: Path) -> None:
    double = run_batch(lazy(50), tmp_path / "double.zarr", n_processes=1, **RIDGE)
    single = run_batch(lazy(50), tmp_path / "single.zarr", n_processes=1, float32=True, **RIDGE)
    a, b = single.dataset(), double.dataset()
    assert a.gamma.dtype == np.float32
    assert a.Z.dtype == np.complex64
    assert (a.gamma.to_numpy() == b.gamma.to_numpy().astype(np.float32)).all()
    assert a.R_inf.to_numpy().tobytes() == b.R_inf.to_numpy().tobytes()
    assert a.frequency.dtype == np.float64
    assert single.result().gamma.dtype == np.float64


def test_gamma_alone_is_small(tmp_path: Path) -> None:
    everything = run_batch(lazy(300), tmp_path / "all.zarr", n_processes=1, **RIDGE)
    small = run_batch(lazy(300), tmp_path / "gamma.zarr", n_processes=1, keep="gamma", **RIDGE)
    assert small.dataset().gamma.to_numpy().tobytes() == everything.dataset().gamma.to_numpy().tobytes()
    assert not {"Z", "frequency", "coefficients", "used"} & set(small.dataset())
    with pytest.raises(dt.InvalidInput, match="keep='gamma'"):
        small.result()


def test_store_is_plain_zarr_and_opens_lazily(tmp_path: Path) -> None:
    import xarray as xr
    import zarr

    store = run_batch(lazy(100), tmp_path / "x.zarr", chunk=32, n_processes=1, **RIDGE)
    result = store.result()
    group = zarr.open_group(tmp_path / "x.zarr", mode="r")
    assert group["gamma"].chunks == (32, result.tau.size)
    np.testing.assert_array_equal(group["gamma"][:], result.gamma)
    plain = xr.open_zarr(tmp_path / "x.zarr", consolidated=False, chunks=None)
    assert plain.gamma.attrs["units"] == "ohm"
    np.testing.assert_array_equal(plain.tau, result.tau)
    (tmp_path / "x.zarr" / "gamma" / "c" / "2" / "0").unlink()  # what is not touched is not read
    np.testing.assert_array_equal(plain.gamma[:64], result.gamma[:64])


def test_result_exports_to_netcdf(tmp_path: Path) -> None:
    store = run_batch(mixed(), tmp_path / "x.zarr", n_processes=1, **RIDGE)
    dt.save(store.result(), tmp_path / "x.nc")
    assert_same(dt.load(tmp_path / "x.nc"), fit_drt(mixed(), **RIDGE))  # type: ignore[arg-type]


def test_second_call_finds_it_done(tmp_path: Path) -> None:
    run_batch(lazy(100), tmp_path / "x.zarr", n_processes=1, **RIDGE)
    before = {path: path.stat().st_mtime_ns for path in (tmp_path / "x.zarr").rglob("*.json")}
    again = run_batch(lazy(100), tmp_path / "x.zarr", n_processes=1, **RIDGE)
    assert again.is_complete
    assert before == {path: path.stat().st_mtime_ns for path in (tmp_path / "x.zarr").rglob("*.json")}
    assert repr(open_store(tmp_path / "x.zarr")) == "<BatchStore x.zarr: 100 spectra, 92 nodes>"


def test_dry_run_tells_and_writes_nothing(tmp_path: Path) -> None:
    plan = run_batch(lazy(10_000), tmp_path / "x.zarr", dry_run=True, **RIDGE)
    assert list(tmp_path.iterdir()) == []
    assert (plan.spectra, plan.chunk, plan.chunks, plan.done, plan.nodes) == (10_000, 1024, 10, 0, 92)
    assert plan.total_seconds > 0
    store = run_batch(lazy(1000), tmp_path / "y.zarr", chunk=256, n_processes=1, **RIDGE)
    size = sum(path.stat().st_size for path in store.path.rglob("*") if path.is_file())
    assert 0.5 < run_batch(lazy(1000), tmp_path / "z.zarr", chunk=256, dry_run=True, **RIDGE).bytes / size < 2
    assert "10000 spectra in 10 chunks of 1024" in str(plan)
    half = run_batch(lazy(1000), tmp_path / "y.zarr", dry_run=True, **RIDGE)
    assert (half.chunks, half.done) == (4, 4)

"""How long from files to a result on disk?"""

import pytest

import drtengine as dt
from problems import campaign, write_eclab

GROUP = "read, fit, save"


@pytest.fixture(scope="module")
def export(tmp_path_factory, scaled):
    """One text file of 200 sweeps."""
    path = tmp_path_factory.mktemp("export") / "sweeps.txt"
    write_eclab(path, campaign("two_zarc", 71, scaled(200)))
    return path


def whole(source, target, **options):
    result = dt.fit_drt(dt.read(source), method="ridge", n_threads=1, **options)
    dt.save(result, target)
    return result


def bench_read(clock, scaled, export):
    """The text file alone."""
    spectra = clock(lambda: dt.read(export), group=GROUP, label="read, EC-Lab text", spectra=scaled(200))
    assert len(spectra) == scaled(200)


@pytest.mark.parametrize("lambda_", [1e-3, "gcv"])
def bench_export(clock, scaled, export, tmp_path, lambda_):
    """Text file to NetCDF."""
    result = clock(
        lambda: whole(export, tmp_path / "result.nc", lambda_=lambda_),
        group=GROUP,
        label=f"read + fit_drt + save, EC-Lab text, lambda_={lambda_}",
        spectra=scaled(200),
    )
    assert len(result) == scaled(200)
    assert dt.load(tmp_path / "result.nc").gamma.tobytes() == result.gamma.tobytes()


@pytest.mark.parametrize("cell", ["25C08", "45C01"])
def bench_zhang(clock, short, shared_data, tmp_path, cell):
    """Measured: a cell's sweeps at state V, and all nine states of the first."""
    files = sorted((shared_data / "zhang2020_25C08_45C01").glob(f"EIS_state_*_{cell}.txt"))[: 1 if short else None]
    if not files:
        pytest.skip(f"no EIS_state_*_{cell}.txt in {shared_data}")
    count = len(dt.read(files))
    result = clock(
        lambda: whole(files, tmp_path / "result.nc"),
        group=GROUP,
        label=f"read + fit_drt + save, Zhang {cell}, {len(files)} file(s), {count} spectra",
        spectra=count,
        rounds=3,
    )
    assert len(result) == count

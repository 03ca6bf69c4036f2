"""Threads and processes around the core: the same bits as alone, and no call that hangs."""

from __future__ import annotations

import multiprocessing
import subprocess
import sys
from concurrent.futures import Future, ProcessPoolExecutor, ThreadPoolExecutor

import numpy as np
import pytest

import drtengine as dt
from drtengine.simulate import ZARC, Circuit, Resistor
from drtengine.spectrum import FloatArray

F = np.geomspace(1e4, 1e-1, 41)
LIMIT = 120
"""Seconds after which a call counts as hanging."""


def campaign(seed: int) -> dt.Campaign:
    """Twenty noisy repeats of one cell."""
    cell = Circuit([Resistor(10), ZARC(50, 1e-3, 0.8), ZARC(30, 0.1, 0.9)])
    return dt.simulate.campaign([cell] * 20, F, level=0.005, seed=seed)


def everything(seed: int, n_threads: int = 2) -> list[FloatArray]:
    """Ask each part of the core that has threads."""
    data = campaign(seed)
    ridge = dt.fit_drt(data, method="ridge", n_threads=n_threads)
    log = dt.fit_drt(data, method="log", band=0.95, n_threads=n_threads)
    kk = dt.check_kk(data, n_threads=n_threads)
    assert log.gamma_low is not None
    return [ridge.gamma, ridge.lambda_, log.gamma, log.gamma_low, kk.noise, kk.residual.real]


def check(found: list[Future[list[FloatArray]]]) -> None:
    """Compare what other threads or processes found for seeds 0, 1, 2, ... with what this one finds."""
    for seed, future in enumerate(found):
        for theirs, ours in zip(future.result(timeout=LIMIT), everything(seed), strict=True):
            np.testing.assert_array_equal(theirs, ours)


def test_threads_at_once() -> None:
    with ThreadPoolExecutor(4) as pool:
        check([pool.submit(everything, seed) for seed in range(4)])


@pytest.mark.parametrize("method", multiprocessing.get_all_start_methods())
@pytest.mark.filterwarnings("ignore:.*use of fork.*:DeprecationWarning")  # it is what is tested here
def test_processes(method: str) -> None:
    everything(0)  # the parent has had threads
    with ProcessPoolExecutor(2, mp_context=multiprocessing.get_context(method)) as pool:
        check([pool.submit(everything, seed) for seed in range(2)])


def test_fork_while_threads_are_running() -> None:
    """A child forked in the middle of a call of its parent does not wait for threads it has not got."""
    if "fork" not in multiprocessing.get_all_start_methods():
        pytest.skip("there is no fork here")
    code = """
import os, sys, threading
import numpy as np, drtengine as dt
from drtengine.simulate import ZARC, Circuit, Resistor
cell = Circuit([Resistor(10), ZARC(50, 1e-3, 0.8)])
data = dt.simulate.campaign([cell] * 200, np.geomspace(1e4, 1e-1, 41), level=0.005)
expected = dt.fit_drt(data, method="log", n_threads=2).gamma
busy, stop = threading.Event(), threading.Event()
def work():
    while not stop.is_set():
        busy.set()
        dt.fit_drt(data, method="log", n_threads=2)
thread = threading.Thread(target=work)
thread.start()
busy.wait()
for _ in range(3):
    child = os.fork()
    if child == 0:
        os._exit(0 if np.array_equal(dt.fit_drt(data, method="log", n_threads=2).gamma, expected) else 1)
    assert os.waitpid(child, 0)[1] == 0
stop.set()
thread.join()
"""
    subprocess.run([sys.executable, "-W", "ignore::DeprecationWarning", "-c", code], check=True, timeout=LIMIT)


def test_joblib() -> None:
    joblib = pytest.importorskip("joblib")
    found = joblib.Parallel(n_jobs=2, backend="loky", timeout=LIMIT)(
        joblib.delayed(everything)(seed, n_threads=1) for seed in range(2)
    )
    for seed, arrays in enumerate(found):
        for theirs, ours in zip(arrays, everything(seed), strict=True):
            np.testing.assert_array_equal(theirs, ours)

"""Who does the work: this process, others beside it, or a Dask cluster."""

from __future__ import annotations

import os
import pickle
import threading
import time
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import BrokenExecutor
from contextlib import contextmanager
from functools import cache
from typing import Any

from ..errors import InvalidInput, near_miss, require
from .sources import Runner

SCHEDULERS = ("loky", "dask")
_WATCH = 0.5
"""Seconds between two looks at whether the parent is alive."""
_LOST = ("KilledWorker", "FutureCancelledError", "CancelledError", "CommClosedError")
"""What Dask raises where workers are gone, by name, as it need not be installed."""


def is_lost_worker(error: Exception) -> bool:
    """Whether an error means that a process has ended, and says nothing of the work."""
    return isinstance(error, BrokenExecutor) or type(error).__name__ in _LOST


@contextmanager
def runner(scheduler: object, n_processes: int) -> Iterator[Runner]:
    """Give a function that hands calls out and yields what they return, in any order.

    Parameters
    ----------
    scheduler : {"loky", "dask"} or distributed.Client
        "dask" takes the client that is current, or else starts workers on this machine for the time being.
    n_processes : int
        With one, "loky" stays in this process. A client that is there already has its own workers.

    Raises
    ------
    InvalidInput
        If the scheduler is unknown.
    MissingExtra
        If Dask is asked for and not installed.
    """
    if isinstance(scheduler, str) and scheduler not in SCHEDULERS:
        raise InvalidInput(f"unknown scheduler {scheduler!r}; {near_miss(scheduler, SCHEDULERS)}")
    if scheduler == "loky":
        yield _here if n_processes == 1 else _over({"backend": "loky", "n_jobs": n_processes})
        return
    require("distributed", "dask")
    import distributed

    if isinstance(scheduler, distributed.Client):
        yield _over({"backend": "dask", "client": scheduler})
    elif scheduler == "dask":
        try:
            client = distributed.get_client()
        except ValueError:
            with (
                distributed.LocalCluster(
                    n_workers=n_processes, threads_per_worker=1, dashboard_address=None
                ) as cluster,
                distributed.Client(cluster) as client,
            ):
                yield _over({"backend": "dask", "client": client})
        else:
            yield _over({"backend": "dask", "client": client})
    else:
        raise InvalidInput(f"scheduler must be 'loky', 'dask' or a distributed.Client, got {type(scheduler).__name__}")


def _here(function: Callable[..., Any], tasks: Iterable[tuple[Any, ...]]) -> Iterator[Any]:
    return (function(*task) for task in tasks)


def _over(config: dict[str, Any]) -> Runner:
    """Hand calls out by joblib."""

    def run(function: Callable[..., Any], tasks: Iterable[tuple[Any, ...]]) -> Iterator[Any]:
        import joblib

        # Packed, as Dask would put larger arguments on one worker, and lose them with it.
        call = joblib.delayed(_call_as_child if config["backend"] == "loky" else _call)
        packed = (call(_pack((function, task))) for task in tasks)
        with joblib.parallel_config(**config):
            yield from joblib.Parallel(return_as="generator_unordered", batch_size=1, pre_dispatch="2*n_jobs")(packed)

    return run


def _pack(call: Any) -> bytes:
    import cloudpickle  # functions of a notebook do not pickle otherwise

    packed: bytes = cloudpickle.dumps(call)
    return packed


def _call(packed: bytes) -> Any:
    function, task = pickle.loads(packed)
    return function(*task)


def _call_as_child(packed: bytes) -> Any:
    _end_with_parent()
    return _call(packed)


@cache
def _end_with_parent() -> None:
    """End this process soon after the one that started it, once for all; loky's would wait for work for minutes."""
    parent = os.getppid()

    def watch() -> None:
        while os.getppid() == parent:
            time.sleep(_WATCH)
        os._exit(1)

    threading.Thread(target=watch, daemon=True, name="drtengine-watch").start()

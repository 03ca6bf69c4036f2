"""How long does it take to set up a frequency grid: kernel and penalty?"""

import pytest

from problems import GRIDS, assemble, frequencies

LIMITS = {71: 80.0}


@pytest.mark.parametrize("grid", GRIDS)
@pytest.mark.parametrize("points", [71, 100, 200])
def bench_assembly(clock, points, grid):
    """The kernel of `points` Gaussians at as many frequencies, and the first-order penalty."""
    *kernel, penalty = clock(
        assemble(frequencies(points, grid)),
        group="assembly, us a grid",
        label=f"{points} x {points}, {grid}",
        limit=LIMITS.get(points),
        rounds=50,
    )
    assert all(matrix.shape == (points, points) for matrix in (*kernel, penalty))

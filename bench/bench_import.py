"""What does `import drtengine` cost over `import numpy`?"""

import subprocess
import sys

import pytest


@pytest.mark.parametrize("module", ["numpy", "drtengine"])
def bench_import(clock, module):
    """Whole interpreters; the difference of the two is the cost, at most 0.2 s."""
    clock(
        lambda: subprocess.run([sys.executable, "-c", f"import {module}"], check=True),
        group="import, us an interpreter",
        label=f"python -c 'import {module}'",
    )

"""What the programs that run a peer have in common: arrays in, arrays and seconds out.

A program stands alone in the environment of its peer, without drtengine: `python program.py IN.npz OUT.npz`.
"""

import sys
import time
import warnings

import numpy as np

ROUNDS = 3


def main(solve):
    """Run `solve(arrays)`, which returns arrays, on the arrays of the first file; write the second."""
    warnings.simplefilter("ignore")
    with np.load(sys.argv[1]) as arrays:
        answer = solve(dict(arrays))
    np.savez(sys.argv[2], **answer)


def timed(call, rounds=ROUNDS):
    """Return what a call returns, and its median CPU time in seconds."""
    seconds = []
    for _ in range(rounds):
        start = time.process_time()
        answer = call()
        seconds.append(time.process_time() - start)
    return answer, float(np.median(seconds))


def each(spectra, call, rounds=ROUNDS):
    """Call once for each spectrum, the first time untimed; returns answers and seconds a spectrum."""
    call(spectra[0])
    answers, seconds = zip(*(timed(lambda row=row: call(row), rounds) for row in spectra), strict=True)
    return np.array(answers), float(np.median(seconds))

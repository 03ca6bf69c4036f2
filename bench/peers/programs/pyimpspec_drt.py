"""gamma by pyimpspec's TR-RBF, lambda by its default cross-validation."""

import numpy as np
from exchange import each, main


def solve(arrays):
    import pyimpspec
    from pyimpspec.analysis.drt.tr_rbf import calculate_drt_tr_rbf

    f, tau = arrays["frequency"], arrays["tau"]

    def gamma(Z):
        result = calculate_drt_tr_rbf(pyimpspec.DataSet(f, Z), num_procs=1)
        times, values = np.asarray(result.time_constants), np.asarray(result.gammas)
        order = np.argsort(times)
        return np.interp(np.log(tau), np.log(times[order]), values[order])

    answers, seconds = each(arrays["Z"], gamma, rounds=1)
    return {"gamma": answers, "seconds": seconds}


main(solve)

"""The same non-negative quadratic programs by general solvers: matrices ready made, one spectrum after the other."""

import numpy as np
from exchange import each, main


def solver_of(name, arrays):
    """Return a function from the number of the spectrum to x."""
    H, g, n = arrays["H"], arrays["g"], len(arrays["H"])
    if name == "cvxopt":
        from cvxopt import matrix, solvers

        solvers.options["show_progress"] = False
        P, G, h = matrix(H), matrix(-np.eye(n)), matrix(np.zeros(n))
        return lambda i: np.array(solvers.qp(P, matrix(-g[i]), G, h)["x"]).ravel()
    if name == "scipy":
        from scipy.optimize import nnls

        return lambda i: nnls(arrays["rows"], arrays["right"][i])[0]
    import daqp

    model = daqp.Model()
    model.setup(H, -g[0], np.empty((0, n)), np.full(n, 1e30), np.zeros(n))

    def by_daqp(i):
        model.update(f=-g[i])
        return np.asarray(model.solve()[0])

    return by_daqp


def solve(arrays):
    solution, seconds = each(np.arange(len(arrays["g"])), solver_of(str(arrays["solver"]), arrays))
    return {"x": solution, "seconds": seconds}


main(solve)

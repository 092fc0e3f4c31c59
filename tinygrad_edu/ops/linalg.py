"""Matrix products, inverses, determinants: of matrices, and of stacks of matrices that broadcast."""

import math
import operator
from typing import Any

import numpy as np

from ..capture import captures
from ..errors import LinAlgError
from ..op import Op
from .elementwise import where
from .reduce import sum
from .shape import reshape

# ---- the numerical care sits in the forward; what cannot be computed is explained ----------------------


def _linear(x: Any, w: Any, b: Any) -> Any:
    """z_i = b_i + sum_j w_ij x_j, one example a row: (…, n_in), (n_out, n_in), (n_out,) -> (…, n_out)"""
    return np.dot(x, w.T) + b


def _linear_dx(g: Any, z: Any, x: Any, w: Any, b: Any) -> Any:
    """delta_i w_ij, summed over the neurons; of a stack, in one product."""
    return g @ w if len(g.shape) <= 2 else reshape(_rows(g) @ w, shape=x.shape)


def _linear_dw(g: Any, z: Any, x: Any, w: Any, b: Any) -> Any:
    """BP4, delta_i x_j, summed over the examples."""
    return _rows(g).mT @ _rows(x)


def _rows(x: Any) -> Any:
    """(…, n) -> (examples, n)"""
    return x if len(x.shape) == 2 else reshape(x, shape=(math.prod(x.shape[:-1]), x.shape[-1]))


def _inv(a: Any) -> Any:
    """a⁻¹, by elimination."""
    return _eliminated("inv", np.linalg.inv, a)


def _solve(a: Any, b: Any) -> Any:
    """a⁻¹ b without the inverse:  (…, n, n), (…, n, k) -> (…, n, k)"""
    return _eliminated("solve", np.linalg.solve, a, b)


def _eliminated(name: str, solver: Any, a: Any, *b: Any) -> Any:
    """solver(a, *b).  LAPACK calls some matrices with NaN singular: they give NaN; the others are explained."""
    try:
        return solver(a, *b)
    except np.linalg.LinAlgError:
        pass
    eye = np.eye(a.shape[-1], dtype=bool)
    unknown = np.isnan(a).any(axis=_last_two(a), keepdims=True)
    if unknown.any():
        return np.where(unknown, np.nan, _eliminated(name, solver, np.where(unknown, eye, a), *b))
    raise LinAlgError(
        f"{name}: the matrix{_place(_signdet(a) == 0)} is singular: its determinant is 0, so it has no inverse.  Its "
        f"rows depend on each other; pinv(a), or a small number on the diagonal, a + 1e-6 * np.eye({len(eye)}), may "
        f"be what you need"
    )


def _cholesky(a: Any) -> Any:
    """The lower triangle z with z zᵀ = a, from the lower triangle of a."""
    try:
        return np.linalg.cholesky(a)
    except np.linalg.LinAlgError:
        pass
    finite = np.isfinite(a).all(axis=_last_two(a), keepdims=True)
    lowest = np.linalg.eigvalsh(np.where(finite, a, np.eye(a.shape[-1], dtype=bool)))[..., 0]
    if not finite.all() and np.all(lowest > 0):
        raise LinAlgError(f"cholesky: the matrix{_place(~finite[..., 0, 0])} has entries that are NaN or infinite")
    raise LinAlgError(
        f"cholesky: the matrix{_place(lowest <= 0)} is not positive definite: its smallest eigenvalue is "
        f"{np.min(lowest):.3g}, and must be > 0.  Is it symmetric?  A covariance becomes positive definite with a "
        f"small number on the diagonal: a + 1e-6 * np.eye({a.shape[-1]})"
    )


def _place(bad: Any) -> str:
    """Where the first bad matrix of a stack stands; nothing for a single matrix."""
    found = np.argwhere(bad)
    return f" {found[0].tolist()} of the stack" if np.ndim(bad) and len(found) else ""


@np.errstate(invalid="ignore")  # NaN in, NaN out, without a word
def _det(a: Any) -> Any:
    """The determinant, by elimination."""
    return _known(a, np.linalg.det(a))


@np.errstate(invalid="ignore")
def _logabsdet(a: Any) -> Any:
    """log |det a|, which does not overflow where det a does; -inf where it is 0."""
    return _known(a, np.linalg.slogdet(a)[1])


@np.errstate(invalid="ignore")
def _signdet(a: Any) -> Any:
    """1, -1, or 0 where there is no inverse."""
    return _known(a, np.linalg.slogdet(a)[0])


def _known(a: Any, z: Any) -> Any:
    """One number z for each matrix a, and NaN where a has one: LAPACK finds det [[nan, 1], [1, 1]] = 0."""
    unknown = np.isnan(a).any(axis=_last_two(a))
    return np.where(unknown, np.nan, z)[()] if unknown.any() else z


def _cofactor(a: Any) -> Any:
    """det(a) a⁻ᵀ, also where a has no inverse: from a = u s vᵀ, det(u v) u p vᵀ with p_i = product of the other s_j."""
    finite = np.isfinite(a).all(axis=_last_two(a), keepdims=True)
    u, s, vt = np.linalg.svd(np.where(finite, a, 0))
    others = np.where(np.eye(a.shape[-1], dtype=bool), s.dtype.type(1), s[..., None, :])
    sign = np.rint(np.linalg.det(u) * np.linalg.det(vt))  # ±1
    z = (u * (sign[..., None] * np.prod(others, axis=-1))[..., None, :]) @ vt
    return np.where(finite, z, np.nan)


def _eigh(a: Any) -> tuple[Any, Any]:
    """Eigenvalues in rising order, and eigenvectors as columns, of the symmetric part of a; NaN where a is not finite."""
    a = a / 2 + a.mT / 2
    finite = np.isfinite(a).all(axis=_last_two(a), keepdims=True)
    w, v = np.linalg.eigh(np.where(finite, a, 0))
    return np.where(finite[..., 0], w, np.nan), np.where(finite, v, np.nan)


# ---- rules longer than an expression -------------------------------------------------------------------


def _scaled(g: Any, x: Any) -> Any:
    """One number g for each matrix x."""
    return reshape(g, shape=(*g.shape, 1, 1)) * x


def _solve_parts(g: Any, z: Any, a: Any, b: Any) -> list[Any]:
    """With db = a⁻ᵀ g:  [-db zᵀ, db]"""
    db = solve(a.mT, g)
    return [-(db @ z.mT), db]


def _cofactor_dx(g: Any, z: Any, a: Any) -> Any:
    """(<g, z> - z gᵀ) a⁻ᵀ; where a is singular, or nearly so, a⁻¹ is missing and the rule says so."""
    values = np.nan_to_num(_values(a))
    s = np.linalg.svd(values, compute_uv=False)  # singular values, the largest first
    if s.size and np.any(s[..., -1] <= np.sqrt(np.finfo(s.dtype).eps) * s[..., 0]):
        raise LinAlgError("the second derivative of det needs an inverse, and a matrix is singular, or nearly so")
    eye = np.eye(a.shape[-1], dtype=bool)
    return solve(a, where(eye, sum(g * z, axis=_last_two(a), keepdims=True), 0) - g @ z.mT).mT


def _cholesky_dx(g: Any, z: Any, a: Any) -> Any:
    """(s + sᵀ) / 2 with s = z⁻ᵀ Φ(zᵀ g) z⁻¹, where Φ keeps the lower triangle and half of the diagonal.

    Symmetric, as a is: the part of a pair of equal entries a_ij = a_ji is shared equally.  (Murray 2016)
    """
    n = a.shape[-1]
    p = z.mT @ g
    p = where(np.eye(n, dtype=bool), p / 2, where(np.tri(n, dtype=bool), p, 0))
    s = solve(z.mT, solve(z.mT, p.mT).mT)
    return (s + s.mT) / 2


def _pinv_dx(g: Any, z: Any, a: Any, *, rcond: Any) -> Any:
    """(1 - a z) gᵀ z zᵀ + zᵀ z gᵀ (1 - z a) - zᵀ g zᵀ, along matrices of the same rank.  (Golub and Pereyra 1973)"""
    p = g.mT @ z @ z.mT
    q = z.mT @ z @ g.mT
    return p - a @ (z @ p) + q - (q @ z) @ a - z.mT @ g @ z.mT


def _eigvalsh_da(g: Any, w: Any, a: Any, *, which: slice) -> Any:
    """Σ_j g_j v_j v_jᵀ, for dw_j = v_jᵀ da v_j; equal eigenvalues share g equally, for their v_j are not unique."""
    v = eigvectors(a, which=which)
    g = reshape(g, shape=(*g.shape[:-1], 1, g.shape[-1]))
    rounding = a.shape[-1] * np.finfo(a.dtype).eps * _largest(a)[..., None]
    group = np.cumsum(np.diff(_values(w), axis=-1, prepend=-np.inf) > rounding, axis=-1)
    same = group[..., None] == group[..., None, :]
    if same.sum() > group.size:
        g = g @ (same / same.sum(axis=-1, keepdims=True, dtype=g.dtype))
    return (v * g) @ v.mT


def _eigvectors_da(g: Any, z: Any, a: Any, *, which: slice) -> Any:
    """Σ_j Σ_i≠j v_i (v_iᵀ g_j) / (w_j - w_i) v_jᵀ, made symmetric; missing where an eigenvalue w_j is not alone."""
    n = a.shape[-1]
    own = np.eye(n, dtype=bool)[:, which]
    w, v = eigvalsh(a, which=slice(None)), eigvectors(a, which=slice(None))
    gaps = w[..., None, which] - w[..., None]
    close = ~own & (np.abs(_values(gaps)) <= np.sqrt(np.finfo(a.dtype).eps) * _largest(a)[..., None, None])
    if close.any():
        raise LinAlgError(
            f"eigh: two eigenvalues of the matrix{_place(close.any(axis=_last_two(close)))} are equal, or "
            f"nearly so: their eigenvectors are not unique, and have no derivative; nor have (equal) eigenvalues and "
            f"singular values a second one"
        )
    s = v @ (where(own, 0, v.mT @ g) / where(own, 1, gaps)) @ z.mT
    return (s + s.mT) / 2


def _largest(a: Any) -> Any:
    """The largest |a_ij| of each matrix."""
    return np.max(np.abs(_values(a)), axis=_last_two(a), initial=0)


def _values(x: Any) -> Any:
    """The array of a Tensor, or the array itself."""
    if captures and hasattr(x, "_leaves"):
        x._leaves("this derivative")
    return getattr(x, "_data", x)


def _last_two(x: Any) -> tuple[int, int]:
    """The axes of the matrices in a stack."""
    return len(x.shape) - 2, len(x.shape) - 1


# ---- the table -------------------------------------------------------------------------------------------
# fmt: off

#           name      z = f(x, y)        g . dz/dx                       g . dz/dy
matmul = Op("matmul", operator.matmul, (lambda g, z, x, y: g @ y.mT,   lambda g, z, x, y: x.mT @ g), "x y")

#           fused: the lecture's weighted input z is one node, in the sweep and in the picture
linear = Op("linear", _linear,         (_linear_dx, _linear_dw, lambda g, z, x, w, b: g),           "x wᵀ + b")

#               name         z = f(a)            g . dz/da               square matrices
inv: Op   = Op("inv",       _inv,              (lambda g, z, a: -(z.mT @ g @ z.mT),),                       "a⁻¹")
solve: Op = Op("solve",     _solve,             _solve_parts,                                               "a⁻¹ b")
cofactor  = Op("cofactor",  _cofactor,         (_cofactor_dx,),                                             "det(a) a⁻ᵀ")
det       = Op("det",       _det,              (lambda g, z, a: _scaled(g, cofactor(a)),),                  "det a")
logabsdet = Op("logabsdet", _logabsdet,        (lambda g, z, a: _scaled(g, inv(a).mT),),                    "log |det a|")
signdet   = Op("signdet",   _signdet,          (None,),                                                     "sign det a")
cholesky  = Op("cholesky",  _cholesky,         (_cholesky_dx,),                                             "z with z zᵀ = a")

#               name         symmetric matrices: of (a + aᵀ) / 2, so that the derivative is symmetric too
eigvalsh: Op = Op("eigvalsh",     lambda a, *, which: _eigh(a)[0][..., which],   (_eigvalsh_da,),                "eigenvalues of a")
eigvectors: Op = Op("eigvectors", lambda a, *, which: _eigh(a)[1][..., which],   (_eigvectors_da,),              "eigenvectors of a")

#               name         any matrix
pinv      = Op("pinv",      lambda a, *, rcond: np.linalg.pinv(a, rcond), (_pinv_dx,),                      "a⁺")

"""Linear ops that only move entries about: each one's rule is another one, its adjoint."""

from itertools import accumulate
from typing import Any

import numpy as np

from ..op import Op


def _is_basic(key: Any) -> bool:
    """Is it made of integers, slices, None and ... alone, so that no entry is picked twice?"""
    parts = key if isinstance(key, tuple) else (key,)
    return all(k is None or k is Ellipsis or type(k) is int or isinstance(k, slice) for k in parts)


def _put(g: Any, *, key: Any, shape: tuple[int, ...]) -> Any:
    """Zeros of the given shape, to which g is added at [key]; an entry picked twice receives both."""
    z = np.zeros(shape, g.dtype)
    if _is_basic(key):
        z[key] = g
    else:
        np.add.at(z, key, g)
    return z


def _parts(g: Any, z: Any, *xs: Any, axis: int) -> list[Any]:
    """The piece of g that came from each input."""
    ends = accumulate(x.shape[axis] for x in xs)
    before = (slice(None),) * axis
    return [take(g, key=(*before, slice(end - x.shape[axis], end))) for x, end in zip(xs, ends, strict=True)]


# fmt: off
#               name            z = f(x)                                            g . dz/dx
reshape: Op  = Op("reshape",      lambda x, *, shape: np.reshape(x, shape),           (lambda g, z, x, *, shape: reshape(g, shape=x.shape),),           "the same entries, another shape", view=True)
transpose: Op = Op("transpose",    lambda x, *, axes: np.transpose(x, axes),           (lambda g, z, x, *, axes: transpose(g, axes=_inverse(axes)),),    "axes in another order", view=True)
broadcast_to = Op("broadcast_to", lambda x, *, shape: np.broadcast_to(x, shape),      (lambda g, z, x, *, shape: g,),                                   "x repeated to a larger shape", view=True)
take: Op     = Op("take",         lambda x, *, key: x[key],                           (lambda g, z, x, *, key: put(g, key=key, shape=x.shape),),        "x[key]", view=True)
identity     = Op("identity",     lambda x: x,                                       (lambda g, z, x: g,),                                             "x", view=True)
put: Op      = Op("put",          _put,                                               (lambda g, z, x, *, key, shape: take(g, key=key),),               "zeros, x added at [key]")
concatenate  = Op("concatenate",  lambda *xs, axis: np.concatenate(xs, axis),         _parts,                                                            "inputs joined along an axis")
# fmt: on


def _inverse(axes: tuple[int, ...]) -> tuple[int, ...]:
    """The permutation that undoes `axes`."""
    return tuple(sorted(range(len(axes)), key=axes.__getitem__))

"""Ops that work entry by entry:  y = f(x),  z = f(x, y)."""

import operator
from typing import Any

import numpy as np

from ..op import Op, elementwise

# ---- the numerical care sits in the forward ----------------------------------------------------------


@np.errstate(over="ignore")  # e^-x = inf is right here: 1 / (1 + inf) = 0
def _sigmoid(x: Any) -> Any:
    """1 / (1 + e^-x), exact to rounding in both tails."""
    return 1 / (1 + np.exp(-x))


# ---- rules longer than an expression -----------------------------------------------------------------


def _power_dx(g: Any, z: Any, x: Any, n: Any) -> Any:
    """n x^(n-1), and 0 for n = 0 even where x^-1 is infinite."""
    if isinstance(n, (int, float)):
        return g * (n * x ** (n - 1)) if n != 0 else zeros_like(g)
    flat = (n == 0) & ((x == 0) | (absolute(x) == np.inf))
    return g * (n * where(flat, 1, x) ** (n - 1))


def _power_dn(g: Any, z: Any, x: Any, n: Any) -> Any:
    """x^n log x, and 0 for 0^n, which stays 0 while n > 0."""
    flat = (x == 0) & (n >= 0)
    return g * where(flat, 0, z * log(where(flat, 1, x)))


def _clip_dx(g: Any, y: Any, x: Any, *, lo: Any, hi: Any) -> Any:
    """g strictly between the bounds; 0 outside, and at the bounds themselves."""
    g = g if lo is None else where(x <= lo, 0, g)
    return g if hi is None else where(x >= hi, 0, g)


def _larger(g: Any, mine: Any, other: Any) -> Any:
    """All of g where mine is larger, half of it in a tie."""
    return where(mine == other, g / 2, where(mine < other, 0, g))


# ---- the table ---------------------------------------------------------------------------------------
# An op has the name of its NumPy function; operators stand in for the ufuncs because they are ten times
# faster on NumPy's scalars (40 ns against 500 ns), which is what 0-d Tensors hold.
# fmt: off

#                         name        z = f(x, y)         g . dz/dx                           g . dz/dy
add         = elementwise("add",      operator.add,       lambda g, z, x, y: g,               lambda g, z, x, y: g,              formula="x + y")
subtract    = elementwise("subtract", operator.sub,       lambda g, z, x, y: g,               lambda g, z, x, y: -g,             formula="x - y")
multiply    = elementwise("multiply", operator.mul,       lambda g, z, x, y: g * y,           lambda g, z, x, y: g * x,          formula="x · y")
divide      = elementwise("divide",   operator.truediv,   lambda g, z, x, y: g / y,           lambda g, z, x, y: -g * z / y,     formula="x / y")
power       = elementwise("power",    operator.pow,       _power_dx,                          _power_dn,                         formula="x ^ n")
maximum     = elementwise("maximum",  np.maximum,         lambda g, z, x, y: _larger(g, x, y), lambda g, z, x, y: _larger(g, y, x), formula="max(x, y)")
minimum     = elementwise("minimum",  np.minimum,         lambda g, z, x, y: _larger(g, y, x), lambda g, z, x, y: _larger(g, x, y), formula="min(x, y)")

#                         name        y = f(x)            g . dy/dx
negative    = elementwise("negative", operator.neg,       lambda g, y, x: -g,                 formula="-x")
absolute: Op = elementwise("absolute", operator.abs,       lambda g, y, x: g * sign(x),        formula="|x|")
exp         = elementwise("exp",      np.exp,             lambda g, y, x: g * y,              formula="e^x")
log: Op     = elementwise("log",      np.log,             lambda g, y, x: g / x,              formula="log x")
sqrt        = elementwise("sqrt",     np.sqrt,            lambda g, y, x: g / (2 * y),        formula="√x")
tanh        = elementwise("tanh",     np.tanh,            lambda g, y, x: g * (1 - y * y),    formula="tanh x")
sigmoid     = elementwise("sigmoid",  _sigmoid,           lambda g, y, x: g * (y * (1 - y)),  formula="1 / (1 + e^-x)")
relu        = elementwise("relu",     lambda x: np.maximum(x, 0), lambda g, y, x: where(x <= 0, 0, g), formula="max(x, 0)")
clip        = elementwise("clip",     lambda x, *, lo, hi: np.clip(x, lo, hi), _clip_dx,                  formula="min(max(x, lo), hi)")

#                         name        z                   not differentiable in the condition
where: Op   = elementwise("where",    np.where,           None, lambda g, z, c, x, y: where(c, g, 0), lambda g, z, c, x, y: where(c, 0, g), formula="x if c else y")

sign: Op    = elementwise("sign",     np.sign,            lambda g, y, x: zeros_like(g),      formula="sign x")

#                         name        z                   no derivative: constant almost everywhere
zeros_like: Op = elementwise("zeros_like", np.zeros_like,    None,                               formula="0")
equal       = elementwise("equal",    operator.eq,        None, None,                         formula="x = y")
not_equal   = elementwise("not_equal", operator.ne,       None, None,                         formula="x ≠ y")
less        = elementwise("less",     operator.lt,        None, None,                         formula="x < y")
less_equal  = elementwise("less_equal", operator.le,      None, None,                         formula="x ≤ y")
greater     = elementwise("greater",  operator.gt,        None, None,                         formula="x > y")
greater_equal = elementwise("greater_equal", operator.ge, None, None,                         formula="x ≥ y")
logical_and = elementwise("bitwise_and", operator.and_,   None, None,                         formula="x and y")
logical_or  = elementwise("bitwise_or", operator.or_,     None, None,                         formula="x or y")
logical_not = elementwise("invert",   operator.invert,    None,                               formula="not x")
isnan: Op   = elementwise("isnan",    np.isnan,           None,                               formula="is x NaN?")

#                         changes the precision; the sweep changes it back
astype: Op  = Op("astype", lambda x, *, dtype: x.astype(dtype), (lambda g, y, x, *, dtype: g,), "x in another dtype", elementwise=True)

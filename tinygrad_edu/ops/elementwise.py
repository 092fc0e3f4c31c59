"""Ops that work entry by entry:  y = f(x),  z = f(x, y)."""

import math
import operator
from functools import cache
from typing import Any

import numpy as np

from ..op import Op, elementwise

# ---- the numerical care sits in the forward ----------------------------------------------------------


@np.errstate(over="ignore")  # e^-x = inf is right here: 1 / (1 + inf) = 0
def _sigmoid(x: Any) -> Any:
    """1 / (1 + e^-x); for very negative x it is e^x to rounding, and not 0."""
    return 1 / (1 + np.exp(-1.0 * x))  # -1.0, and not -: an unsigned integer would wrap


def _where(condition: Any, x: Any, y: Any) -> Any:
    """np.where, of single numbers a number: x ^ n of arrays and of numbers may differ in the last bit."""
    z = np.where(condition, x, y)
    return z if z.ndim else z[()]


def _float_power(x: Any, n: Any) -> Any:
    """x ^ n in real numbers: 2 ^ -1 is 0.5 in integers too.  Unlike NumPy's, it keeps float32."""
    return np.power(x, n) if np.result_type(x, n).kind == "f" else np.float_power(x, n)


_erf_of_one = np.frompyfunc(math.erf, 1, 1)
_PER, _FURTHEST = 256, 6  # Taylor series of erf stand at multiples of 1/256, from -6 to 6; beyond, erf is ±1


def _erf(x: Any) -> Any:
    """2/√π ∫ e^-t² dt from 0 to x, to 1.5 units in the last place.  NumPy has none."""
    x = np.asarray(x)
    dtype = x.dtype if x.dtype.kind == "f" else np.float64
    if x.size < 200:  # Python's, entry by entry: 0.1 µs each
        return np.asarray(_erf_of_one(x), dtype)[()]
    flat, y, block = x.reshape(-1), np.empty(x.size, dtype), 8192  # so many that what is in between stays in the cache
    for i in range(0, x.size, block):
        y[i : i + block] = _erf_of_many(flat[i : i + block].astype(np.float64))
    return y.reshape(x.shape)


def _erf_of_many(x: Any) -> Any:
    """erf(k + h) = erf(k) + erf'(k) h + erf''(k) h²/2 + …, where k is the multiple of 1/256 next to x"""
    x = np.clip(x, -_FURTHEST, _FURTHEST)
    row = np.rint((np.fmax(x, -_FURTHEST) + _FURTHEST) * _PER).astype(np.intp)  # there is one for NaN too: h is NaN then
    h = x - (row / _PER - _FURTHEST)
    last, *others = _erf_series()
    y = last.take(row)
    for c in others:
        y *= h
        y += c.take(row)
    return y


@cache
def _erf_series() -> Any:
    """(6, 3073): the fifth derivative of erf, divided by 5!, at each k; the fourth by 4!, …, erf itself.

    erf' = g = 2/√π e^-k²,  erf'' = -2k g,  and for n = 2, 3, …  erf⁽ⁿ⁺¹⁾ = -2k erf⁽ⁿ⁾ - 2(n - 1) erf⁽ⁿ⁻¹⁾
    """
    k = np.arange(_FURTHEST * _PER, -_FURTHEST * _PER - 1, -1) / -_PER  # with -0.0 in the middle: erf(-0.0) is -0.0
    g = 2 / math.sqrt(math.pi) * np.exp(-k * k)
    d = [np.array([math.erf(x) for x in k]), g, -2 * k * g]
    for n in range(2, 5):
        d.append(-2 * k * d[n] - 2 * (n - 1) * d[n - 1])
    return np.array([d[n] / math.factorial(n) for n in range(5, -1, -1)])


# ---- rules longer than an expression -----------------------------------------------------------------


def _power_dx(g: Any, z: Any, x: Any, n: Any) -> Any:
    """n x^(n-1), and 0 for n = 0 even where x^-1 overflows, or x is infinite or NaN: x^0 is 1 there, too."""
    if isinstance(n, (int, float)):
        return g * (n * x ** (n - 1)) if n != 0 else zeros_like(g)
    x = _as_entries(x, z)
    flat = (n == 0) & ((absolute(x) < np.finfo(z.dtype).tiny) | (absolute(x) == np.inf) | isnan(x))
    g = where((n == 0) & ~isfinite(g), 0, g)
    return g * (n * where(flat, 1, x) ** (n - 1.0))  # 1.0, and not 1: an unsigned 0 would wrap


def _as_entries(x: Any, z: Any) -> Any:
    """x in the precision of z: 2.0 ^ n has a derivative in float32 if n is, the same on arrays as on Tensors."""
    dtype = getattr(x, "dtype", None)  # a Python number has none
    if dtype is None:
        return zeros_like(z) + x
    return x if dtype == z.dtype else astype(x, dtype=z.dtype)


def _power_dn(g: Any, z: Any, x: Any, n: Any) -> Any:
    """x^n log x, and 0 for 0^n, which stays 0 while n > 0."""
    x = _as_entries(x, z)
    flat = (x == 0) & (n >= 0)
    return g * where(flat, 0, z * log(where(flat, 1.0, x)))  # 1.0, and not 1: the log of a uint8 has 10 bits


def _clip_dx(g: Any, y: Any, x: Any, *, lo: Any, hi: Any) -> Any:
    """g strictly between the bounds; 0 outside, and at the bounds themselves."""
    g = g if lo is None else where(x <= lo, 0, g)
    return g if hi is None else where(x >= hi, 0, g)


def _larger(g: Any, mine: Any, other: Any) -> Any:
    """All of g where mine is larger, half of it in a tie."""
    return where(mine == other, g / 2, where(mine < other, 0, g))


def _larger_number(g: Any, z: Any, mine: Any, other: Any) -> Any:
    """As _larger, but a NaN beside a number has no part in the result; two NaN are a tie."""
    return where(isnan(z), g / 2, where(isnan(mine), 0, _larger(g, mine, other)))


def _hypot_dx(g: Any, z: Any, x: Any, y: Any) -> Any:
    """x / z, and 0 where both are 0."""
    return g * (x / where(z == 0, 1, z))


def _arctan2_dy(g: Any, y: Any, x: Any) -> Any:
    """x / (x² + y²), without squares that overflow, and 0 where both are 0."""
    r = hypot(x, y)
    r = where(r == 0, 1, r)
    return g * (x / r / r)


def _logaddexp_dx(g: Any, z: Any, x: Any, y: Any) -> Any:
    """e^x / (e^x + e^y) = sigmoid(x - y), and 0 where both are -inf."""
    return g * sigmoid(x - where(z == -np.inf, -z, y))


def _logaddexp2_dx(g: Any, z: Any, x: Any, y: Any) -> Any:
    """2^x / (2^x + 2^y), and 0 where both are -inf."""
    return g * sigmoid((x - where(z == -np.inf, -z, y)) * _LOG_2)


def _erf_dx(g: Any, y: Any, x: Any) -> Any:
    """2/√π e^-x²; beyond ±30 it is 0 in every precision, and x² need not overflow."""
    x = clip(x, lo=-30.0, hi=30.0)
    return g * (2 / math.sqrt(math.pi) * exp(-x * x))


_LOG_2, _LOG_10, _DEGREE = math.log(2), math.log(10), math.pi / 180


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
fmax        = elementwise("fmax",     np.fmax,            lambda g, z, x, y: _larger_number(g, z, x, y), lambda g, z, x, y: _larger_number(g, z, y, x), formula="max(x, y), of numbers before NaN")
fmin        = elementwise("fmin",     np.fmin,            lambda g, z, x, y: -_larger_number(-g, z, -x, -y), lambda g, z, x, y: -_larger_number(-g, z, -y, -x), formula="min(x, y), of numbers before NaN")
float_power = elementwise("float_power", _float_power,    _power_dx,                          _power_dn,                         formula="x ^ n, in real numbers")
hypot: Op   = elementwise("hypot",    np.hypot,           _hypot_dx,                          lambda g, z, x, y: _hypot_dx(g, z, y, x), formula="√(x² + y²)")
arctan2     = elementwise("arctan2",  np.arctan2,         lambda g, z, y, x: _arctan2_dy(g, y, x), lambda g, z, y, x: -_arctan2_dy(g, x, y), formula="the angle of the point (x, y)")
logaddexp   = elementwise("logaddexp", np.logaddexp,      _logaddexp_dx,                      lambda g, z, x, y: _logaddexp_dx(g, z, y, x), formula="log(e^x + e^y)")
logaddexp2  = elementwise("logaddexp2", np.logaddexp2,    _logaddexp2_dx,                     lambda g, z, x, y: _logaddexp2_dx(g, z, y, x), formula="log₂(2^x + 2^y)")
remainder   = elementwise("remainder", operator.mod,      lambda g, z, x, y: g,               lambda g, z, x, y: -g * floor_divide(x, y), formula="x - y ⌊x / y⌋")
fmod        = elementwise("fmod",     np.fmod,            lambda g, z, x, y: g,               lambda g, z, x, y: -g * rint((x - z) / y), formula="x - y trunc(x / y)")

#                         name        y = f(x)            g . dy/dx
negative    = elementwise("negative", operator.neg,       lambda g, y, x: -g,                 formula="-x")
absolute: Op = elementwise("absolute", operator.abs,       lambda g, y, x: g * sign(x),        formula="|x|")
exp         = elementwise("exp",      np.exp,             lambda g, y, x: g * y,              formula="e^x")
log: Op     = elementwise("log",      np.log,             lambda g, y, x: g / x,              formula="log x")
sqrt        = elementwise("sqrt",     np.sqrt,            lambda g, y, x: g / (2 * y),        formula="√x")
tanh        = elementwise("tanh",     np.tanh,            lambda g, y, x: g * (1 - y * y),    formula="tanh x")
sin: Op     = elementwise("sin",      np.sin,             lambda g, y, x: g * cos(x),         formula="sin x")
cos: Op     = elementwise("cos",      np.cos,             lambda g, y, x: -g * sin(x),        formula="cos x")
tan         = elementwise("tan",      np.tan,             lambda g, y, x: g * (1 + y * y),    formula="tan x")
arcsin      = elementwise("arcsin",   np.arcsin,          lambda g, y, x: g / sqrt((1 - x) * (1 + x)),  formula="arcsin x")
arccos      = elementwise("arccos",   np.arccos,          lambda g, y, x: -g / sqrt((1 - x) * (1 + x)), formula="arccos x")
arctan      = elementwise("arctan",   np.arctan,          lambda g, y, x: g / hypot(x, 1) / hypot(x, 1), formula="arctan x")  # 1 + x² may overflow
sinh: Op    = elementwise("sinh",     np.sinh,            lambda g, y, x: g * cosh(x),        formula="sinh x")
cosh: Op    = elementwise("cosh",     np.cosh,            lambda g, y, x: g * sinh(x),        formula="cosh x")
arcsinh     = elementwise("arcsinh",  np.arcsinh,         lambda g, y, x: g / hypot(x, 1),    formula="arsinh x")
arccosh     = elementwise("arccosh",  np.arccosh,         lambda g, y, x: g / (sqrt(x - 1) * sqrt(x + 1)), formula="arcosh x")
arctanh     = elementwise("arctanh",  np.arctanh,         lambda g, y, x: g / ((1 - x) * (1 + x)), formula="artanh x")
exp2        = elementwise("exp2",     np.exp2,            lambda g, y, x: g * (y * _LOG_2),   formula="2^x")
expm1       = elementwise("expm1",    np.expm1,           lambda g, y, x: g * exp(x),         formula="e^x - 1")
log1p       = elementwise("log1p",    np.log1p,           lambda g, y, x: g / (1 + x),        formula="log(1 + x)")
log2        = elementwise("log2",     np.log2,            lambda g, y, x: g / (x * _LOG_2),   formula="log₂ x")
log10       = elementwise("log10",    np.log10,           lambda g, y, x: g / (x * _LOG_10),  formula="log₁₀ x")
square      = elementwise("square",   np.square,          lambda g, y, x: g * (2 * x),        formula="x²")
cbrt        = elementwise("cbrt",     np.cbrt,            lambda g, y, x: g / (3 * y * y),    formula="∛x")
reciprocal  = elementwise("reciprocal", np.reciprocal,    lambda g, y, x: -g * y * y,         formula="1 / x")
positive    = elementwise("positive", operator.pos,       lambda g, y, x: g,                  formula="+x")
fabs        = elementwise("fabs",     np.fabs,            lambda g, y, x: g * sign(x),        formula="|x|")
deg2rad     = elementwise("deg2rad",  np.deg2rad,         lambda g, y, x: g * _DEGREE,        formula="x π / 180")
radians     = elementwise("radians",  np.radians,         lambda g, y, x: g * _DEGREE,        formula="x π / 180")
rad2deg     = elementwise("rad2deg",  np.rad2deg,         lambda g, y, x: g / _DEGREE,        formula="180 x / π")
degrees     = elementwise("degrees",  np.degrees,         lambda g, y, x: g / _DEGREE,        formula="180 x / π")
erf         = elementwise("erf",      _erf,               _erf_dx,                            formula="2/√π ∫ e^-t² dt, from 0 to x")
sigmoid     = elementwise("sigmoid",  _sigmoid,           lambda g, y, x: g * (y * (1 - y)),  formula="1 / (1 + e^-x)")
relu        = elementwise("relu",     lambda x: np.maximum(x, 0), lambda g, y, x: where(x <= 0, 0, g), formula="max(x, 0)")
clip        = elementwise("clip",     lambda x, *, lo, hi: np.clip(x, lo, hi), _clip_dx,                  formula="min(max(x, lo), hi)")

#                         name        z                   not differentiable in the condition
where: Op   = elementwise("where",    _where,             None, lambda g, z, c, x, y: where(c, g, 0), lambda g, z, c, x, y: where(c, 0, g), formula="x if c else y")

#                         name        steps               flat wherever they have a slope; at the steps 0 too
sign: Op    = elementwise("sign",     np.sign,            lambda g, y, x: zeros_like(g),      formula="sign x")
floor       = elementwise("floor",    np.floor,           lambda g, y, x: zeros_like(g),      formula="⌊x⌋")
ceil        = elementwise("ceil",     np.ceil,            lambda g, y, x: zeros_like(g),      formula="⌈x⌉")
trunc       = elementwise("trunc",    np.trunc,           lambda g, y, x: zeros_like(g),      formula="x without its fraction")
rint: Op    = elementwise("rint",     np.rint,            lambda g, y, x: zeros_like(g),      formula="the nearest integer to x")
floor_divide: Op = elementwise("floor_divide", operator.floordiv, lambda g, z, x, y: zeros_like(g), lambda g, z, x, y: zeros_like(g), formula="⌊x / y⌋")
heaviside   = elementwise("heaviside", np.heaviside,      lambda g, z, x, h: zeros_like(g),   lambda g, z, x, h: where(x == 0, g, 0), formula="0 if x < 0, h if x = 0, 1 if x > 0")
copysign    = elementwise("copysign", np.copysign,        lambda g, z, x, y: g * (sign(x) * sign(z)), lambda g, z, x, y: zeros_like(g), formula="|x| with the sign of y")

#                         name        z                   no derivative: constant almost everywhere
zeros_like: Op = elementwise("zeros_like", np.zeros_like,    None,                               formula="0")
equal       = elementwise("equal",    operator.eq,        None, None,                         formula="x = y")
not_equal   = elementwise("not_equal", operator.ne,       None, None,                         formula="x ≠ y")
less        = elementwise("less",     operator.lt,        None, None,                         formula="x < y")
less_equal  = elementwise("less_equal", operator.le,      None, None,                         formula="x ≤ y")
greater     = elementwise("greater",  operator.gt,        None, None,                         formula="x > y")
greater_equal = elementwise("greater_equal", operator.ge, None, None,                         formula="x ≥ y")
bitwise_and = elementwise("bitwise_and", operator.and_,   None, None,                         formula="x and y")
bitwise_or  = elementwise("bitwise_or", operator.or_,     None, None,                         formula="x or y")
invert      = elementwise("invert",   operator.invert,    None,                               formula="not x")
#                         named after what & | ~ do to truth values; these are NumPy's, where every number but 0 is true
logical_and = elementwise("logical_and", np.logical_and,  None, None,                         formula="are x and y true?")
logical_or  = elementwise("logical_or", np.logical_or,    None, None,                         formula="is x or y true?")
logical_xor = elementwise("logical_xor", np.logical_xor,  None, None,                         formula="is one of x and y true?")
logical_not = elementwise("logical_not", np.logical_not, None,                               formula="is x false?")
isnan: Op   = elementwise("isnan",    np.isnan,           None,                               formula="is x NaN?")
isinf       = elementwise("isinf",    np.isinf,           None,                               formula="is x infinite?")
isfinite: Op = elementwise("isfinite", np.isfinite,        None,                               formula="is x a finite number?")
signbit     = elementwise("signbit",  np.signbit,         None,                               formula="is x negative, or -0?")
isclose     = elementwise("isclose",  lambda x, y, *, rtol, atol, equal_nan: np.isclose(x, y, rtol, atol, equal_nan), None, None, formula="|x - y| ≤ atol + rtol |y|")

#                         changes the precision; the sweep changes it back
astype: Op  = Op("astype", lambda x, *, dtype: x.astype(dtype), (lambda g, y, x, *, dtype: g,), "x in another dtype", elementwise=True)

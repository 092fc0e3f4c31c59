"""The registry of random programs: how each operation is written, drawn, and known by its second implementations.

A new function is one line: `"exp2": S("te.exp2(x), np.exp2(x)", lambda x: np.exp(x * np.log(2)), "torch.exp2(x)")`.
"""

import ast
from collections.abc import Callable, Sequence
from functools import cache
from typing import Any, NamedTuple

import numpy as np
from program_choices import (
    Shape,
    along,
    along_one,
    any_shape,
    at_least,
    axes,
    axes_at_least,
    both,
    bounds,
    constant,
    cuts,
    equal,
    filters,
    image,
    key,
    larger_shape,
    largest_few,
    layer,
    letters,
    mask,
    mask_along,
    no_other,
    number,
    of,
    one_axis,
    other_shape,
    permutation,
    places,
    pooled,
    second_factor,
    shrunk_shape,
    strides,
    two_places,
    uneven,
    widths,
)
from program_references import (
    add_at,
    angle,
    angle_kink,
    apart,
    area,
    average_of,
    between_points,
    by_inverse,
    cardinal_sine,
    cholesky_factor,
    chosen,
    clipped,
    contracted,
    convolved,
    cube_root,
    determinant,
    diagonal_of,
    differences,
    eigenvalue_kink,
    eigenvalues,
    error_function,
    framed,
    from_steps,
    gap,
    grouped,
    highest,
    highest_kink,
    in_order,
    inverse,
    kept,
    kronecker,
    larger,
    log_sum_exp,
    logistic,
    magnitude,
    matrix_norm,
    matrix_norm_kink,
    matrix_powers,
    mean,
    neighbours,
    norm_kink,
    numbered,
    on_diagonal,
    order_kink,
    polynomial,
    product_of_polynomials,
    products,
    pseudo_inverse,
    put_between,
    quantiles,
    right_angles,
    rolled_by,
    running,
    sampled_slopes,
    set_at,
    sine,
    singular_kink,
    singular_norm,
    singular_values,
    smaller,
    soft_larger,
    softmax,
    squared_distance,
    squared_symmetric,
    top,
    triangle,
    turned_round,
    variances,
    variances_above_zero,
    vector_norms,
    weighted_input,
    whole,
    whole_power,
)


def broadcast_together(x: Shape, y: Shape) -> bool:
    """Do they broadcast?"""
    return all(n == m or 1 in (n, m) for n, m in zip(x[::-1], y[::-1], strict=False))


class S:
    """How one operation is drawn, written and known by its second implementations.

    spellings  in tinygrad_edu, with x, y, z (or xs) and settings; several, separated by ` ; `
    reference  in NumPy, on complex arrays, sharing no code with the engine
    torch      in PyTorch; "" where it has no such function
    params     (choices, *shapes) -> settings, or None where the operation does not fit the shapes
    domain     for each operand: what must be done to it first, see Builder.into
    kink       (*arrays, **settings) -> how far from the nearest kink
    fresh      (choices, shape of x) -> shapes of new leaves for the other operands
    takes      which shapes x may have
    fits       which shapes go together with that of x
    blocked    operands that have no derivative
    """

    def __init__(
        self,
        spellings: str,
        reference: Callable[..., Any],
        torch: str = "",
        params: Callable[..., dict[str, Any] | None] | None = None,
        domain: tuple[str | None, ...] = (),
        kink: Callable[..., float] | None = None,
        fresh: Callable[..., list[Shape]] | None = None,
        takes: Callable[[Shape], bool] = lambda x: True,
        fits: Callable[[Shape, Shape], bool] = broadcast_together,
        blocked: tuple[int, ...] = (),
    ) -> None:
        self.spellings = tuple(part.strip() for part in spellings.split(" ; "))
        names = {node.id for node in ast.walk(ast.parse(self.spellings[0])) if isinstance(node, ast.Name)}
        self.arity = None if "xs" in names else 3 if "z" in names else 2 if "y" in names else 1
        self.reference, self.torch, self.params, self.domain = reference, torch, params, domain
        self.kink, self.fresh, self.takes, self.fits, self.blocked = kink, fresh, takes, fits, blocked


@cache
def compiled(source: str, names: tuple[str, ...], namespace: Callable[[], dict[str, Any]]) -> Callable[..., Any]:
    """The expression as a function of its operands and settings."""
    return eval(f"lambda {', '.join(names)}: {source}", namespace())  # our own table, read once


def bound(spec: S, operands: Sequence[Any]) -> dict[str, Any]:
    """The operands by the names that expressions know them by: x, y, z, or xs for any number of them."""
    return {"xs": list(operands)} if spec.arity is None else dict(zip("xyz", operands, strict=False))


def called(f: Callable[..., Any], spec: S, values: Sequence[Any], params: dict[str, Any]) -> Any:
    return f(list(values), **params) if spec.arity is None else f(*values, **params)


# ---- the registry: a new function is one line --------------------------------------------------------------

POSITIVE, NONZERO, BOUNDED = "positive", "nonzero", "bounded"
# fmt: off
# ruff: noqa: E501
OPS: dict[str, S] = {
    # entry by entry
    "tanh": S("te.tanh(x) ; x.tanh() ; np.tanh(x)", np.tanh, "torch.tanh(x)"),
    "add": S("x + y ; np.add(x, y)", lambda x, y: x - (-y), "x + y"),
    "subtract": S("x - y ; np.subtract(x, y)", lambda x, y: x + (-y), "x - y"),
    "multiply": S("x * y ; np.multiply(x, y)", lambda x, y: y * x, "x * y"),
    "divide": S("x / y ; np.divide(x, y)", lambda x, y: x * (1 / y), "x / y", domain=(None, NONZERO)),
    "power": S("x ** y ; np.power(x, y)", lambda x, y: np.exp(y * np.log(x)), "x ** y", domain=(POSITIVE, BOUNDED)),
    "negative": S("-x ; np.negative(x)", lambda x: 0 - x, "-x"),
    "positive": S("+x ; te.positive(x) ; np.positive(x)", lambda x: x, "+x"),
    "square": S("te.square(x) ; x.square() ; np.square(x) ; x * x ; x ** 2", lambda x: x * x, "x * x"),
    "exp": S("te.exp(x) ; x.exp() ; np.exp(x)", np.exp, "torch.exp(x)", domain=(BOUNDED,)),
    "log": S("te.log(x) ; x.log() ; np.log(x)", np.log, "torch.log(x)", domain=(POSITIVE,)),
    "sqrt": S("te.sqrt(x) ; x.sqrt() ; np.sqrt(x)", lambda x: np.exp(np.log(x) / 2), "torch.sqrt(x)", domain=(POSITIVE,)),
    "sin": S("te.sin(x) ; x.sin() ; np.sin(x)", sine, "torch.sin(x)"),
    "cos": S("te.cos(x) ; x.cos() ; np.cos(x)", lambda x: 1 - 2 * np.sin(x / 2) ** 2, "torch.cos(x)"),
    "tan": S("te.tan(x) ; np.tan(x)", np.tan, "torch.tan(x)", kink=lambda x: apart(np.cos(x)) / 8),
    "arcsin": S("te.arcsin(x) ; np.arcsin(x)", np.arcsin, "torch.arcsin(x)", domain=("inside",)),
    "arccos": S("te.arccos(x) ; np.arccos(x)", np.arccos, "torch.arccos(x)", domain=("inside",)),
    "arctan": S("te.arctan(x) ; np.arctan(x)", np.arctan, "torch.arctan(x)"),
    "sinh": S("te.sinh(x) ; np.sinh(x)", np.sinh, "torch.sinh(x)", domain=(BOUNDED,)),
    "cosh": S("te.cosh(x) ; np.cosh(x)", lambda x: (np.exp(x) + np.exp(-x)) / 2, "torch.cosh(x)", domain=(BOUNDED,)),
    "arcsinh": S("te.arcsinh(x) ; np.arcsinh(x)", np.arcsinh, "torch.arcsinh(x)"),
    "arccosh": S("te.arccosh(x) ; np.arccosh(x)", lambda x: np.log(x + np.sqrt(x - 1) * np.sqrt(x + 1)), "torch.arccosh(x)", domain=("above one",)),
    "arctanh": S("te.arctanh(x) ; np.arctanh(x)", np.arctanh, "torch.arctanh(x)", domain=("inside",)),
    "exp2": S("te.exp2(x) ; np.exp2(x)", lambda x: np.exp(x * np.log(2)), "torch.exp2(x)", domain=(BOUNDED,)),
    "expm1": S("te.expm1(x) ; np.expm1(x)", lambda x: 2 * np.exp(x / 2) * np.sinh(x / 2), "torch.expm1(x)", domain=(BOUNDED,)),
    "log1p": S("te.log1p(x) ; np.log1p(x)", lambda x: 2 * np.arctanh(x / (2 + x)), "torch.log1p(x)", domain=("inside",)),
    "log2": S("te.log2(x) ; np.log2(x)", lambda x: np.log(x) / np.log(2), "torch.log2(x)", domain=(POSITIVE,)),
    "log10": S("te.log10(x) ; np.log10(x)", lambda x: np.log(x) / np.log(10), "torch.log10(x)", domain=(POSITIVE,)),
    "cbrt": S("te.cbrt(x) ; np.cbrt(x)", cube_root, "(s := torch.copysign(torch.ones_like(x), x)) * (s * x) ** (1 / 3)", domain=(NONZERO,)),
    "reciprocal": S("te.reciprocal(x) ; np.reciprocal(x)", lambda x: 1 / x, "torch.reciprocal(x)", domain=(NONZERO,)),
    "deg2rad": S("te.deg2rad(x) ; np.deg2rad(x)", lambda x: x * np.pi / 180, "torch.deg2rad(x)"),
    "radians": S("te.radians(x) ; np.radians(x)", lambda x: x * np.pi / 180, "torch.deg2rad(x)"),
    "rad2deg": S("te.rad2deg(x) ; np.rad2deg(x)", lambda x: x / np.pi * 180, "torch.rad2deg(x)"),
    "degrees": S("te.degrees(x) ; np.degrees(x)", lambda x: x / np.pi * 180, "torch.rad2deg(x)"),
    "erf": S("te.erf(x)", error_function, "torch.erf(x)", domain=(BOUNDED,)),
    "sinc": S("te.sinc(x) ; np.sinc(x)", cardinal_sine, "torch.sinc(x)"),
    "softplus": S("te.softplus(x)", lambda x: soft_larger(x, 0 * x), "torch.nn.functional.softplus(x, threshold=40)"),
    "log_sigmoid": S("te.log_sigmoid(x)", lambda x: -soft_larger(-x, 0 * x), "torch.nn.functional.logsigmoid(x)"),
    "silu": S("te.silu(x)", lambda x: x * logistic(x), "x * torch.sigmoid(x)"),
    "gelu": S("te.gelu(x)", lambda x: x * (1 + error_function(x / np.sqrt(2))) / 2, "x * (0.5 * (1 + torch.erf(x / 2**0.5)))", domain=(BOUNDED,)),
    "gelu_tanh": S("te.gelu(x, 'tanh') ; te.gelu(x, approximate='tanh')", lambda x: x * logistic(2 * np.sqrt(2 / np.pi) * (x + 0.044715 * x**3)), "x * (0.5 * (1 + torch.tanh((2 / np.pi) ** 0.5 * (x.clip(-30, 30) + 0.044715 * x.clip(-30, 30) ** 3))))", domain=(BOUNDED,)),
    "leaky_relu": S("te.leaky_relu(x, c)", lambda x, c: np.where(np.real(x) <= 0, c, 1) * x, "torch.nn.functional.leaky_relu(x, c)", of(c=(0.01, 0.5)), kink=lambda x, c: apart(x)),
    "elu": S("te.elu(x, c)", lambda x, c: np.where(np.real(x) <= 0, c * (np.exp(smaller(x, 0 * x)) - 1), x), "torch.nn.functional.elu(x, c)", of(c=(1.0, 0.5)), kink=lambda x, c: apart(x)),
    "fabs": S("te.fabs(x) ; np.fabs(x)", magnitude, "torch.abs(x)", kink=apart),
    "floor": S("te.floor(x) ; np.floor(x)", whole, "torch.floor(x)", kink=from_steps),
    "ceil": S("te.ceil(x) ; np.ceil(x)", lambda x: -whole(-x), "torch.ceil(x)", kink=from_steps),
    "trunc": S("te.trunc(x) ; np.trunc(x)", lambda x: np.where(np.real(x) < 0, -whole(-x), whole(x)), "torch.trunc(x)", kink=from_steps),
    "rint": S("te.rint(x) ; np.rint(x) ; te.round(x) ; x.round() ; round(x)", lambda x: whole(x + 0.5), "torch.round(x)", kink=lambda x: from_steps(x, 0.5)),
    "round": S("te.round(x, n) ; x.round(n) ; np.round(x, n) ; round(x, n)", lambda x, n: whole(x * 10.0**n + 0.5) / 10.0**n, "torch.round(x, decimals=n)", of(n=(1, -1)), kink=lambda x, n: from_steps(x * 10.0**n, 0.5)),
    "float_power": S("te.float_power(x, y) ; np.float_power(x, y)", lambda x, y: np.exp(y * np.log(x)), "torch.float_power(x, y)", domain=(POSITIVE, BOUNDED)),
    "hypot": S("te.hypot(x, y) ; np.hypot(x, y)", lambda x, y: np.sqrt(x * x + y * y), "torch.hypot(x, y)", kink=lambda x, y: apart(np.hypot(x, y))),
    "arctan2": S("te.arctan2(x, y) ; np.arctan2(x, y)", angle, "torch.arctan2(x, y)", kink=angle_kink),
    "logaddexp": S("te.logaddexp(x, y) ; np.logaddexp(x, y)", soft_larger, "torch.logaddexp(x, y)"),
    "logaddexp2": S("te.logaddexp2(x, y) ; np.logaddexp2(x, y)", lambda x, y: soft_larger(x, y, 2.0), "torch.logaddexp2(x, y)"),
    "xlogy": S("te.xlogy(x, y)", lambda x, y: x * np.log(y), "torch.xlogy(x, y)", domain=(None, POSITIVE)),
    "remainder": S("te.remainder(x, y) ; x % y ; np.remainder(x, y) ; np.mod(x, y)", lambda x, y: x - y * whole(np.real(x) / np.real(y)), "torch.remainder(x, y)", domain=(None, NONZERO), kink=lambda x, y: from_steps(x / y)),
    "fmod": S("te.fmod(x, y) ; np.fmod(x, y)", lambda x, y: x - y * np.trunc(np.real(x) / np.real(y)), "torch.fmod(x, y)", domain=(None, NONZERO), kink=lambda x, y: from_steps(x / y)),
    "floor_divide": S("te.floor_divide(x, y) ; x // y ; np.floor_divide(x, y)", lambda x, y: whole(np.real(x) / np.real(y)), "torch.div(x, y, rounding_mode='floor')", domain=(None, NONZERO), kink=lambda x, y: from_steps(x / y)),
    "heaviside": S("te.heaviside(x, y) ; np.heaviside(x, y)", lambda x, y: 1.0 * (np.real(x) > 0) + 0 * y, "torch.where(x == 0, y, torch.where(torch.isnan(x), torch.nan, (1 + torch.sign(x)) / 2))", kink=lambda x, y: apart(x)),
    "copysign": S("te.copysign(x, y) ; np.copysign(x, y)", lambda x, y: np.where((np.real(x) > 0) == (np.real(y) > 0), x, -x), "torch.copysign(x, y)", kink=lambda x, y: apart(x, y)),
    "fmax": S("te.fmax(x, y) ; np.fmax(x, y)", larger, "torch.fmax(x, y)", kink=lambda x, y: apart(x - y)),
    "fmin": S("te.fmin(x, y) ; np.fmin(x, y)", smaller, "torch.fmin(x, y)", kink=lambda x, y: apart(x - y)),
    "nan_to_num": S("te.nan_to_num(te.where(x > 0, x, np.nan), nan=c, posinf=8.0) ; np.nan_to_num(np.where(x > 0, x, np.nan), nan=c, posinf=8.0)", lambda x, c: np.where(np.real(x) > 0, x, c), "torch.where(x > 0, torch.where(x < torch.inf, x, 8.0), c)", of(c=(0.0, -1.5)), kink=lambda x, c: apart(x)),
    "isclose": S("te.where(te.isclose(x, y, 0.25, 0.5), x, y) ; np.where(~(te.isclose(x, y, 0.25, 0.5)), y, x)", lambda x, y: np.where(np.abs(np.real(x - y)) <= 0.5 + 0.25 * np.abs(np.real(y)), x, y), "torch.where(torch.isclose(x, y, 0.25, 0.5), x, y)", kink=lambda x, y: apart(np.abs(x - y) - 0.5 - 0.25 * np.abs(y))),
    "equal": S("te.where((x == y) | (x < y), y, 2 * x) ; te.where(~(x != y) | (x < y), y, 2 * x)", lambda x, y: np.where(np.real(x) <= np.real(y), y, x + x), "torch.where(x <= y, y, x + x)", kink=lambda x, y: apart(x - y)),
    "sigmoid": S("te.sigmoid(x) ; x.sigmoid()", logistic, "torch.sigmoid(x)"),
    "relu": S("te.relu(x) ; x.relu()", lambda x: x * (np.real(x) > 0), "torch.relu(x)", kink=apart),
    "absolute": S("abs(x) ; te.absolute(x) ; x.abs() ; np.abs(x)", lambda x: larger(x, -x), "torch.abs(x)", kink=apart),
    "sign": S("te.sign(x) ; np.sign(x)", lambda x: 1.0 * (np.real(x) > 0) - 1.0 * (np.real(x) < 0), "torch.sign(x)", kink=apart),
    "maximum": S("te.maximum(x, y) ; np.maximum(x, y)", larger, "torch.maximum(x, y)", kink=lambda x, y: apart(x - y)),
    "minimum": S("te.minimum(x, y) ; np.minimum(x, y)", smaller, "torch.minimum(x, y)", kink=lambda x, y: apart(x - y)),
    "where": S("te.where(x > 0, y, z) ; te.where(0 < x, y, z) ; np.where((x > 0) & (x >= 0), y, z) ; te.where((x > 0) & ~(x <= 0), y, z)", lambda x, y, z: np.where(np.real(x) > 0, y, z), "torch.where(x > 0, y, z)", kink=lambda x, y, z: apart(x), blocked=(0,)),
    "clip": S("te.clip(x, lo, hi) ; x.clip(lo, hi) ; np.clip(x, lo, hi)", clipped, "torch.clip(x, lo, hi) if (lo, hi) != (None, None) else x", bounds, kink=lambda x, lo, hi: apart(*(x - b for b in (lo, hi) if b is not None))),
    "clip_between": S("te.clip(x, y, z)", lambda x, y, z: smaller(larger(x, y), z), "torch.minimum(torch.maximum(x, y), z)", kink=lambda x, y, z: apart(x - y, larger(x, y) - z)),
    # beside a number or an array that is no Tensor
    "add_number": S("x + c ; c + x", lambda x, c: x - (-c), "x + c", number(0.125, 1, -2.5, True)),
    "subtract_number": S("x - c", lambda x, c: x + (-c), "x - c", number(1, 0.5)),
    "number_subtract": S("c - x", lambda x, c: -(x - c), "c - x", number(1, 0.5)),
    "multiply_number": S("x * c ; c * x ; np.float64(c) * x", lambda x, c: x * c, "x * c", number(2, 0.875, -0.5)),
    "divide_number": S("x / c", lambda x, c: x * (1 / c), "x / c", number(2, -0.75)),
    "number_divide": S("c / x", lambda x, c: c * (1 / x), "c / x", number(1, -1.5), domain=(NONZERO,)),
    "power_number": S("x ** c ; np.power(x, c)", whole_power, "x ** c", number(3, 2, 1, 0)),
    "inverse_power": S("x ** c", whole_power, "x ** c", number(-1, -2), domain=(NONZERO,)),
    "root": S("x ** c", lambda x, c: np.exp(c * np.log(x)), "x ** c", number(0.5, -1.5), domain=(POSITIVE,)),
    "number_power": S("c ** x", lambda x, c: np.exp(x * np.log(c)), "c ** x", number(2, 0.5), domain=(BOUNDED,)),
    "array_multiply": S("x * a ; a * x", lambda x, a: a * x, "x * torch.tensor(a)", constant),
    "array_subtract": S("a - x ; np.subtract(a, x)", lambda x, a: a + (-x), "torch.tensor(a) - x", constant),
    # along axes
    "sum": S("te.sum(x, axis, keepdims) ; x.sum(axis, keepdims=keepdims) ; np.sum(x, axis=axis, keepdims=keepdims)", lambda x, axis, keepdims: np.add.reduce(x, axis=axis, keepdims=keepdims), "total(x, axis, keepdims)", axes),
    "mean": S("te.mean(x, axis, keepdims) ; x.mean(axis, keepdims=keepdims) ; np.mean(x, axis=axis, keepdims=keepdims)", mean, "x.mean(dims(x, axis), keepdim=keepdims) if dims(x, axis) else x + 0", axes),
    "max": S("te.max(x, axis, keepdims) ; x.max(axis, keepdims=keepdims) ; np.max(x, axis=axis, keepdims=keepdims)", top, "x.amax(dims(x, axis), keepdim=keepdims) if dims(x, axis) else x + 0", axes, kink=gap(1)),
    "min": S("te.min(x, axis, keepdims) ; x.min(axis, keepdims=keepdims) ; np.min(x, axis=axis, keepdims=keepdims)", lambda x, axis, keepdims: top(x, axis, keepdims, -1), "x.amin(dims(x, axis), keepdim=keepdims) if dims(x, axis) else x + 0", axes, kink=gap(-1)),
    "logsumexp": S("te.logsumexp(x, axis, keepdims) ; x.logsumexp(axis, keepdims)", log_sum_exp, "lse(x, axis, keepdims)", axes),
    "softmax": S("te.softmax(x, axis) ; x.softmax(axis)", softmax, "joint(torch.softmax, x, axis)", along),
    "log_softmax": S("te.log_softmax(x, axis) ; x.log_softmax(axis)", lambda x, axis: x - log_sum_exp(x, axis, True), "joint(torch.log_softmax, x, axis)", along),
    "prod": S("te.prod(x, axis, keepdims) ; x.prod(axis, keepdims=keepdims) ; np.prod(x, axis=axis, keepdims=keepdims)", grouped(products), "grouped(lambda v: v.prod(-1), x, axis, keepdims)", axes, domain=(BOUNDED,)),
    "ptp": S("te.ptp(x, axis, keepdims) ; x.ptp(axis, keepdims=keepdims) ; np.ptp(x, axis=axis, keepdims=keepdims)", lambda x, axis, keepdims: top(x, axis, keepdims) - top(x, axis, keepdims, -1), "grouped(lambda v: v.amax(-1) - v.amin(-1), x, axis, keepdims)", axes, kink=lambda x, axis, keepdims: min(gap(1)(x, axis, keepdims), gap(-1)(x, axis, keepdims))),
    "var": S("te.var(x, axis, keepdims, ddof=ddof) ; x.var(axis, keepdims=keepdims, ddof=ddof) ; np.var(x, axis=axis, keepdims=keepdims, ddof=ddof)", grouped(variances), "grouped(lambda v: v.var(-1, correction=ddof), x, axis, keepdims)", both(axes, of(ddof=(0, 1)))),
    "std": S("te.std(x, axis, keepdims, ddof=ddof) ; x.std(axis, keepdims=keepdims, ddof=ddof) ; np.std(x, axis=axis, keepdims=keepdims, ddof=ddof)", grouped(lambda x, ddof: np.sqrt(variances(x, ddof))), "grouped(lambda v: v.std(-1, correction=ddof), x, axis, keepdims)", both(axes, of(ddof=(0, 1))), kink=lambda x, axis, keepdims, ddof: apart(grouped(variances)(x, axis, keepdims, ddof=0))),
    "nansum": S("te.nansum(te.where(x > 0, x, np.nan), axis, keepdims) ; np.nansum(np.where(x > 0, x, np.nan), axis=axis, keepdims=keepdims)", grouped(lambda x: np.sum(np.where(np.real(x) > 0, x, 0), axis=-1)), "total(torch.where(x > 0, x, 0.0), axis, keepdims)", axes, kink=lambda x, axis, keepdims: apart(x)),
    "nanmean": S("te.nanmean(te.where(x > 0, x, np.nan), axis, keepdims) ; np.nanmean(np.where(x > 0, x, np.nan), axis=axis, keepdims=keepdims)", grouped(lambda x: np.sum(np.where(np.real(x) > 0, x, 0), axis=-1) / np.sum(np.real(x) > 0, axis=-1)), "total(torch.where(x > 0, x, 0.0), axis, keepdims) / total(1.0 * (x > 0), axis, keepdims)", axes, kink=lambda x, axis, keepdims: apart(x)),
    "nanmax": S("te.nanmax(te.where(x > 0, x, np.nan), axis, keepdims) ; np.nanmax(np.where(x > 0, x, np.nan), axis=axis, keepdims=keepdims)", grouped(lambda x: top(np.where(np.real(x) > 0, x, -np.inf), -1, False)), "", axes, kink=lambda x, axis, keepdims: min(apart(x), gap(1)(np.where(x > 0, x, -np.inf), axis, keepdims))),
    "nanmin": S("te.nanmin(te.where(x > 0, x, np.nan), axis, keepdims) ; np.nanmin(np.where(x > 0, x, np.nan), axis=axis, keepdims=keepdims)", grouped(lambda x: top(np.where(np.real(x) > 0, x, np.inf), -1, False, -1)), "", axes, kink=lambda x, axis, keepdims: min(apart(x), gap(-1)(np.where(x > 0, x, np.inf), axis, keepdims))),
    "nanprod": S("te.nanprod(te.where(x > 0, x, np.nan), axis, keepdims) ; np.nanprod(np.where(x > 0, x, np.nan), axis=axis, keepdims=keepdims)", grouped(lambda x: products(np.where(np.real(x) > 0, x, 1))), "", axes, kink=lambda x, axis, keepdims: apart(x)),
    "nanvar": S("te.nanvar(te.where(x > 0, x, np.nan), axis, keepdims, ddof=ddof) ; np.nanvar(np.where(x > 0, x, np.nan), axis=axis, keepdims=keepdims, ddof=ddof)", grouped(variances_above_zero), "", both(axes, of(ddof=(0, 1))), kink=lambda x, axis, keepdims, ddof: apart(x)),
    "nanstd": S("te.nanstd(te.where(x > 0, x, np.nan), axis, keepdims, ddof=ddof) ; np.nanstd(np.where(x > 0, x, np.nan), axis=axis, keepdims=keepdims, ddof=ddof)", grouped(lambda x, ddof: np.sqrt(variances_above_zero(x, ddof))), "", both(axes, of(ddof=(0, 1))), kink=lambda x, axis, keepdims, ddof: apart(x, grouped(variances_above_zero)(x, axis, keepdims, ddof=0))),
    "average": S("te.average(x, axis, y, keepdims=keepdims) ; np.average(x, axis, y, keepdims=keepdims)", lambda x, y, axis, keepdims: np.sum(x * y, axis=axis, keepdims=keepdims) / np.sum(y, axis=axis, keepdims=keepdims), "total(x * y, axis, keepdims) / total(y, axis, keepdims)", lambda c, x, y: axes(c, x), domain=(None, POSITIVE), fits=equal),
    "average_of_lines": S("te.average(x, axis, a) ; np.average(x, axis, a)", lambda x, axis, a: np.tensordot(x, a, (axis, 0)) / np.sum(a), "", lambda c, x: {**(one_axis()(c, x) or {}), "a": np.array([0.5, 2.0, 1.0])[: x[-1]]}, takes=lambda x: bool(x) and 0 not in x and set(x) == {x[-1]} and x[-1] <= 3),
    "norm": S("te.norm(x, None, axis, keepdims) ; x.norm(axis=axis, keepdims=keepdims)", grouped(lambda x: np.sqrt(np.sum(x * x, axis=-1))), "grouped(lambda v: torch.linalg.vector_norm(v, 2, -1), x, axis, keepdims)", axes, kink=lambda x, axis, keepdims: apart(np.sqrt(np.sum(x * x, axis=axis)))),
    "norm_of_vectors": S("te.norm(x, p, axis, keepdims) ; x.norm(p, axis, keepdims) ; np.linalg.norm(x, p, axis, keepdims)", grouped(vector_norms), "grouped(lambda v: torch.linalg.vector_norm(v, p, -1) + 0 * torch.sign(v).sum(-1), x, axis, keepdims)", both(one_axis(), of(p=(2, 1, 3, np.inf, -np.inf, 0, 1.5, 0.5), keepdims=(False, True))), kink=norm_kink),
    "norm_of_matrices": S("te.norm(x, p, axis, keepdims) ; x.norm(p, axis, keepdims) ; np.linalg.norm(x, p, axis, keepdims)", matrix_norm, "torch.linalg.matrix_norm(x, p, axis, keepdim=keepdims)", of(axis=((0, 1), (1, 0), (-1, 0)), p=("fro", 1, -1, np.inf, -np.inf), keepdims=(False, True)), kink=matrix_norm_kink, takes=axes_at_least(2)),
    "norm_by_singular_values": S("te.norm(x, p, axis, keepdims) ; x.norm(p, axis, keepdims) ; np.linalg.norm(x, p, axis, keepdims)", singular_norm, "torch.linalg.matrix_norm(x, p, axis, keepdim=keepdims)", of(axis=((0, 1), (1, 0), (-1, 0)), p=(2, "nuc", -2), keepdims=(False, True)), kink=singular_kink, takes=axes_at_least(2)),
    "cumsum": S("te.cumsum(x, axis) ; x.cumsum(axis) ; np.cumsum(x, axis=axis)", running(lambda y, x: y + x), "x.reshape(-1).cumsum(0) if axis is None else x.cumsum(axis)", along_one),
    "cumprod": S("te.cumprod(x, axis) ; x.cumprod(axis) ; np.cumprod(x, axis=axis)", running(lambda y, x: y * x), "running_product(x.reshape(-1), 0) if axis is None else running_product(x, axis)", along_one, domain=(BOUNDED,)),
    "all": S("te.where(te.all(x > 0, axis, True), x, -x) ; te.where((x > 0).all(axis, True), x, -x) ; np.where(np.all(x > 0, axis=axis, keepdims=True), x, -x)", lambda x, axis, keepdims: np.where(np.min(np.real(x), axis=axis, keepdims=True, initial=1) > 0, x, -x), "torch.where(grouped(lambda v: (v > 0).all(-1), x, axis, True), x, -x)", axes, kink=lambda x, axis, keepdims: apart(x)),
    "any": S("te.where(te.any(x > 0, axis, True), x, -x) ; te.where((x > 0).any(axis, True), x, -x) ; np.where(np.any(x > 0, axis=axis, keepdims=True), x, -x)", lambda x, axis, keepdims: np.where(np.max(np.real(x), axis=axis, keepdims=True, initial=-1) > 0, x, -x), "torch.where(grouped(lambda v: (v > 0).any(-1), x, axis, True), x, -x)", axes, kink=lambda x, axis, keepdims: apart(x)),
    "count_nonzero": S("te.where(te.count_nonzero(x > 0, axis, True) > 1, x, -x) ; np.where(np.count_nonzero(x > 0, axis=axis, keepdims=True) > 1, x, -x)", lambda x, axis, keepdims: np.where(np.sum(np.real(x) > 0, axis=axis, keepdims=True) > 1, x, -x), "torch.where(grouped(lambda v: (v > 0).sum(-1), x, axis, True) > 1, x, -x)", axes, kink=lambda x, axis, keepdims: apart(x)),
    # in order
    "sort": S("te.sort(x, axis) ; np.sort(x, axis=axis)", in_order, "torch.sort(x.reshape(-1) if axis is None else x, stable=True, dim=axis or 0)[0]", along_one, kink=order_kink),
    "sort_falling": S("te.sort(x, axis, descending=True)", lambda x, axis: in_order(x, axis, True), "torch.sort(x.reshape(-1) if axis is None else x, stable=True, dim=axis or 0, descending=True)[0]", along_one, kink=order_kink),
    "argsort": S("te.take_along_axis(x, te.argsort(x, axis), axis) ; te.take_along_axis(x, x.argsort(axis), axis) ; np.take_along_axis(x, np.argsort(x, axis=axis), axis)", in_order, "torch.sort(x.reshape(-1) if axis is None else x, stable=True, dim=axis or 0)[0]", along_one, kink=order_kink),
    "argmax": S("te.take_along_axis(x, te.argmax(x, axis, True), axis) ; te.take_along_axis(x, x.argmax(axis, True), axis) ; np.take_along_axis(x, np.argmax(x, axis=axis, keepdims=True), axis)", lambda x, axis: top(x, axis, True), "x.gather(axis, x.argmax(axis, True))", one_axis(), kink=lambda x, axis: gap(1)(x, axis, True)),
    "argmin": S("te.take_along_axis(x, te.argmin(x, axis, True), axis) ; te.take_along_axis(x, x.argmin(axis, True), axis) ; np.take_along_axis(x, np.argmin(x, axis=axis, keepdims=True), axis)", lambda x, axis: top(x, axis, True, -1), "x.gather(axis, x.argmin(axis, True))", one_axis(), kink=lambda x, axis: gap(-1)(x, axis, True)),
    "topk": S("te.topk(x, k, axis)[0]", lambda x, k, axis: np.take(in_order(x, axis, True), range(k), axis), "torch.sort(x, stable=True, dim=axis, descending=True)[0].narrow(axis, 0, k)", largest_few, kink=order_kink),
    "topk_smallest": S("te.topk(x, k, axis, largest=False)[0]", lambda x, k, axis: np.take(in_order(x, axis), range(k), axis), "torch.sort(x, stable=True, dim=axis)[0].narrow(axis, 0, k)", largest_few, kink=order_kink),
    "median": S("te.median(x, axis, keepdims) ; np.median(x, axis=axis, keepdims=keepdims)", grouped(lambda x: quantiles(x, 0.5)), "grouped(lambda v: quantile(v, 0.5), x, axis, keepdims)", axes, kink=neighbours),
    "quantile": S("te.quantile(x, q, axis, keepdims) ; np.quantile(x, q, axis=axis, keepdims=keepdims)", grouped(quantiles), "grouped(lambda v: quantile(v, q), x, axis, keepdims)", both(axes, of(q=(0.25, 0.6, 0.0, 1.0))), kink=neighbours),
    "quantiles": S("te.quantile(x, [0.25, 0.6], axis) ; np.quantile(x, [0.25, 0.6], axis=axis)", lambda x, axis: np.stack([grouped(quantiles)(x, axis, False, q=q) for q in (0.25, 0.6)]), "torch.stack([grouped(lambda v: quantile(v, q), x, axis, False) for q in (0.25, 0.6)])", one_axis(), kink=neighbours),
    "percentile": S("te.percentile(x, q, axis, keepdims) ; np.percentile(x, q, axis=axis, keepdims=keepdims)", grouped(lambda x, q: quantiles(x, q / 100)), "grouped(lambda v: quantile(v, q / 100), x, axis, keepdims)", both(axes, of(q=(25, 60))), kink=neighbours),
    "searchsorted": S("te.where(te.searchsorted([0.0, 1.0], x) == 1, x, -x)", lambda x: np.where((np.real(x) > 0) & (np.real(x) <= 1), x, -x), "torch.where((x > 0) & (x <= 1), x, -x)", kink=lambda x: apart(x, x - 1)),
    # products and costs
    "matmul": S("x @ y ; te.matmul(x, y) ; np.matmul(x, y)", np.matmul, "x @ y", fresh=second_factor, fits=lambda x, y: bool(x and y) and x[-1] == y[-2 if len(y) > 1 else 0]),
    "matmul_transposed": S("x @ y.mT", lambda x, y: np.einsum("...ij,...kj->...ik", x, y), "x @ y.mT", at_least(2), fits=lambda x, y: len(x) > 1 and len(y) > 1 and x[-1] == y[-1]),
    "array_matmul": S("a @ x", lambda x, a: np.matmul(a, x), "torch.tensor(a) @ x", lambda c, x: {"a": uneven((2, x[-2] if len(x) > 1 else x[0]))} if x else None),
    "linear": S("te.linear(x, y, z)", weighted_input, "x @ y.T + z", fresh=layer),
    "linear_without_bias": S("te.linear(x, y)", lambda x, y: weighted_input(x, y, np.zeros(np.shape(y)[:1])), "x @ y.T", fresh=lambda c, x: layer(c, x)[:1]),
    "inner": S("te.inner(x, y) ; np.inner(x, y)", lambda x, y: np.tensordot(x, y, (-1, -1)), "torch.inner(x, y)", fits=lambda x, y: bool(x and y) and x[-1] == y[-1], takes=axes_at_least(1)),
    "vdot": S("te.vdot(x, y) ; np.vdot(x, y)", lambda x, y: np.sum(np.ravel(x) * np.ravel(y)), "(x.reshape(-1) * y.reshape(-1)).sum()", fits=lambda x, y: np.prod(x) == np.prod(y)),
    "outer": S("te.outer(x, y) ; np.outer(x, y)", lambda x, y: np.multiply.outer(np.ravel(x), np.ravel(y)), "torch.outer(x.reshape(-1), y.reshape(-1))", fits=any_shape),
    "kron": S("te.kron(x, y) ; np.kron(x, y)", kronecker, "torch.kron(x.contiguous(), y.contiguous())", fits=any_shape),
    "tensordot": S("te.tensordot(x, y, n) ; np.tensordot(x, y, n)", contracted, "torch.tensordot(x, y, n)", lambda c, x, y: {"n": max(k for k in range(min(len(x), len(y)) + 1) if x[len(x) - k :] == y[:k])}, fits=any_shape),
    "tensordot_pair": S("te.tensordot(x, y, (i, j)) ; np.tensordot(x, y, (i, j)) ; te.tensordot(x, y, ([i], [j]))", lambda x, y, i, j: contracted(np.moveaxis(x, i, -1), np.moveaxis(y, j, 0), 1), "torch.tensordot(x, y, ([i], [j]))", lambda c, x, y: {"i": c.below(len(x)) - len(x) * c.below(2), "j": c.below(len(y))}, takes=axes_at_least(1), fits=lambda x, y: bool(y)),
    "einsum": S("te.einsum(s + ',' + t + '->' + out, x, y) ; np.einsum(s + ',' + t + '->' + out, x, y) ; te.contract([x, y], [list(s), list(t)], list(out))", lambda x, y, s, t, out: np.einsum(s + "," + t + "->" + out, x, y), "torch.einsum(s + ',' + t + '->' + out, x, y)", letters, fits=any_shape),
    "einsum_alone": S("te.einsum(s + '->' + out, x) ; np.einsum(s + '->' + out, x)", lambda x, s, out: np.einsum(s + "->" + out, x), "torch.einsum(s + '->' + out, x)", letters),
    "einsum_dots": S("te.einsum('...i,...i', x, y) ; np.einsum('...i,...i', x, y)", lambda x, y: np.sum(x * y, axis=-1), "torch.einsum('...i,...i', x, y)", takes=axes_at_least(1), fits=lambda x, y: bool(y) and broadcast_together(x, y) and x[-1] == y[-1]),
    "einsum_three": S("te.einsum('ij,kj,kl->il', x, y, x @ y.mT)", lambda x, y: np.matmul(np.matmul(x, y.T), np.matmul(x, y.T)), "(x @ y.T) @ (x @ y.T)", takes=lambda x: len(x) == 2 and x[0] == x[1], fits=equal),
    "matvec": S("te.matvec(x, y)", lambda x, y: np.einsum("...ij,...j->...i", x, y), "torch.einsum('...ij,...j->...i', x, y)", takes=axes_at_least(2), fresh=lambda c, x: [(*c.pick(((), x[:-2])), x[-1])], fits=lambda x, y: bool(y) and x[-1] == y[-1]),
    "vecmat": S("te.vecmat(y, x)", lambda x, y: np.einsum("...i,...ij->...j", y, x), "torch.einsum('...i,...ij->...j', y, x)", takes=axes_at_least(2), fresh=lambda c, x: [(*c.pick(((), x[:-2])), x[-2])], fits=lambda x, y: bool(y) and x[-2] == y[-1]),
    "vecdot": S("te.vecdot(x, y) ; np.vecdot(x, y)", lambda x, y: np.sum(x * y, axis=-1), "(x * y).sum(-1)", takes=axes_at_least(1), fits=lambda x, y: bool(y) and broadcast_together(x, y) and x[-1] == y[-1]),
    "cross": S("te.cross(x, y) ; np.cross(x, y)", right_angles, "torch.linalg.cross(*torch.broadcast_tensors(x, y))", takes=lambda x: x[-1:] == (3,), fits=lambda x, y: y[-1:] == (3,) and broadcast_together(x, y)),
    "multi_dot": S("te.multi_dot([x, y.T, y]) ; np.linalg.multi_dot([x, y.T, y])", lambda x, y: np.einsum("ij,kj,kl->il", x, y, y), "x @ (y.T @ y) if x.shape[1] * (len(x) + len(y)) <= 2 * len(x) * len(y) else (x @ y.T) @ y", takes=lambda x: len(x) == 2, fits=lambda x, y: len(y) == 2 and x[1] == y[1]),
    # linear algebra
    "inv": S("te.inv(x) ; np.linalg.inv(x)", inverse, "torch.linalg.inv(x)", domain=("regular",), takes=axes_at_least(2)),
    "solve": S("te.solve(x, y) ; np.linalg.solve(x, y)", by_inverse, "torch.linalg.inv(x) @ y", domain=("regular",), takes=axes_at_least(2), fresh=lambda c, x: [(x[-2], *c.pick(((), (1,), (2,))))], fits=lambda x, y: bool(y) and y[-2 if len(y) > 1 else 0] == x[-2]),
    "pinv": S("te.pinv(x) ; np.linalg.pinv(x)", pseudo_inverse, "torch.linalg.pinv(x)", domain=("full rank",), takes=axes_at_least(2)),
    "det": S("te.det(x) ; np.linalg.det(x)", lambda x: determinant(x) + 0 * np.sum(x, axis=(-2, -1)), "torch.linalg.det(x)", domain=("square",), takes=axes_at_least(2)),
    "slogdet": S("te.slogdet(x)[0] * te.slogdet(x).logabsdet ; np.linalg.slogdet(x)[0] * np.linalg.slogdet(x)[1]", lambda x: np.where(np.real(determinant(x)) > 0, 1, -1) * np.log(magnitude(determinant(x))) + 0 * np.sum(x, axis=(-2, -1)), "torch.linalg.slogdet(x)[0].detach() * torch.linalg.slogdet(x)[1]", domain=("regular",), takes=axes_at_least(2)),
    "cholesky": S("te.cholesky(x) ; np.linalg.cholesky(x) ; te.cholesky(x, upper=True).mT", cholesky_factor, "torch.linalg.cholesky(x)", domain=("positive definite",), takes=axes_at_least(2)),
    "svdvals": S("te.svdvals(x) ; np.linalg.svdvals(x)", singular_values, "torch.linalg.svdvals(x)", kink=singular_kink, takes=axes_at_least(2)),
    "eigvalsh": S("te.eigvalsh(x) ; np.linalg.eigvalsh(x + x.mT) / 2", eigenvalues, "torch.linalg.eigvalsh(x + x.mT) / 2", domain=("square",), kink=eigenvalue_kink, takes=axes_at_least(2)),
    "eigh": S("te.eigh(x)[1] * te.eigh(x).eigenvalues[..., None, :] ** 2 @ te.eigh(x)[1].mT", squared_symmetric, "(x + x.mT) @ (x + x.mT) / 4", domain=("square",), kink=eigenvalue_kink, takes=axes_at_least(2)),
    "matrix_power": S("te.matrix_power(x, n) ; np.linalg.matrix_power(x, n)", matrix_powers, "torch.linalg.matrix_power(x, n) + 0 * torch.sign(x)", of(n=(2, 3, 5, 1, 0)), domain=("square",), takes=axes_at_least(2)),
    "inverse_matrix_power": S("te.matrix_power(x, n) ; np.linalg.matrix_power(x, n)", matrix_powers, "torch.linalg.matrix_power(x, n)", of(n=(-1, -2)), domain=("regular",), takes=axes_at_least(2)),
    "diag": S("te.diag(x, k) ; np.diag(x, k)", lambda x, k: on_diagonal(x, k) if np.ndim(x) == 1 else diagonal_of(x, k), "torch.diag(x, k)", of(k=(0, 1, -1)), takes=lambda x: len(x) in (1, 2)),
    "diagflat": S("te.diagflat(x, k) ; np.diagflat(x, k)", on_diagonal, "torch.diagflat(x, k)", of(k=(0, 1, -1)), takes=lambda x: np.prod(x) < 8),
    "tril": S("te.tril(x, k) ; np.tril(x, k)", lambda x, k: triangle(x, k, -1), "torch.tril(x, k)", of(k=(0, 1, -1)), takes=axes_at_least(2)),
    "triu": S("te.triu(x, k) ; np.triu(x, k)", lambda x, k: triangle(x, k, 1), "torch.triu(x, k)", of(k=(0, 1, -1)), takes=axes_at_least(2)),
    # windows
    "conv1d": S("te.conv1d(x, y, z, stride, pad, dil, groups)", convolved, "torch.nn.functional.conv1d(x, y, z, stride, pad, dil, groups)", strides(1), takes=image(1), fresh=filters(1), fits=no_other),
    "conv2d": S("te.conv2d(x, y, z, stride, pad, dil, groups)", convolved, "torch.nn.functional.conv2d(x, y, z, stride, pad, dil, groups)", strides(2), takes=image(2), fresh=filters(2), fits=no_other),
    "conv2d_without_bias": S("te.conv2d(x, y, padding='same')", lambda x, y: convolved(np.pad(x, [(0, 0)] * (np.ndim(x) - 2) + [((k - 1) // 2, k // 2) for k in y.shape[2:]]), y, np.zeros(len(y)), (1, 1), (0, 0), (1, 1), 1), "torch.nn.functional.conv2d(x, y, padding='same')", takes=image(2), fresh=lambda c, x: [(2, x[-3], 2, 1)], fits=no_other),
    "max_pool1d": S("te.max_pool1d(x, size, stride, pad, dil)", highest, "torch.nn.functional.max_pool1d(x, size, stride, pad, dil)", pooled(1, True), kink=highest_kink, takes=image(1)),
    "max_pool2d": S("te.max_pool2d(x, size, stride, pad, dil)", highest, "torch.nn.functional.max_pool2d(x, size, stride, pad, dil)", pooled(2, True), kink=highest_kink, takes=image(2)),
    "avg_pool1d": S("te.avg_pool1d(x, size, stride, pad, count_include_pad=pads)", average_of, "torch.nn.functional.avg_pool1d(x, size, stride, pad, False, pads)", pooled(1, False), takes=image(1)),
    "avg_pool2d": S("te.avg_pool2d(x, size, stride, pad, count_include_pad=pads)", average_of, "torch.nn.functional.avg_pool2d(x, size, stride, pad, False, pads)", pooled(2, False), takes=image(2)),
    "quadratic_cost": S("te.quadratic_cost(x, y)", squared_distance, "((x - y) ** 2).sum() / (2 * (x.shape[0] if x.ndim > 1 else 1))", at_least(0, 9), fits=lambda x, y: x == y),
    # the same entries elsewhere
    "reshape": S("te.reshape(x, shape) ; x.reshape(*shape) ; x.reshape(shape) ; np.reshape(x, shape)", lambda x, shape: np.array(list(np.ravel(x)), dtype=np.asarray(x).dtype).reshape(shape), "x.reshape(shape)", other_shape),
    "flatten": S("x.flatten()", np.ravel, "x.reshape(-1)"),
    "transpose": S("te.transpose(x, axes) ; x.transpose(axes) ; te.transpose(x, axes=axes) ; np.transpose(x, axes)", lambda x, axes: np.moveaxis(x, axes, range(len(axes))), "x.permute(axes)", permutation),
    "T": S("x.T ; te.transpose(x) ; x.transpose()", lambda x: np.moveaxis(x, range(np.ndim(x)), range(np.ndim(x))[::-1]), "x.permute(tuple(range(x.ndim))[::-1])"),
    "mT": S("x.mT", lambda x: np.swapaxes(x, -1, -2), "x.mT", at_least(2)),
    "broadcast_to": S("te.broadcast_to(x, shape) ; x.broadcast_to(*shape) ; np.broadcast_to(x, shape)", lambda x, shape: x + np.zeros(shape), "x.broadcast_to(shape)", larger_shape),
    "concatenate": S("te.concatenate(xs, axis) ; np.concatenate(xs, axis=axis)", lambda xs, axis: np.concatenate(xs, axis), "torch.cat(xs, axis)", one_axis(), fits=lambda x, y: x == y),
    "concatenate_flat": S("te.concatenate(xs, axis=None)", lambda xs: np.concatenate([np.ravel(x) for x in xs]), "torch.cat([x.reshape(-1) for x in xs])", fits=lambda x, y: True),
    "stack": S("te.stack(xs, axis) ; np.stack(xs, axis=axis)", lambda xs, axis: np.stack(xs, axis), "torch.stack(xs, axis)", one_axis(1), fits=lambda x, y: x == y),
    "getitem": S("x[key]", lambda x, key: x[key], "x.reshape(-1)[torch.tensor(np.arange(x.numel()).reshape(x.shape)[key].copy())]", key),
    "rows": S("te.stack([row * row for row in x])", lambda x: x * x, "x * x", at_least(1, 1)),
    "ravel": S("te.ravel(x) ; x.ravel() ; np.ravel(x)", lambda x: np.reshape(x, (-1,)), "x.reshape(-1)"),
    "squeeze": S("te.squeeze(x) ; x.squeeze() ; np.squeeze(x)", lambda x: np.reshape(x, [n for n in np.shape(x) if n != 1]), "x.squeeze()"),
    "swapaxes": S("te.swapaxes(x, i, j) ; x.swapaxes(i, j) ; np.swapaxes(x, i, j)", lambda x, i, j: np.einsum(x, [{i % np.ndim(x): j % np.ndim(x), j % np.ndim(x): i % np.ndim(x)}.get(k, k) for k in range(np.ndim(x))], list(range(np.ndim(x)))), "x.transpose(i, j)", two_places, takes=axes_at_least(1)),
    "repeat": S("te.repeat(x, 2, axis) ; x.repeat(2, axis) ; np.repeat(x, 2, axis)", lambda x, axis: np.take(x, np.arange(2 * np.shape(x)[axis]) // 2, axis), "x.repeat_interleave(2, axis)", one_axis()),
    "take": S("te.take(x, idx, axis) ; x.take(idx, axis) ; np.take(x, idx, axis)", lambda x, idx, axis: np.stack([np.moveaxis(x, axis, 0)[k] for k in idx], axis), "x.index_select(axis, torch.tensor(idx) % x.shape[axis])", places, takes=axes_at_least(1)),
    "diagonal": S("te.diagonal(x, k) ; x.diagonal(k) ; np.diagonal(x, k)", diagonal_of, "x.diagonal(k)", of(k=(0, 1, -1)), takes=axes_at_least(2)),
    "trace": S("x.trace(k) ; np.trace(x, k)", lambda x, k: np.sum(diagonal_of(x, k), axis=-1), "x.diagonal(k).sum(-1)", of(k=(0, 1, -1)), takes=axes_at_least(2)),
    "last_trace": S("x.trace(0, -2, -1) ; np.linalg.trace(x)", lambda x: np.sum(diagonal_of(np.moveaxis(x, (-2, -1), (0, 1)), 0), axis=-1), "x.diagonal(0, -2, -1).sum(-1)", takes=axes_at_least(2)),
    "dot": S("te.dot(x, y) ; x.dot(y) ; np.dot(x, y)", lambda x, y: np.tensordot(x, y, (-1, 0)) if np.ndim(y) == 1 else np.tensordot(x, y, (-1, -2)), fresh=second_factor, fits=lambda x, y: bool(x and y) and x[-1] == y[-2 if len(y) > 1 else 0]),
    "expand_dims": S("te.expand_dims(x, axis) ; np.expand_dims(x, axis)", lambda x, axis: np.stack([x], axis), "x.unsqueeze(axis)", one_axis(1)),
    "atleast_1d": S("te.atleast_1d(x) ; np.atleast_1d(x)", lambda x: np.reshape(x, np.shape(x) or (1,)), "torch.atleast_1d(x)"),
    "atleast_2d": S("te.atleast_2d(x) ; np.atleast_2d(x)", lambda x: x + np.zeros((1, 1)), "torch.atleast_2d(x)"),
    "atleast_3d": S("te.atleast_3d(x) ; np.atleast_3d(x)", lambda x: x if np.ndim(x) > 2 else np.reshape(x, (*np.shape(x), 1) if np.ndim(x) == 2 else (1, -1, 1)), "torch.atleast_3d(x)"),
    "moveaxis": S("te.moveaxis(x, i, j) ; np.moveaxis(x, i, j)", lambda x, i, j: np.rollaxis(x, i, j % np.ndim(x) + (j % np.ndim(x) > i % np.ndim(x))), "x.moveaxis(i, j)", two_places, takes=axes_at_least(1)),
    "flip": S("te.flip(x, axis) ; np.flip(x, axis=axis)", lambda x, axis, keepdims: turned_round(x, axis), "x.flip(dims(x, axis))", axes),
    "fliplr": S("te.fliplr(x) ; np.fliplr(x)", lambda x: turned_round(x, 1), "x.flip(1)", takes=axes_at_least(2)),
    "flipud": S("te.flipud(x) ; np.flipud(x)", lambda x: turned_round(x, 0), "x.flip(0)", takes=axes_at_least(1)),
    "rot90": S("te.rot90(x, n, (i, j)) ; np.rot90(x, n, (i, j))", lambda x, n, i, j: np.rot90(x, n, (i, j)), "torch.rot90(x, n, (i, j))", of(n=(1, 2, 3, 0, -1), i=(0, -1), j=(1,)), takes=lambda x: len(x) > 2),
    "rot90_of_matrix": S("te.rot90(x) ; np.rot90(x)", lambda x: turned_round(np.swapaxes(x, 0, 1), 0), "torch.rot90(x)", takes=axes_at_least(2)),
    "roll": S("te.roll(x, n, axis) ; np.roll(x, n, axis)", lambda x, n, axis: rolled_by(x, n, axis), "x.roll(n) if axis is None else x.roll(n, axis)", both(along_one, of(n=(1, -1, 4, 0)))),
    "roll_axes": S("te.roll(x, (1, -1), (0, 1)) ; np.roll(x, (1, -1), (0, 1))", lambda x: rolled_by(rolled_by(x, 1, 0), -1, 1), "x.roll((1, -1), (0, 1))", takes=axes_at_least(2)),
    "tile": S("te.tile(x, n) ; np.tile(x, n)", lambda x, n: np.kron(np.ones(n), x), "x.tile(n if isinstance(n, tuple) else (n,))", of(n=(2, (2, 1), (1, 3), (2, 1, 2), 0)), takes=lambda x: 0 not in x),
    "pad": S("te.pad(x, w, mode) ; np.pad(x, w, mode)", lambda x, w, mode: np.pad(x, w, mode), "x.reshape(-1)[torch.tensor(np.pad(np.arange(x.numel()).reshape(x.shape), w, mode))]", widths("edge", "reflect", "symmetric", "wrap"), takes=lambda x: bool(x) and 0 not in x),
    "pad_constant": S("te.pad(x, w, mode, constant_values=0.5) ; np.pad(x, w, mode, constant_values=0.5)", framed, "torch.nn.functional.pad(x, [n for pair in w[::-1] for n in pair], value=0.5)", widths("constant"), takes=axes_at_least(1)),
    "repeat_each": S("te.repeat(x, [2, 0, 1][:x.shape[0]], 0) ; np.repeat(x, [2, 0, 1][:x.shape[0]], 0)", lambda x: np.take(x, [k for k, n in enumerate((2, 0, 1)[: len(x)]) for _ in range(n)], 0), "x.repeat_interleave(torch.tensor([2, 0, 1][:x.shape[0]]), 0)", takes=lambda x: bool(x) and 0 < x[0] <= 3),
    "broadcast_arrays": S("te.stack(te.broadcast_arrays(x, y)) ; np.stack(np.broadcast_arrays(x, y))", lambda x, y: np.stack([x + 0 * y, y + 0 * x]), "torch.stack(torch.broadcast_tensors(x, y))"),
    "meshgrid": S("te.stack(te.meshgrid(x.ravel(), y.ravel(), indexing=c)) ; np.stack(np.meshgrid(x.ravel(), y.ravel(), indexing=c))", lambda x, y, c: np.stack([z if c == "ij" else z.T for z in (np.multiply.outer(np.ravel(x), np.ones(np.size(y))), np.multiply.outer(np.ones(np.size(x)), np.ravel(y)))]), "torch.stack(torch.meshgrid(x.reshape(-1), y.reshape(-1), indexing=c))", of(c=("xy", "ij")), fits=any_shape),
    "full_like": S("te.full_like(x, y) ; np.full_like(x, y)", lambda x, y: np.broadcast_to(y, np.shape(x)) + np.zeros(np.shape(x)), "y.broadcast_to(x.shape)", fits=lambda x, y: broadcast_together(x, y) and np.broadcast_shapes(x, y) == x, blocked=(0,)),
    "zeros_like": S("te.zeros_like(x) ; np.zeros_like(x) ; te.empty_like(x)", lambda x: np.zeros(np.shape(x)), "torch.zeros_like(x)", blocked=(0,)),
    "ones_like": S("te.ones_like(x) ; np.ones_like(x)", lambda x: np.ones(np.shape(x)), "torch.ones_like(x)", blocked=(0,)),
    "sum_to": S("te.sum_to(x, to)", lambda x, to: np.sum(np.sum(x, axis=tuple(range(np.ndim(x) - len(to)))), axis=tuple(k for k, n in enumerate(to) if n == 1), keepdims=True), "x.sum_to_size(to)", shrunk_shape),
    # joined and taken apart
    "append": S("te.append(x, y, axis) ; np.append(x, y, axis)", lambda x, y, axis: np.concatenate([x, y], axis), "torch.cat([x, y], axis)", lambda c, x, y: one_axis()(c, x), fits=equal),
    "append_flat": S("te.append(x, y) ; np.append(x, y)", lambda x, y: np.concatenate([np.ravel(x), np.ravel(y)]), "torch.cat([x.reshape(-1), y.reshape(-1)])", fits=any_shape),
    "hstack": S("te.hstack(xs) ; np.hstack(xs)", lambda xs: np.concatenate([np.ravel(x) if np.ndim(x) < 2 else x for x in xs], 0 if np.ndim(xs[0]) < 2 else 1), "torch.hstack(xs)", fits=equal),
    "vstack": S("te.vstack(xs) ; np.vstack(xs)", lambda xs: np.concatenate([np.reshape(x, (1, -1)) if np.ndim(x) < 2 else x for x in xs], 0), "torch.vstack(xs)", fits=equal),
    "dstack": S("te.dstack(xs) ; np.dstack(xs)", lambda xs: np.concatenate([np.reshape(x, (1, -1, 1)) if np.ndim(x) < 2 else x if np.ndim(x) > 2 else x[:, :, None] for x in xs], 2), "torch.dstack(xs)", fits=equal),
    "column_stack": S("te.column_stack(xs) ; np.column_stack(xs)", lambda xs: np.concatenate([np.reshape(x, (-1, 1)) if np.ndim(x) < 2 else x for x in xs], 1), "torch.column_stack(xs)", fits=equal),
    "split": S("te.concatenate(te.split(x, parts, axis)[::-1], axis) ; np.concatenate(np.split(x, parts, axis)[::-1], axis)", lambda x, parts, axis: np.concatenate(np.split(x, parts, axis)[::-1], axis), "torch.cat(x.tensor_split(parts, axis)[::-1], axis)", cuts, takes=axes_at_least(1)),
    "array_split": S("te.concatenate(te.array_split(x, 2, axis)[::-1], axis) ; np.concatenate(np.array_split(x, 2, axis)[::-1], axis)", lambda x, axis: rolled_by(x, np.shape(x)[axis] // 2, axis), "torch.cat(x.tensor_split(2, axis)[::-1], axis)", one_axis()),
    "hsplit": S("te.hstack(te.hsplit(x, [1])[::-1]) ; np.hstack(np.hsplit(x, [1])[::-1])", lambda x: rolled_by(x, -1, min(1, np.ndim(x) - 1)), "torch.hstack(x.hsplit([1])[::-1])", takes=axes_at_least(1)),
    "vsplit": S("te.vstack(te.vsplit(x, [1])[::-1]) ; np.vstack(np.vsplit(x, [1])[::-1])", lambda x: rolled_by(x, -1, 0), "torch.vstack(x.vsplit([1])[::-1])", takes=axes_at_least(2)),
    "dsplit": S("te.dstack(te.dsplit(x, [1])[::-1]) ; np.dstack(np.dsplit(x, [1])[::-1])", lambda x: rolled_by(x, -1, 2), "torch.dstack(x.dsplit([1])[::-1])", takes=axes_at_least(3)),
    "unstack": S("te.stack(te.unstack(x, axis=axis)[::-1], axis)", turned_round, "torch.stack(x.unbind(axis)[::-1], axis)", one_axis(), takes=lambda x: 0 not in x),
    # some of the entries (np.take of an empty array never returns with mode="wrap")
    "at_set": S("x.at_set(key, y[key]) ; te.at_set(x, key, y[key])", lambda x, y, key: set_at(x, numbered(x)[key], y[key]), "", lambda c, x, y: key(c, x), fits=equal),
    "at_set_number": S("x.at_set(key, y.mean()) ; te.at_set(x, key, y.mean())", lambda x, y, key: set_at(x, numbered(x)[key], np.sum(y) / np.size(y)), "", lambda c, x, y: key(c, x), fits=lambda x, y: 0 not in y),
    "at_add": S("x.at_add(key, y[key]) ; te.at_add(x, key, y[key])", lambda x, y, key: add_at(x, numbered(x)[key], y[key]), "", lambda c, x, y: key(c, x), fits=equal),
    "at_add_number": S("x.at_add(key, y.mean()) ; te.at_add(x, key, y.mean())", lambda x, y, key: add_at(x, numbered(x)[key], np.sum(y) / np.size(y)), "", lambda c, x, y: key(c, x), fits=lambda x, y: 0 not in y),
    "compress": S("x.compress(mask, axis) ; te.compress(mask, x, axis) ; np.compress(mask, x, axis)", kept, "x.reshape(-1)[torch.tensor(mask, dtype=bool)] if axis is None else x.index_select(axis, torch.tensor(np.flatnonzero(mask)))", mask_along),
    "extract": S("te.extract(mask, x) ; np.extract(mask, x)", lambda x, mask: x[mask], "x.reshape(-1)[torch.tensor(mask.ravel())]", mask, takes=axes_at_least(1)),
    "choose": S("te.choose(idx, xs) ; np.choose(idx, xs)", chosen, "torch.stack(xs).reshape(len(xs), -1)[torch.tensor(idx.ravel()), torch.arange(idx.size)].reshape(idx.shape)", lambda c, *shapes: {"idx": np.array(c.numbers(int(np.prod(shapes[0])), 0, len(shapes) - 1), dtype=np.int64).reshape(shapes[0])}, fits=equal),
    "take_flat": S("te.take(x, idx) ; x.take(idx) ; np.take(x, idx)", lambda x, idx: np.stack([np.ravel(x)[k] for k in idx]), "x.reshape(-1)[torch.tensor(idx)]", lambda c, x: {"idx": c.numbers(1 + c.below(3), -int(np.prod(x)), int(np.prod(x)) - 1)}, takes=lambda x: 0 not in x),
    "take_wrapped": S("te.take(x, [4, -7, 1], axis, mode=mode)", lambda x, axis, mode: np.stack([np.moveaxis(x, axis, 0)[k % np.shape(x)[axis] if mode == "wrap" else min(max(k, 0), np.shape(x)[axis] - 1)] for k in (4, -7, 1)], axis), "x.index_select(axis, torch.tensor([4, -7, 1]) % x.shape[axis] if mode == 'wrap' else torch.tensor([4, -7, 1]).clip(0, x.shape[axis] - 1))", both(one_axis(), of(mode=("wrap", "clip"))), takes=lambda x: 0 not in x),
    "take_along_axis": S("te.take_along_axis(x, idx, 0) ; np.take_along_axis(x, idx, 0)", lambda x, idx: x.reshape(len(x), -1)[idx.reshape(len(x), -1), np.arange(max(1, int(np.prod(np.shape(x)[1:]))))].reshape(np.shape(x)), "x.gather(0, torch.tensor(idx))", lambda c, x: {"idx": np.array(c.numbers(int(np.prod(x)), 0, x[0] - 1), dtype=np.int64).reshape(x)}, takes=lambda x: bool(x) and 0 not in x),
    "embedding": S("te.embedding(x, idx)", lambda x, idx: np.stack([x[k] for k in idx]), "x[torch.tensor(idx)]", lambda c, x: {"idx": c.numbers(1 + c.below(3), 0, x[0] - 1)}, takes=lambda x: bool(x) and x[0] > 0),
    "delete": S("te.delete(x, idx, axis) ; np.delete(x, idx, axis)", lambda x, idx, axis: np.compress([k not in idx and k - np.shape(x)[axis] not in idx for k in range(np.shape(x)[axis])], x, axis), "x.index_select(axis, torch.tensor(np.delete(np.arange(x.shape[axis]), idx)))", places, takes=axes_at_least(1)),
    "insert": S("te.insert(x, 1, y.mean(), axis) ; np.insert(x, 1, y.mean(), axis)", lambda x, y, axis: put_between(x, 1, np.full([1 if k == axis % np.ndim(x) else n for k, n in enumerate(np.shape(x))], np.sum(y) / np.size(y)), axis), "torch.cat([x.narrow(axis, 0, 1), y.mean().broadcast_to(x.narrow(axis, 0, 1).shape), x.narrow(axis, 1, x.shape[axis] - 1)], axis)", lambda c, x, y: one_axis()(c, x), takes=lambda x: 0 not in x, fits=lambda x, y: 0 not in y),
    "insert_flat": S("te.insert(x, 1, y.ravel()) ; np.insert(x, 1, y.ravel())", lambda x, y: put_between(np.ravel(x), 1, np.ravel(y), 0), "torch.cat([x.reshape(-1)[:1], y.reshape(-1), x.reshape(-1)[1:]])", takes=lambda x: 0 not in x, fits=lambda x, y: 0 not in y),
    "nonzero": S("x[te.nonzero(x > 0)] ; x[(x > 0).nonzero()] ; x[np.nonzero(x > 0)] ; te.take(x, te.flatnonzero(x > 0)) ; x[tuple(te.argwhere(x > 0).T)]", lambda x: np.ravel(x)[np.real(np.ravel(x)) > 0], "x.reshape(-1)[x.reshape(-1) > 0]", kink=apart, takes=axes_at_least(1)),
    # along an axis: differences, areas, lines between points
    "diff": S("te.diff(x, n, axis) ; np.diff(x, n, axis)", differences, "torch.diff(x, n, axis)", both(one_axis(), of(n=(1, 2, 0)))),
    "gradient": S("te.gradient(x, h, axis=axis)", sampled_slopes, "torch.gradient(x, spacing=h, dim=axis)[0]", both(one_axis(), of(h=(0.5, 1.0)))),
    "trapezoid": S("te.trapezoid(x, y, axis=axis)", area, "torch.trapezoid(x, y, dim=axis) if x.shape[axis] else (x * y).sum(axis)", one_axis(), fits=equal),
    "interp": S("te.interp(x, [-1.0, 0.0, 0.5, 2.0], y) ; np.interp(x, [-1.0, 0.0, 0.5, 2.0], y)", lambda x, y: between_points(x, [-1.0, 0.0, 0.5, 2.0], y), "", fresh=lambda c, x: [(4,)], fits=no_other, kink=lambda x, y: apart(x + 1, x, x - 0.5, x - 2)),
    "convolve": S("te.convolve(te.ravel(x), y, mode) ; np.convolve(np.ravel(x), y, mode)", product_of_polynomials, "", of(mode=("full", "same", "valid")), takes=lambda x: 0 not in x, fresh=lambda c, x: [(c.pick((2, 3, 1)),)], fits=no_other),
    "polyval": S("te.polyval(y, x)", polynomial, "", domain=(BOUNDED,), fresh=lambda c, x: [(c.pick((3, 1, 2)),)], fits=no_other),
    # the graph itself
    "detach": S("x.detach()", np.real, "x.detach()", blocked=(0,)),
    "astype": S("x.astype(np.float64)", lambda x: x, "x.to(torch.float64)"),
}
# fmt: on


class Differs(NamedTuple):
    """A point where PyTorch does something else than the policy; at kinks, programs that come there are left out.

    where   (*operands, **settings) -> is it there?  Entry by entry, or once
    at      the operands and settings of one such point
    ours    what is found there: the value, then the gradients of the operands
    theirs  what PyTorch finds
    """

    where: Callable[..., Any]
    at: tuple[list[Any], dict[str, Any]]
    ours: list[Any]
    theirs: list[Any]


nan, inf = np.nan, np.inf
ALL = {"axis": None, "keepdims": False}


def tied_in_a_window(x: Any, **settings: Any) -> bool:
    return not highest_kink(x, **settings) > 0  # or NaN


def no_inverse(x: Any) -> bool:
    return not np.all(np.isfinite(x)) or bool(np.any(np.abs(np.linalg.det(x)) < 1e-9))


def not_finite(x: Any, *others: Any, **settings: Any) -> Any:
    return ~np.isfinite(x)


# fmt: off
TORCH_DIFFERS: dict[str, Differs] = {
    # at a bound the slope is 0, there 1; NaN passes the gradient on, there not
    "clip": Differs(lambda x, lo, hi: (x == lo) | (x == hi) | np.isnan(x), ([[0.0, 1.0, nan]], {"lo": 0.0, "hi": 1.0}), [[0, 1, nan], [0, 0, 1.5]], [[0, 1, nan], [1, 1.25, 0]]),
    # the NaN alone receives the gradient, there every entry is given NaN
    "max": Differs(lambda x, axis, keepdims: np.isnan(x), ([[nan, 1.0]], ALL), [nan, [1, 0]], [nan, [nan, nan]]),
    "min": Differs(lambda x, axis, keepdims: np.isnan(x), ([[nan, 1.0]], ALL), [nan, [1, 0]], [nan, [nan, nan]]),
    "ptp": Differs(lambda x, axis, keepdims: np.isnan(x), ([[nan, 1.0]], ALL), [nan, [0, 0]], [nan, [nan, nan]]),
    # NaN in, NaN out; there the slope of |x|, and the sign, of NaN are 0
    "absolute": Differs(np.isnan, ([[nan, 1.0]], {}), [[nan, 1], [nan, 1.25]], [[nan, 1], [0, 1.25]]),
    "fabs": Differs(np.isnan, ([[nan, 1.0]], {}), [[nan, 1], [nan, 1.25]], [[nan, 1], [0, 1.25]]),
    "sign": Differs(np.isnan, ([[nan, 1.0]], {}), [[nan, 1], [0, 0]], [[0, 1], [0, 0]]),
    # ties share, there all goes to the first
    "fmax": Differs(lambda x, y: (x == y) | np.isnan(x) & np.isnan(y), ([[1.0, nan], [1.0, nan]], {}), [[1, nan], [0.5, 0.625], [0.5, 0.625]], [[1, nan], [1, 1.25], [0, 0]]),
    "fmin": Differs(lambda x, y: (x == y) | np.isnan(x) & np.isnan(y), ([[1.0, nan], [1.0, nan]], {}), [[1, nan], [0.5, 0.625], [0.5, 0.625]], [[1, nan], [1, 1.25], [0, 0]]),
    "max_pool1d": Differs(tied_in_a_window, ([[[1.0, 1.0]]], {"size": (2,), "stride": (1,), "pad": (0,), "dil": (1,)}), [[[1]], [[0.5, 0.5]]], [[[1]], [[1, 0]]]),
    "max_pool2d": Differs(tied_in_a_window, ([[[[1.0, 1.0]]]], {"size": (1, 2), "stride": (1, 1), "pad": (0, 0), "dil": (1, 1)}), [[[[1]]], [[[0.5, 0.5]]]], [[[[1]]], [[[1, 0]]]]),
    # slope 0 where all are 0, or -inf; there 0 / 0
    "hypot": Differs(lambda x, y: (x == 0) & (y == 0), ([[0.0], [0.0]], {}), [[0], [0], [0]], [[0], [nan], [nan]]),
    "xlogy": Differs(lambda x, y: (y <= 0) | (y == inf), ([[0.0, 0.0], [0.0, inf]], {}), [[0, 0], [0, 0], [0, 0]], [[0, 0], [0, inf], [nan, 0]]),
    "logaddexp": Differs(lambda x, y: (x == -inf) & (y == -inf), ([[-inf], [-inf]], {}), [[-inf], [0], [0]], [[-inf], [nan], [nan]]),
    "logaddexp2": Differs(lambda x, y: (x == -inf) & (y == -inf), ([[-inf], [-inf]], {}), [[-inf], [0], [0]], [[-inf], [nan], [nan]]),
    "logsumexp": Differs(lambda x, axis, keepdims: np.max(x, axis=axis) == -inf, ([[-inf, -inf]], ALL), [-inf, [0, 0]], [-inf, [nan, nan]]),
    # beside +inf entries are 0 and -inf, there NaN
    "softmax": Differs(lambda x, axis: x == inf, ([[inf, 0.0]], {"axis": 0}), [[nan, 0], [nan, nan]], [[nan, nan], [nan, nan]]),
    "log_softmax": Differs(lambda x, axis: x == inf, ([[inf, 0.0]], {"axis": 0}), [[nan, -inf], [nan, 1.25]], [[nan, nan], [nan, nan]]),
    # the slope is the formula's; there a quotient, inf / inf
    "copysign": Differs(lambda x, y: np.isinf(x), ([[inf], [-1.0]], {}), [[-inf], [-1], [0]], [[-inf], [nan], [0]]),
    "prod": Differs(lambda x, axis, keepdims: ~np.isfinite(x), ([[inf, 2.0]], ALL), [inf, [2, inf]], [inf, [nan, inf]]),
    "var": Differs(lambda x, axis, keepdims, ddof: np.isinf(x), ([[-inf, 1.0]], {**ALL, "ddof": 0}), [nan, [nan, nan]], [nan, [nan, inf]]),
    "fmod": Differs(lambda x, y: np.isinf(x) | (y == 0), ([[inf, 1.0], [2.0, 0.0]], {}), [[nan, nan], [1, 1.25], [nan, nan]], [[nan, nan], [1, 1.25], [-inf, -inf]]),
    # of a matrix that is not finite, every slope is NaN; of a singular one it is the cofactor, there 0
    "det": Differs(no_inverse, ([[[0.0, 0.0], [0.0, 4.0]]], {}), [0, [[4, 0], [0, 0]]], [0, [[0, 0], [0, 0]]]),
    "norm_of_matrices": Differs(lambda x, p, axis, keepdims: np.isnan(x), ([[[nan], [1.0]]], {"p": inf, "axis": (0, 1), "keepdims": False}), [nan, [[nan], [0]]], [nan, [[nan], [nan]]]),
    "norm_of_vectors": Differs(lambda x, p, axis, keepdims: np.isnan(x) | (p < 1) & np.isinf(x), ([[nan]], {"p": inf, "axis": 0, "keepdims": False}), [nan, [nan]], [nan, [0]]),
    # a NaN is not below 0
    "leaky_relu": Differs(lambda x, c: np.isnan(x), ([[nan]], {"c": 0.5}), [[nan], [1]], [[nan], [0.5]]),
    # out of the domain, the slope is the formula's, with the root of x - 1; there with that of x² - 1
    "arccosh": Differs(lambda x: x <= -1, ([[-1.0, -2.0]], {}), [[nan, nan], [nan, nan]], [[nan, nan], [inf, 1.25 / 3**0.5]]),
}
# fmt: on
AT_INFINITE_GRADIENTS: dict[str, tuple[Any, dict[str, Any], Any, Any]] = {
    # where PyTorch differs if the gradient that comes in is not finite: the operand, settings, our slope, theirs
    # the entries that are not the extremum have slope 0, there NaN = inf × 0
    "max": ([0.0, 1.0], ALL, [0, inf], [nan, inf]),
    "min": ([0.0, 1.0], ALL, [inf, 0], [inf, nan]),
    "ptp": ([0.0, 1.0], ALL, [-inf, inf], [nan, nan]),
    "norm_of_vectors": ([0.0, 1.0], {"p": inf, "axis": 0, "keepdims": False}, [0, inf], [nan, inf]),
    "norm_of_matrices": ([[0.0, 1.0]], {"p": 1, "axis": (0, 1), "keepdims": False}, [[0, inf]], [[nan, inf]]),
    # the slope goes through the mean, inf - inf; there it is x - mean
    "var": ([0.0, 1.0], {**ALL, "ddof": 0}, [nan, nan], [-inf, inf]),
    "std": ([0.0, 1.0], {**ALL, "ddof": 0}, [nan, nan], [-inf, inf]),
    # the slope is 0 by a formula, there always
    "sinc": ([0.0], {}, [nan], [0]),
}
UNSTEADY: dict[str, tuple[Callable[..., Any], str]] = {  # where no table could say what NumPy or PyTorch finds
    "eigh": (lambda x: True, "PyTorch takes LAPACK's choice among equal eigenvalues, which share here; raises at NaN"),
    "eigvalsh": (lambda x: True, "as eigh"),
    "svdvals": (lambda x: True, "as eigh; and where one is 0, its slope is LAPACK's choice"),
    "norm_by_singular_values": (lambda x, p, axis, keepdims: True, "as svdvals"),
    "linear": (lambda x, w, b: not np.all(np.isfinite([*x.flat, *w.flat])), "the dot of a single column skips 0 × inf"),
    "power": (lambda x, n: np.signbit(x) & ((x == 0) | np.isinf(x)), "x ** 0.5 is sqrt(x) in arrays, pow in numbers"),
    "root": (lambda x, c: np.signbit(x) & ((x == 0) | np.isinf(x)), "x ** 0.5 is sqrt(x) in arrays, pow in numbers"),
    "slogdet": (not_finite, "LAPACK's order in elimination: inf - inf"),
    "inv": (not_finite, "as slogdet"),
    "solve": (lambda x, y: not np.all(np.isfinite([*x.flat, *y.flat])), "as slogdet"),
    "inverse_matrix_power": (not_finite, "as slogdet"),
    "matrix_power": (not_finite, "which product of three is taken first"),
    "elu": (lambda x, c: np.isnan(x), "what slope PyTorch has at NaN depends on its place in memory"),
}

NOT_IN_PROGRAMS = {  # public names, and why no program uses them
    "allclose": "answers with True or False: no Tensor",
    "assert_gradients": "takes a function, not Tensors: test_check.py",
    "check_gradients": "takes a function, not Tensors: test_check.py",
    "compare": "takes a function, not Tensors: test_check.py",
    "checkpoint": "takes a function, not Tensors",
    "custom": "takes functions, not Tensors: test_custom.py",
    "draw": "makes a picture",
    "explain": "makes a text: test_trace.py",
    "trace": "makes a page: test_trace.py",
    "universal": "makes a page: test_universal.py",
    "grad": "takes a function, not Tensors: test_transforms.py",
    "hessian": "takes a function, not Tensors: test_transforms.py",
    "hvp": "takes a function, not Tensors: test_transforms.py",
    "jacobian": "takes a function, not Tensors: test_transforms.py",
    "jvp": "takes a function, not Tensors: test_transforms.py",
    "value_and_grad": "takes a function, not Tensors: test_transforms.py",
    "vjp": "takes a function, not Tensors: test_transforms.py",
    "is_grad_enabled": "not an operation",
    "missing_extra": "not an operation",
    "jit": "takes a function, not Tensors: test_jit.py",
    "capturing": "not an operation",
    "checked_index": "not an operation: test_jit.py",
    "fresh": "not an operation: test_jit.py",
    "guard_object": "not an operation: test_jit.py",
    "guard": "not an operation: test_jit.py",
    "no_grad": "not an operation; the state machine enters and leaves it",
}
METHODS_NOT_IN_PROGRAMS = {  # public methods and properties of Tensor, and why no program uses them
    "assign": "not an operation; in the state machine",
    "backward": "not an operation; every law calls it",
    "data": "not an operation",
    "dtype": "not an operation",
    "grad": "not an operation",
    "inputs": "not an operation",
    "item": "leaves the graph",
    "name": "not an operation",
    "ndim": "not an operation",
    "numpy": "leaves the graph",
    "op": "not an operation",
    "params": "not an operation",
    "register_hook": "not an operation: test_watching.py",
    "requires_grad": "not an operation",
    "retain_grad": "not an operation; in the state machine",
    "role": "not an operation",
    "shape": "not an operation",
    "size": "not an operation",
    "tolist": "leaves the graph",
    "zero_grad": "not an operation; in the state machine",
}

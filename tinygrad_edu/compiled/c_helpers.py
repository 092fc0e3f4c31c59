"""The C functions that the text calls: only those that it uses are part of it."""

from __future__ import annotations

__all__ = ["helpers"]

_EXP = {
    "float": """\
/* e^x to rounding: x = n ln 2 + r with |r| <= ln 2 / 2, e^x = 2^n (1 + r + r^2/2! + ...); without branches */
static inline float exp_float(float x)
{
  const float limited = x > 89.0f ? 89.0f : x < -104.0f ? -104.0f : x;  /* beyond it is infinite, or 0; NaN stays */
  const float n = rintf(limited * 1.44269504f);
  const float r = fmaf(n, -1.42860682e-6f, fmaf(n, -0.693145752f, limited));
  float p = 1.98412698e-4f;
  p = fmaf(p, r, 1.38888889e-3f);
  p = fmaf(p, r, 8.33333333e-3f);
  p = fmaf(p, r, 4.16666667e-2f);
  p = fmaf(p, r, 1.66666667e-1f);
  p = fmaf(p, r, 0.5f);
  p = fmaf(p, r, 1.0f);
  p = fmaf(p, r, 1.0f);
  const int32_t whole = (int32_t)(n == n ? n : 0.0f), half = whole / 2;
  const union { int32_t bits; float value; } two_1 = {(half + 127) << 23}, two_2 = {(whole - half + 127) << 23};
  return p * two_1.value * two_2.value;  /* 2^n in two steps: it may be too large for one */
}
""",
    "double": """\
/* e^x to rounding: x = n ln 2 + r with |r| <= ln 2 / 2, e^x = 2^n (1 + r + r^2/2! + ...); without branches */
static inline double exp_double(double x)
{
  const double limited = x > 710.0 ? 710.0 : x < -746.0 ? -746.0 : x;  /* beyond it is infinite, or 0; NaN stays */
  const double n = rint(limited * 1.4426950408889634);
  const double r = fma(n, -1.9082149292705877e-10, fma(n, -0.6931471803691238, limited));
  double p = 1.0 / 6227020800.0;
  p = fma(p, r, 1.0 / 479001600.0);
  p = fma(p, r, 1.0 / 39916800.0);
  p = fma(p, r, 1.0 / 3628800.0);
  p = fma(p, r, 1.0 / 362880.0);
  p = fma(p, r, 1.0 / 40320.0);
  p = fma(p, r, 1.0 / 5040.0);
  p = fma(p, r, 1.0 / 720.0);
  p = fma(p, r, 1.0 / 120.0);
  p = fma(p, r, 1.0 / 24.0);
  p = fma(p, r, 1.0 / 6.0);
  p = fma(p, r, 0.5);
  p = fma(p, r, 1.0);
  p = fma(p, r, 1.0);
  const int64_t whole = (int64_t)(n == n ? n : 0.0), half = whole / 2;
  const union { int64_t bits; double value; } two_1 = {(half + 1023) << 52}, two_2 = {(whole - half + 1023) << 52};
  return p * two_1.value * two_2.value;  /* 2^n in two steps: it may be too large for one */
}
""",
}

_SIGMOID = """\
/* 1 / (1 + e^-x); where e^-x is infinite, it is 0 */
static inline {T} sigmoid_{T}({T} x)
{{
  return 1 / (1 + exp_{T}(-x));
}}
"""

_TANH = """\
/* tanh x */
static inline {T} tanh_{T}({T} x)
{{
  return tanh{f}(x);
}}
"""

_LOGADDEXP = """\
/* log(e^x + e^y), with the larger one taken out first */
static inline {T} logaddexp_{T}({T} x, {T} y)
{{
  if (x == y) return x + ({T})0.69314718055994530942;
  const {T} d = x - y;
  return d > 0 ? x + log1p{f}(exp{f}(-d)) : d <= 0 ? y + log1p{f}(exp{f}(d)) : d;
}}
"""

_LOGADDEXP2 = """\
/* log2(2^x + 2^y), with the larger one taken out first */
static inline {T} logaddexp2_{T}({T} x, {T} y)
{{
  if (x == y) return x + 1;
  const {T} d = x - y, log2_e = ({T})1.44269504088896340736;
  return d > 0 ? x + log2_e * log1p{f}(exp2{f}(-d)) : d <= 0 ? y + log2_e * log1p{f}(exp2{f}(d)) : d;
}}
"""

_REMAINDER = """\
/* x - y floor(x / y): it has the sign of y, as in Python */
static inline {T} remainder_{T}({T} x, {T} y)
{{
  const {T} m = fmod{f}(x, y);
  if (y == 0) return m;
  if (m == 0) return copysign{f}(0, y);
  return (m < 0) != (y < 0) ? m + y : m;
}}
"""

_FLOOR_DIVIDE = """\
/* floor(x / y), as Python finds it: from the exact remainder */
static inline {T} floor_divide_{T}({T} x, {T} y)
{{
  if (y == 0) return x / y;
  {T} m = fmod{f}(x, y), q = (x - m) / y;
  if (m != 0 && (m < 0) != (y < 0)) q -= 1;
  if (q == 0) return copysign{f}(0, x / y);
  {T} whole = floor{f}(q);
  return q - whole > ({T})0.5 ? whole + 1 : whole;
}}
"""

_ORDER = (
    ("exp", None),
    ("sigmoid", _SIGMOID),
    ("tanh", _TANH),
    ("logaddexp", _LOGADDEXP),
    ("logaddexp2", _LOGADDEXP2),
    ("remainder", _REMAINDER),
    ("floor_divide", _FLOOR_DIVIDE),
)


def helpers(body: str) -> str:
    """The functions that the C text `body` calls, and those that they call."""
    found: list[str] = []
    for function, text in reversed(_ORDER):
        for kind in ("float", "double"):
            if f"{function}_{kind}(" not in body:
                continue
            whole = _EXP[kind] if text is None else text.format(T=kind, f="f" if kind == "float" else "")
            found.insert(0, whole)
            body += whole
    return "\n".join(found)

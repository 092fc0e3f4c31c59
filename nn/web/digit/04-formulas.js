// What the page knows (state, now), how numbers are written, and formulas as MathML.

const state = { way: OWN_WAY, l: L > 2 ? 2 : L, i: 0, answer: Math.min(7, count(L) - 1), cell: null };  // the chosen neuron i of layer l, the wanted answer
let now = {};  // x, z, a, delta, cost: all of the present picture

const nameOf = (i) => data.classes[i];
const neuron = (l, i) => (l === L ? `output ${nameOf(i)} (neuron ${i + 1} of layer ${l})` : `neuron ${i + 1} of layer ${l}`);  // counted from 1, as in the lecture
const palette = {};  // the theme's colours as [red, green, blue]

function readPalette() {
  const style = getComputedStyle(document.documentElement);
  for (const name of ["ink", "plus", "minus"]) {
    const hex = style.getPropertyValue(`--${name}`).trim();
    palette[name] = [1, 3, 5].map((at) => parseInt(hex.slice(at, at + 2), 16));
  }
}

const peak = (values) => values.reduce((m, v) => Math.max(m, Math.abs(v)), 0);
const largest = (values) => values.reduce((best, v, i) => (v > values[best] ? i : best), 0);

/** Two decimals for a tile; a power of ten for what is smaller. */
function short(x) {
  const size = Math.abs(x);
  const text = x === 0 ? "0" : !Number.isFinite(x) ? shown(x) : size >= 100 || size < 0.005 ? x.toExponential(0) : x.toFixed(size >= 10 ? 1 : 2);
  return text.replace(/-/g, "−").replace("e+", "e");
}

/** With how many decimals x has three digits: 3 for 0.342, 0 for 345; at most 9. */
const decimals = (x) => (x && Number.isFinite(x) ? Math.min(9, Math.max(0, 2 - Math.floor(Math.log10(Math.abs(x))))) : 3);
const fixed = (x, d) => (Math.abs(x) < 1e6 ? x.toFixed(d).replace("-", "−").replace(/^−(0(\.0*)?)$/, "$1") : shown(x, 6));

/** b + plus − minus = z with so many decimals that the sum of what is written comes out; ≈ where it does not. */
function checkableSum(b, plus, minus, z) {
  for (let d = decimals(z), most = Math.min(9, d + 3); ; d++) {
    const [byHand, right] = [Number(b.toFixed(d)) + Number(plus.toFixed(d)) - Number(minus.toFixed(d)), z.toFixed(d)];
    const comesOut = Number(byHand.toFixed(d)) === Number(right);
    if (comesOut || d >= most) return math(mo("="), mn(fixed(b, d)), mo("+"), mn(fixed(plus, d)), mo("−"), mn(fixed(minus, d)), mo(comesOut ? "=" : "≈"), mn(fixed(z, d)));
  }
}

// formulas
const mi = (text) => mml("mi", {}, text);
const mo = (text) => mml("mo", {}, text);
const mn = (x) => {
  const text = typeof x === "string" ? x : shown(x, 3), [digits, power] = text.split("e");
  if (power) return mml("mrow", {}, mn(digits), mo("·"), mml("msup", {}, mml("mn", {}, "10"), mn(power.replace("+", ""))));
  return text.startsWith("−") ? mml("mrow", {}, mo("−"), mml("mn", {}, text.slice(1))) : mml("mn", {}, text);
};
const inner = (x) => (num(x) < 0 ? mml("mrow", {}, mo("("), mn(x), mo(")")) : mn(x));
const index = (i) => (typeof i === "number" ? mml("mn", {}, String(i + 1)) : typeof i === "string" ? mi(i) : i);  // neurons from 1, as in the lecture
const layer = (l) => (typeof l === "number" ? mml("mtext", {}, `(${l})`) : mi(l)); // in brackets: no power
const sym = (base, l, i) => (i === undefined
  ? mml("msup", {}, mi(base), layer(l))
  : mml("msubsup", {}, mi(base), index(i), layer(l)));
const pair = (i, j) => mml("mrow", {}, index(i), typeof i === "number" || typeof j === "number" ? mo(",") : [], index(j));
const sum = (under) => mml("munder", {}, mo("∑"), mi(under));
const math = (...parts) => mml("math", {}, mml("mrow", {}, ...parts));
const lines = (place, ...rows) => place.replaceChildren(...rows.map((row) => el("div", {}, row)));
const softmaxOf = (base, i) => [mi("softmax"), mml("msub", {}, mml("mrow", {}, mo("("), sym(base, L), mo(")")), index(i))];
const sub = (base, i) => mml("msub", {}, mi(base), index(i));

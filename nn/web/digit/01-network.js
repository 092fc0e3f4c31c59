// Draw a digit.  As in the lecture, layers are numbered from 1, the input, to L, the output:
// a[l], z[l], delta[l] are of layer l, and layers[l] leads to it: z[l] = b + w a[l - 1].

// ---- the network ----------------------------------------------------------------------------------------

/** base64 of little-endian floats, as the numbers that they are. */
function unpacked({ dtype, data: text }) {
  const raw = atob(text), bytes = new Uint8Array(raw.length);
  for (let i = 0; i < raw.length; i++) bytes[i] = raw.charCodeAt(i);
  return new Float64Array(dtype === "<f4" ? new Float32Array(bytes.buffer) : new Float64Array(bytes.buffer));
}

const sigma = (z) => 1 / (1 + Math.exp(-z));

/** Φ(z): how much of the normal distribution is below z, by a series of positive terms (for large z: 0 or 1). */
function normal(z) {
  if (Math.abs(z) > 9) return z > 0 ? 1 : 0;
  let term = z, sum = z;
  for (let k = 3; Math.abs(term) > 1e-18 * Math.abs(sum); k += 2) { term *= (z * z) / k; sum += term; }
  return 0.5 + density(z) * sum;
}
const density = (z) => Math.exp((-z * z) / 2) / Math.sqrt(2 * Math.PI);

function softmax(a) {
  const top = Math.max(...a), e = a.map((v) => Math.exp(v - top)), sum = e.reduce((s, v) => s + v, 0);
  return e.map((v) => v / sum);
}

const ALONE = "they need not sum to 1.", UPWARDS = "without an upper limit; ";
const FUNCTIONS = {  // by the layer's settings: a = f(z), and f'(z) by z and a; the values of a; in words
  sigmoid: () => ({ f: sigma, slope: (z, a) => a * (1 - a), symbol: "σ", range: [0, 1],
    is: "σ(z), between 0 and 1", help: "Each output is between 0 and 1 on its own; together they need not sum to 1." }),
  tanh: () => ({ f: Math.tanh, slope: (z, a) => 1 - a * a, symbol: "tanh", range: [-1, 1],
    is: "tanh z, between −1 and 1", help: `Each output is between −1 and 1 on its own; ${ALONE}` }),
  relu: () => ({ f: (z) => (z <= 0 ? 0 : z), slope: (z) => (z <= 0 ? 0 : 1), symbol: "relu",
    is: "max(z, 0)", help: `Each output is 0 or larger, ${UPWARDS}${ALONE}` }),
  "leaky relu": ({ negative_slope: k }) => ({ f: (z) => (z <= 0 ? k * z : z), slope: (z) => (z <= 0 ? k : 1), symbol: "lrelu",
    is: `z, but ${k} z where z is negative`, help: `Each output may be any number; ${ALONE}` }),
  elu: ({ alpha: k }) => ({ f: (z) => (z <= 0 ? k * Math.expm1(z) : z), slope: (z) => (z <= 0 ? k * Math.exp(z) : 1), symbol: "elu",
    is: `z, but ${k} (e^z − 1) where z is negative`, help: `Each output is above −${k}, ${UPWARDS}${ALONE}` }),
  gelu: ({ approximate }) => ({ ...(approximate === "tanh" ? GELU_BY_TANH : { f: (z) => z * normal(z), slope: (z) => normal(z) + z * density(z) }), symbol: "gelu",
    is: "z Φ(z), Φ of the normal distribution", help: `Each output is above −0.17, ${UPWARDS}${ALONE}` }),
  silu: () => ({ f: (z) => z * sigma(z), slope: (z) => sigma(z) * (1 + z * (1 - sigma(z))), symbol: "silu",
    is: "z σ(z)", help: `Each output is above −0.28, ${UPWARDS}${ALONE}` }),
  softplus: ({ beta: k, threshold }) => ({ f: (z) => (k * z > threshold ? z : (Math.max(k * z, 0) + Math.log1p(Math.exp(-Math.abs(k * z)))) / k),
    slope: (z) => (k * z > threshold ? 1 : sigma(k * z)), symbol: "softplus",
    is: k === 1 ? "log(1 + e^z)" : `log(1 + e^(${k} z)) / ${k}`, help: `Each output is above 0, ${UPWARDS}${ALONE}` }),
  softmax: () => ({ ofAll: softmax, symbol: "softmax", range: [0, 1],
    is: "softmax(z)", help: "Each output is between 0 and 1, and together they sum to 1." }),
  linear: () => ({ f: (z) => z, slope: () => 1, symbol: "",
    is: "z", help: `These outputs are linear, a = z: any numbers, also negative ones (logits); ${ALONE}` }),
};

const GELU_BY_TANH = (() => {  // z/2 (1 + tanh u), u = √(2/π) (z + 0.044715 z³)
  const c = Math.sqrt(2 / Math.PI), t = (z) => Math.tanh(c * (z + 0.044715 * z ** 3));
  return { f: (z) => (z / 2) * (1 + t(z)), slope: (z) => (1 + t(z)) / 2 + (z / 2) * (1 - t(z) ** 2) * c * (1 + 0.134145 * z * z) };
})();

const layers = [null, null, ...data.layers.map(({ w, b, f, settings }) => ({ w: unpacked(w), b: unpacked(b), f, F: FUNCTIONS[f](settings) }))];
const L = layers.length - 1, side = data.side, pixels = side * side;
const count = (l) => (l === 1 ? pixels : layers[l].b.length);

/** The activation of neuron i; a softmax is a sigmoid of its z, while the others' z are as they are in z^L. */
function activation(l, i, { z }) {
  const { F } = layers[l];
  if (!F.ofAll) return F;
  const others = z[l].filter((_, k) => k !== i), top = Math.max(...others);
  const rest = others.length ? top + Math.log(others.reduce((s, v) => s + Math.exp(v - top), 0)) : -Infinity;
  return { ...F, f: (v) => sigma(v - rest), slope: (v, a) => a * (1 - a) };
}

/** Step 1: z^l_i = b^l_i + sum_j w^l_ij a^(l-1)_j,  a^l_i = f(z^l_i) */
function feedForward(x) {
  const z = [null, null], a = [null, x];
  for (let l = 2; l <= L; l++) {
    const { w, b, F } = layers[l], n = a[l - 1].length;
    z[l] = Float64Array.from(b, (b_i, i) => {
      let sum = 0;
      for (let j = 0; j < n; j++) sum += w[i * n + j] * a[l - 1][j];
      return b_i + sum;
    });
    a[l] = F.ofAll ? F.ofAll(z[l]) : z[l].map(F.f);
  }
  return { z, a };
}

const crossEntropy = data.cost === "cross-entropy", logLikelihood = data.cost === "log-likelihood";

/** C_x for the wanted answer: 1/2 sum_i (a_i - y_i)^2, or -log softmax(a)_answer, or -log a_answer where a is softmax(z). */
function costOf({ z, a }, answer) {
  if (!crossEntropy && !logLikelihood) return a[L].reduce((s, v, i) => s + (v - (i === answer)) ** 2, 0) / 2;
  const logits = crossEntropy ? a[L] : z[L], top = Math.max(...logits);
  return top + Math.log(logits.reduce((s, v) => s + Math.exp(v - top), 0)) - logits[answer];
}

/** sum_k (a_k - y_k) a_k: what all outputs of a softmax have in common in BP1 of the quadratic cost. */
const common = (a, answer) => a.reduce((s, v, k) => s + (v - (k === answer)) * v, 0);

/** Steps 2 and 3, BP1 and BP2: delta^l_i = dC_x/dz^l_i */
function backPropagate({ z, a }, answer) {
  const slope = (l, i) => layers[l].F.slope(z[l][i], a[l][i]);
  const delta = [];
  const out = crossEntropy ? softmax(a[L]) : a[L];
  delta[L] = out.map((v, i) => {
    const gap = v - (i === answer);
    if (logLikelihood) return gap;
    return layers[L].F.ofAll ? v * (gap - common(out, answer)) : gap * slope(L, i);
  });
  for (let l = L; l > 2; l--) {
    const { w } = layers[l], n = a[l - 1].length;
    delta[l - 1] = a[l - 1].map((_, j) => {
      let sum = 0;
      for (let i = 0; i < delta[l].length; i++) sum += delta[l][i] * w[i * n + j];
      return sum * slope(l - 1, j);
    });
  }
  return delta;
}

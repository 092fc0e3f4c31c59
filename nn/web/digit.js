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

// ---- samples, and the check against Python ---------------------------------------------------------------

const samples = (() => {
  const { x, rows, labels, said } = data.samples, all = unpacked(x);
  return rows.map((row, k) => ({ row, label: labels[k], said: said[k], x: all.slice(k * pixels, (k + 1) * pixels) }));
})();

/** The largest difference of outputs, relative to the output where that is above 1. */
function difference(found, wanted) {
  let most = 0;
  found.forEach((v, i) => {
    const gap = Object.is(v, wanted[i]) || v === wanted[i] ? 0 : Math.abs(v - wanted[i]) / Math.max(1, Math.abs(wanted[i]));
    if (Number.isNaN(gap) || gap > most) most = Number.isNaN(gap) ? Infinity : gap;
  });
  return most;
}

function selfCheck() {
  const here = samples.flatMap(({ x }) => [...feedForward(x).a[L]]);
  const same = difference(here, unpacked(data.samples.reference));
  const own = difference(here, unpacked(data.samples.found));
  const good = same <= 1e-9 && own <= (data.dtype === "float64" ? 1e-9 : 1e-3);
  const place = byId("check");
  place.classList.toggle("bad", !good);
  const few = (x) => shown(x, 1);
  place.textContent = good
    ? `✓ agrees with Python: max difference ${few(same)} over ${here.length} outputs of ${samples.length} test digits ` +
      `(both in float64, from the net's own ${data.dtype} parameters; the net itself, in ${data.dtype}: ${few(own)})`
    : `✗ This page does NOT agree with Python: max difference ${few(same)} (in float64), ${few(own)} ` +
      `(the net itself). Do not trust its numbers; please report it.`;
}

// ---- ink: our own strokes, the same in every browser -------------------------------------------------------

const PAD = 280, RADIUS = data.side === 8 ? 16 : 11;  // the pen's radius makes lines about as thick as in the data
const ink = new Float64Array(PAD * PAD);  // 0 paper … 1 ink

/** The line from p to q, drawn with a round pen; a pixel that is covered in part is grey. */
function stamp([x0, y0], [x1, y1]) {
  const low = (a, b) => Math.max(0, Math.floor(Math.min(a, b) - RADIUS - 1));
  const high = (a, b) => Math.min(PAD - 1, Math.ceil(Math.max(a, b) + RADIUS + 1));
  const dx = x1 - x0, dy = y1 - y0, length2 = dx * dx + dy * dy;
  for (let r = low(y0, y1); r <= high(y0, y1); r++) {
    for (let c = low(x0, x1); c <= high(x0, x1); c++) {
      const px = c + 0.5 - x0, py = r + 0.5 - y0;
      const t = length2 ? Math.min(1, Math.max(0, (px * dx + py * dy) / length2)) : 0;
      const cover = RADIUS + 0.5 - Math.sqrt((px - t * dx) ** 2 + (py - t * dy) ** 2);
      const at = r * PAD + c;
      if (cover > ink[at]) ink[at] = Math.min(1, cover);
    }
  }
}

const actions = [];  // what was done: {sample}, {clear} or {points}, for undo

/** The test digit on the pad, or null: drawing puts it aside. */
function sampleNow() {
  const last = actions[actions.length - 1];
  return last && "sample" in last ? samples[last.sample] : null;
}

function redraw() {
  ink.fill(0);
  let first = actions.length;
  while (first > 0 && actions[first - 1].points) first--;
  for (const { points } of actions.slice(first)) points.forEach((p, i) => stamp(points[Math.max(0, i - 1)], p));
}

// ---- preprocessing ---------------------------------------------------------------------------------------

/** Means of ink over the cells of a grid: m x n cells of size step, the first one at (top, left); 0 outside. */
function means(top, stepDown, m, left, stepAcross, n) {
  const shares = (start, step) => {  // how much of each pixel lies in the cell from start to start + step
    const found = [];
    for (let p = Math.max(0, Math.floor(start)); p < Math.min(PAD, start + step); p++) {
      const part = Math.min(p + 1, start + step) - Math.max(p, start);
      if (part > 0) found.push([p, part / step]);
    }
    return found;
  };
  const across = Array.from({ length: n }, (_, j) => shares(left + j * stepAcross, stepAcross));
  const out = new Float64Array(m * n);
  for (let i = 0; i < m; i++) {
    for (const [r, down] of shares(top + i * stepDown, stepDown)) {
      for (let j = 0; j < n; j++) for (const [c, part] of across[j]) out[i * n + j] += down * part * ink[r * PAD + c];
    }
  }
  return out;
}

/** The smallest box around the ink, as {top, left, height, width}, or null. */
function box() {
  let top = PAD, left = PAD, bottom = -1, right = -1;
  for (let r = 0; r < PAD; r++) {
    for (let c = 0; c < PAD; c++) {
      if (ink[r * PAD + c] < 0.5) continue;
      top = Math.min(top, r); bottom = Math.max(bottom, r); left = Math.min(left, c); right = Math.max(right, c);
    }
  }
  return bottom < 0 ? null : { top, left, height: bottom + 1 - top, width: right + 1 - left };
}

const raw = () => means(0, PAD / side, side, 0, PAD / side, side);

const INNER = Math.round((20 / 28) * side);

/** MNIST's way: scaled into the 20 x 20 box, then moved by whole pixels until the centre of mass is in the middle. */
function centred() {
  const out = new Float64Array(pixels), found = box();
  if (!found) return out;
  const step = Math.max(found.height, found.width) / INNER;
  const small = means(found.top, step, INNER, found.left, step, INNER);
  let mass = 0, down = 0, across = 0;
  small.forEach((v, k) => { mass += v; down += v * Math.floor(k / INNER); across += v * (k % INNER); });
  const shift = (moment) => Math.floor(side / 2 - moment / mass + 0.5);
  const dr = shift(down), dc = shift(across);
  small.forEach((v, k) => {
    const r = Math.floor(k / INNER) + dr, c = (k % INNER) + dc;
    if (r >= 0 && r < side && c >= 0 && c < side) out[r * side + c] = v;
  });
  return out;
}

/** The way of the 8 x 8 digits: a 32 x 32 bitmap, 32 high and at most 24 wide; the black points of 4 x 4 counted. */
function counted() {
  const out = new Float64Array(pixels), found = box();
  if (!found) return out;
  const down = Math.max(found.height, found.width) / 32, across = Math.max(down, found.width / 24);
  const top = found.top + found.height / 2 - 16 * down, left = found.left + found.width / 2 - 16 * across;
  means(top, down, 32, left, across, 32).forEach((v, k) => {
    if (v >= 0.5) out[Math.floor(k / 128) * 8 + Math.floor((k % 32) / 4)] += 1 / 16;
  });
  return out;
}

const OWN_WAY = side === 8
  ? { name: "as for the 8 × 8 digits", f: counted, help: "The drawing is scaled to a bitmap of 32 × 32 black and white points, as high as that and at most 24 wide; the black points of each block of 4 × 4 are counted: 0 to 16, then divided by 16. So were the digits made that the net learned from." }
  : { name: side === 28 ? "MNIST’s way" : "as in MNIST", f: centred, help: `The drawing is scaled to fit into ${INNER} × ${INNER} pixels, and moved until its centre of mass is in the middle of the ${side} × ${side}. So were the digits made that the net learned from${side === 28 ? "" : ", if they were made as in MNIST"}.` };
const RAW_WAY = { name: "raw", f: raw, help: `The pad as it is, each pixel the mean of its square. A net that never saw a small digit, or one in a corner, may well get it wrong: try it.` };
const WAYS = [OWN_WAY, RAW_WAY];

// ---- what is shown ---------------------------------------------------------------------------------------

const state = { way: OWN_WAY, l: L > 2 ? 2 : L, i: 0, answer: Math.min(7, count(L) - 1), cell: null };  // the chosen neuron i of layer l, the wanted answer
let now = {};  // x, z, a, delta, cost: all of the present picture

const nameOf = (i) => data.classes[i];
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

// formulas
const mi = (text) => mml("mi", {}, text);
const mo = (text) => mml("mo", {}, text);
const mn = (x) => {
  const text = typeof x === "string" ? x : shown(x, 3), [digits, power] = text.split("e");
  if (power) return mml("mrow", {}, mn(digits), mo("·"), mml("msup", {}, mml("mn", {}, "10"), mn(power.replace("+", ""))));
  return text.startsWith("−") ? mml("mrow", {}, mo("−"), mml("mn", {}, text.slice(1))) : mml("mn", {}, text);
};
const inner = (x) => (num(x) < 0 ? mml("mrow", {}, mo("("), mn(x), mo(")")) : mn(x));
const index = (i) => (typeof i === "number" ? mml("mn", {}, String(i)) : typeof i === "string" ? mi(i) : i);
const layer = (l) => (typeof l === "number" ? mml("mtext", {}, `(${l})`) : index(l)); // in brackets: no power
const sym = (base, l, i) => (i === undefined
  ? mml("msup", {}, mi(base), layer(l))
  : mml("msubsup", {}, mi(base), index(i), layer(l)));
const pair = (i, j) => mml("mrow", {}, index(i), j === undefined ? [] : [typeof i === "number" || typeof j === "number" ? mo(",") : [], index(j)]);
const sum = (under) => mml("munder", {}, mo("∑"), mi(under));
const math = (...parts) => mml("math", {}, mml("mrow", {}, ...parts));
const lines = (place, ...rows) => place.replaceChildren(...rows.map((row) => el("div", {}, row)));
const softmaxOf = (base, i) => [mi("softmax"), mml("msub", {}, mml("mrow", {}, mo("("), sym(base, L), mo(")")), index(i))];
const sub = (base, i) => mml("msub", {}, mi(base), index(i));

/** A small image of cells, with a frame around the one looked at; arrow keys and the pointer choose it. */
function picture(label) {
  const canvas = el("canvas", { "aria-hidden": "true" }), mark = el("div", { class: "mark", hidden: true });
  const frame = el("div", { class: "frame", role: "application", tabindex: 0 }, canvas, mark);
  const caption = el("span"), scale = el("span", { class: "scale" });
  const node = el("figure", { class: "picture" }, frame, el("figcaption", {}, caption, scale));
  const it = { node, l: 1, columns: side, n: pixels };
  const look = (k) => { state.cell = { l: it.l, k }; showProbe(); };
  frame.addEventListener("keydown", (event) => {
    const step = { ArrowLeft: -1, ArrowRight: 1, ArrowUp: -it.columns, ArrowDown: it.columns }[event.key];
    if (event.key === "Escape" && state.cell) { state.cell = null; showProbe(); }
    if (step === undefined) return;
    event.preventDefault();
    const k = state.cell && state.cell.l === it.l ? state.cell.k + step : Math.floor((it.n + it.columns) / 2);
    if (k >= 0 && k < it.n) { look(k); say(probeText()); }
  });
  frame.addEventListener("pointermove", (event) => {
    const at = frame.getBoundingClientRect(), rows = Math.ceil(it.n / it.columns);
    const c = Math.floor(((event.clientX - at.left) / at.width) * it.columns);
    const r = Math.floor(((event.clientY - at.top) / at.height) * rows);
    const k = r * it.columns + c;
    if (c >= 0 && c < it.columns && k >= 0 && k < it.n) look(k);
  });
  frame.addEventListener("pointerleave", () => { state.cell = null; showProbe(); });
  /** The values of layer l's neurons; signed ones in two colours, 0 as the paper. */
  it.show = (values, l, most, title, note, plain) => {
    it.l = l; it.n = values.length;
    it.columns = l === 1 ? side : Math.ceil(Math.sqrt(values.length));
    const rows = Math.ceil(it.n / it.columns);
    canvas.width = it.columns; canvas.height = rows;
    paint(canvas, values, most, plain);
    caption.replaceChildren(...[title].flat()); scale.textContent = note;
    frame.setAttribute("aria-label", `${label}. Arrow keys look at single ${l === 1 ? "pixels" : "neurons"}.`);
    it.mark();
  };
  it.mark = () => {
    const here = state.cell && state.cell.l === it.l && state.cell.k < it.n;
    mark.hidden = !here;
    if (!here) return;
    const rows = Math.ceil(it.n / it.columns);
    mark.style.left = `${(100 * (state.cell.k % it.columns)) / it.columns}%`;
    mark.style.top = `${(100 * Math.floor(state.cell.k / it.columns)) / rows}%`;
    mark.style.width = `${100 / it.columns}%`; mark.style.height = `${100 / rows}%`;
  };
  return it;
}

function paint(canvas, values, most, plain) {
  const context = canvas.getContext("2d"), image = context.createImageData(canvas.width, canvas.height);
  const plus = plain ? palette.ink : palette.plus, out = image.data;
  values.forEach((v, k) => {
    if (!v || !(most > 0)) return;  // as the paper
    [out[4 * k], out[4 * k + 1], out[4 * k + 2]] = v < 0 ? palette.minus : plus;
    out[4 * k + 3] = Math.round(255 * Math.min(1, Math.abs(v) / most));
  });
  context.putImageData(image, 0, 0);
}

/** The neurons of a layer as one tab stop: arrows go through them, Enter, Space or a click chooses one. */
function options(l, label, make, css) {
  const nodes = Array.from({ length: count(l) }, (_, i) =>
    el("div", { role: "option", tabindex: -1, class: make.css, onclick: () => choose(l, i) }, make.inside(i)));
  const list = el("div", { role: "listbox", class: css, "aria-label": label }, nodes);
  list.addEventListener("keydown", (event) => {
    const i = nodes.indexOf(document.activeElement);
    if (i < 0) return;
    const top = nodes[0].offsetTop, wide = nodes.findIndex((n) => n.offsetTop > top), columns = wide < 0 ? nodes.length : wide;
    const to = { ArrowLeft: i - 1, ArrowRight: i + 1, ArrowUp: i - columns, ArrowDown: i + columns, Home: 0, End: nodes.length - 1 }[event.key];
    if (event.key === "Enter" || event.key === " ") { event.preventDefault(); choose(l, i); }
    if (to === undefined) return;
    event.preventDefault();
    if (nodes[to]) { nodes[i].tabIndex = -1; nodes[to].tabIndex = 0; nodes[to].focus(); }
  });
  const selected = () => nodes.forEach((node, i) => {
    const mine = state.l === l && state.i === i;
    node.setAttribute("aria-selected", String(mine));
    node.tabIndex = mine || (state.l !== l && i === 0) ? 0 : -1;
  });
  return { list, nodes, l, selected };
}

function choose(l, i) {
  Object.assign(state, { l, i, cell: null });
  for (const group of groups) group.list.selected();
  showNeuron(); showLearning(); showProbe();
  say(`${l === L ? "output" : "neuron"} ${l === L ? nameOf(i) : i} of layer ${l}: z = ${shown(now.z[l][i])}, a = ${shown(now.a[l][i])}, error ${shown(now.delta[l][i])}`);
}

/** Tiles for the activities ("a") or errors ("delta") of layer l. */
function tiles(l, kind) {
  const dense = count(l) > 120, word = kind === "a" ? "activities" : "errors";
  const make = {
    css: "tile",
    inside: () => [el("span", { class: "cell" }, el("span", { class: "fill" })), el("span", { class: "value" })],
  };
  const list = options(l, `${l === L ? "output" : "hidden"} ${word}, layer ${l}`, make, dense ? "tiles dense" : "tiles");
  const bounded = kind === "a" && layers[l].F.range;
  const show = () => {
    const values = now[kind][l], most = bounded ? 1 : peak(values);
    list.nodes.forEach((node, i) => {
      const fill = node.firstChild.firstChild, v = values[i];
      fill.className = v < 0 ? "fill minus" : "fill plus";
      fill.style.opacity = most > 0 ? Math.min(1, Math.abs(v) / most) : 0;
      node.lastChild.textContent = kind === "a" && Math.abs(v) < 0.005 ? "0.00" : (kind === "delta" && v > 0 ? "+" : "") + short(v);
      node.setAttribute("aria-label", `${l === L ? `output ${nameOf(i)}` : `neuron ${i}`}: ${kind === "a" ? "a" : "error"} = ${shown(v, 3)}`);
    });
  };
  return { list, show };
}

function bars() {
  const make = {
    css: "bar",
    inside: (i) => [
      el("span", { class: "name" }, nameOf(i)),
      el("span", { class: "track" }, el("span", { class: "fill" }), el("span", { class: "zero" })),
      el("span", { class: "value" }),
    ],
  };
  const list = options(L, "output activities", make, "bars");
  const { range, help } = layers[L].F;
  const show = () => {
    const a = now.a[L], best = largest(a);
    const [low, high] = range || [Math.min(0, ...a), Math.max(0, ...a)];
    const place = (v) => (high > low ? (100 * (v - low)) / (high - low) : 0);
    list.nodes.forEach((node, i) => {
      const [name, track, value] = node.children, [fill, zero] = track.children;
      fill.className = a[i] < 0 ? "fill minus" : "fill plus";
      fill.style.left = `${Math.min(place(0), place(a[i]))}%`;
      fill.style.width = `${Math.abs(place(a[i]) - place(0))}%`;
      zero.style.left = `${place(0)}%`; zero.hidden = low === 0;
      value.textContent = Math.abs(a[i]) < 1e4 ? a[i].toFixed(range ? 3 : 2).replace("-", "−") : shown(a[i], 3);
      node.classList.toggle("largest", i === best);
      node.setAttribute("aria-label", `output ${nameOf(i)}: a = ${shown(a[i], 3)}${i === best ? ", the largest" : ""}`);
    });
    const total = a.reduce((s, v) => s + v, 0);
    byId("out-help").textContent = `${help} Here they sum to ${Math.abs(total) < 1e4 ? total.toFixed(3).replace("-", "−") : shown(total)}. The net's answer is the largest: ${nameOf(best)}.`;
  };
  return { list, show };
}

const groups = [], thumbs = [];
const seen = picture("What the net sees"), weights = picture("The neuron's weights");
const parts = picture("Weights times inputs"), learning = picture("Derivatives of the cost by the weights");

function build() {
  byId("title").textContent = data.title;
  const { right, of } = data.test;
  const neurons = (l) => `${count(l)} ${l === L ? "outputs" : "hidden neurons"} (${layers[l].f})`;
  const chain = [`${pixels} pixels`, ...Array.from({ length: L - 1 }, (_, k) => neurons(k + 2))].join(" → ");
  byId("about").textContent = `${chain}: ${shown((100 * right) / of, 3)} % of ${of.toLocaleString("en")} test digits right`;
  document.querySelector("header").insertBefore(themeButton(), byId("check"));
  byId("sym-x").append(math(sym("a", 1), mo("="), mi("x")));
  byId("sym-out").append(math(sym("a", L)));
  byId("seen").append(seen.node);
  WAYS.forEach((way, k) => byId("ways").append(el("label", {},
    el("input", { type: "radio", name: "way", value: k, checked: k === 0, onchange: () => { state.way = way; refresh(); announce(); } }), " " + way.name)));
  if (L === 2) { byId("hidden-part").hidden = true; byId("out-part").querySelector(".step").textContent = "3"; }
  byId("hidden-title").append(L === 3 ? "Hidden activities " : "Hidden layers", L === 3 ? math(sym("a", 2)) : "");
  byId("hidden-help").textContent = "One tile for each neuron; the fuller its colour, the larger its activity a.";
  for (let l = 2; l < L; l++) {
    const group = tiles(l, "a");
    groups.push(group);
    byId("hidden").append(el("p", { class: "small layer-name" }, `layer ${l}: ${count(l)} neurons, a = ${layers[l].F.is}`), group.list.list);
  }
  groups.push(bars()); byId("bars").append(groups[groups.length - 1].list.list);
  for (let l = L; l > 1; l--) {
    const group = tiles(l, "delta");
    groups.push(group);
    byId("deltas").append(el("p", { class: "small layer-name" }, `${l === L ? "output errors" : "hidden errors"} `,
      math(sym("δ", l)), l === L ? " (BP1)" : " (BP2), propagated back"), group.list.list);
  }
  byId("error-help").append("The error of a neuron is ", math(sym("δ", "l", "i"), mo("="), mo("∂"), sub("C", "x"), mo("/"), mo("∂"), sym("z", "l", "i")),
    ": + means that a smaller z would lower the cost, − a larger one. Colours are relative to the largest of the layer.");
  byId("pictures").append(weights.node, parts.node, el("figure", { class: "picture", id: "curve-of-f" }));
  byId("learn").append(learning.node);
  data.classes.forEach((name, i) => byId("answers").append(el("label", {},
    el("input", { type: "radio", name: "answer", value: i, checked: i === state.answer, onchange: () => { state.answer = i; refresh(); say(`if the answer were ${name}: cost ${shown(now.cost)}`); } }), name)));
  samples.forEach(({ row, label, said, x }, k) => {
    const wrong = said !== label, canvas = el("canvas", { width: side, height: side, "aria-hidden": "true" });
    const text = wrong ? `${nameOf(label)}→${nameOf(said)}` : nameOf(label);
    const about = `test example ${row}: a ${nameOf(label)}${wrong ? `; the net says ${nameOf(said)}` : ""}`;
    const button = el("button", { type: "button", class: "thumb", title: about, "aria-label": about, onclick: () => load(k) }, canvas, el("span", {}, text));
    thumbs.push([canvas, x]);
    paint(canvas, x, 1, true);
    byId(wrong ? "wrong" : "right").append(button);
  });
  byId("wrong-part").hidden = samples.every(({ said, label }) => said === label);
  byId("csv").addEventListener("click", () => download("digit.csv", "text/csv", csv(everyNumber())));
  byId("twin").addEventListener("toggle", showTable);
  showTraining();
}

function load(k) {
  actions.push({ sample: k });
  redraw(); refresh(); announce();
}

function announce() {
  const best = largest(now.a[L]);
  say(`largest output: ${nameOf(best)}, ${shown(now.a[L][best], 3)}`);
}

/** Everything anew, from the picture to the errors. */
function refresh() {
  const sample = sampleNow();
  const x = sample ? sample.x : state.way.f();
  const run = feedForward(x);
  now = { x, ...run, delta: backPropagate(run, state.answer), cost: costOf(run, state.answer) };
  showPad(sample);
  seen.show(x, 1, 1, `${side} × ${side} pixels, 0 (paper) to 1 (ink)`, "", true);
  byId("source").textContent = sample
    ? `Test example number ${sample.row}, just as it is in the data.  Its label: ${nameOf(sample.label)}.`
    : x.every((v) => v === 0) ? "Nothing is drawn: every pixel is 0. The net answers all the same." : "Your drawing, preprocessed:";
  byId("way-help").textContent = state.way.help;
  byId("answer").textContent = nameOf(state.answer);
  byId("label").textContent = sample ? `The label of this test digit is ${nameOf(sample.label)}.` : "";
  for (const group of groups) { group.show(); group.list.selected(); }
  showNeuron(); showLearning(); showProbe(); showTable();
}

function showPad(sample) {
  const canvas = byId("ink"), context = canvas.getContext("2d");
  paint(canvas, ink, 1, true);
  byId("invite").hidden = Boolean(sample) || actions.some((a) => a.points) || pen.path !== null;
  if (!sample) return;
  const small = el("canvas", { width: side, height: side });
  paint(small, sample.x, 1, true);
  context.imageSmoothingEnabled = false;
  context.clearRect(0, 0, PAD, PAD);
  context.drawImage(small, 0, 0, PAD, PAD);
}

/** z = b + sum w x and a = f(z) of the chosen neuron, in symbols and with its numbers. */
function showNeuron() {
  const { l, i } = state, { w, b, f } = layers[l], below = now.a[l - 1], n = below.length;
  const z = now.z[l][i], a = now.a[l][i], row = w.subarray(i * n, (i + 1) * n);
  const contributions = row.map((v, j) => v * below[j]);
  const plus = contributions.reduce((s, v) => s + Math.max(0, v), 0), minus = contributions.reduce((s, v) => s + Math.min(0, v), 0);
  const x = (j) => (l === 2 ? sub("x", j) : sym("a", l - 1, j));
  byId("which").replaceChildren(l === L ? `output ${nameOf(i)}` : `number ${i} of layer ${l}`);
  const F = activation(l, i, now), whole = F.ofAll;
  const applied = (arg) => (f === "linear" ? arg : [mi(F.symbol), mo("("), arg, mo(")")]);
  lines(byId("forward"),
    math(sym("z", l, i), mo("="), sym("b", l, i), mo("+"), sum("j"), sym("w", l, pair(i, "j")), x("j")),
    [math(mo("="), mn(b[i]), mo("+"), inner(plus), mo("−"), mn(-minus), mo("="), mn(z)),
      el("span", { class: "quiet small" }, "  (bias, then all positive and all negative w", l === 2 ? "x" : "a", ")")],
    math(sym("a", l, i), mo("="), whole ? softmaxOf("z", i) : applied(sym("z", l, i)), f === "linear" || whole ? [] : [mo("="), applied(mn(z))], mo("="), mn(a)));
  const most = peak(row), share = peak(contributions), image = l === 2 ? "" : ` One cell for each neuron of layer ${l - 1}.`;
  weights.show(row, l - 1, most, ["weights ", math(sym("w", l, pair(i, "j")))], `blue +, orange −; full colour ${shown(most, 3)}.${image}`);
  parts.show(contributions, l - 1, share, ["contributions ", math(sym("w", l, pair(i, "j")), x("j"))], `what speaks for (+) and against (−) it; full colour ${shown(share, 3)}`);
  byId("curve-of-f").replaceChildren(functionPlot(F.f, z, a), el("figcaption", {}, "activation ", math(mi("a"), mo("="), applied(mi("z"))),
    el("span", { class: "scale" }, f === "linear" ? "the output is z itself" : whole ? `while the other z are as they are; its slope here: ${shown(F.slope(z, a), 3)}` : ["its slope here: ", math(mml("msup", {}, mi(F.symbol), mo("′")), mo("("), mi("z"), mo(")"), mo("="), mn(F.slope(z, a)))])));
}

/** The curve a = f(z), with the neuron's point on it. */
function functionPlot(f, z, a) {
  const reach = Math.max(5, Math.min(40, Math.abs(z) * 1.15)), zs = Array.from({ length: 81 }, (_, k) => (reach * (k - 40)) / 40);
  const values = zs.map(f), low = Math.min(0, ...values), high = Math.max(1, ...values);
  const X = (v) => 8 + (140 * (v + reach)) / (2 * reach), Y = (v) => 142 - (128 * (v - low)) / (high - low);
  const inside = Math.abs(z) <= reach;
  return svg("svg", { viewBox: "0 0 156 156", role: "img", "aria-label": `activation function at z = ${shown(z, 3)}: a = ${shown(a, 3)}` },
    svg("path", { d: `M8,${Y(0)}H148M${X(0)},14V142`, stroke: "var(--line)", fill: "none" }),
    svg("path", { d: "M" + zs.map((v, k) => `${X(v).toFixed(1)},${Y(values[k]).toFixed(1)}`).join("L"), stroke: "var(--value)", "stroke-width": 2, fill: "none" }),
    inside ? svg("path", { d: `M${X(z)},${Y(0)}V${Y(a)}H${X(0)}`, stroke: "var(--focus)", "stroke-dasharray": "3 3", fill: "none" }) : [],
    inside ? svg("circle", { cx: X(z), cy: Y(a), r: 4.5, fill: "var(--focus)" }) : [],
    svg("text", { x: 148, y: 154, "text-anchor": "end" }, `z = ${shown(z, 3)}`), svg("text", { x: 8, y: 11 }, `a = ${shown(a, 3)}`));
}

/** The cost, and error and derivatives of the chosen neuron. */
function showLearning() {
  const { l, i, answer } = state, d = now.delta[l][i], below = now.a[l - 1];
  const { f, F } = layers[l], plain = f === "linear" || F.ofAll, slope = plain ? 1 : F.slope(now.z[l][i], now.a[l][i]);
  const y = i === answer ? 1 : 0;
  lines(byId("cost"), crossEntropy
    ? math(sub("C", "x"), mo("="), mo("−"), mi("log"), mml("mspace", { width: "0.2em" }), softmaxOf("a", answer), mo("="), mn(now.cost))
    : logLikelihood
    ? math(sub("C", "x"), mo("="), mo("−"), mi("log"), mml("mspace", { width: "0.2em" }), sym("a", L, answer), mo("="), mn(now.cost))
    : math(sub("C", "x"), mo("="), mml("mfrac", {}, mn("1"), mn("2")), sum("i"), mml("msup", {}, mml("mrow", {}, mo("("), sym("a", L, "i"), mo("−"), sub("y", "i"), mo(")")), mn("2")), mo("="), mn(now.cost)));
  const tag = (name) => el("span", { class: "eq" }, name);
  const primed = (arg) => (plain ? [] : [mo("·"), mml("msup", {}, mi(F.symbol), mo("′")), mo("("), arg, mo(")")]);
  const times = plain ? [] : [mo("·"), inner(slope)];
  const rows = [];
  if (l === L) {
    const out = crossEntropy ? softmax(now.a[L])[i] : now.a[L][i];
    const symbol = crossEntropy ? softmaxOf("a", i) : sym("a", l, i);
    const gap = (k) => [mo("("), sym("a", l, k), mo("−"), sub("y", k), mo(")")];
    if (F.ofAll && !logLikelihood) {  // every z changes every output
      rows.push([tag("BP1"), math(sym("δ", l, i), mo("="), symbol, mo("·"), mo("("), gap(i), mo("−"), sum("k"), gap("k"), sym("a", l, "k"), mo(")"))],
        math(mo("="), mn(out), mo("·"), mo("("), inner(out - y), mo("−"), inner(common(now.a[L], answer)), mo(")"), mo("="), mn(d)));
    } else rows.push([tag("BP1"), math(sym("δ", l, i), mo("="), mo("("), symbol, mo("−"), sub("y", i), mo(")"), primed(sym("z", l, i)))],
      math(mo("="), mo("("), mn(out), mo("−"), mn(y), mo(")"), times, mo("="), mn(d)));
  } else {
    const { w } = layers[l + 1], back = now.delta[l + 1].reduce((s, v, k) => s + v * w[k * count(l) + i], 0);
    rows.push([tag("BP2"), math(sym("δ", l, i), mo("="), mo("("), sum("k"), sym("δ", l + 1, "k"), sym("w", l + 1, pair("k", i)), mo(")"), primed(sym("z", l, i)))],
      math(mo("="), inner(back), times, mo("="), mn(d)));
  }
  const x = l === 2 ? sub("x", "j") : sym("a", l - 1, "j");
  const by = (under) => mml("mfrac", {}, mml("mrow", {}, mo("∂"), sub("C", "x")), mml("mrow", {}, mo("∂"), under));
  rows.push([tag("BP3"), math(by(sym("b", l, i)), mo("="), sym("δ", l, i), mo("="), mn(d))],
    [tag("BP4"), math(by(sym("w", l, pair(i, "j"))), mo("="), sym("δ", l, i), x)]);
  lines(byId("backward"), ...rows);
  const derivatives = below.map((v) => d * v), most = peak(derivatives);
  learning.show(derivatives, l - 1, most, math(mo("∂"), sub("C", "x"), mo("/"), mo("∂"), sym("w", l, pair(i, "j"))), `learning moves each weight against it; full colour ${shown(most, 2)}`);
}

function probeText() {
  const { cell, l, i } = state;
  if (!cell) return "";
  const { k } = cell, value = now.a[cell.l][k];
  const where = cell.l === 1 ? `row ${Math.floor(k / side)}, column ${k % side}: x = ${shown(value, 3)}` : `neuron ${k} of layer ${cell.l}: a = ${shown(value, 3)}`;
  if (cell.l !== l - 1) return where;
  const w = layers[l].w[i * count(l - 1) + k], x = l === 2 ? "x" : "a";
  return `${where}; w = ${signed(w, 3)}; w ${x} = ${signed(w * value, 3)}; ∂C/∂w = ${signed(now.delta[l][i] * value, 3)}`;
}

function showProbe() {
  for (const image of [seen, weights, parts, learning]) image.mark();
  byId("probe").textContent = probeText() || `Point at an image, or go over it with the arrow keys: the numbers of one ${state.l === 2 ? "pixel" : "cell"} appear here.`;
}

/** Every number of this moment, in full. */
function everyNumber() {
  const { l, i } = state, rows = [["quantity", "layer", "neuron", "from", "value"]];
  now.x.forEach((v, j) => rows.push(["x", 1, j, "", v]));
  for (let m = 2; m <= L; m++) {
    for (const [name, values] of [["z", now.z[m]], ["a", now.a[m]], ["delta", now.delta[m]]]) values.forEach((v, k) => rows.push([name, m, k, "", v]));
  }
  now.a[l - 1].forEach((v, j) => {
    const w = layers[l].w[i * count(l - 1) + j];
    rows.push(["w", l, i, j, w], ["w x", l, i, j, w * v], ["dC/dw", l, i, j, now.delta[l][i] * v]);
  });
  rows.push(["answer", L, state.answer, "", 1], ["C", "", "", "", now.cost]);
  return rows;
}

function showTable() {
  if (!byId("twin").open) return;
  const rows = [];
  for (let l = L; l > 1; l--) {
    now.z[l].forEach((z, i) => rows.push(el("tr", {}, el("td", {}, String(l)), el("td", {}, l === L ? nameOf(i) : String(i)),
      ...[z, now.a[l][i], now.delta[l][i]].map((v) => el("td", { class: "number" }, shown(v))))));
  }
  byId("table").replaceChildren(el("table", {}, el("thead", {}, el("tr", {}, ...["layer", "neuron", "z", "a", "error δ"].map((h) => el("th", { scope: "col" }, h)))), el("tbody", {}, rows)));
}

function showTraining() {
  const h = data.history;
  byId("training").hidden = !h;
  if (!h) { document.querySelector("main").classList.add("untrained"); return; }
  const n = h.epochs.length - 1, tested = h.accuracies.every((a) => a !== null), percent = (a) => `${shown(100 * a, 3)} %`;
  byId("training-text").textContent = `${h.epochs[n]} epochs${h.interrupted ? " (interrupted)" : ""}: the cost C on the training data went from ${shown(h.costs[0], 3)} to ${shown(h.costs[n], 3)}` +
    (tested ? `, the accuracy on the test data from ${percent(h.accuracies[0])} to ${percent(h.accuracies[n])}.` : ".");
  const top = Math.max(...h.costs.map(num), 1e-300), last = Math.max(1, h.epochs[n]);
  const X = (k) => 44 + (450 * h.epochs[k]) / last, Y = (share) => 140 - 120 * share;
  const line = (values) => "M" + values.map((v, k) => `${X(k).toFixed(1)},${Y(v).toFixed(1)}`).join("L");
  const label = (x, y, text, anchor) => svg("text", { x, y, "text-anchor": anchor }, text);
  byId("curve").append(svg("svg", { viewBox: "0 0 560 172", role: "img", "aria-label": byId("training-text").textContent },
    svg("path", { d: "M44,20V140H494V20", stroke: "var(--line)", fill: "none" }),
    svg("path", { d: line(h.costs.map((c) => num(c) / top)), stroke: "var(--value)", "stroke-width": 2, fill: "none" }),
    tested ? svg("path", { d: line(h.accuracies), stroke: "var(--minus)", "stroke-width": 2, "stroke-dasharray": "6 3", fill: "none" }) : [],
    label(38, 24, shown(top, 2), "end"), label(38, 144, "0", "end"), label(44, 158, "0", "middle"), label(494, 158, String(h.epochs[n]), "middle"), label(269, 158, "epoch", "middle"),
    tested ? [label(500, 24, "100 %", "start"), label(500, 144, "0 %", "start")] : [],
    label(44, 12, "— cost C", "start"), tested ? label(494, 12, "- - test accuracy", "end") : []));
}

// ---- the pen -----------------------------------------------------------------------------------------------

const pen = { at: [140, 70], path: null };  // path: the stroke in the making, also in `actions`
let waiting = false;

function soon() {
  if (waiting) return;
  waiting = true;
  requestAnimationFrame(() => { waiting = false; refresh(); });
}

function penDown(point) {
  pen.path = [point];
  actions.push({ points: pen.path });
  stamp(point, point); soon();
}

function penTo(point) {
  stamp(pen.path[pen.path.length - 1], point);
  pen.path.push(point); soon();
}

function penUp() {
  if (!pen.path) return;
  pen.path = null;
  refresh(); announce();
}

function showPen(visible) {
  const mark = byId("pen");
  mark.hidden = !visible;
  mark.classList.toggle("down", pen.path !== null);
  mark.style.left = `${pen.at[0]}px`; mark.style.top = `${pen.at[1]}px`;
  mark.style.width = mark.style.height = `${2 * RADIUS}px`;
}

function undo() {
  pen.path = null;
  if (!actions.length) { say("nothing to undo"); return; }
  actions.pop(); redraw(); refresh(); announce();
}

function clear() {
  pen.path = null;
  actions.push({ clear: true }); redraw(); refresh();
  say("cleared");
}

function listen() {
  const pad = byId("pad"), held = new Set();
  const point = (event) => {
    const at = byId("ink").getBoundingClientRect();
    return [((event.clientX - at.left) * PAD) / at.width, ((event.clientY - at.top) * PAD) / at.height];
  };
  let finger = null;
  pad.addEventListener("pointerdown", (event) => {
    if (event.button !== 0 || finger !== null) return;
    finger = event.pointerId;
    pad.setPointerCapture(finger);
    showPen(false);
    penDown(point(event));
  });
  pad.addEventListener("pointermove", (event) => {
    if (event.pointerId !== finger || !pen.path) return;
    const all = event.getCoalescedEvents ? event.getCoalescedEvents() : [];
    for (const e of all.length ? all : [event]) penTo(point(e));
  });
  for (const end of ["pointerup", "pointercancel"]) {
    pad.addEventListener(end, (event) => { if (event.pointerId === finger) { finger = null; penUp(); } });
  }
  pad.addEventListener("keydown", (event) => {
    const steps = { ArrowLeft: [-1, 0], ArrowRight: [1, 0], ArrowUp: [0, -1], ArrowDown: [0, 1] };
    const back = event.key === "z" && (event.ctrlKey || event.metaKey);
    if (!back && (event.ctrlKey || event.metaKey || event.altKey)) return;  // the browser's own keys
    if (steps[event.key]) {
      event.preventDefault();
      held.add(event.key);  // two at once go diagonally
      const size = event.shiftKey ? 2 : 10;
      const to = (axis) => [...held].reduce((v, key) => v + size * steps[key][axis], pen.at[axis]);
      pen.at = [0, 1].map((axis) => Math.min(PAD, Math.max(0, to(axis))));
      if (pen.path) penTo(pen.at);
      showPen(true);
    } else if (event.key === " ") {
      event.preventDefault();
      if (event.repeat) return;
      if (pen.path) penUp(); else { penDown(pen.at); say("pen down"); }
      showPen(true);
    } else if (event.key === "Delete" || event.key === "Backspace") { event.preventDefault(); clear(); showPen(true);
    } else if (back || event.key.toLowerCase() === "u") { event.preventDefault(); undo(); showPen(true); }
  });
  pad.addEventListener("keyup", (event) => held.delete(event.key));
  pad.addEventListener("focus", () => { if (pad.matches(":focus-visible")) showPen(true); });
  pad.addEventListener("blur", () => { held.clear(); penUp(); showPen(false); });
  byId("undo").addEventListener("click", undo);
  byId("clear").addEventListener("click", clear);
  const recolour = () => { readPalette(); for (const [canvas, x] of thumbs) paint(canvas, x, 1, true); refresh(); };
  new MutationObserver(recolour).observe(document.documentElement, { attributeFilter: ["data-theme"] });
  matchMedia("(prefers-color-scheme: dark)").addEventListener("change", recolour);
}

readPalette();
build();
selfCheck();
listen();
actions.push({ sample: 0 });
refresh();
if (L > 2) {  // a neuron that is neither fully on nor off
  const undecided = (i) => layers[2].F.slope(now.z[2][i], now.a[2][i]);
  state.i = now.a[2].reduce((best, _, i) => (undecided(i) > undecided(best) ? i : best), 0);
}
refresh();

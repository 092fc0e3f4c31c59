// The stepper.  State is one number, k: how many steps have been made.  Everything shown follows from it.

// ---- the run: what is known after k steps ----------------------------------------------------------------

const T = data.trace, steps = T.steps, N = steps.length, S = T.meta.examples || 1;
const nodes = new Map(T.nodes.map((n) => [n.id, n]));
const root = nodes.get(T.root);
const elementwise = new Set(data.elementwise);
const edgeOf = new Map(), inputsOf = new Map(), outputsOf = new Map();
for (const n of T.nodes) { inputsOf.set(n.id, []); outputsOf.set(n.id, []); }
T.edges.forEach((e, i) => {
  e.index = i;
  edgeOf.set(`${e.from} ${e.to} ${e.slot}`, e);
  inputsOf.get(e.to).push(e);
  outputsOf.get(e.from).push(e);
});
const valueStep = new Map(), updateStep = new Map(), gradSteps = new Map(T.nodes.map((n) => [n.id, []]));
steps.forEach((s, i) => {
  if (s.phase === "forward") valueStep.set(s.node, i);
  else if (s.phase === "update") updateStep.set(s.node, i);
  else gradSteps.get(s.node).push(i);
});
const lecture = steps.some((s) => s.eqno);
const isGrad = (s) => s.write === "grad";
const edgeOfStep = (s) => edgeOf.get(`${s.node} ${s.via} ${s.slot}`);
const after = (s) => s.after ?? (isGrad(s) ? nodes.get(s.node).grad : nodes.get(s.node).value);

/** The value of a node after k steps; null if it has not been computed. */
function valueAt(node, k) {
  const updated = updateStep.get(node.id);
  if (updated !== undefined && updated < k) return steps[updated].after;
  const made = valueStep.get(node.id);
  return made === undefined || made < k ? node.value : null;
}

/** Its gradient after k steps: the parts that have arrived; null before the first. */
function gradAt(node, k) {
  const done = gradSteps.get(node.id).filter((i) => i < k);
  return done.length ? after(steps[done[done.length - 1]]) : null;
}

const NOT_YET = "—, not computed";
const wanted = (node) => node.grad !== null && gradSteps.get(node.id).length > 0;

// Phases: the lecture's four steps, and the update; without a network, the chain rule in one piece.
const PHASES = lecture
  ? { forward: [1, "1 feed-forward"], seed: [2, "2 output error"], error: [2, "2 output error"], backward: [3, "3 back-propagate"], derivative: [4, "4 derivatives"], update: [5, "5 update"] }
  : { forward: [1, "1 forward"], seed: [3, "2 backward"], error: [3, "2 backward"], backward: [3, "2 backward"], derivative: [4, "3 derivatives"], update: [5, "4 update"] };
const EXPLAINED = {
  0: "Only data and parameters are known.",
  1: "Each value is computed from those before it.",
  2: "How the cost feels each output neuron (BP1).",
  3: lecture ? "The error of a layer from that of the next (BP2)." : "The chain rule, from the cost back to the leaves.",
  4: lecture ? "∂C/∂b and ∂C/∂w from the errors (BP3, BP4)." : "What reaches the parameters.",
  5: "A step downhill: w ← w − η ∂C/∂w.",
};
const phases = [];
steps.forEach((s, i) => {
  const [colour, label] = PHASES[s.phase], last = phases[phases.length - 1];
  if (last && last.label === label) last.to = i + 1;
  else phases.push({ colour, label, from: i, to: i + 1 });
});
const phaseAt = (k) => phases.find((p) => p.from < k && k <= p.to);
const firstBackward = steps.findIndex((s) => s.write === "grad");

/** Where one may stop at each grain: k = 0, and after each step, each run of steps in one layer, each phase. */
const stops = { operation: [0], layer: [0], lecture: [0] };
steps.forEach((s, i) => {
  const next = steps[i + 1];
  stops.operation.push(i + 1);
  const samePhase = next && PHASES[next.phase][1] === PHASES[s.phase][1];
  if (!samePhase) stops.lecture.push(i + 1);
  if (!samePhase || nodes.get(next.node).layer !== nodes.get(s.node).layer) stops.layer.push(i + 1);
});

// ---- arrays ------------------------------------------------------------------------------------------------

const sizeOf = (shape) => shape.reduce((a, b) => a * b, 1);
const flat = (idx, shape) => idx.reduce((at, i, d) => at * shape[d] + i, 0);

/** One entry of an array; undefined where a large array did not travel whole. */
function entry(array, idx) {
  if (!array) return undefined;
  if (array.data) return num(array.data[flat(idx, array.shape)]);
  const row = array.rows?.[idx[0]], column = array.cols?.[idx[1]];
  return row ? num(row[idx[1]]) : column ? num(column[idx[0]]) : undefined;
}

/** An array in a few words: the number, a few entries, or the range. */
function brief(array, digits = 3) {
  if (!array) return "—";
  if (!array.data) return "min" in array.stats ? `${shown(array.stats.min, digits)} … ${shown(array.stats.max, digits)}` : "all NaN";
  const all = array.data.map(num);
  if (!array.shape.length) return shown(all[0], digits + 1);
  if (!all.length) return "no entries";
  if (all.length <= 2) return `[${all.map((v) => shown(v, digits)).join(", ")}]`;
  const known = all.filter((v) => !Number.isNaN(v));
  const low = Math.min(...known), high = Math.max(...known), nans = all.length > known.length ? ", NaN" : "";
  return !known.length ? "all NaN" : low === high && !nans ? `all ${shown(low, digits)}` : `${shown(low, digits)} … ${shown(high, digits)}${nans}`;
}

/** The largest size of an entry, of those that are finite. */
function largest(array) {
  if (!array) return 0;
  const all = array.data ?? [array.stats.min ?? 0, array.stats.max ?? 0];
  let most = 0;
  for (const x of all) { const v = Math.abs(num(x)); if (Number.isFinite(v) && v > most) most = v; }
  return most;
}

// ---- which entry is looked at ------------------------------------------------------------------------------

const NEURON = { x: 1, y: 1, z: 1, a: 1, w: 2, b: 1 };  // roles whose indices are neurons, from 1 as in the lecture
const numbers = T.nodes.filter((n) => n.role === "z" && n.layer !== undefined).map((n) => n.layer);
const lastLayer = numbers.length ? Math.max(...numbers) : 1, firstLayer = numbers.length ? Math.min(...numbers) - 1 : 1;
const picked = { example: 0, neuron: new Map(), own: new Map(), kept: new Map() };  // kept: pinned neurons of each layer
const layerOf = (node) => (node.role === "x" ? firstLayer : node.role === "y" ? lastLayer : node.layer);
const byNeuron = (node) => NEURON[node.role] && node.shape.length >= 1 && node.shape.length <= 2 && layerOf(node) !== undefined;
const byExample = (node) => node.shape.length > 1 && node.shape[0] === S && !["w", "b"].includes(node.role);

/** The entry of a node that is shown: the picked neuron of its layer, the picked example. */
function pick(node) {
  const shape = node.shape, within = (i, d) => Math.max(0, Math.min(i ?? 0, shape[d] - 1));
  let idx = picked.own.get(node.id) ?? shape.map(() => 0);
  if (byNeuron(node)) {
    const l = layerOf(node), i = picked.neuron.get(l);
    if (node.role === "w") idx = shape.length === 2 ? [i, picked.neuron.get(l - 1)] : [i];
    else idx = shape.length === 2 ? [0, i] : [i];
  }
  idx = idx.map((i, d) => within(i, d));
  if (byExample(node)) idx[0] = within(picked.example, 0);
  return idx;
}

function setPick(node, idx) {
  if (byNeuron(node)) {
    const l = layerOf(node);
    picked.neuron.set(l, node.role === "w" || node.shape.length === 1 ? idx[0] : idx[1]);
    if (node.role === "w" && idx.length === 2) picked.neuron.set(l - 1, idx[1]);
  } else picked.own.set(node.id, idx);
  if (byExample(node)) picked.example = idx[0];
}

// ---- formulas: trees become boxes, boxes become MathML, text or LaTeX ---------------------------------------

const SUM = 0, PRODUCT = 1, MATRIX = 2, SIGN = 3, POWER = 4, ATOM = 5;  // how tightly a formula holds together
const BINARY = { __proto__: null,  add: ["+", SUM], subtract: ["−", SUM], multiply: ["·", PRODUCT], equal: ["=", SUM], less: ["<", SUM], less_equal: ["≤", SUM], greater: [">", SUM], greater_equal: ["≥", SUM] };
const FUNCTIONS = { __proto__: null,  sigmoid: "σ", arcsinh: "arsinh", arccosh: "arcosh", arctanh: "artanh", log: "log", maximum: "max", minimum: "min" };
const SETTINGS = new Set("axes axis dilation dtype groups hi keepdims key lo order pad reverse shape size stride value".split(" "));
class NoEntry extends Error {}  // an op whose entries have no short formula

const row = (...parts) => ["row", ...parts], op = (o) => ["o", o], word = (w) => ["t", w], number = (x) => ["n", x];
const isSetting = (part) => Array.isArray(part) && part.length === 2 && SETTINGS.has(part[0]);
const integers = (value) => (Array.isArray(value) ? value.slice(1).map(Number) : (String(value).match(/-?\d+/g) ?? []).map(Number));

function setting(tree, name) {
  const found = tree.slice(1).find((part) => isSetting(part) && part[0] === name);
  return found === undefined || found[1] === null || found[1] === "None" ? null : found[1];
}

function broadcast(shapes) {
  const ndim = Math.max(0, ...shapes.map((s) => s.length)), out = Array(ndim).fill(1);
  for (const s of shapes) s.forEach((n, d) => { if (n !== 1) out[d + ndim - s.length] = n; });
  return out;
}

/** The shape of what a tree stands for. */
function shapeOf(tree) {
  if (typeof tree === "string" && nodes.has(tree)) return nodes.get(tree).shape;
  if (!Array.isArray(tree)) return [];
  const [name, ...rest] = tree, args = rest.filter((part) => !isSetting(part));
  if (name === "grad" || name === "dsigma") return nodes.get(args[0]).shape;
  if (elementwise.has(name)) return broadcast(args.map(shapeOf));
  if (name === "matmul" || name === "linear") {
    const a = shapeOf(args[0]), b = shapeOf(args[1]);
    if (name === "linear") return [...a.slice(0, -1), b[0]];
    if (a.length > 2 || b.length > 2) throw new NoEntry();
    return [...a.slice(0, -1), ...b.slice(1)];
  }
  if (name === "transpose") {
    const s = shapeOf(args[0]), axes = integers(setting(tree, "axes"));
    return axes.length ? axes.map((d) => s[d]) : [...s].reverse();
  }
  if (name === "sum") {
    const s = shapeOf(args[0]), axes = axesOf(tree, s), keep = String(setting(tree, "keepdims")).toLowerCase() === "true";
    return keep ? s.map((n, d) => (axes.includes(d) ? 1 : n)) : s.filter((_, d) => !axes.includes(d));
  }
  if (name === "reshape" || name === "broadcast_to") {
    const shape = integers(setting(tree, "shape")), known = sizeOf(shape.filter((n) => n >= 0));
    return shape.map((n) => (n < 0 ? sizeOf(shapeOf(args[0])) / known : n));
  }
  if (name === "quadratic_cost") return [];
  throw new NoEntry();
}

function axesOf(tree, shape) {
  const axis = setting(tree, "axis");
  const axes = axis === null ? shape.map((_, d) => d) : integers(axis);
  return axes.map((d) => (d < 0 ? d + shape.length : d));
}

/** The box of a node's symbol, of one entry of it if idx is given: w_12 of layer 2, delta_k of layer 3, v[0, 2]. */
function symbolBox(node, idx = null, base = node.symbol.base) {
  const { layer, below = "" } = node.symbol;
  let under = below, tail = "";
  if (idx && node.shape.length) {
    const at = idx.map((i) => (typeof i === "number" ? i + 1 : i));
    if (byNeuron(node)) {
      const own = node.role === "w" || node.shape.length === 1 ? at : at.slice(1);
      under = [below, ...own].filter((x) => x !== "").join(own.some((x) => String(x).length > 1) ? "," : "");
      if (node.role !== "w" && node.shape.length === 2 && typeof idx[0] === "string") tail = `(${idx[0]})`;
    } else tail = `[${idx.join(", ")}]`;
  }
  const name = base.length > 22 ? base.slice(0, 21) + "…" : base;
  const box = ["sym", name, layer === undefined ? "" : `(${layer})`, under];
  return tail ? row(box, word(tail)) : box;
}

/** dC/d(node): the lecture's delta for z, which for a mini-batch is delta/S. */
function gradBox(node, idx = null) {
  if (node.role === "z" && "layer" in node.symbol) {
    const delta = symbolBox(node, idx, "δ");
    return S > 1 ? [row(delta, op("/"), word("S")), PRODUCT] : [delta, ATOM];
  }
  return [["frac", row(op("∂"), word("C")), row(op("∂"), symbolBox(node, idx))], ATOM];
}

const atLeast = (tight, [box, own]) => (own >= tight ? box : ["paren", box]);
const negative = (box) => box[0] === "n" && num(box[1]) < 0;

/** A tree as [box, how tightly it holds].  cx.idx: which entry, null for the whole array; cx.num: numbers instead of symbols. */
function build(tree, cx) {
  const { idx } = cx;
  if (typeof tree === "number") return [number(tree), tree < 0 ? SIGN : ATOM];
  if (typeof tree === "boolean" || tree === null) return [word(String(tree)), ATOM];
  if (typeof tree === "string") {
    const node = nodes.get(tree);
    if (!node) return [word(tree === "NaN" || tree.endsWith("Infinity") ? shown(tree) : tree.slice(0, 30)), ATOM];
    return cx.num ? numberOf(entry(node.value, idx ?? [])) : [symbolBox(node, idx), ATOM];
  }
  const [name, ...rest] = tree, args = rest.filter((part) => !isSetting(part));
  const inside = (part) => build(part, idx ? { ...cx, idx: matching(idx, shapeOf(part)) } : cx);
  if (name === "grad") {
    const node = nodes.get(args[0]);
    return cx.num ? numberOf(entry(node.grad, idx ?? [])) : gradBox(node, idx);
  }
  if (name === "dsigma") {
    const node = nodes.get(args[0]), z = entry(node.value, idx ?? []), a = 1 / (1 + Math.exp(-z));
    return cx.num ? numberOf(z === undefined ? z : a * (1 - a)) : [row(["prime", "σ"], ["paren", symbolBox(node, idx)]), ATOM];
  }
  if (BINARY[name]) {
    const [sign, tight] = BINARY[name];
    const x = atLeast(tight, inside(args[0])), y = atLeast(name === "subtract" ? tight + 1 : tight, inside(args[1]));
    return [row(x, op(sign), negative(y) ? ["paren", y] : y), tight];
  }
  switch (name) {
    case "divide": return [["frac", inside(args[0])[0], inside(args[1])[0]], ATOM];
    case "negative": { const x = atLeast(PRODUCT, inside(args[0])); return [row(op("−"), negative(x) ? ["paren", x] : x), PRODUCT]; }
    case "power": case "float_power": return powerBox(inside(args[0]), inside(args[1])[0]);
    case "square": return powerBox(inside(args[0]), number(2));
    case "exp": return [["sup", word("e"), inside(args[0])[0]], POWER];
    case "sqrt": return [["sqrt", inside(args[0])[0]], ATOM];
    case "reciprocal": return [["frac", number(1), inside(args[0])[0]], ATOM];
    case "absolute": case "fabs": return [["abs", inside(args[0])[0]], ATOM];
    case "where": return [row(inside(args[1])[0], word("\u00a0if\u00a0"), inside(args[0])[0], word("\u00a0else\u00a0"), inside(args[2])[0]), SUM];
    case "array": return [word(`array(${args.join(", ")})`), ATOM];
    case "tuple": return [word(`(${args.join(", ")})`), ATOM];
    case "setting": return [word(String(args[0])), ATOM];
    case "linear": return idx ? linearEntry(args, cx) : [row(build(args[0], cx)[0], transposed(build(args[1], cx))[0], op("+"), build(args[2], cx)[0]), SUM];
    case "matmul": return idx ? matmulEntry(args, cx) : [row(atLeast(MATRIX, build(args[0], cx)), atLeast(MATRIX + 1, build(args[1], cx))), MATRIX];
    case "transpose": {
      if (!idx) return transposed(build(args[0], cx));
      const axes = integers(setting(tree, "axes")), order = axes.length ? axes : idx.map((_, d) => idx.length - 1 - d);
      const from = []; order.forEach((d, at) => { from[d] = idx[at]; });
      return build(args[0], { ...cx, idx: from });
    }
    case "quadratic_cost": return quadratic(args, cx);
    case "sum": case "sum_to": {
      if (!idx) return [["sum", "", atLeast(PRODUCT, build(args[0], cx))], SUM];
      const shape = shapeOf(args[0]);
      if (name === "sum_to") {
        const lead = shape.length - idx.length, axes = shape.map((_, d) => d).filter((d) => d < lead || (cx.shape?.[d - lead] === 1 && shape[d] > 1));
        return sumOver(shape, axes, shape.map((_, d) => (d < lead ? 0 : idx[d - lead])), args[0], cx, S > 1 && shape[0] === S ? ["s"] : []);
      }
      const axes = axesOf(tree, shape), keep = idx.length === shape.length, left = [...idx];
      const full = shape.map((_, d) => (axes.includes(d) ? (keep && left.shift(), 0) : left.shift()));
      return sumOver(shape, axes, full, args[0], cx, []);
    }
    case "reshape": {
      if (!idx) return [row(build(args[0], cx)[0], word("\u00a0reshaped")), SUM];
      if (idx.some((i) => typeof i !== "number")) throw new NoEntry();
      const from = shapeOf(args[0]); let at = flat(idx, shapeOf(tree));
      const own = [...from].reverse().map((n) => { const i = at % n; at = Math.floor(at / n); return i; }).reverse();
      return build(args[0], { ...cx, idx: own });
    }
    case "broadcast_to":
      if (!idx) {
        const inner = Array.isArray(args[0]) && args[0][0] === "reshape" ? args[0][1] : args[0];
        return integers(setting(tree, "shape")).length ? [row(build(inner, cx)[0], word("\u00a0in every entry")), SUM] : build(inner, cx);
      }
      return build(args[0], { ...cx, idx: matching(idx, shapeOf(args[0])) });
  }
  if (idx && !elementwise.has(name)) throw new NoEntry();
  const settings = rest.filter(isSetting).map(([key, value]) => word(`${key}=${Array.isArray(value) ? `(${value.slice(1).join(", ")})` : value}`));
  return [["fn", FUNCTIONS[name] ?? name, ...args.map((part) => inside(part)[0]), ...settings], ATOM];
}

/** Does it begin with a minus sign? */
const leads = (box) => negative(box) || (box[0] === "row" && (leads(box[1]) || (box[1][0] === "o" && box[1][1] === "−")));
const numberOf = (x) => (x === undefined ? [word("…"), ATOM] : [number(x), x < 0 ? SIGN : ATOM]);
const transposed = ([box, tight]) => (box[0] === "sym" && box[1] !== "δ" ? [["sym", box[1], box[2] ? `${box[2]}T` : "T", box[3]], ATOM] : [["sup", box[0] === "sym" || tight < ATOM ? ["paren", box] : box, word("T")], ATOM]);
const powerBox = (x, n) => [["sup", negative(x[0]) ? ["paren", x[0]] : atLeast(ATOM, x), n], POWER];
const matching = (idx, shape) => shape.map((n, d) => (n === 1 ? 0 : idx[d + idx.length - shape.length]));

function letter(cx, ...liked) {
  const free = [...liked, "k", "j", "i", "m", "n", "p"].find((l) => !cx.used?.includes(l));
  return [free, { ...cx, used: [...(cx.used ?? []), free] }];
}

/** A sum: with a letter in symbols, term by term in numbers (the first three and the last, if there are many). */
function total(n, cx, liked, term) {
  if (n === 1) return term(0, cx);
  if (!cx.num) {
    const [l, inner] = letter(cx, ...liked);
    return [["sum", l, atLeast(PRODUCT, term(l, inner))], SUM];
  }
  const at = n <= 4 ? [...Array(n).keys()] : [0, 1, 2, null, n - 1], parts = [];
  for (const i of at) {
    const box = i === null ? word("…") : atLeast(PRODUCT, term(i, cx));
    if (parts.length) parts.push(op("+"));
    parts.push((parts.length || cx.later) && leads(box) ? ["paren", box] : box);
  }
  return n === 0 ? [number(0), ATOM] : [row(...parts), SUM];
}

function sumOver(shape, axes, full, tree, cx, liked) {
  const long = axes.filter((d) => shape[d] !== 1);
  const once = (d, i) => full.map((was, at) => (at === d ? i : was));
  if (long.length > 1) {
    if (cx.num) throw new NoEntry();
    return total(shape[long[0]], cx, liked, (i, inner) => sumOver(shape, long.slice(1), once(long[0], i), tree, inner, []));
  }
  if (!long.length) return build(tree, { ...cx, idx: full });
  return total(shape[long[0]], cx, liked, (i, inner) => build(tree, { ...inner, idx: once(long[0], i) }));
}

const product = (x, y) => { const right = atLeast(PRODUCT, y); return [row(atLeast(PRODUCT, x), op("·"), negative(right) ? ["paren", right] : right), PRODUCT]; };

function matmulEntry([a, b], cx) {
  const sa = shapeOf(a), sb = shapeOf(b), idx = [...cx.idx];
  if (sa.length > 2 || sb.length > 2) throw new NoEntry();
  const i = sa.length === 2 ? [idx.shift()] : [], j = sb.length === 2 ? [idx.shift()] : [];
  const n = sa[sa.length - 1], liked = Array.isArray(a) && a[0] === "transpose" && S > 1 ? ["s"] : ["k"];
  return total(n, cx, liked, (k, inner) => {
    const first = build(a, { ...inner, idx: [...i, k] }), second = build(b, { ...inner, idx: [k, ...j] });
    const swap = Array.isArray(a) && a[0] === "grad" && !Array.isArray(b);  // the lecture writes w_ki delta_k
    return swap ? product(second, first) : product(first, second);
  });
}

function linearEntry([x, w, b], cx) {
  const idx = cx.idx, i = idx[idx.length - 1], n = shapeOf(w)[1];
  if (shapeOf(x).length > 2) throw new NoEntry();
  const sum = total(n, { ...cx, later: true }, ["j"], (j, inner) => product(build(w, { ...inner, idx: [i, j] }), build(x, { ...inner, idx: [...idx.slice(0, -1), j] })));
  return [row(build(b, { ...cx, idx: [i] })[0], op("+"), sum[0]), SUM];
}

function quadratic([a, y], cx) {
  const shape = shapeOf(a), one = (idx, inner) => {
    const of = (part) => { const s = shapeOf(part); return build(part, { ...inner, idx: matching(idx, s) }); };
    const target = of(y)[0];
    return powerBox([row(of(a)[0], op("−"), negative(target) ? ["paren", target] : target), SUM], number(2));
  };
  const half = S > 1 ? ["frac", number(1), cx.num ? number(2 * S) : row(number(2), word("S"))] : ["frac", number(1), number(2)];
  if (!shape.length) return [row(half, one([], cx)[0]), PRODUCT];
  const n = shape[shape.length - 1];
  const overNeurons = (s, inner) => total(n, inner, ["i"], (i, deep) => one(s === null ? [i] : [s, i], deep));
  if (cx.num && S > 1) throw new NoEntry();
  const sum = shape.length === 2 ? total(shape[0], cx, ["s"], overNeurons) : shape.length === 1 ? overNeurons(null, cx) : null;
  if (!sum) throw new NoEntry();
  return [row(half, cx.num ? ["paren", sum[0]] : sum[0]), PRODUCT];
}

/** dC/dC is 1: without it, in the lecture's equations. */
function simpler(tree) {
  if (!Array.isArray(tree)) return tree;
  const t = [tree[0], ...tree.slice(1).map(simpler)], one = (x) => Array.isArray(x) && x[0] === "grad" && x[1] === root.id;
  if (t[0] === "multiply") {
    if (one(t[1])) return t[2];
    if (one(t[2])) return t[1];
    if (Array.isArray(t[2]) && t[2][0] === "divide" && t[2][1] === 1) return ["divide", t[1], t[2][2]];
  }
  if (t[0] === "divide" && one(t[1])) return t[2] === 1 ? 1 : ["divide", 1, t[2]];
  return t;
}

/** BP1 and BP2 in one line: dC/da, if it is one part only, written out. */
function writtenOut(tree) {
  if (!Array.isArray(tree)) return tree;
  if (tree[0] === "grad" && nodes.get(tree[1]).role === "a") {
    const parts = gradSteps.get(tree[1]);
    if (parts.length === 1 && steps[parts[0]].slot !== undefined) return simpler(edgeOfStep(steps[parts[0]]).part);
  }
  return [tree[0], ...tree.slice(1).map(writtenOut)];
}

/** The equation of step i at an entry: left side, symbols, numbers, result.  sym or num is null where there is none. */
function equation(i, idx = pick(nodes.get(steps[i].node))) {
  const step = steps[i], node = nodes.get(step.node);
  if (step.phase === "seed") return { left: gradBox(node)[0], sym: null, num: null, result: 1 };
  if (isGrad(step) && !edgeOfStep(step)) return { left: gradBox(node, idx)[0], sym: word("from operations that are not shown"), num: null, result: entry(step.add, idx), part: true };
  if (step.phase === "update") {
    const name = symbolBox(node, idx), was = entry(node.value, idx), add = entry(step.add, idx), slope = entry(node.grad, idx);
    const numbersBox = was === undefined ? null : row(number(was), op("−"), number(T.meta.eta), op("·"), slope < 0 ? ["paren", number(slope)] : number(slope ?? 0));
    return { left: name, arrow: true, sym: row(name, op("−"), word("η"), gradBox(node, idx)[0]), num: numbersBox, result: entry(step.after, idx), add };
  }
  let tree = isGrad(step) ? edgeOfStep(step).part : node.eq;
  if (isGrad(step) && lecture) tree = step.eqno === "BP1" || step.eqno === "BP2" ? simpler(writtenOut(tree)) : simpler(tree);
  const left = isGrad(step) ? gradBox(node, idx)[0] : symbolBox(node, idx);
  const part = isGrad(step) && "add" in step ? step.add : null;
  const result = entry(part ?? (isGrad(step) ? node.grad : node.value), idx);
  const parts = { left, result, part: part !== null, sym: null, num: null };
  try {
    parts.sym = build(tree, { idx, num: false, shape: node.shape })[0];
    parts.num = build(tree, { idx, num: true, shape: node.shape })[0];
  } catch (error) {
    if (!(error instanceof NoEntry)) throw error;
    parts.whole = true;  // the formula of all entries at once
    if (!parts.sym) parts.sym = build(tree, { idx: null, num: false })[0];
  }
  return parts;
}

/** The equation of all entries: the lecture's, for neuron i; else in whole arrays: z = x wT + b. */
function wholeEquation(i) {
  const step = steps[i], node = nodes.get(step.node);
  if (!node.shape.length || (isGrad(step) && !edgeOfStep(step))) return equation(i);
  const any = byNeuron(node) ? (node.role === "w" ? ["i", "j"] : ["i"]) : null;
  if (step.phase === "update") {
    const idx = any && (node.role === "w" || node.shape.length === 1) ? any.slice(0, node.shape.length) : null, name = symbolBox(node, idx);
    return { left: name, arrow: true, sym: row(name, op("−"), word("η"), gradBox(node, idx)[0]), num: null, result: node.shape.length ? undefined : entry(step.after, []) };
  }
  if (any) {
    const idx = node.role === "w" || node.shape.length === 1 ? any.slice(0, node.shape.length) : [pick(node)[0], "i"];
    let tree = isGrad(step) ? edgeOfStep(step).part : node.eq;
    if (isGrad(step) && lecture) tree = step.eqno === "BP1" || step.eqno === "BP2" ? simpler(writtenOut(tree)) : simpler(tree);
    try {
      return { left: isGrad(step) ? gradBox(node, idx)[0] : symbolBox(node, idx), sym: build(tree, { idx, num: false, shape: node.shape, used: any })[0], num: null, part: isGrad(step) && "add" in step };
    } catch (error) { if (!(error instanceof NoEntry)) throw error; }
  }
  let tree = isGrad(step) ? edgeOfStep(step).part : node.eq;
  if (isGrad(step) && lecture) tree = step.eqno === "BP1" || step.eqno === "BP2" ? simpler(writtenOut(tree)) : simpler(tree);
  return { left: isGrad(step) ? gradBox(node)[0] : symbolBox(node), sym: build(tree, { idx: null, num: false })[0], num: null, part: isGrad(step) && "add" in step };
}

// ---- boxes as MathML, text and LaTeX -------------------------------------------------------------------------

const cut = (text, most = 40) => (text.length > most ? text.slice(0, most - 1) + "…" : text);

function mathOf(box) {
  const [kind, ...parts] = box;
  switch (kind) {
    case "row": return mml("mrow", {}, parts.map(mathOf));
    case "o": return mml("mo", {}, parts[0]);
    case "infix": return mml("mo", { form: "infix" }, parts[0]);
    case "t": return parts[0].length === 1 || /^[A-Za-z]+$/.test(parts[0]) ? mml("mi", parts[0] === "T" ? { mathvariant: "normal" } : {}, parts[0]) : mml("mtext", {}, parts[0]);
    case "n": {
      const [digits, power] = shown(parts[0]).split("e");
      if (power === undefined) return mml("mn", {}, digits);
      return mml("mrow", {}, mml("mn", {}, digits), mml("mo", {}, "·"), mml("msup", {}, mml("mn", {}, "10"), mml("mn", {}, power.replace("+", ""))));
    }
    case "sym": {
      const [base, up, down] = parts, b = mml(base.length > 1 && !/^[\p{L}\p{N}_.]+$/u.test(base) ? "mtext" : "mi", {}, base);
      const u = up && mml("mtext", {}, up), d = down && (/^[0-9,]+$/.test(down) ? mml("mn", {}, down) : mml("mi", {}, down));
      return u && d ? mml("msubsup", {}, b, d, u) : u ? mml("msup", {}, b, u) : d ? mml("msub", {}, b, d) : b;
    }
    case "prime": return mml("msup", {}, mml("mi", {}, parts[0]), mml("mo", {}, "′"));
    case "frac": return mml("mfrac", {}, mathOf(parts[0]), mathOf(parts[1]));
    case "sup": return mml("msup", {}, mathOf(parts[0]), mathOf(parts[1]));
    case "sqrt": return mml("msqrt", {}, mathOf(parts[0]));
    case "abs": return mml("mrow", {}, mml("mo", {}, "|"), mathOf(parts[0]), mml("mo", {}, "|"));
    case "paren": return mml("mrow", {}, mml("mo", {}, "("), mathOf(parts[0]), mml("mo", {}, ")"));
    case "sum": return mml("mrow", {}, parts[0] ? mml("munder", {}, mml("mo", { movablelimits: "false" }, "∑"), mml("mi", {}, parts[0])) : mml("mo", {}, "∑"), mathOf(parts[1]));
    case "fn": return mml("mrow", {}, mml("mi", {}, parts[0]), mml("mo", {}, "("), parts.slice(1).flatMap((p, i) => (i ? [mml("mo", { separator: "true" }, ","), mathOf(p)] : [mathOf(p)])), mml("mo", {}, ")"));
  }
  return mml("mtext", {}, "?");
}

const LETTERS = { σ: "\\sigma ", δ: "\\delta ", η: "\\eta ", "∂": "\\partial ", "·": "\\cdot ", "−": "-", "≤": "\\le ", "≥": "\\ge ", "←": "\\leftarrow ", "…": "\\dots ", "∞": "\\infty " };
const tex = (text) => text.replace(/[\\{}$&#^_%~]/g, (c) => (c === "\\" ? "\\backslash " : c === "^" || c === "~" ? `\\${c}{}` : `\\${c}`)).replace(/[σδη∂·−≤≥←…∞]/g, (c) => LETTERS[c]);
const texName = (text) => (text.length === 1 ? tex(text) : `\\mathrm{${tex(text).replace(/ /g, "\\ ")}}`);

function latexOf(box) {
  const [kind, ...parts] = box;
  switch (kind) {
    case "row": return parts.map(latexOf).join(" ");
    case "o": return tex(parts[0]);
    case "t": return texName(parts[0]);
    case "n": { const [d, p] = shown(parts[0]).split("e"); return tex(d) + (p === undefined ? "" : ` \\cdot 10^{${tex(p.replace("+", ""))}}`); }
    case "sym": return texName(parts[0]) + (parts[2] ? `_{${tex(parts[2])}}` : "") + (parts[1] ? `^{${parts[1]}}` : "");
    case "prime": return `${tex(parts[0])}'`;
    case "frac": return `\\frac{${latexOf(parts[0])}}{${latexOf(parts[1])}}`;
    case "sup": return `{${latexOf(parts[0])}}^{${latexOf(parts[1])}}`;
    case "sqrt": return `\\sqrt{${latexOf(parts[0])}}`;
    case "abs": return `\\left|${latexOf(parts[0])}\\right|`;
    case "paren": return `\\left(${latexOf(parts[0])}\\right)`;
    case "sum": return `\\sum${parts[0] ? `_{${parts[0]}}` : ""} ${latexOf(parts[1])}`;
    case "fn": return `${texName(parts[0])}\\left(${parts.slice(1).map(latexOf).join(", ")}\\right)`;
  }
  return "";
}

function textOf(box) {
  const [kind, ...parts] = box;
  switch (kind) {
    case "row": return parts.map(textOf).join(parts.some((p) => p[0] === "o" && !"∂/".includes(p[1])) || !parts.some((p) => ["o", "paren", "t", "prime"].includes(p[0])) ? " " : "");
    case "o": case "t": return parts[0];
    case "n": return shown(parts[0]);
    case "sym": return parts[0] + (parts[1] ? `^${parts[1]}` : "") + (parts[2] ? `_${parts[2]}` : "");
    case "prime": return `${parts[0]}′`;
    case "frac": { const side = (p) => (["row"].includes(p[0]) && !(p[1][0] === "o") ? `(${textOf(p)})` : textOf(p)); return `${side(parts[0])}/${side(parts[1])}`; }
    case "sup": return `${textOf(parts[0])}^${parts[1][0] === "row" ? `(${textOf(parts[1])})` : textOf(parts[1])}`;
    case "sqrt": return `√(${textOf(parts[0])})`;
    case "abs": return `|${textOf(parts[0])}|`;
    case "paren": return `(${textOf(parts[0])})`;
    case "sum": return `Σ${parts[0] ? `_${parts[0]}` : ""} ${textOf(parts[1])}`;
    case "fn": return `${parts[0]}(${parts.slice(1).map(textOf).join(", ")})`;
  }
  return "";
}

const same = (a, b) => textOf(a) === textOf(b);

/** The sides of an equation, nothing said twice: left = symbols = numbers = result. */
function sides(q) {
  const all = [q.left, q.sym, q.num, q.whole || q.result === undefined ? null : number(q.result)].filter(Boolean);
  return all.filter((box, i) => i === 0 || !same(box, all[i - 1]));
}

function chain(boxes, first = "=") {
  return boxes.flatMap((box, i) => (i ? [op(i === 1 ? first : "="), box] : [box]));
}
/** A long row of terms in pieces, between which a line may end. */
function pieces(box) {
  if (box[0] !== "row") return [box];
  const plus = (b) => b?.[0] === "o" && (b[1] === "+" || b[1] === "−"), out = [[]];
  const parts = box.slice(1).flatMap((p, i) => (p[0] === "row" && box[i]?.[1] === "+" && p.some(plus) ? p.slice(1) : [p]));
  if (parts.slice(1).some(plus)) {
    parts.forEach((p, i) => { if (i && plus(p)) { out.push([["infix", p[1]]]); return; } out[out.length - 1].push(p); });
    return out.map((group) => row(...group));
  }
  const at = parts.findIndex((p) => p[0] === "paren" && pieces(p[1]).length > 2);
  if (at < 0) return [box];
  const inner = pieces(parts[at][1]);
  return inner.map((piece, i) => row(...(i ? [] : [...parts.slice(0, at), op("(")]), piece, ...(i < inner.length - 1 ? [] : [op(")"), ...parts.slice(at + 1)])));
}
const firstSign = (q) => (q.arrow ? "←" : q.part ? "+=" : "=");
const formula = (...boxes) => mml("math", {}, mml("mrow", {}, boxes.map(mathOf)));

const symbolText = (node) => cut(node.symbol.text, 40);
const gradText = (node) => textOf(gradBox(node)[0]).replace(/\^\((\d+)\)/, (_, d) => `⁽${[...d].map((c) => "⁰¹²³⁴⁵⁶⁷⁸⁹"[c]).join("")}⁾`);
const ROLES = { x: "input", w: "weights", b: "biases", z: "weighted input", a: "activity", y: "target", cost: "cost" };
function described(node) {
  const what = ROLES[node.role] ?? (node.op ? `result of ${node.op}` : node.kind === "leaf" ? "parameter" : "data");
  return what + (node.layer !== undefined && node.role !== "cost" ? `, layer ${node.layer}` : "");
}

// ---- the state of the page -----------------------------------------------------------------------------------

const state = { k: 0, grain: lecture ? "layer" : "operation", view: "graph", level: data.levels.operation ? "operation" : "layer", chosen: null, hovered: null, cursor: null, pins: [], predict: false, revealed: false, code: false, playing: 0, zoom: 0, open: new Set() };
const still = () => matchMedia("(prefers-reduced-motion: reduce)").matches;

/** The steps that the last move made, at the grain chosen. */
function range() {
  const before = stops[state.grain].filter((at) => at < state.k);
  return state.k ? [before[before.length - 1] ?? 0, state.k] : [0, 0];
}
const currentSteps = () => { const [from, to] = range(); return [...Array(to - from).keys()].map((i) => from + i); };

/** The step that the equation on top is about: the named one of those just made, else the last. */
function mainStep() {
  const made = currentSteps();
  return [...made].reverse().find((i) => steps[i].eqno === "BP1" || steps[i].eqno === "BP2") ?? (state.grain === "operation" ? made[made.length - 1] : made.find((i) => steps[i].eqno) ?? made[made.length - 1]);
}

function inspected() {
  const id = state.hovered ?? state.chosen ?? (state.predict && state.k < N ? steps[state.k].node : state.k ? steps[mainStep()].node : null);
  return id === null ? null : nodes.get(id);
}
const asked = () => (state.predict && !state.revealed && state.k < N ? steps[state.k] : null);

function go(k, { quiet = false } = {}) {
  state.k = Math.max(0, Math.min(N, k));
  state.revealed = false; state.chosen = null; state.hovered = null;
  update();
  if (!quiet) say(spoken());
}

function move(direction, phase = false) {
  const grain = state.predict ? "operation" : state.grain, at = stops[phase ? "lecture" : grain];
  go(direction > 0 ? at.find((s) => s > state.k) ?? N : [...at].reverse().find((s) => s < state.k) ?? 0);
}

function play(on = !state.playing) {
  clearInterval(state.playing);
  state.playing = on ? setInterval(() => { if (state.k >= N) play(false); else move(1); }, 1100) : 0;
  if (on && state.k >= N) go(0);
  byId("play").textContent = on ? "❚❚" : "▶";
  byId("play").setAttribute("aria-label", on ? "pause" : "play");
}

function spoken() {
  if (!state.k) return "Start. Only data and parameters are known.";
  const i = mainStep(), q = equation(i), node = nodes.get(steps[i].node);
  const eqno = steps[i].eqno ? `, ${steps[i].eqno}` : "";
  return `Step ${state.k} of ${N}, ${phaseAt(state.k).label}${eqno}: ${sides({ ...q, num: null }).slice(0, 2).map(textOf).join(` ${firstSign(q)} `)}${q.sym && q.result !== undefined ? ` = ${shown(q.result)}` : ""}. ${described(node)}.`;
}

// ---- symbols in a drawing ------------------------------------------------------------------------------------

/** A symbol as SVG text, with its layer above and its index below. */
function label(node, x, y, size, { idx = null, base, extra = {}, after: more = "" } = {}) {
  const box = symbolBox(node, idx, base), [, name, up, down] = box[0] === "row" ? box[1] : box, parts = [];
  const text = svg("text", { x, y, "font-size": size, class: "sym", ...extra });
  text.append(svg("tspan", name.length > 1 ? { class: "up" } : {}, cut(name, 12)));
  if (up) parts.push([up, -0.42]);
  if (down) parts.push([down, 0.24]);
  let now = 0;
  for (const [t, dy] of parts) { text.append(svg("tspan", { "font-size": size * 0.68, dy: (dy - now) * size, class: "up" }, t)); now = dy; }
  if (box[0] === "row" || more) text.append(svg("tspan", { "font-size": size * 0.72, dy: -now * size, class: "up" }, (box[0] === "row" ? box[2][1] : "") + more));
  return text;
}

// ---- the graph -------------------------------------------------------------------------------------------------

const graph = { svg: null, boxes: new Map(), edges: [], groups: new Map(), order: [] };

/** Where everything goes, given which groups are open. */
function graphLayout() {
  if (state.level === "operation" && data.levels.operation) {
    const level = data.levels.operation;
    return {
      size: level.size, frames: level.frames.map((f) => ({ box: f.box, label: `layer ${f.layer}` })), groups: [],
      nodes: Object.entries(level.boxes).map(([id, box]) => ({ id, box })),
      edges: T.edges.map((e, i) => ({ d: level.paths[i], middle: level.middles[i], members: [e] })),
    };
  }
  const items = data.levels.layer.groups.map((g) => ({ ...g, box: [...g.box], wide: g.box[2], high: g.box[3] }));
  for (const g of items.filter((item) => item.open && state.open.has(item.id))) {
    const [w, h] = [g.open.size[0] + 32, g.open.size[1] + 54], dx = w - g.wide, dy = h - g.high, [x, y, w0, h0] = g.box;
    for (const other of items) {
      if (other === g) continue;
      const cx = other.box[0] + other.box[2] / 2, cy = other.box[1] + other.box[3] / 2;
      if (cx > x + w0) other.box[0] += dx;
      else if (cx >= x) other.box[1] += cy < y + h0 / 2 ? -dy / 2 : dy / 2;
    }
    g.box = [x, y - dy / 2, w, h];
  }
  const left = Math.min(...items.map((g) => g.box[0])), top = Math.min(...items.map((g) => g.box[1]));
  for (const g of items) { g.box[0] -= left; g.box[1] -= top; }
  const out = { size: [Math.max(...items.map((g) => g.box[0] + g.box[2])), Math.max(...items.map((g) => g.box[1] + g.box[3]))], frames: [], groups: [], nodes: [], edges: [] };
  const home = new Map(), place = new Map();
  for (const g of items) {
    if (!g.open) { out.nodes.push({ id: g.id, box: g.box }); place.set(g.id, g.box); home.set(g.id, g.id); continue; }
    if (!state.open.has(g.id)) {
      out.groups.push({ id: g.id, label: g.label, box: g.box, members: g.members });
      place.set(g.id, g.box); g.members.forEach((id) => home.set(id, g.id));
      continue;
    }
    const dx = g.box[0] + 16, dy = g.box[1] + 38;
    out.frames.push({ box: g.box, label: g.label, closes: g.id });
    for (const [id, [x, y, w, h]] of Object.entries(g.open.boxes)) { const box = [x + dx, y + dy, w, h]; out.nodes.push({ id, box }); place.set(id, box); home.set(id, id); }
    for (const [i, d] of Object.entries(g.open.paths)) out.edges.push({ d, shift: [dx, dy], middle: [g.open.middles[i][0] + dx, g.open.middles[i][1] + dy], members: [T.edges[i]], inner: true });
  }
  const drawn = new Set(out.edges.map((e) => e.members[0].index)), pairs = new Map();
  for (const e of T.edges) {
    const a = home.get(e.from), b = home.get(e.to);
    if (drawn.has(e.index) || a === b) continue;
    const key = `${a} ${b}`;
    if (pairs.has(key)) { pairs.get(key).members.push(e); continue; }
    const [ax, ay, aw, ah] = place.get(a), [bx, by, , bh] = place.get(b), x0 = ax + aw, y0 = ay + ah / 2, y1 = by + bh / 2, bend = Math.max(24, Math.abs(bx - x0) / 2);
    const between = items.filter((g) => g.box[0] > x0 && g.box[0] + g.box[2] < bx && Math.min(y0, y1) < g.box[1] + g.box[3] && Math.max(y0, y1) > g.box[1]);
    const under = Math.max(0, ...between.map((g) => g.box[1] + g.box[3] + 18)), middle = (x0 + bx) / 2;
    pairs.set(key, { d: under ? `M${x0},${y0}C${x0 + 40},${y0} ${x0 + 10},${under} ${x0 + 70},${under}L${Math.max(middle, bx - 70)},${under}C${bx - 10},${under} ${bx - 40},${y1} ${bx},${y1}` : `M${x0},${y0}C${x0 + bend},${y0} ${bx - bend},${y1} ${bx},${y1}`, members: [e] });
  }
  out.edges.push(...pairs.values());
  return out;
}

/** The local derivative of an edge in a few letters, for the drawing. */
function localLabel(edge) {
  const to = nodes.get(edge.to), from = nodes.get(edge.from);
  if (edge.part === undefined) return "";
  if (edge.localValue) {
    if (!edge.localValue.shape.length) return `×${shown(edge.localValue.data[0], 3)}`;
    if (typeof edge.local === "number") return `×${shown(edge.local, 3)}`;
    if (Array.isArray(edge.local) && edge.local[0] === "dsigma") return `· σ′(${nodes.get(edge.local[1]).symbol.base})`;
    return cut(`· ${textOf(build(edge.local, { idx: null, num: false })[0]).replace(/\^\(\d+\)/g, "").replace(/_(\d+)/g, (_, d) => [...d].map((c) => "₀₁₂₃₄₅₆₇₈₉"[c]).join(""))}`, 14);
  }
  const others = inputsOf.get(to.id).filter((e) => e !== edge && nodes.get(e.from).role !== "b");
  if (to.op === "linear") return from.role === "b" || edge.slot === 2 ? (S > 1 ? "Σ" : "×1") : `· ${cut(nodes.get(others[0].from).symbol.base, 8)}`;
  if (to.op === "matmul") return others.length ? `· ${cut(nodes.get(others[0].from).symbol.base, 8)}` : "";
  if (to.op === "quadratic_cost") return S > 1 ? "(a−y)/S" : "(a − y)";
  return "";
}

function drawGraph() {
  const plan = graphLayout(), pane = byId("view-graph");
  const [w, h] = [plan.size[0] + 28, plan.size[1] + 36];
  const picture = svg("svg", { viewBox: `-14 -20 ${w} ${h}`, tabindex: 0, role: "listbox", "aria-label": "Graph of the operations. Up and down arrows go from node to node; Enter selects, Enter again pins.", id: "graph" });
  graph.plan = plan; graph.size = [w, h]; graph.svg = picture; graph.boxes.clear(); graph.groups.clear(); graph.edges = []; graph.order = [];
  const behind = svg("g", { role: "presentation", "aria-hidden": "true" }), labels = svg("g", { "aria-hidden": "true" }), front = svg("g", { role: "presentation" });
  for (const f of plan.frames) {
    const [x, y, fw, fh] = f.box;
    behind.append(svg("rect", { x, y, width: fw, height: fh, rx: 12, class: "frame" }), svg("text", { x: f.closes ? x + 12 : x + fw - 4, y: y + (f.closes ? 22 : -5), "font-size": 12, "text-anchor": f.closes ? "start" : "end", class: "dim" }, f.label));
    if (f.closes) labels.append(svg("g", { class: "node", onclick: () => toggle(f.closes) }, svg("rect", { x: x + fw - 70, y: y + 8, width: 60, height: 20, rx: 5, class: "box" }), svg("text", { x: x + fw - 40, y: y + 22, "font-size": 11, "text-anchor": "middle" }, "close")));
  }
  for (const e of plan.edges) {
    const shift = e.shift ? { transform: `translate(${e.shift[0]} ${e.shift[1]})` } : {};
    const path = svg("path", { d: e.d, class: "edge", ...shift }), end = e.d.match(/(-?[\d.]+),(-?[\d.]+)$/), [ex, ey] = [Number(end[1]), Number(end[2])];
    const head = svg("path", { d: `M${ex},${ey}l-8,-3.6v7.2z`, class: "head", ...shift });
    behind.append(path, head);
    let tag = null;
    if (e.middle && e.members.length === 1) {
      const text = localLabel(e.members[0]);
      if (text) {
        const [x, y] = e.middle;
        tag = svg("g", { class: "local" }, svg("text", { x, y: y - 5, class: "halo" }, text));
        labels.append(tag);
      }
    }
    graph.edges.push({ ...e, path, head, tag });
  }
  for (const g of plan.groups) {
    const [x, y, gw, gh] = g.box;
    const item = svg("g", { class: "node group", id: `group-${g.id}`, role: "option", "aria-selected": "false", onclick: () => toggle(g.id) },
      svg("rect", { class: "ring", x: x - 4, y: y - 4, width: gw + 8, height: gh + 8, rx: 13 }),
      svg("rect", { class: "box", x, y, width: gw, height: gh, rx: 10 }), svg("text", { x: x + 14, y: y + 22, "font-size": 13.5 }, cut(g.label, 22)),
      svg("text", { x: x + gw - 12, y: y + 22, "font-size": 14, "text-anchor": "end", class: "dim" }, "+"));
    const values = svg("text", { x: x + 14, y: y + 43, class: "num dim" }), grads = svg("text", { x: x + 14, y: y + 61, class: "num grad" });
    item.append(values, grads); front.append(item);
    graph.groups.set(g.id, { ...g, item, values, grads });
    graph.order.push({ id: g.id, item, group: true });
  }
  for (const { id, box } of plan.nodes) {
    const node = nodes.get(id), [x, y, bw, bh] = box, kind = (node.kind === "leaf" && node.op ? "const" : node.kind) + (node === root ? " root" : "");
    const item = svg("g", { class: `node ${kind}`, id: `g-${id}`, role: "option", "aria-selected": "false", "data-node": id },
      svg("rect", { class: "ring", x: x - 4, y: y - 4, width: bw + 8, height: bh + 8, rx: 12 }), svg("rect", { class: "box", x, y, width: bw, height: bh, rx: node.kind === "const" ? 3 : 9 }),
      label(node, x + 10, y + 21, 18), svg("text", { x: x + bw - 9, y: y + 18, "font-size": 10.5, "text-anchor": "end", class: "dim" }, node.op ?? (node.kind === "leaf" ? "parameter" : "data")),
      svg("circle", { class: "pin", cx: x + bw - 2, cy: y + 2, r: 5 }));
    const value = svg("text", { x: x + 10, y: y + 41, class: "num" }), gradient = svg("text", { x: x + 10, y: y + 57, class: "num grad" });
    item.append(value, gradient); listen(item, node); front.append(item);
    graph.boxes.set(id, { item, value, gradient, box, kind });
    graph.order.push({ id, item });
  }
  graph.order.sort((a, b) => (a.item.querySelector(".box").getAttribute("x") - b.item.querySelector(".box").getAttribute("x")) || 0);
  picture.append(behind, front, labels);
  picture.addEventListener("click", (event) => { if (event.target === picture) { state.chosen = null; update(); } });
  pane.replaceChildren(picture, el("p", { class: "legend" }, el("span", {}, "blue: parameters"), el("span", {}, "grey: data"), el("span", {}, "plain: computed"), el("span", {}, "∂: gradient ∂C/∂·"), el("span", {}, "on the arrows: local derivatives")));
  zoomed();
}

function listen(item, node, idx = null) {
  const choose = () => { if (idx) setPick(node, idx()); };
  item.addEventListener("click", (event) => { event.stopPropagation(); choose(); select(node.id, event.shiftKey); });
  hover(item, () => [node.id, idx ? idx() : undefined]);
}

/** What the pointer rests on is shown in the inspector, unless somebody is typing there. */
function hover(item, what) {
  const look = () => {
    const [id, idx] = what();
    if (byId("inspector").contains(document.activeElement) || (id === state.chosen && !idx)) return;
    state.hovered = id; showInspector(idx);
  };
  item.addEventListener("pointerenter", () => { clearTimeout(hover.timer); hover.timer = setTimeout(look, 130); });
  item.addEventListener("pointerleave", () => { clearTimeout(hover.timer); if (state.hovered) { state.hovered = null; showInspector(); } });
}

function toggle(id) {
  if (state.open.has(id)) state.open.delete(id);
  else {
    const size = (g) => data.levels.layer.groups.find((x) => x.id === g).members.length;
    state.open.add(id);
    while (state.open.size > 1 && [...state.open].reduce((sum, g) => sum + size(g), 0) > 200) state.open.delete([...state.open][0]);
  }
  drawGraph(); update();
}

function zoomed() {
  const pane = byId("view-graph"), [w, h] = graph.size;
  const fit = Math.min((pane.clientWidth - 4) / w, (pane.clientHeight - 34) / h, 1.25);
  const scale = state.zoom || Math.max(fit, 0.72);
  graph.scale = scale;
  graph.svg.setAttribute("width", w * scale); graph.svg.setAttribute("height", h * scale);
}

function zoom(by) { state.zoom = by ? Math.max(0.2, Math.min(3, (graph.scale || 1) * by)) : 0; zoomed(); follow(); }

/** Bring the node of the current step into the middle, if it is not to be seen. */
function follow() {
  const pane = byId("view-graph"), id = state.cursor ?? state.chosen ?? (state.k ? steps[mainStep()].node : asked()?.node ?? T.nodes[0].id);
  const target = graph.boxes.get(id) ?? [...graph.groups.values()].find((g) => g.members.includes(id) || g.id === id);
  if (!target || pane.hidden) return;
  const [x, y, w, h] = target.box, s = graph.scale, cx = (x + w / 2 + 14) * s, cy = (y + h / 2 + 20) * s, margin = Math.min(220, pane.clientWidth / 4);
  const out = cx - margin < pane.scrollLeft || cx + margin > pane.scrollLeft + pane.clientWidth || cy - 60 < pane.scrollTop || cy + 60 > pane.scrollTop + pane.clientHeight;
  if (out) pane.scrollTo({ left: cx - pane.clientWidth / 2, top: cy - pane.clientHeight / 2, behavior: still() ? "auto" : "smooth" });
}

const valueText = (node) => { const v = valueAt(node, state.k); return asked()?.node === node.id && asked().write === "value" && v === null ? "?" : v ? brief(v, v.shape.length ? 2 : 3) : "—"; };
function gradientText(node) {
  if (!wanted(node)) return "";
  const step = asked();
  return step?.node === node.id && isGrad(step) ? "?" : brief(gradAt(node, state.k), node.shape.length ? 2 : 3);
}

function updateGraph() {
  const made = new Set(currentSteps()), now = new Set([...made].map((i) => steps[i].node)), flow = flows(made), onPath = pathEdges();
  for (const [id, b] of graph.boxes) {
    const node = nodes.get(id), value = valueAt(node, state.k), gradient = wanted(node) ? gradAt(node, state.k) : null;
    const classes = ["node", b.kind];
    if (!value) classes.push("empty");
    if (now.has(id)) classes.push("now");
    if (state.chosen === id) classes.push("selected");
    if (state.cursor === id) classes.push("cursor");
    if (state.pins.includes(id)) classes.push("pinned");
    b.item.setAttribute("class", classes.join(" "));
    b.item.setAttribute("aria-selected", String(state.chosen === id));
    b.value.textContent = valueText(node);
    b.gradient.textContent = wanted(node) ? `${node.role === "z" && "layer" in node.symbol ? (S > 1 ? "δ/S" : "δ") : "∂"}  ${gradientText(node)}` : "";
    b.gradient.setAttribute("class", gradient ? "num grad" : "num dim");
    for (const line of [b.value, b.gradient]) line.style.fontSize = `${Math.min(13, (b.box[2] - 18) / (0.56 * Math.max(1, line.textContent.length)))}px`;
    b.item.setAttribute("aria-label", `${symbolText(node)}, ${described(node)}, value ${value ? brief(value) : NOT_YET}${wanted(node) ? `, gradient ${gradient ? brief(gradient) : NOT_YET}` : ""}${state.pins.includes(id) ? ", pinned" : ""}`);
  }
  for (const g of graph.groups.values()) {
    const own = g.members.map((id) => nodes.get(id)), some = own.some((n) => now.has(n.id));
    g.item.setAttribute("class", `node group${some ? " now" : ""}${state.cursor === g.id ? " cursor" : ""}`);
    g.values.textContent = `${own.filter((n) => valueAt(n, state.k)).length} of ${own.length} values`;
    const all = own.filter(wanted), done = all.filter((n) => gradAt(n, state.k)).length;
    g.grads.setAttribute("class", done ? "num grad" : "num dim");
    g.grads.textContent = `${done ? done : "—"} of ${all.length} gradients`;
    g.item.setAttribute("aria-label", `${g.label}, closed, ${g.values.textContent}, ${done} of ${all.length} gradients; Enter opens`);
  }
  for (const e of graph.edges) {
    const way = e.members.map((m) => flow.get(m.index)).find(Boolean), path = e.members.some((m) => onPath.has(m.index));
    e.path.setAttribute("class", `edge${way ? ` flow ${way}` : ""}${path ? " path" : ""}`);
    e.head.setAttribute("class", `head${way ? " flow" : ""}`);
    if (e.tag) {
      e.tag.setAttribute("class", `local${way === "back" ? " flow" : ""}`);
      e.tag.classList.toggle("unseen-tag", !valueAt(nodes.get(e.members[0].to), state.k) && Boolean(e.members[0].localValue));
      e.tag.setAttribute("visibility", !valueAt(nodes.get(e.members[0].to), state.k) ? "hidden" : "visible");
    }
  }
  graph.svg.dataset.phase = phaseAt(state.k)?.colour ?? 0;
  if (state.cursor) { const at = graph.order.find((o) => o.id === state.cursor); if (at) graph.svg.setAttribute("aria-activedescendant", at.item.id); }
  follow();
}

/** Which edges something flows along in these steps: edge -> forward or back. */
function flows(made) {
  const found = new Map();
  for (const i of made) {
    const s = steps[i];
    if (s.phase === "forward") for (const e of inputsOf.get(s.node)) found.set(e.index, "forth");
    else if (s.slot !== undefined) found.set(edgeOfStep(s).index, "back");
  }
  return found;
}

// ---- the network: circles and arrows ------------------------------------------------------------------------------

const MOST = 16, FIRST = 6, LAST = 2;

/** The layers of the network, from the input on: how many neurons, and which nodes hold their values. */
const columns = (() => {
  const layers = T.meta.layers ?? [], found = [];
  for (const l of layers) {
    const z = nodes.get(l.z), w = nodes.get(l.w);
    if (!z || !w || z.op !== "linear" || z.shape.length > 2 || w.shape.length !== 2) { if (l.x && !found.length) found.push({ ...l, first: l.x }); continue; }
    if (!found.length) { const x = nodes.get(z.eq[1]); if (!x) return []; found.push({ layer: l.layer - 1, first: x.id, neurons: w.shape[1] }); }
    found.push(l);
  }
  return found.length > 1 && found.slice(1).every((l, i) => nodes.get(l.w).shape[1] === found[i].neurons) ? found : [];
})();
const target = columns.length && root.op === "quadratic_cost" ? nodes.get(root.eq[2]) : T.nodes.find((n) => n.role === "y");
const at = (node, i) => (node.shape.length === 2 ? [Math.min(picked.example, node.shape[0] - 1), i] : [i]);
const network = { svg: null };

function shownNeurons(c) {
  const { neurons: n, layer } = columns[c];
  if (n <= MOST) return [...Array(n).keys()];
  const own = new Set([...Array(FIRST).keys(), ...Array.from({ length: LAST }, (_, i) => n - LAST + i)]);
  for (const i of picked.kept.get(layer) ?? []) own.add(i);
  if (picked.neuron.has(layer)) own.add(Math.min(picked.neuron.get(layer), n - 1));
  return [...own].sort((a, b) => a - b);
}

function drawNetwork() {
  const pane = byId("view-network"), room = Math.max(560, pane.clientWidth - 6), high = Math.max(330, pane.clientHeight - 46);
  const rows = columns.map((_, c) => shownNeurons(c)), most = Math.max(...rows.map((r, c) => r.length + (columns[c].neurons > MOST ? 1 : 0)));
  const gap = Math.max(42, Math.min(104, (high - 64) / most)), r = Math.min(30, gap * 0.36 + 2), H = Math.max(high, most * gap + 70), W = room;
  const pitch = (W - 220) / Math.max(1, columns.length - 1), x = (c) => 70 + c * pitch, y = new Map();
  const picture = svg("svg", { viewBox: `0 0 ${W} ${H}`, width: W, height: H, tabindex: 0, role: "listbox", id: "network", "aria-label": "The network, neuron by neuron. Up and down arrows go from neuron to neuron; Enter selects, Enter again pins." });
  const wires = svg("g", { "aria-hidden": "true" }), tags = svg("g", { "aria-hidden": "true" }), taken = [], front = svg("g", { role: "presentation" });
  Object.assign(network, { svg: picture, wires: [], neurons: [], order: [] });
  rows.forEach((list, c) => {
    const extra = columns[c].neurons > MOST ? 1 : 0, top = 34 + (H - 50 - (list.length + extra) * gap) / 2 + gap / 2;
    let line = 0, gone = false;
    list.forEach((i, n) => {
      if (n && !gone && i > list[n - 1] + 1) { front.append(svg("text", { x: x(c), y: top + line * gap + 5, class: "more", "aria-hidden": "true" }, `⋮ ${columns[c].neurons}`)); line += 1; gone = true; }
      y.set(`${c} ${i}`, top + line * gap); line += 1;
    });
  });
  columns.forEach((col, c) => {
    const heading = c === 0 ? "input" : c === columns.length - 1 ? "output layer" : "hidden layer";
    front.append(svg("text", { x: x(c), y: 18, class: "heading", "aria-hidden": "true" }, pitch < 160 ? `layer ${col.layer}` : `layer ${col.layer} · ${heading}`));
    if (c === 0) return;
    const w = nodes.get(col.w), few = rows[c].length * rows[c - 1].length <= 8;
    for (const i of rows[c]) for (const j of rows[c - 1]) {
      const [x0, y0, x1, y1] = trimmed(x(c - 1), y.get(`${c - 1} ${j}`), x(c), y.get(`${c} ${i}`), r + 1), d = `M${x0},${y0}L${x1},${y1}`;
      const line = svg("path", { d, class: "wire" }), head = svg("path", { d: headOf(x0, y0, x1, y1), class: "wirehead" }), catcher = svg("path", { d, class: "catch" });
      const tag = few ? wireLabel(taken, x0, y0, x1, y1) : null;
      listen(catcher, w, () => [i, j]);
      wires.append(line, head, catcher); if (tag) tags.append(tag);
      network.wires.push({ line, head, tag, c, w, i, j, ends: [x0, y0, x1, y1] });
    }
  });
  const last = columns.length - 1, cx = W - 52, cy = 34 + (H - 50) / 2;
  for (const i of rows[last]) wires.append(svg("path", { d: `M${x(last) + r},${y.get(`${last} ${i}`)}L${cx - 26},${cy}`, class: "wire", "data-cost": "" }));
  columns.forEach((col, c) => {
    for (const i of rows[c]) {
      const own = nodes.get(col.a ?? col.z ?? col.x ?? col.first), cyi = y.get(`${c} ${i}`), id = `n-${c}-${i}`;
      const item = svg("g", { class: "node neuron", id, role: "option", "aria-selected": "false" }, svg("circle", { class: "ring", cx: x(c), cy: cyi, r: r + 4 }), svg("circle", { class: "body", cx: x(c), cy: cyi, r }));
      const what = svg("text", { x: x(c), y: cyi - r * 0.28, class: "tag", visibility: r > 20 ? "visible" : "hidden" }), value = svg("text", { x: x(c), y: cyi + (r > 20 ? r * 0.34 : 4), class: "num" });
      const under = svg("text", { x: x(c), y: cyi + r + 13, class: "tag" });
      item.append(what, value, svg("circle", { class: "pin", cx: x(c) + r * 0.75, cy: cyi - r * 0.75, r: 5 }));
      if (gap >= 74) item.append(under);
      const node = () => { const z = col.z && nodes.get(col.z); return z && (state.k > firstBackward || !valueAt(own, state.k)) ? z : own; };
      item.addEventListener("click", (event) => { event.stopPropagation(); const n = node(); setPick(n, at(n, i)); select(n.id, event.shiftKey); });
      hover(item, () => { const n = node(); return [n.id, at(n, i)]; });
      front.append(item);
      network.neurons.push({ item, what, value, under, c, i, col, node, r });
      network.order.push({ id, item, enter: () => { const n = node(); setPick(n, at(n, i)); return n.id; } });
    }
  });
  const cost = svg("g", { class: "node root", id: "n-cost", role: "option", "aria-selected": "false" }, svg("rect", { class: "ring", x: cx - 34, y: cy - 28, width: 78, height: 56, rx: 12 }), svg("rect", { class: "box", x: cx - 30, y: cy - 24, width: 70, height: 48, rx: 9 }), label(root, cx + 5, cy - 5, 16, { extra: { "text-anchor": "middle" } }));
  network.cost = svg("text", { x: cx + 5, y: cy + 14, class: "num", "text-anchor": "middle" });
  cost.append(network.cost); listen(cost, root); front.append(cost);
  network.costItem = cost; network.order.push({ id: "n-cost", item: cost, enter: () => root.id });
  network.targets = [];
  if (target && target.shape.length === 2 && target.shape[1] === columns[last].neurons) for (const i of rows[last]) {
    const t = svg("text", { x: x(last) + r + 3, y: y.get(`${last} ${i}`) - (gap > 60 ? r * 0.7 : 6), class: "tag halo" });
    network.targets.push({ t, i }); front.append(svg("g", { class: "neuron", "aria-hidden": "true" }, t)); t.setAttribute("text-anchor", "start");
  }
  network.marks = svg("g", { "aria-hidden": "true" });
  picture.append(wires, tags, network.marks, front);
  network.legend = el("p", { class: "legend" });
  pane.replaceChildren(picture, network.legend);
  network.key = networkKey();
}

/** A line from circle to circle. */
function trimmed(x0, y0, x1, y1, r) {
  const far = Math.hypot(x1 - x0, y1 - y0), [u, v] = [(x1 - x0) / far, (y1 - y0) / far];
  return [x0 + u * r, y0 + v * r, x1 - u * (r + 2), y1 - v * (r + 2)];
}

function headOf(x0, y0, x1, y1) {
  const far = Math.hypot(x1 - x0, y1 - y0), [u, v] = [(x1 - x0) / far, (y1 - y0) / far], [bx, by] = [x1 - 7 * u, y1 - 7 * v];
  return `M${x1 + u},${y1 + v}L${bx - 3 * v},${by + 3 * u}L${bx + 3 * v},${by - 3 * u}z`;
}

/** Which wires the equation in the inspector speaks of: those into the neuron, or, for BP2, those out of it. */
function wiresOf(node, backward) {
  const c = node ? columns.findIndex((col) => col.z === node.id || col.a === node.id) : -1;
  if (c < 1) return () => "";
  const i = pick(node)[node.shape.length - 1], out = backward && c < columns.length - 1 && gradAt(node, state.k);
  return (e) => (out ? (e.c === c + 1 && e.j === i ? "out" : "") : !backward && e.c === c && e.i === i && valueAt(node, state.k) ? "in" : "");
}

/** Room for a number on a wire, where no other number is. */
function wireLabel(taken, x0, y0, x1, y1) {
  const overlap = ([x, y]) => taken.reduce((sum, [u, v]) => sum + Math.max(0, 46 - Math.abs(x - u)) * Math.max(0, 17 - Math.abs(y - v)), 0);
  const places = [0.2, 0.28, 0.36, 0.44, 0.14, 0.52, 0.6, 0.68, 0.76, 0.82].map((part) => [x0 + part * (x1 - x0), y0 + part * (y1 - y0)]);
  const [x, y] = places.reduce((best, place) => (overlap(place) < overlap(best) ? place : best));
  taken.push([x, y]);
  return svg("g", { class: "local" }, svg("rect", { x: x - 20, y: y - 8, width: 40, height: 15, rx: 4 }), svg("text", { x, y: y + 3.5 }));
}

const networkKey = () => columns.map((_, c) => shownNeurons(c).join()).join(";") + byId("view-network").clientWidth + "x" + byId("view-network").clientHeight;

function updateNetwork() {
  if (!columns.length) return;
  if (!network.svg || network.key !== networkKey()) drawNetwork();
  const made = new Set(currentSteps()), now = new Set([...made].map((i) => steps[i].node)), backward = state.k > firstBackward && phaseAt(state.k)?.colour !== 5;
  const colour = phaseAt(state.k)?.colour ?? 0, chosen = inspected();
  network.svg.dataset.phase = colour;
  const used = new Set([...made].flatMap((i) => (steps[i].slot !== undefined ? [steps[i].via] : [])));
  for (const n of network.neurons) {
    const { col, c, i } = n, first = c === 0 ? nodes.get(col.first) : null, z = col.z && nodes.get(col.z), a = col.a ? nodes.get(col.a) : first;
    const av = a && valueAt(a, state.k), zv = z && valueAt(z, state.k), dv = z && gradAt(z, state.k), hidden = asked();
    const value = (node, array) => (array ? entry(array, at(node, i)) : undefined);
    let name, x, share = 0, sign = "plus", tag = "";
    if (first) { [name, x] = ["x", value(first, av)]; share = Math.min(1, Math.abs(x) / (largest(first.value) || 1)); }
    else if (backward) { [name, x] = [S > 1 ? "δ/S" : "δ", value(z, dv)]; share = x === undefined ? 0 : Math.abs(x) / (largest(z.grad) || 1); tag = a ? `a = ${shown(value(a, av), 2)}` : `z = ${shown(value(z, zv), 2)}`; }
    else if (a && av) { [name, x] = ["a", value(a, av)]; share = Math.min(1, Math.abs(x)); tag = `z = ${shown(value(z, zv), 2)}`; }
    else if (zv) { [name, x] = ["z", value(z, zv)]; share = Math.min(1, Math.abs(x) / (largest(z.value) || 1)); }
    else [name, x] = [a ? "a" : "z", undefined];
    if (x < 0) sign = "minus";
    const unknown = x === undefined || Number.isNaN(share);
    n.what.replaceChildren(name[0], svg("tspan", { "font-size": 8, dy: 3 }, String(i + 1)), svg("tspan", { dy: -3 }, name.slice(1)));
    n.value.textContent = hidden && hidden.node === (backward ? z?.id : valueAt(z ?? a, state.k) ? a?.id : z?.id) && unknown ? "?" : unknown ? "—" : shown(x, 2);
    n.value.setAttribute("class", unknown ? "num dim" : backward && !first ? "num grad" : "num");
    n.value.style.fontSize = `${Math.min(13, (n.r * 3.1) / Math.max(4, n.value.textContent.length))}px`;
    n.under.textContent = unknown && !backward ? "" : tag;
    const body = n.item.querySelector(".body");
    body.style.fill = unknown ? "var(--paper)" : `color-mix(in srgb, var(--${sign}) ${Math.round(4 + 34 * share)}%, var(--paper))`;
    const here = [z?.id, a?.id, col.b, first?.id].filter(Boolean);
    n.item.setAttribute("class", `node neuron${unknown ? " empty" : ""}${here.some((id) => now.has(id)) ? " now" : ""}${chosen && here.includes(chosen.id) && picked.neuron.get(col.layer) === i && state.chosen ? " selected" : ""}${state.cursor === n.item.id ? " cursor" : ""}${here.some((id) => state.pins.includes(id)) && (picked.neuron.get(col.layer) ?? 0) === i ? " pinned" : ""}`);
    n.item.setAttribute("aria-label", `neuron ${i + 1} of layer ${col.layer}: ${name} ${unknown ? NOT_YET : shown(x)}${tag && !unknown ? `, ${tag}` : ""}`);
  }
  const some = new Set(), spoken_ = wiresOf(chosen, backward);
  network.marks.replaceChildren();
  const most = new Map(columns.slice(1).map((col) => { const w = nodes.get(col.w), g = gradAt(w, state.k); return [w.id, { grad: g && colour !== 5 ? g : null, value: valueAt(w, state.k), large: largest(g && colour !== 5 ? g : w.value) || 1 }]; }));
  for (const e of network.wires) {
    const { grad, value, large } = most.get(e.w.id), x = entry(grad ?? value, [e.i, e.j]), share = x === undefined || Number.isNaN(x) ? 0 : Math.min(1, Math.abs(x) / large);
    some.add(grad ? "grad" : "value");
    const col = columns[e.c], flow = now.has(col.z) && made.size && [...made].some((s) => steps[s].node === col.z && steps[s].phase === "forward") ? "forth" : used.has(col.z) && !grad ? "back" : now.has(e.w.id) ? "forth" : "";
    const mine = chosen?.id === e.w.id && pick(e.w)[0] === e.i && pick(e.w)[1] === e.j, part = grad ? "" : spoken_(e);
    e.line.setAttribute("class", `wire ${x < 0 ? "minus" : "plus"}${flow ? " flow" : ""}${mine ? " picked" : ""}`);
    e.line.style.strokeWidth = 0.6 + 4 * share + (mine ? 1 : 0); e.line.style.strokeOpacity = mine || part ? 1 : (flow ? 0.4 : 0.2) + 0.55 * share;
    e.head.setAttribute("class", `wirehead ${x < 0 ? "minus" : "plus"}${mine ? " picked" : ""}`); e.head.style.opacity = e.line.style.strokeOpacity;
    if (!e.tag && (mine || part) && x !== undefined) {
      const [x0, y0, x1, y1] = e.ends, f = mine ? 0.5 : part === "in" ? 0.72 : 0.28, [u, v] = [x0 + f * (x1 - x0), y0 + f * (y1 - y0)];
      network.marks.append(svg("g", { class: "local" }, svg("rect", { x: u - 20, y: v - 8, width: 40, height: 15, rx: 4 }), svg("text", { x: u, y: v + 3.5 }, shown(x, 2))));
    }
    if (e.tag) { e.tag.lastChild.textContent = x === undefined ? "…" : shown(x, 2); e.tag.setAttribute("class", grad ? "local grads" : "local"); }
  }
  const c = valueAt(root, state.k);
  network.cost.textContent = asked()?.node === root.id && !c ? "?" : c ? shown(entry(c, []), 4) : "—";
  network.costItem.setAttribute("class", `node root${c ? "" : " empty"}${now.has(root.id) ? " now" : ""}${state.chosen === root.id ? " selected" : ""}${state.cursor === "n-cost" ? " cursor" : ""}${state.pins.includes(root.id) ? " pinned" : ""}`);
  network.costItem.setAttribute("aria-label", `cost C ${c ? shown(entry(c, [])) : NOT_YET}`);
  for (const { t, i } of network.targets) t.textContent = `y = ${shown(entry(target.value, at(target, i)), 2)}`;
  network.legend.replaceChildren(
    el("span", {}, some.has("grad") ? (some.has("value") ? "arrows: ∂C/∂w where it is computed, else weights w" : "arrows: derivatives ∂C/∂w") : colour === 5 ? "arrows: weights w after the update" : "arrows: weights w"),
    el("span", {}, "blue, solid: +   orange, dashed: −   thick: large"), el("span", {}, backward ? "in the circles: errors δ" : colour === 5 ? "in the circles and C: as before the update" : "in the circles: activities"));
  if (state.cursor) network.svg.setAttribute("aria-activedescendant", state.cursor);
}

// ---- the table: the twin of the pictures ----------------------------------------------------------------------------

const full = (array) => (array && array.data && array.data.length <= 64 ? array.data.map(num).join(" ") : array ? "large" : "—");

function nodeRows() {
  return [["symbol", "name", "what", "layer", "shape", "value", "gradient"], ...T.nodes.map((n) => [symbolText(n), n.name, n.formula ? `${n.op}: ${n.formula}` : described(n), n.layer ?? "", n.shape.join(" x "), valueAt(n, state.k) ? full(valueAt(n, state.k)) : NOT_YET, wanted(n) ? (gradAt(n, state.k) ? full(gradAt(n, state.k)) : NOT_YET) : "not asked for"])];
}

function stepRows() {
  return [["step", "phase", "equation", "of", "formula", "before", "add", "after"], ...steps.map((s, i) => {
    const node = nodes.get(s.node), q = wholeEquation(i), single = isGrad(s) && !("add" in s);
    return [i + 1, PHASES[s.phase][1], s.eqno, isGrad(s) ? gradText(node) : symbolText(node), q.sym ? textOf(q.sym) : "1", isGrad(s) ? (s.before ? full(s.before) : "0") : s.phase === "update" ? full(node.value) : "", s.add ? full(s.add) : single ? full(node.grad) : "", full(after(s))];
  })];
}

const table = { rows: null };
function drawTable() {
  const pane = byId("view-table"), body = el("tbody"), history = el("tbody");
  table.rows = T.nodes.map((n) => {
    const value = el("td", { class: "number" }), gradient = el("td", { class: "number grad" });
    const line = el("tr", { "data-node": n.id, onclick: () => select(n.id) }, el("td", {}, formula(symbolBox(n))), el("td", {}, n.op ?? described(n)), el("td", {}, n.layer ?? ""), el("td", {}, n.shape.join(" × ") || "number"), value, gradient);
    body.append(line);
    return { n, line, value, gradient };
  });
  table.steps = steps.map((s, i) => {
    const q = N <= 400 ? wholeEquation(i) : null, node = nodes.get(s.node);
    const line = el("tr", { "data-phase": PHASES[s.phase][0], onclick: () => go(i + 1) }, el("td", {}, i + 1), el("td", {}, PHASES[s.phase][1]), el("td", {}, s.eqno), el("td", {}, q ? formula(...chain([q.left, q.sym ?? number(1)], firstSign(q))) : isGrad(s) ? gradText(node) : symbolText(node)), el("td", { class: "number" }));
    history.append(line);
    return { s, i, line };
  });
  const head = (...names) => el("thead", {}, el("tr", {}, names.map((n) => el("th", { scope: "col" }, n))));
  pane.replaceChildren(
    el("p", {}, el("button", { type: "button", onclick: () => copy(csv(nodeRows())) }, "Copy the nodes as CSV"), " ", el("button", { type: "button", onclick: () => copy(csv(stepRows())) }, "Copy the steps as CSV")),
    el("table", { id: "nodes-table" }, el("caption", {}, "The nodes, as they are now"), head("symbol", "what", "layer", "shape", "value", "gradient ∂C/∂·"), body),
    el("table", { id: "steps-table" }, el("caption", {}, "The steps"), head("step", "phase", "", "equation", "result"), history));
}

function copy(text) {
  const area = el("textarea", { readonly: true, class: "unseen", "aria-label": "copied text" });
  area.value = text;
  document.body.append(area); area.select();
  const copied = document.execCommand("copy");  // navigator.clipboard is closed to the frames of notebooks
  area.remove();
  if (copied) say("Copied."); else download(fileName(".csv"), "text/csv", text);
}

function updateTable() {
  if (!table.rows) drawTable();
  const now = new Set(currentSteps().map((i) => steps[i].node));
  const q = asked();
  for (const line_ of table.rows) {
    const { n, line, value, gradient, last } = line_, v = valueAt(n, state.k), g = gradAt(n, state.k), hide = (write) => q?.node === n.id && q.write === write;
    const here = [v, g, now.has(n.id) ? phaseAt(state.k).colour : 0, hide("value"), hide("grad")];
    if (last && here.every((x, i) => x === last[i])) continue;  // as it was
    line_.last = here;
    value.textContent = hide("value") ? "?" : v ? brief(v) : NOT_YET; value.dataset.full = hide("value") ? "?" : full(v);
    gradient.textContent = hide("grad") ? "?" : wanted(n) ? (g ? brief(g) : NOT_YET) : "—, not asked for"; gradient.className = `number ${g && !hide("grad") ? "grad" : "quiet"}`; gradient.dataset.full = hide("grad") ? "?" : full(g);
    line.className = now.has(n.id) ? "now" : ""; line.dataset.phase = here[2];
  }
  const made = new Set(currentSteps());
  for (const line_ of table.steps) {
    const { s, i, line } = line_, look = made.has(i) ? "now" : i >= state.k ? (q === s ? "later asked" : "later") : "";
    if (line_.look === look) continue;
    line_.look = line.className = look;
    line.lastChild.textContent = i < state.k ? brief(after(s)) : q === s ? "?" : "—";
  }
}

// ---- the inspector ------------------------------------------------------------------------------------------------------

function showInspector(hoverPick) {
  const pane = byId("inspector"), node = inspected();
  if (hoverPick && state.hovered && node) {
    const keep = [new Map(picked.neuron), new Map(picked.own), picked.example];
    setPick(node, hoverPick); fillInspector(pane, node);
    [picked.neuron, picked.own, picked.example] = keep;
  } else fillInspector(pane, node);
}

function fillInspector(pane, node) {
  const parts = [];
  const step = asked();
  if (step && (!node || node.id === step.node)) parts.push(question(state.k));
  if (state.pins.length === 2) parts.push(paths());
  if (node) parts.push(...about(node));
  else if (!step) parts.push(welcome());
  pane.replaceChildren(...parts);
  pane.dataset.phase = phaseAt(state.k)?.colour ?? 0;
}

function welcome() {
  return el("section", {}, el("h2", {}, "Walk through it, step by step"),
    el("p", {}, "This is one run of backpropagation, recorded. Now only the data and the parameters are known; everything else reads —."),
    el("p", {}, "Press ", el("kbd", {}, "→"), " for the next step and ", el("kbd", {}, "←"), " to take it back. ", el("kbd", {}, "Space"), " plays."),
    el("p", {}, lecture ? "First the network computes its answer (1). Then the error at the output is found (2), carried back layer by layer (3), and turned into the derivatives of the cost (4)." : "First every value is computed. Then the chain rule is followed from the cost back to the parameters."),
    el("p", {}, "Click anything in the picture to see its numbers and the equation they come from. ", el("kbd", {}, "G"), " lets you predict each number before you see it."),
    el("p", { class: "quiet" }, `${T.nodes.length} nodes, ${N} steps${S > 1 ? `; a mini-batch of S = ${S} examples: C is their mean, so ∂C/∂z is δ/S` : ""}.`));
}

function about(node) {
  const idx = pick(node), k = state.k, value = valueAt(node, k), gradient = wanted(node) ? gradAt(node, k) : null, out = [];
  const step = asked(), hide = (write) => step?.node === node.id && step.write === write;
  const one = (array) => { const x = entry(array, idx); return x === undefined ? "not in the page: too large" : shown(x, 6); };
  const empty = node.shape.includes(0);
  const facts = el("dl", { class: "facts" },
    el("dt", {}, "value"), el("dd", { class: value || hide("value") ? "value big" : "" }, hide("value") ? "?" : empty ? "no entries" : value ? one(value) : NOT_YET),
    el("dt", {}, formula(gradBox(node, idx)[0])), el("dd", { class: gradient ? "grad big" : "" }, hide("grad") ? "?" : !wanted(node) ? "—, not asked for" : empty ? "no entries" : gradient ? one(gradient) : NOT_YET),
    node.shape.length ? [el("dt", {}, "shape"), el("dd", {}, `${node.shape.join(" × ")}, ${node.dtype ?? ""}`)] : null);
  out.push(el("section", {}, el("h2", {}, formula(symbolBox(node, node.shape.length ? idx : null)), el("span", { class: "quiet" }, described(node), node.name && node.name !== node.symbol.text ? el("span", { class: "code" }, ` ${cut(node.name, 40)}`) : null)), facts));
  const current = new Set(currentSteps()), made = valueStep.get(node.id);
  const block = (i, title) => {
    const now = current.has(i), done = i < k && !(step && steps.indexOf(step) === i);
    const q = done && !empty ? equation(i, idx) : null;
    return el("section", now ? { class: "here", "data-phase": PHASES[steps[i].phase][0] } : {}, el("h3", {}, title, now ? " · this step" : ""), q ? shownEquation(q) : el("p", { class: "quiet" }, NOT_YET), q && steps[i].write === "grad" && q.part ? accumulation(i, idx) : null);
  };
  if (made !== undefined) out.push(block(made, "Value: forward"));
  const parts = gradSteps.get(node.id);
  parts.forEach((i, at) => out.push(block(i, `Gradient: ${steps[i].phase === "seed" ? "the start" : steps[i].eqno ? `back, ${steps[i].eqno}` : "back, by the chain rule"}${parts.length > 1 ? `, part ${at + 1} of ${parts.length}` : ""}`)));
  const updated = updateStep.get(node.id);
  if (updated !== undefined && updated < k) out.push(block(updated, "Update: gradient descent"));
  const locals = inputsOf.get(node.id).filter((e) => e.part !== undefined);
  if (locals.length && value && !hide("value")) out.push(el("section", {}, el("h3", {}, "Local derivatives, or what is passed back"), locals.map((e) => localLine(node, e, idx))));
  if (node.shape.length && !empty) out.push(arraySection(node, idx, hide("value") ? null : value, hide("grad") ? null : gradient));
  if (state.code) out.push(codeSection(node));
  out.push(el("div", { class: "links" },
    el("button", { type: "button", "aria-pressed": String(state.pins.includes(node.id)), onclick: () => pin(node.id) }, state.pins.includes(node.id) ? "Unpin" : "Pin"),
    el("span", { class: "quiet" }, state.pins.length === 1 && !state.pins.includes(node.id) ? `with ${symbolText(nodes.get(state.pins[0]))}: every path between them` : state.pins.length ? "" : "pin two: every path between them")));
  return out;
}

function shownEquation(q) {
  const all = sides(q), first = firstSign(q), lines = [];
  const [left, ...right] = all;
  if (!right.length) return el("div", { class: "eq" }, formula(left));
  lines.push(el("div", { class: "eq" }, formula(left, op(first), right[0])));
  right.slice(1).forEach((box, i) => lines.push(el("div", { class: `eq numbers${i === right.length - 2 ? " result" : ""}` }, pieces(box).flatMap((piece, k) => [k ? el("wbr") : "", formula(...(k ? [piece] : [["infix", "="], piece]))]))));
  if (q.whole) lines.push(el("p", { class: "quiet" }, `here the entry ${q.result === undefined ? "is not in the page" : `is ${shown(q.result)}`}`));
  return lines;
}

/** The gradient before, what is added, and after: 0, 3, 7. */
function accumulation(i, idx) {
  const s = steps[i], before = s.before ? entry(s.before, idx) : 0, plus = entry(s.add, idx), next = entry(after(s), idx);
  const chip = (title, x, kind = "") => el("span", { class: `chip ${kind}` }, el("small", {}, title), x === undefined ? "…" : shown(x));
  return el("div", { class: "chips", "data-phase": PHASES[s.phase][0] }, chip("before", before), "+", chip("this part", plus), "=", chip("now", next, "after"));
}

function localLine(node, e, idx) {
  const from = nodes.get(e.from);
  const left = ["frac", row(op("∂"), symbolBox(node, e.local !== undefined ? idx : null)), row(op("∂"), symbolBox(from, e.local !== undefined ? matching(idx, from.shape) : null))];
  if (e.local === undefined) {
    if (e.part[0] === "sum_to") return el("div", { class: "eq quiet" }, "to ", formula(symbolBox(from)), ": passes back ", formula(build(e.part, { idx: null, num: false })[0]));
    return el("div", { class: "eq quiet" }, "to ", formula(symbolBox(from)), ": passes back ", formula(build(lecture ? simpler(e.part) : e.part, { idx: null, num: false })[0]));
  }
  const x = entry(e.localValue, idx), boxes = [left];
  try { boxes.push(build(e.local, { idx, num: false })[0]); } catch (error) { if (!(error instanceof NoEntry)) throw error; }
  if (x !== undefined) boxes.push(number(x));
  return el("div", { class: "eq" }, formula(...chain(boxes.filter((b, i) => i === 0 || !same(b, boxes[i - 1])))));
}

function codeSection(node) {
  const src = node.src;
  return el("section", {}, el("h3", {}, "Code"), src ? [el("p", { class: "quiet" }, `${src.file}, line ${src.line}`), el("p", {}, el("code", {}, src.text))]
    : el("p", { class: "quiet" }, node.kind === "op" ? "The line is known if trace() is given a function: trace(lambda: cost(net(x), y))." : "Made before the run that was traced."));
}

// ---- arrays in the inspector: the entry picker, and heat-maps

function arraySection(node, idx, value, gradient) {
  const base = byNeuron(node) ? 1 : 0, names = ["i", "j", "k", "l", "m", "n"], picker = el("div", { class: "picker" });
  const dims = node.shape.map((n, d) => d).filter((d) => !(byExample(node) && d === 0 && (byNeuron(node) || S > 1)));
  dims.forEach((d, at) => {
    const input = el("input", { type: "number", min: base, max: node.shape[d] - 1 + base, value: idx[d] + base, id: `pick-${at}` });
    input.addEventListener("change", () => { const next = [...idx]; next[d] = Math.max(0, Math.min(node.shape[d] - 1, Math.round(Number(input.value) || 0) - base)); setPick(node, next); update(); byId(`pick-${at}`)?.focus(); });
    picker.append(el("label", { for: `pick-${at}` }, `${names[at]} = `), input);
  });
  picker.append(el("span", {}, base ? "counted from 1, as in the lecture" : "counted from 0, as in Python"));
  return el("section", {}, el("h3", {}, "Which entry"), picker, el("div", { class: "maps" }, heat(node, value, idx, "value"), wanted(node) ? heat(node, gradient, idx, "gradient") : null));
}

function heat(node, array, idx, what) {
  const caption = el("figcaption", {}, what);
  if (!array) return el("figure", {}, caption, el("p", { class: "quiet" }, NOT_YET));
  const side = Math.sqrt(node.shape[node.shape.length - 1]);
  if (node.role === "x" && array.data && Number.isInteger(side) && side > 4) return image(node, array, idx, caption, side);
  const shape = array.shape, cols = shape[shape.length - 1], rows = sizeOf(shape) / cols, most = largest(array) || 1;
  const lead = flat(idx.slice(0, -1), shape.slice(0, -1)), here = [shape.length > 1 ? lead : 0, idx[idx.length - 1]];
  const choose = (r, c) => { const lead_ = []; let left = r; for (let d = shape.length - 2; d >= 0; d--) { lead_.unshift(left % shape[d]); left = Math.floor(left / shape[d]); } setPick(node, [...lead_, c]); if (!state.chosen) state.chosen = node.id; update(); };
  if (array.data && cols <= 6 && rows <= 8) {
    const body = el("tbody");
    for (let r = 0; r < rows; r++) {
      const line = el("tr");
      for (let c = 0; c < cols; c++) {
        const x = num(array.data[r * cols + c]), cell = el("td", { class: here[0] === r && here[1] === c ? "on" : "", onclick: () => choose(r, c) }, shown(x, 2));
        cell.style.background = Number.isFinite(x) ? `color-mix(in srgb, var(--${x < 0 ? "minus" : "plus"}) ${Math.round(38 * Math.abs(x) / most)}%, var(--paper))` : "";
        line.append(cell);
      }
      body.append(line);
    }
    return el("figure", {}, caption, el("table", { class: "cells", "aria-label": `${what} of ${symbolText(node)}` }, body));
  }
  const grid = array.data ? null : array.thumb, h = grid ? grid.length : rows, w = grid ? grid[0].length : cols;
  const name = `heat-map of the ${what} of ${symbolText(node)}, ${brief(array)}`;
  const canvas = painted((r, c) => num(grid ? grid[r][c] : array.data[r * cols + c]), h, w, name, grid ? null : choose, grid ? null : here);
  return el("figure", {}, caption, canvas, el("p", { class: "scale" }, `${brief(array)}; blue +, orange −${grid ? `; ${rows} × ${cols}, shown as means` : ""}`));
}

/** The input as the picture it is: 64 numbers as 8 x 8, 784 as 28 x 28. */
function image(node, array, idx, caption, side) {
  const start = array.shape.length > 1 ? idx[0] * side * side : 0, i = idx[idx.length - 1];
  const choose = (r, c) => { setPick(node, [...idx.slice(0, -1), r * side + c]); state.chosen ??= node.id; update(); };
  const canvas = painted((r, c) => num(array.data[start + r * side + c]), side, side, `the input as an image of ${side} by ${side} pixels`, choose, [Math.floor(i / side), i % side]);
  caption.textContent = `as an image, ${side} × ${side}`;
  return el("figure", {}, caption, canvas, el("p", { class: "scale" }, brief(array)));
}

/** Numbers as colours: + blue, - orange, 0 as the paper; a frame round the picked one. */
function painted(value, h, w, name, choose, here) {
  const unit = Math.max(2, Math.min(14, Math.floor(Math.min(300 / w, 240 / h)))), canvas = el("canvas", { width: w * unit, height: h * unit, role: "img", "aria-label": name });
  const pen = canvas.getContext("2d"), style = getComputedStyle(document.documentElement), ink = Object.fromEntries(["paper", "plus", "minus", "ink"].map((c) => [c, style.getPropertyValue(`--${c}`).trim()]));
  let top = 0;
  for (let r = 0; r < h; r++) for (let c = 0; c < w; c++) { const x = Math.abs(value(r, c)); if (Number.isFinite(x) && x > top) top = x; }
  pen.fillStyle = ink.paper; pen.fillRect(0, 0, w * unit, h * unit);
  for (let r = 0; r < h; r++) for (let c = 0; c < w; c++) {
    const x = value(r, c);
    pen.globalAlpha = Math.min(1, Math.abs(x) / (top || 1)) || 0;
    pen.fillStyle = x < 0 ? ink.minus : ink.plus;
    pen.fillRect(c * unit, r * unit, unit, unit);
  }
  pen.globalAlpha = 1;
  if (here) { pen.strokeStyle = ink.ink; pen.lineWidth = 1.5; pen.strokeRect(here[1] * unit + 0.5, here[0] * unit + 0.5, unit - 1, unit - 1); }
  if (choose) canvas.addEventListener("click", (event) => { const b = canvas.getBoundingClientRect(), at_ = (v, size, n) => Math.max(0, Math.min(n - 1, Math.floor((v / size) * n))); choose(at_(event.clientY - b.top, b.height, h), at_(event.clientX - b.left, b.width, w)); });
  return canvas;
}

// ---- two pinned nodes: every path between them ----------------------------------------------------------------------------

const MOST_PATHS = 8;

function pin(id) {
  if (state.pins.includes(id)) state.pins = state.pins.filter((p) => p !== id);
  else {
    state.pins = [...state.pins, id].slice(-2);
    const node = nodes.get(id);
    if (byNeuron(node) && node.role !== "w") picked.kept.set(layerOf(node), new Set([...(picked.kept.get(layerOf(node)) ?? []), pick(node)[node.shape.length - 1]]));
  }
  if (!state.pins.length) picked.kept.clear();
  update();
  say(state.pins.length === 2 ? "Two nodes pinned: the paths between them are listed." : state.pins.length ? `${symbolText(nodes.get(id))} pinned.` : "Nothing pinned.");
}

const order = new Map(T.nodes.map((n, i) => [n.id, i]));

/** The paths from one pinned node to the other: the first few, and how many there are. */
function pathsBetween() {
  const [a, b] = [...state.pins].sort((p, q) => order.get(p) - order.get(q)), count = new Map([[b, 1]]), found = [];
  for (const n of [...T.nodes].reverse()) if (n.id !== b && order.get(n.id) < order.get(b)) count.set(n.id, outputsOf.get(n.id).reduce((sum, e) => sum + (e.part === undefined ? 0 : count.get(e.to) ?? 0), 0));
  const walk = (id, way) => {
    if (found.length >= MOST_PATHS) return;
    if (id === b) { found.push(way); return; }
    for (const e of outputsOf.get(id)) if (e.part !== undefined && count.get(e.to)) walk(e.to, [...way, e]);
  };
  if (count.get(a)) walk(a, []);
  return { a: nodes.get(a), b: nodes.get(b), found, count: count.get(a) ?? 0 };
}

function pathEdges() {
  if (state.pins.length < 2) return new Set();
  return new Set(pathsBetween().found.flat().map((e) => e.index));
}

function paths() {
  const { a, b, found, count } = pathsBetween(), whole = ["frac", row(op("∂"), symbolBox(b)), row(op("∂"), symbolBox(a))];
  const head = [el("h3", {}, "Every path between the pinned nodes"), el("p", {}, formula(symbolBox(a)), " → ", formula(symbolBox(b)), count > found.length ? `: ${count} paths, the first ${found.length} of them` : `: ${count} path${count === 1 ? "" : "s"}`)];
  const unpin = el("button", { type: "button", onclick: () => { state.pins = []; picked.kept.clear(); update(); } }, "Unpin both");
  if (!count) return el("section", {}, head, el("p", { class: "quiet" }, "No derivative runs from the one to the other."), unpin);
  const scalar = found.every((way) => way.every((e) => e.localValue && !e.localValue.shape.length && !nodes.get(e.from).shape.length)), known = Boolean(valueAt(b, state.k));
  let sum = 0;
  const lines = found.map((way) => {
    const factors = [...way].reverse().map((e) => ["frac", row(op("∂"), symbolBox(nodes.get(e.to))), row(op("∂"), symbolBox(nodes.get(e.from)))]);
    const symbols = row(...factors.flatMap((f, i) => (i ? [op("·"), f] : [f])));
    if (!scalar || !known) return el("div", { class: "eq" }, formula(symbols));
    const values = [...way].reverse().map((e) => num(e.localValue.data[0])), product_ = values.reduce((x, y) => x * y, 1);
    sum += product_;
    return el("div", {}, el("div", { class: "eq" }, formula(symbols)), el("div", { class: "eq numbers" }, formula(["infix", "="], ...values.flatMap((v, i) => (i ? [op("·"), v < 0 ? ["paren", number(v)] : number(v)] : [number(v)])), op("="), number(product_))));
  });
  const tail = scalar && known && count === found.length
    ? el("div", { class: "eq result" }, formula(whole, op("="), number(sum)), count > 1 ? el("p", { class: "quiet" }, "the sum over the paths") : null)
    : el("p", { class: "quiet" }, scalar ? (known ? "" : `The numbers are there when ${symbolText(b)} has been computed.`) : "Each factor is a matrix of derivatives (a Jacobian), multiplied in this order; the sum over the paths is the whole derivative. Backpropagation never builds these matrices: it passes one vector back through them.");
  return el("section", { id: "paths" }, head, lines, tail, unpin);
}

// ---- predict first -----------------------------------------------------------------------------------------------------------

function hintFor(guess, i, idx) {
  const s = steps[i], node = nodes.get(s.node), truth = entry(after(s), idx), near = (x) => Number.isFinite(x) && Math.abs(guess - x) <= 0.01 * Math.abs(x) + 1e-12;
  if (Number.isNaN(truth) ? Number.isNaN(guess) : near(truth) || guess === truth) return [true, `Right: ${shown(truth, 6)}.`];
  if (near(-truth)) return [false, "The size is right, but the sign is not. Follow the signs of the factors."];
  if (near(2 * truth)) return [false, "Twice too large: a factor of 2 too many. (In the quadratic cost, the ½ takes the 2 of the square away.)"];
  if (near(truth / 2)) return [false, "Half of it: a factor of 2 is missing."];
  const edge = isGrad(s) && s.slot !== undefined ? edgeOfStep(s) : null;
  if (edge && JSON.stringify(edge.part).includes("dsigma")) {
    const id = edge.local?.[1] ?? node.id, z = nodes.has(id) ? entry(nodes.get(id).value, idx) : undefined, a = 1 / (1 + Math.exp(-z));
    if (near(truth / (a * (1 - a)))) return [false, "σ′(z) is missing: the error goes back through the neuron, so multiply by σ′(z) = σ(z)(1 − σ(z))."];
  }
  if (S > 1 && near(truth * S)) return [false, `The cost is the mean over S = ${S} examples: divide by ${S}.`];
  if (s.before && near(entry(s.add ?? node.grad, idx))) return [false, `That is the part of this step. The gradient held ${shown(entry(s.before, idx))} before: parts are added.`];
  if (Math.abs(guess - truth) <= 0.05 * Math.abs(truth)) return [false, "Close, within 5 %: carry more digits."];
  return [false, "Not yet. Look at the equation, put in the numbers, and try again."];
}

function question(i) {
  const s = steps[i], node = nodes.get(s.node), idx = pick(node), q = node.shape.includes(0) ? { left: symbolBox(node) } : equation(i, idx), verdict = el("p", { class: "verdict" });
  const input = el("input", { type: "text", id: "guess", inputmode: "decimal", autocomplete: "off", "aria-label": "your number" });
  const form = el("form", { onsubmit: (event) => {
    event.preventDefault();
    const guess = Number(input.value.trim().replace(/−/g, "-").replace(/^([^.]*),([^,]*)$/, "$1.$2"));
    if (input.value.trim() === "" || Number.isNaN(guess)) { verdict.textContent = "Type a number, such as -0.012."; return; }
    const [right, text] = hintFor(guess, i, idx);
    say(text); verdict.textContent = text; verdict.dataset.right = String(right);
    if (right) { go(i + 1, { quiet: true }); say(text); byId("now-equation").append(el("p", {}, text)); byId("guess")?.focus(); }
  } }, input, el("button", { type: "submit" }, "Check"), el("button", { type: "button", onclick: () => { go(i + 1); byId("guess")?.focus(); } }, "Show me"));
  return el("section", { class: "ask", "data-phase": PHASES[s.phase][0] }, el("h3", {}, `Predict first: step ${i + 1}, ${PHASES[s.phase][1]}${s.eqno ? `, ${s.eqno}` : ""}`),
    el("div", { class: "eq" }, formula(q.left, op(q.arrow ? "←" : "="), op("?"))), q.sym ? el("div", { class: "eq quiet" }, formula(q.left, op(firstSign(q)), q.sym)) : null,
    q.part && s.before ? el("p", { class: "quiet" }, `It holds ${shown(entry(s.before, idx))} before this part is added.`) : null,
    q.num ? el("div", { class: "eq quiet numbers" }, pieces(q.num).flatMap((piece, k) => [k ? el("wbr") : "", formula(...(k ? [piece] : [["infix", "="], piece]))])) : null, form, verdict);
}

// ---- what happens now, and the timeline ------------------------------------------------------------------------------------------

function showNow() {
  const place = byId("now-equation"), name = byId("phase-name"), now = byId("now");
  if (asked()) {
    const s = asked();
    now.dataset.phase = PHASES[s.phase][0];
    name.replaceChildren(el("b", {}, "Predict first"), `step ${state.k + 1} of ${N}, ${PHASES[s.phase][1]}`);
    place.replaceChildren(formula(isGrad(s) ? gradBox(nodes.get(s.node))[0] : symbolBox(nodes.get(s.node)), op("="), op("?")));
    return;
  }
  now.dataset.phase = phaseAt(state.k)?.colour ?? 0;
  if (!state.k) {
    name.replaceChildren(el("b", {}, "Start"), `${N} steps`);
    place.replaceChildren(el("p", {}, "Press → to compute the first value."));
    return;
  }
  const made = currentSteps(), named = made.filter((j) => steps[j].eqno), several = named.length ? named : made;
  const i = mainStep(), s = steps[i], p = phaseAt(state.k), [from, to] = range();
  name.replaceChildren(el("b", {}, p.label + (named.length ? ` · ${[...new Set(named.map((j) => steps[j].eqno))].sort().join(", ")}` : "")), to - from > 1 ? `steps ${from + 1}–${to} of ${N}` : `step ${to} of ${N}`, el("br"), el("span", { class: "quiet" }, EXPLAINED[p.colour]));
  if (several.length > 1 && several.length <= 4) {
    const order_ = p.colour === 4 ? [...several].reverse() : several;
    place.replaceChildren(el("div", { class: "several" }, order_.map((j) => { const q = wholeEquation(j); return el("span", {}, formula(...chain([q.left, q.sym ?? number(q.result ?? 1)], firstSign(q)))); })));
    return;
  }
  const q = wholeEquation(i), node = nodes.get(s.node), boxes = node.shape.length ? [q.left, q.sym] : sides(q);
  place.replaceChildren(formula(...chain(boxes, firstSign(q))));
  if (isGrad(s) && ("add" in s) && !node.shape.length) place.append(accumulation(i, []));
}

const timeline = { ticks: [], labels: [] };
function drawTimeline() {
  const buttons = byId("buttons"), button = (id, text, name, keys, onclick) => el("button", { type: "button", id, "aria-label": name, title: `${name} (${keys})`, onclick }, text);
  const grain = el("select", { id: "grain" }, [["operation", "operation"], ["layer", "layer"], ["lecture", lecture ? "lecture step" : "phase"]].map(([v, t]) => el("option", { value: v, selected: v === state.grain }, t)));
  grain.addEventListener("change", () => { state.grain = grain.value; update(); });
  buttons.replaceChildren(button("first", "⇤", "first step", "Home", () => go(0)), button("back", "←", "one step back", "←", () => move(-1)), button("play", "▶", "play", "Space", () => play()), button("forward", "→", "one step forward", "→", () => move(1)), button("last", "⇥", "last step", "End", () => go(N)), el("label", { for: "grain" }, "by"), grain);
  const labels = byId("phases"), track = byId("track");
  for (const p of phases) {
    const name = el("button", { type: "button", "data-phase": p.colour, title: p.label, onclick: () => go(p.to) }, p.label);
    const size = Math.max(3, Math.min(p.to - p.from, 40));
    name.style.setProperty("--grow", size);
    const segment = el("div", { class: `segment${p.to - p.from > 24 ? " dense" : ""}`, "data-phase": p.colour });
    segment.style.setProperty("--grow", size);
    const every = Math.ceil((p.to - p.from) / 100);  // long phases: one tick for several steps
    for (let i = p.from; i < p.to; i += every) {
      const upto = Math.min(i + every, p.to), tick = el("div", { class: "tick", onclick: () => go(upto) });
      segment.append(tick);
      timeline.ticks.push({ tick, from: i, to: upto });
    }
    labels.append(name); track.append(segment);
    timeline.labels.push({ name, p });
  }
  track.setAttribute("aria-valuemax", N);
}

function showTimeline() {
  for (const t of timeline.ticks) t.tick.className = `tick${t.to <= state.k ? " done" : ""}${t.from < state.k && state.k <= t.to ? " here" : ""}`;
  for (const { name, p } of timeline.labels) name.setAttribute("aria-current", String(p === phaseAt(state.k)));
  const track = byId("track");
  track.setAttribute("aria-valuenow", state.k);
  track.setAttribute("aria-valuetext", state.k ? `step ${state.k} of ${N}, ${phaseAt(state.k).label}` : "start");
}

// ---- choosing ----------------------------------------------------------------------------------------------------------------------

function select(id, alsoPin = false) {
  clearTimeout(hover.timer);
  if (alsoPin) { state.chosen = id; pin(id); return; }
  state.chosen = id; state.hovered = null;
  update();
  const node = nodes.get(id), v = valueAt(node, state.k);
  say(`${symbolText(node)}, ${described(node)}, value ${v ? brief(v) : NOT_YET}${wanted(node) ? `, gradient ${gradAt(node, state.k) ? brief(gradAt(node, state.k)) : NOT_YET}` : ""}`);
}

/** Up and down in a drawing: from node to node. */
function walk(places, direction) {
  const now = places.findIndex((p) => p.id === state.cursor), next = now < 0 ? (direction > 0 ? 0 : places.length - 1) : Math.max(0, Math.min(places.length - 1, now + direction));
  state.cursor = places[next].id;
  update();
  say(places[next].item.getAttribute("aria-label"));
}

function enter() {
  const places = state.view === "network" ? network.order : graph.order, here = places.find((p) => p.id === state.cursor);
  if (!here) return;
  if (here.group) { toggle(here.id); graph.svg.focus(); return; }
  const id = here.enter ? here.enter() : here.id;
  if (state.chosen === id) pin(id); else select(id);
}

// ---- dialogs: find, export, keys ------------------------------------------------------------------------------------------------------

function dialog(title, ...content) {
  const box = byId("dialog");
  box.replaceChildren(el("button", { type: "button", class: "close", onclick: () => box.close() }, "Close"), el("h2", { id: "dialog-title" }, title), ...content);
  if (!box.open) box.showModal();
}

function find() {
  const list = el("ul", { id: "found" }), input = el("input", { type: "text", id: "wanted", "aria-label": "name, symbol, role or operation", placeholder: "w, sigmoid, bias, layer 2 …", autocomplete: "off" });
  const choose = (id) => { byId("dialog").close(); reveal(id); select(id); };
  const search = () => {
    const words = input.value.toLowerCase().split(/\s+/).filter(Boolean);
    const hits = T.nodes.filter((n) => { const text = `${n.symbol.text} ${n.symbol.base}${n.symbol.layer ?? ""} ${n.symbol.base}${n.symbol.below ?? ""} ${n.name} ${n.op ?? ""} ${described(n)}`.toLowerCase(); return words.every((w) => text.includes(w)); });
    list.replaceChildren(...hits.slice(0, 12).map((n) => el("li", {}, el("button", { type: "button", onclick: () => choose(n.id) }, formula(symbolBox(n)), `  ${described(n)} ${cut(n.name, 40)}`))), hits.length > 12 ? el("li", { class: "quiet" }, `and ${hits.length - 12} more`) : hits.length ? "" : el("li", { class: "quiet" }, "nothing found"));
    search.first = hits[0]?.id;
  };
  input.addEventListener("input", search);
  input.addEventListener("keydown", (event) => { if (event.key === "Enter" && search.first) choose(search.first); });
  dialog("Find a node", input, list);
  search(); input.focus();
}

/** Open what hides a node. */
function reveal(id) {
  if (state.level === "layer") { const g = data.levels.layer.groups.find((x) => x.open && x.members.includes(id)); if (g && !state.open.has(g.id)) toggle(g.id); }
}

const fileName = (end) => `${T.title.toLowerCase().replace(/[^a-z0-9]+/g, "-").replace(/^-|-$/g, "").slice(0, 40) || "backpropagation"}${end}`;

function exporting() {
  const node = inspected(), i = state.k ? mainStep() : null, own = node ? [updateStep.get(node.id), ...gradSteps.get(node.id), valueStep.get(node.id)] : [], main = i === null || steps[i].node === node?.id ? i : own.find((s) => s !== undefined && s < state.k) ?? i;
  const tex_ = main === null ? null : (() => { const q = equation(main); return chain(sides(q), firstSign(q)).map(latexOf).join(" "); })();
  dialog("Export",
    el("p", {}, el("button", { type: "button", id: "export-svg", disabled: state.view === "table", onclick: () => download(fileName(".svg"), "image/svg+xml", pictureOf()) }, "This view as SVG"), " the picture as it is now"),
    el("p", {}, el("button", { type: "button", id: "export-csv", onclick: () => download(fileName("-steps.csv"), "text/csv", csv(stepRows())) }, "The steps as CSV"), " every step with its numbers"),
    el("p", {}, el("button", { type: "button", id: "export-nodes", onclick: () => download(fileName("-nodes.csv"), "text/csv", csv(nodeRows())) }, "The nodes as CSV"), " values and gradients at this step"),
    el("p", {}, el("button", { type: "button", id: "export-tex", disabled: tex_ === null, onclick: () => download(fileName(".tex"), "text/x-tex", tex_ + "\n") }, "The formula as LaTeX"), " of this step"),
    tex_ === null ? el("p", { class: "quiet" }, "Make a step first: then its formula can be exported.") : el("p", {}, el("code", { id: "tex" }, tex_)));
}

const LOOKS = ["fill", "stroke", "stroke-width", "stroke-dasharray", "stroke-opacity", "fill-opacity", "opacity", "font-family", "font-size", "font-style", "font-weight", "text-anchor", "visibility"];

/** The drawing as a file of its own: every look written on its element. */
function pictureOf() {
  const from = state.view === "network" ? network.svg : graph.svg, to = from.cloneNode(true), a = [from, ...from.querySelectorAll("*")], b = [to, ...to.querySelectorAll("*")];
  a.forEach((shownElement, i) => {
    const style = getComputedStyle(shownElement);
    if (i) for (const name of LOOKS) b[i].setAttribute(name, style.getPropertyValue(name));
    for (const name of ["style", "class", "role", "tabindex", "aria-selected", "aria-activedescendant"]) b[i].removeAttribute(name);
  });
  const paper = getComputedStyle(document.body).backgroundColor, box = to.getAttribute("viewBox").split(" ");
  to.prepend(svg("rect", { x: box[0], y: box[1], width: box[2], height: box[3], fill: paper }));
  return new XMLSerializer().serializeToString(to);
}

function help() {
  const keys = [["→  ←", "one step forward, back, at the chosen grain"], ["Shift + →  ←", "to the end of the next phase, of the one before"], ["Home  End", "to the start, to the end"], ["Space", "play, pause"], ["↑  ↓", "in the picture: from node to node"], ["Enter", "select the node; again, or P: pin it. Two pinned nodes show every path between them"], ["Shift + click", "pin at once"], ["G", "predict first: type each number before it is shown"], ["C", "show the line of code that made the node"], ["/", "find a node by name, role or operation"], ["E", "export: SVG, CSV, LaTeX"], ["1  2  3", "network, graph, table"], ["Esc", "back to the current step"], ["?", "this help"]];
  dialog("Keys", el("table", {}, el("tbody", {}, keys.map(([k, what]) => el("tr", {}, el("th", { scope: "row" }, el("kbd", {}, k)), el("td", {}, what))))),
    el("p", { class: "quiet" }, "“—, not computed” means that a number does not exist yet at this step. It is not 0."));
}

// ---- the check by hand: BP1 to BP4 in this page, against the engine's numbers --------------------------------------------------------------

/** The largest difference to BP1–BP4 computed here; null where they do not apply. */
function byHand() {
  if (!columns.length || root.op !== "quadratic_cost") return null;
  const whole = (id) => { const n = nodes.get(id); return n && n.value.data ? n.value.data.map(num) : null; };
  const last = columns[columns.length - 1], layers = columns.slice(1);
  if (root.eq[1] !== last.a || layers.some((l, i) => !l.a || nodes.get(l.a).op !== "sigmoid" || nodes.get(l.a).eq[1] !== l.z || nodes.get(l.z).eq[1] !== (i ? layers[i - 1].a : columns[0].first))) return null;
  if (layers.some((l) => nodes.get(l.z).grad === null || nodes.get(l.w).grad === null || outputsOf.get(l.a).length > 1 || outputsOf.get(l.z).length > 1)) return null;
  const a = layers.map((l) => whole(l.a)), z = layers.map((l) => whole(l.z)), y = whole(root.eq[2]), x = nodes.get(columns[0].first);
  if ([...a, ...z, y].some((v) => v === null)) return null;
  let most = 0, scale = 0, delta = null;
  const compare = (mine, theirs) => { if (theirs === undefined || (Number.isNaN(mine) && Number.isNaN(theirs))) return; const d = Math.abs(mine - theirs); most = Number.isNaN(d) ? Infinity : Math.max(most, d); scale = Math.max(scale, Math.abs(theirs)); };
  const prime = (v) => { const s = 1 / (1 + Math.exp(-v)); return s * (1 - s); };
  for (let l = layers.length - 1; l >= 0; l--) {
    const n = layers[l].neurons, here = new Array(S * n), next = layers[l + 1], w = next && nodes.get(next.w);
    if (next && !w.value.data) return null;
    const weights = next && w.value.data.map(num);
    for (let s = 0; s < S; s++) for (let i = 0; i < n; i++) {
      let back = 0;
      if (!next) back = (a[l][s * n + i] - y[s * n + i]) / S;  // BP1
      else for (let k = 0; k < next.neurons; k++) back += delta[s * next.neurons + k] * weights[k * n + i];  // BP2
      here[s * n + i] = back * prime(z[l][s * n + i]);
      compare(here[s * n + i], num(nodes.get(layers[l].z).grad.data[s * n + i]));
    }
    delta = here;
    const before = l ? nodes.get(layers[l - 1].a) : x, b = layers[l].b && nodes.get(layers[l].b), gw = nodes.get(layers[l].w).grad, m = columns[l].neurons;
    for (let i = 0; i < n; i++) {
      let sum = 0;
      for (let s = 0; s < S; s++) sum += delta[s * n + i];
      if (b && b.grad) compare(sum, entry(b.grad, [i]));  // BP3
      for (let j = 0; j < m; j++) {
        const theirs = entry(gw, [i, j]);
        if (theirs === undefined) continue;
        let w_ = 0;
        for (let s = 0; s < S; s++) { const v = entry(before.value, before.shape.length === 2 ? [s, j] : [j]); w_ += delta[s * n + i] * v; }
        if (!Number.isNaN(w_)) compare(w_, theirs);  // BP4
      }
    }
  }
  const single = nodes.get(layers[0].z).dtype === "float32";
  return { most, good: most <= (single ? 2e-6 : 1e-12) * Math.max(1, scale) };
}

/** Without a network: is every gradient the sum of its parts? */
function partsAdd() {
  let most = 0, scale = 0, parts = 0;
  for (const s of steps) {
    if (!isGrad(s) || !("add" in s) || !s.add.data) continue;
    const end = after(s);
    s.add.data.forEach((v, i) => { const d = Math.abs((s.before ? num(s.before.data[i]) : 0) + num(v) - num(end.data[i])); parts += 1; if (d > most) most = d; scale = Math.max(scale, Math.abs(num(end.data[i])) || 0); });
  }
  return { most, parts, good: most <= 1e-6 * Math.max(1, scale) };
}

function selfCheck() {
  const place = byId("check"), hand = byHand();
  const size = (x) => (x === 0 ? "0" : x.toExponential(0).replace("e+0", "").replace("e+", "e"));
  if (hand) {
    place.className = hand.good ? "good" : "bad";
    place.textContent = hand.good ? `agrees with BP1–BP4 by hand: max difference ${size(hand.most)}` : `does NOT agree with BP1–BP4 by hand: max difference ${size(hand.most)}`;
    place.dataset.most = hand.most;
    return;
  }
  const sums = partsAdd();
  place.className = sums.good ? (sums.parts ? "good" : "") : "bad";
  place.textContent = sums.good ? (sums.parts ? `every gradient is the sum of its parts: max difference ${size(sums.most)}` : "") : `a gradient is NOT the sum of its parts: max difference ${size(sums.most)}`;
}

// ---- the whole page -----------------------------------------------------------------------------------------------------------------------

function show(view, focus = false) {
  if (view === "network" && !columns.length) { say("There is no network of layers in this graph."); return; }
  state.view = view; state.cursor = null;
  for (const name of ["network", "graph", "table"]) {
    const tab = byId(`tab-${name}`), on = name === view;
    tab.setAttribute("aria-selected", String(on)); tab.tabIndex = on ? 0 : -1;
    byId(`view-${name}`).hidden = !on;
    if (on && focus) tab.focus();
  }
  byId("graph-options").hidden = view !== "graph";
  if (view === "graph" && !graph.svg) drawGraph();
  update();
}

function update() {
  document.body.dataset.k = state.k;
  if (S > 1) byId("example").value = picked.example;
  showNow(); showTimeline(); showInspector();
  if (state.view === "graph" && graph.svg) updateGraph();
  if (state.view === "network") updateNetwork();
  if (state.view === "table") updateTable();
}

function setPredict(on) {
  state.predict = on;
  byId("predict-button").setAttribute("aria-pressed", String(on));
  state.chosen = null; play(false); update();
  if (on) { byId("guess")?.focus(); say("Predict first: the next number is hidden. Type it."); } else say("Predict off.");
}

function setCode(on) { state.code = on; byId("code-button").setAttribute("aria-pressed", String(on)); if (on && !inspected()) state.chosen = root.id; update(); }

function pressed(event) {
  const box = byId("dialog"), key = event.key, gone = event.target.closest("dialog") && !box.open;  // for a moment, what was closed has the focus
  const within = (what) => (gone ? null : event.target.closest(what)), inField = within("input, select, textarea");
  if (key === "Escape" && box.open) { event.preventDefault(); box.close(); return; }
  if (key === "Escape" && event.target.id === "guess") { event.preventDefault(); setPredict(false); return; }
  if (event.ctrlKey || event.metaKey || event.altKey || inField || box.open) { if (key === "Escape" && inField) inField.blur(); return; }
  const inTabs = within("[role=tablist]");
  if (inTabs && ["ArrowLeft", "ArrowRight", "Home", "End"].includes(key)) {
    const names = ["network", "graph", "table"].filter((n) => n !== "network" || columns.length), here = names.indexOf(state.view);
    event.preventDefault();
    show(names[key === "Home" ? 0 : key === "End" ? names.length - 1 : (here + (key === "ArrowRight" ? 1 : names.length - 1)) % names.length], true);
    return;
  }
  const inButton = within("button"), inPicture = within("#graph, #network"), inTable = within("#view-table");
  const act = {
    ArrowRight: () => move(1, event.shiftKey), ArrowLeft: () => move(-1, event.shiftKey), Home: () => go(0), End: () => go(N),
    ArrowDown: inPicture ? () => walk(state.view === "network" ? network.order : graph.order, 1) : event.target.id === "track" ? () => move(-1) : null,
    ArrowUp: inPicture ? () => walk(state.view === "network" ? network.order : graph.order, -1) : event.target.id === "track" ? () => move(1) : null,
    Enter: inPicture ? enter : null, " ": inButton || inTable ? null : () => play(),
    g: () => setPredict(!state.predict), c: () => setCode(!state.code), "/": find, e: exporting, "?": help,
    1: () => show("network"), 2: () => show("graph"), 3: () => show("table"),
    p: () => { const node = inspected(); if (node) pin(node.id); },
    Escape: () => { state.chosen = null; state.hovered = null; state.cursor = null; play(false); update(); },
  }[key.length === 1 ? key.toLowerCase() : key];
  if (act) { event.preventDefault(); act(); }
}

function start() {
  byId("title").textContent = T.title; byId("title").title = T.title;
  byId("tools").append(themeButton());
  byId("theme").addEventListener("click", () => update());
  const tabs = [["network", "Network"], ["graph", "Graph"], ["table", "Table"]];
  byId("tabs").append(...tabs.map(([name, text]) => el("button", { type: "button", role: "tab", id: `tab-${name}`, "aria-controls": `view-${name}`, "aria-disabled": name === "network" && !columns.length, title: name === "network" && !columns.length ? "This graph has no layers of neurons" : null, onclick: () => show(name) }, text)));
  const options = byId("options"), graphOptions = el("span", { id: "graph-options" }), level = el("select", { id: "level", "aria-label": "level of detail" }, data.levels.operation ? el("option", { value: "operation" }, "by operation") : null, el("option", { value: "layer" }, "by layer"));
  level.addEventListener("change", () => { state.level = level.value; state.zoom = 0; drawGraph(); update(); });
  if (data.levels.operation && data.levels.layer.groups.every((g) => !g.open)) level.hidden = true;
  graphOptions.append(level, " ", el("button", { type: "button", "aria-label": "smaller", onclick: () => zoom(0.8) }, "−"), " ", el("button", { type: "button", "aria-label": "larger", onclick: () => zoom(1.25) }, "+"), " ", el("button", { type: "button", onclick: () => { state.zoom = Math.min((byId("view-graph").clientWidth - 4) / graph.size[0], (byId("view-graph").clientHeight - 34) / graph.size[1], 1.25); zoomed(); } }, "fit"));
  if (S > 1) {
    const examples = el("select", { id: "example" }, [...Array(S).keys()].map((s) => el("option", { value: s }, `${s + 1} of ${S}`)));
    examples.addEventListener("change", () => { picked.example = Number(examples.value); update(); });
    options.append(el("label", { for: "example" }, "example "), examples);
  }
  options.append(graphOptions);
  drawTimeline();
  byId("predict-button").addEventListener("click", () => setPredict(!state.predict));
  byId("code-button").addEventListener("click", () => setCode(!state.code));
  byId("find-button").addEventListener("click", find);
  byId("export-button").addEventListener("click", exporting);
  byId("help-button").addEventListener("click", help);
  document.addEventListener("keydown", pressed);
  addEventListener("resize", () => { if (state.view === "graph") { zoomed(); follow(); } else if (state.view === "network") updateNetwork(); });
  selfCheck();
  show(columns.length ? "network" : "graph");
}

start();

// Formulas: Python's trees, ["multiply", "n3", "n5"], become boxes: symbols, numbers and signs, laid out by nothing yet.

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
    case "call": {  // an op of the user's own, whatever it is called
      if (idx) throw new NoEntry();
      return [called(args[0], rest.slice(1), (part) => build(part, cx)[0]), ATOM];
    }
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
  return [called(FUNCTIONS[name] ?? name, rest, (part) => inside(part)[0]), ATOM];
}

/** f(x, y, setting=2) */
function called(name, parts, write) {
  const written = ([key, value]) => word(`${key}=${Array.isArray(value) ? `(${value.slice(1).join(", ")})` : value}`);
  return ["fn", name, ...parts.filter((part) => !isSetting(part)).map(write), ...parts.filter(isSetting).map(written)];
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
    return product(first, second);
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

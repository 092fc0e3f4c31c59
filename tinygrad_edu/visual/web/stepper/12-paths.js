// Two pinned nodes: every path between them, the product of the local derivatives along each, and the sum.

const MOST_PATHS = 8;

/** The picked neuron of a node that has neurons: that one is pinned. */
const neuronOf = (node) => (byNeuron(node) && node.role !== "w" ? pick(node)[node.shape.length - 1] : undefined);
const pinned = (node) => state.pins.includes(node.id) && state.pinAt.get(node.id) === neuronOf(node);

function pin(id) {
  const node = nodes.get(id), others = state.pins.filter((p) => p !== id);
  state.pins = pinned(node) ? others : [...others, id].slice(-2);
  if (neuronOf(node) !== undefined) state.pinAt.set(id, neuronOf(node));
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
  const unpin = unpinning("Unpin both");
  if (!count) return el("section", {}, head, el("p", { class: "quiet" }, a.kind === "const" ? `${symbolText(a)} is data: nothing is passed back to it.` : "No derivative runs from the one to the other."), unpin);
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
  return [betweenNeurons(a, b, known), el("section", { id: "paths" }, head, lines, tail, unpin)];
}

const unpinning = (text) => el("button", { type: "button", onclick: () => { state.pins = []; update(); } }, text);

// ---- from one pinned neuron to the other

/** The nodes on the way through the network: x, z, a, z, a … */
const way = columns.flatMap((col) => (col.first ? [col.first] : [col.z, col.a])).filter(Boolean);

/** The entries of d(node at place `to`)/d(entry i of the node at place `from`) of the network: times w, times sigma'. */
function carried(from, to, i) {
  let v = new Map([[i, 1]]);
  for (let p = from; p < to; p++) {
    const here = nodes.get(way[p]), next = nodes.get(way[p + 1]), e = inputsOf.get(next.id).find((edge) => edge.from === here.id && edge.part !== undefined);
    if (!e) return null;
    const w = next.role === "z" ? nodes.get(columns.find((col) => col.z === next.id).w) : null, out = new Map();
    if (!w && !e.localValue) return null;
    for (let m = 0; m < next.shape[next.shape.length - 1]; m++) {
      let sum = 0;
      if (w) for (const [j, x] of v) sum += entry(w.value, [m, j]) * x;
      else if (v.has(m)) sum = entry(e.localValue, at(next, m)) * v.get(m);
      if (w || v.has(m)) out.set(m, sum);
    }
    v = out;
  }
  return v;
}

/** Of two pinned neurons: the derivative of the one by the other. */
function betweenNeurons(a, b, known) {
  const from = way.indexOf(a.id), to = way.indexOf(b.id), [i, j] = [state.pinAt.get(a.id), state.pinAt.get(b.id)];
  if (from < 0 || to <= from || i === undefined || j === undefined) return null;
  const found = carried(from, to, i)?.get(j), through = way.slice(from, to).map((id) => nodes.get(id)).filter((node) => node.role === "z");
  const middle = through.filter((node) => node !== a && node.layer !== b.layer), many = middle.reduce((n, node) => n * node.shape[node.shape.length - 1], 1);
  const whole = ["frac", row(op("∂"), symbolBox(b, at(b, j))), row(op("∂"), symbolBox(a, at(a, i)))];
  const factors = middle.length ? [] : way.slice(from + 1, to + 1).reverse().map((id) => {
    const node = nodes.get(id), w = node.role === "z" && nodes.get(columns.find((col) => col.z === id).w);
    if (w) return symbolBox(w, [j, i]);
    const e = inputsOf.get(id).find((edge) => edge.from === way[way.indexOf(id) - 1]);
    return atLeast(PRODUCT, build(e?.local, { idx: at(node, node === b ? j : i), num: false }));
  });
  const boxes = [whole, ...(factors.length ? [row(...factors.flatMap((f, k) => (k ? [op("·"), f] : [f])))] : []), ...(known && Number.isFinite(found) ? [number(found)] : [])];
  return el("section", {}, el("h3", {}, "Between the pinned neurons"), el("div", { class: "eq result", id: "between" }, formula(...chain(boxes))),
    el("p", { class: "quiet" }, many > 1 ? `the sum over ${many} paths, through the neurons of layer${middle.length > 1 ? "s" : ""} ${middle.map((node) => node.layer).join(", ")}` : "one path, along one arrow"));
}

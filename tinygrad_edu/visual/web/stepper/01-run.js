// The stepper.  Its state is one number, k: how many steps have been made; everything shown follows from it.
// The files are read in the order of their numbers, as one script.
//
// This one: the recorded run (Python's trace), what is known after k steps, arrays, and which entry is looked at.

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
const madeBy = (node, name) => node.eq?.[0] === name;  // by our op of this name: a user's own begins with "call"
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
const picked = { example: 0, neuron: new Map(), own: new Map() };
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

// The equation of a step: left side, symbols, numbers, result; at one entry, or for all of them.

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

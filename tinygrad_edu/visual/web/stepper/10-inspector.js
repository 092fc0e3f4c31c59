// The inspector, on the right: one node with its value, its gradient and the equations they come from.

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
  if (state.pins.length === 2) parts.push(...[paths()].flat().filter(Boolean));
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
    el("button", { type: "button", "aria-pressed": String(pinned(node)), onclick: () => pin(node.id) }, pinned(node) ? "Unpin" : "Pin"),
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

// The arrows of the network view, one for each weight: how they look, which of them are shown, and their numbers.

/** All arrows, and the numbers on them where they are few. */
function drawWires(plan) {
  const { rows, x, y, r, cost: [cx, cy] } = plan, wires = svg("g", { "aria-hidden": "true" }), tags = svg("g", { "aria-hidden": "true" }), taken = [];
  columns.slice(1).forEach((col, before) => {
    const c = before + 1, w = nodes.get(col.w), few = rows[c].length * rows[before].length <= 8;
    for (const i of rows[c]) for (const j of rows[before]) {
      const [x0, y0, x1, y1] = trimmed(x(before), y(before, j), x(c), y(c, i), r + 1), d = `M${x0},${y0}L${x1},${y1}`;
      const line = svg("path", { d, class: "wire" }), head = svg("path", { d: headOf(x0, y0, x1, y1), class: "wirehead" }), catcher = svg("path", { d, class: "catch" });
      const tag = few ? wireLabel(taken, x0, y0, x1, y1) : null;
      listen(catcher, w, () => [i, j]);
      wires.append(line, head, catcher); if (tag) tags.append(tag);
      network.wires.push({ line, head, catcher, tag, c, w, i, j, ends: [x0, y0, x1, y1] });
    }
  });
  for (const i of rows[last]) {
    const line = svg("path", { d: `M${x(last) + r},${y(last, i)}L${cx - 26},${cy}`, class: "wire", "data-cost": "" });
    wires.append(line); network.costWires.push({ line, i });
  }
  return [wires, tags];
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

/** Room for a number on a wire, where no other number is. */
function wireLabel(taken, x0, y0, x1, y1) {
  const overlap = ([x, y]) => taken.reduce((sum, [u, v]) => sum + Math.max(0, 46 - Math.abs(x - u)) * Math.max(0, 17 - Math.abs(y - v)), 0);
  const places = [0.2, 0.28, 0.36, 0.44, 0.14, 0.52, 0.6, 0.68, 0.76, 0.82].map((part) => [x0 + part * (x1 - x0), y0 + part * (y1 - y0)]);
  const [x, y] = places.reduce((best, place) => (overlap(place) < overlap(best) ? place : best));
  taken.push([x, y]);
  return numberOn(x, y, "", 40);
}

/** A number on a wire, on a ground as wide as it. */
function numberOn(x, y, text, width = 8 + 6.4 * text.length) {
  return svg("g", { class: "local" }, svg("rect", { x: x - width / 2, y: y - 8, width, height: 16, rx: 4 }), svg("text", { x, y: y + 4 }, text));
}

/** The number of a wire that belongs to one neuron, at the wire's other end: there the wires have fanned out. */
function numberAtTheEnd({ ends: [x0, y0, x1, y1] }, part, text) {
  const length = Math.hypot(x1 - x0, y1 - y0), f = part === "in" ? 44 / length : part === "out" ? 1 - 44 / length : 0.5;
  return numberOn(x0 + f * (x1 - x0), y0 + f * (y1 - y0), text);
}

// ---- which arrows are shown

/** The pinned neurons as [column, number]; the cost is neuron 0 of the column after the last. */
function pinnedNeurons() {
  return state.pins.flatMap((id) => {
    const c = id === root.id ? columns.length : columns.findIndex((col) => [col.z, col.a, col.b, col.first].includes(id));
    return c < 0 || !(id === root.id || state.pinAt.has(id)) ? [] : [[c, state.pinAt.get(id) ?? 0]];
  });
}

/** Are two neurons of different layers pinned?  Then [from, to]. */
function wiresBetween(pinned) {
  if (pinned.length < 2 || pinned[0][0] === pinned[1][0]) return null;
  return [...pinned].sort((a, b) => a[0] - b[0]);
}

/** What an arrow from neuron j to neuron i of column c is to the pinned ones: "in", "out", "on" (on the way), or "". */
function partOfPinned(pinned, c, i, j) {
  const between = wiresBetween(pinned);
  if (!between) return pinned.some(([at_, k]) => at_ === c && k === i) ? "in" : pinned.some(([at_, k]) => at_ === c - 1 && k === j) ? "out" : "";
  const [[from, p], [to, q]] = between;
  if (c <= from || c > to || (c - 1 === from && j !== p) || (c === to && i !== q)) return "";
  return from + 1 === to ? "one" : c === to ? "in" : c - 1 === from ? "out" : "on";
}

/** Which wires the equation in the inspector speaks of: those into the neuron, or, for BP2, those out of it. */
function wiresOf(node, backward) {
  const c = node ? columns.findIndex((col) => col.z === node.id || col.a === node.id) : -1;
  if (c < 1) return () => "";
  const i = pick(node)[node.shape.length - 1], out = backward && c < last && gradAt(node, state.k);
  return (e) => (out ? (e.c === c + 1 && e.j === i ? "out" : "") : !backward && e.c === c && e.i === i && valueAt(node, state.k) ? "in" : "");
}

/** The neuron that the student has clicked, as pinnedNeurons() has it. */
function chosenNeuron() {
  const node = state.chosen && nodes.get(state.chosen), c = node ? columns.findIndex((col) => [col.z, col.a, col.first].includes(node.id)) : -1;
  return c < 0 ? [] : [[c, neuronOf(node)]];
}

// ---- how they look now

/** Which of "grad" and "value" the arrows show. */
function updateWires({ backward, colour, now, pinned }) {
  const some = new Set(), chosen = inspected(), spoken_ = wiresOf(chosen, backward), made = currentSteps();
  const looked = pinned.length ? pinned : chosenNeuron();  // at whose arrows one looks: others step back, or, if it is pinned, go
  const used = new Set(made.flatMap((i) => (steps[i].slot !== undefined ? [steps[i].via] : [])));
  const forth = new Set(made.filter((i) => steps[i].phase === "forward").map((i) => steps[i].node));
  const most = new Map(columns.slice(1).map((col) => { const w = nodes.get(col.w), g = colour === 5 ? null : gradAt(w, state.k); return [w.id, { grad: g, value: valueAt(w, state.k), large: largest(g ?? w.value) || 1 }]; }));
  network.marks.replaceChildren();
  for (const e of network.wires) {
    const { grad, value, large } = most.get(e.w.id), x = entry(grad ?? value, [e.i, e.j]), col = columns[e.c];
    some.add(grad ? "grad" : "value");
    const flow = forth.has(col.z) ? "forth" : used.has(col.z) && !grad ? "back" : now.has(e.w.id) ? "forth" : "";
    const mine = chosen?.id === e.w.id && pick(e.w)[0] === e.i && pick(e.w)[1] === e.j;
    const part = looked.length ? partOfPinned(looked, e.c, e.i, e.j) : grad ? "" : spoken_(e), other = looked.length > 0 && !part;
    showWire(e, { x, large, flow: other ? "" : flow, mine, part, grad, faint: other, hidden: other && pinned.length > 0 });
  }
  for (const { line, i } of network.costWires) line.setAttribute("visibility", !pinned.length || partOfPinned(pinned, columns.length, 0, i) ? "visible" : "hidden");
  return some;
}

function showWire(e, { x, large, flow, mine, part, grad, faint, hidden }) {
  const share = x === undefined || Number.isNaN(x) ? 0 : Math.min(1, Math.abs(x) / large), sign = x < 0 ? "minus" : "plus";
  e.line.setAttribute("class", `wire ${sign}${flow ? " flow" : ""}${mine ? " picked" : ""}`);
  e.line.style.strokeWidth = 0.6 + 4 * share + (mine ? 1 : 0);
  e.line.style.strokeOpacity = mine || part ? 1 : faint ? 0.14 : (flow ? 0.4 : 0.2) + 0.55 * share;
  e.head.setAttribute("class", `wirehead ${sign}${mine ? " picked" : ""}`);
  e.head.style.opacity = e.line.style.strokeOpacity;
  for (const shape of [e.line, e.head, e.catcher, e.tag]) shape?.setAttribute("visibility", hidden ? "hidden" : "visible");
  if (e.tag) { e.tag.lastChild.textContent = x === undefined ? "…" : shown(x, 2); e.tag.setAttribute("class", grad ? "local grads" : "local"); }
  else if (!faint && x !== undefined && (mine || (part && part !== "on"))) network.marks.append(numberAtTheEnd(e, mine ? "one" : part, shown(x, 2)));
}

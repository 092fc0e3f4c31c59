// The network view: neurons as circles, one arrow for each weight.  Here: the circles; the arrows are in 08-arrows.js.

const MOST = 16, FIRST = 6, LAST = 2;

/** The layers of the network, from the input on: how many neurons, and which nodes hold their values. */
const columns = (() => {
  const layers = T.meta.layers ?? [], found = [];
  for (const l of layers) {
    const z = nodes.get(l.z), w = nodes.get(l.w);
    if (!z || !w || !madeBy(z, "linear") || z.shape.length > 2 || w.shape.length !== 2) { if (l.x && !found.length) found.push({ ...l, first: l.x }); continue; }
    if (!found.length) { const x = nodes.get(z.eq[1]); if (!x) return []; found.push({ layer: l.layer - 1, first: x.id, neurons: w.shape[1] }); }
    found.push(l);
  }
  return found.length > 1 && found.slice(1).every((l, i) => nodes.get(l.w).shape[1] === found[i].neurons) ? found : [];
})();
const last = columns.length - 1;
const target = columns.length && madeBy(root, "quadratic_cost") ? nodes.get(root.eq[2]) : T.nodes.find((n) => n.role === "y");
const at = (node, i) => (node.shape.length === 2 ? [Math.min(picked.example, node.shape[0] - 1), i] : [i]);
const network = { svg: null };

/** The neurons of a layer that are drawn: all of up to 16, else the first, the last, those picked and those pinned. */
function shownNeurons(c) {
  const { neurons: n, layer } = columns[c];
  if (n <= MOST) return [...Array(n).keys()];
  const own = new Set([...Array(FIRST).keys(), ...Array.from({ length: LAST }, (_, i) => n - LAST + i)]);
  for (const [pinned, i] of pinnedNeurons()) if (pinned === c) own.add(i);
  if (picked.neuron.has(layer)) own.add(Math.min(picked.neuron.get(layer), n - 1));
  return [...own].sort((a, b) => a - b);
}

const networkKey = () => columns.map((_, c) => shownNeurons(c).join()).join(";") + byId("view-network").clientWidth + "x" + byId("view-network").clientHeight;

/** Where everything goes: the columns' x, and y of each neuron, `${column} ${neuron}`; dots where some are left out. */
function networkPlan(pane) {
  const rows = columns.map((_, c) => shownNeurons(c)), more = columns.map((col) => (col.neurons > MOST ? 1 : 0));
  const W = Math.max(560, pane.clientWidth - 6), high = Math.max(330, pane.clientHeight - 46);
  const most = Math.max(...rows.map((list, c) => list.length + more[c]));
  const gap = Math.max(42, Math.min(104, (high - 64) / most)), r = Math.min(30, gap * 0.36 + 2), H = Math.max(high, most * gap + 70);
  const pitch = (W - 220) / Math.max(1, last), y = new Map(), dots = [];
  rows.forEach((list, c) => {
    const top = 34 + (H - 50 - (list.length + more[c]) * gap) / 2 + gap / 2;
    let line = 0;
    list.forEach((i, n) => {
      if (n && line === n && i > list[n - 1] + 1) { dots.push([c, top + line * gap]); line += 1; }
      y.set(`${c} ${i}`, top + line * gap); line += 1;
    });
  });
  return { rows, W, H, gap, r, pitch, x: (c) => 70 + c * pitch, y: (c, i) => y.get(`${c} ${i}`), dots, cost: [W - 52, 34 + (H - 50) / 2] };
}

function drawNetwork() {
  const pane = byId("view-network"), plan = networkPlan(pane), { W, H } = plan;
  const picture = svg("svg", { viewBox: `0 0 ${W} ${H}`, width: W, height: H, tabindex: 0, role: "listbox", id: "network", "aria-label": "The network, neuron by neuron. Up and down arrows go from neuron to neuron; Enter selects, Enter again pins." });
  const front = svg("g", { role: "presentation" });
  Object.assign(network, { svg: picture, plan, wires: [], costWires: [], neurons: [], targets: [], order: [], marks: svg("g", { "aria-hidden": "true" }) });
  const [wires, tags] = drawWires(plan);
  columns.forEach((col, c) => {
    const heading = c === 0 ? "input" : c === last ? "output layer" : "hidden layer";
    front.append(svg("text", { x: plan.x(c), y: 18, class: "heading", "aria-hidden": "true" }, plan.pitch < 160 ? `layer ${col.layer}` : `layer ${col.layer} · ${heading}`));
    for (const i of plan.rows[c]) front.append(drawNeuron(col, c, i, plan));
  });
  for (const [c, y] of plan.dots) front.append(svg("text", { x: plan.x(c), y: y + 5, class: "more", "aria-hidden": "true" }, `⋮ ${columns[c].neurons}`));
  front.append(drawCost(plan), ...drawTargets(plan));
  picture.append(wires, tags, network.marks, front);
  network.legend = el("p", { class: "legend" });
  pane.replaceChildren(picture, network.legend);
  network.key = networkKey();
}

/** A circle with its number beside it (inside, with its symbol, where there is room). */
function drawNeuron(col, c, i, { x, y, r, gap }) {
  const own = nodes.get(col.a ?? col.z ?? col.x ?? col.first), cx = x(c), cy = y(c, i), id = `n-${c}-${i}`, roomy = r > 20;
  const item = svg("g", { class: "node neuron", id, role: "option", "aria-selected": "false" }, svg("circle", { class: "ring", cx, cy, r: r + 4 }), svg("circle", { class: "body", cx, cy, r }));
  const what = svg("text", { x: cx, y: cy - r * 0.28, class: "tag", visibility: roomy ? "visible" : "hidden" }), value = svg("text", { x: cx, y: cy + (roomy ? r * 0.34 : 4), class: "num" });
  const under = svg("text", { x: cx, y: cy + r + 13, class: "tag" });
  item.append(what, value, svg("circle", { class: "pin", cx: cx + r * 0.75, cy: cy + r * 0.75, r: 5 }));
  if (!roomy) item.append(svg("text", { x: cx + r * 0.72, y: cy - r * 0.8, class: "tag number-of halo" }, String(i + 1)));
  if (gap >= 74) item.append(under);
  const node = () => { const z = col.z && nodes.get(col.z); return z && (state.k > firstBackward || !valueAt(own, state.k)) ? z : own; };
  item.addEventListener("click", (event) => { event.stopPropagation(); const n = node(); setPick(n, at(n, i)); select(n.id, event.shiftKey); });
  hover(item, () => { const n = node(); return [n.id, at(n, i)]; });
  network.neurons.push({ item, what, value, under, c, i, col, node, r });
  network.order.push({ id, item, enter: () => { const n = node(); setPick(n, at(n, i)); return n.id; } });
  return item;
}

function drawCost({ cost: [cx, cy] }) {
  const item = svg("g", { class: "node root", id: "n-cost", role: "option", "aria-selected": "false" }, svg("rect", { class: "ring", x: cx - 34, y: cy - 28, width: 78, height: 56, rx: 12 }), svg("rect", { class: "box", x: cx - 30, y: cy - 24, width: 70, height: 48, rx: 9 }), label(root, cx + 5, cy - 5, 16, { extra: { "text-anchor": "middle" } }));
  network.cost = svg("text", { x: cx + 5, y: cy + 14, class: "num", "text-anchor": "middle" });
  item.append(network.cost, svg("circle", { class: "pin", cx: cx + 38, cy: cy - 22, r: 5 })); listen(item, root);
  network.costItem = item; network.order.push({ id: "n-cost", item, enter: () => root.id });
  return item;
}

/** Beside each output neuron the answer that is wanted. */
function drawTargets({ rows, x, y, r, gap }) {
  if (!target || target.shape.length !== 2 || target.shape[1] !== columns[last].neurons) return [];
  return rows[last].map((i) => {
    const t = svg("text", { x: x(last) + r + 4, y: y(last, i) + (gap > 60 ? -r * 0.7 : 6), class: "tag halo", "text-anchor": "start" });
    network.targets.push({ t, i });
    return svg("g", { class: "neuron", "aria-hidden": "true" }, t);
  });
}

// ---- what is written in it now

function updateNetwork() {
  if (!columns.length) return;
  if (!network.svg || network.key !== networkKey()) drawNetwork();
  const colour = phaseAt(state.k)?.colour ?? 0, backward = state.k > firstBackward && colour !== 5, pinned = pinnedNeurons();
  network.svg.dataset.phase = colour;
  const now = new Set(currentSteps().map((i) => steps[i].node)), c = valueAt(root, state.k);
  for (const n of network.neurons) updateNeuron(n, { backward, now, chosen: inspected(), pinned });
  const shownAs = updateWires({ backward, colour, now, pinned });
  network.cost.textContent = asked()?.node === root.id && !c ? "?" : c ? shown(entry(c, []), 4) : "—";
  network.costItem.setAttribute("class", `node root${c ? "" : " empty"}${now.has(root.id) ? " now" : ""}${state.chosen === root.id ? " selected" : ""}${state.cursor === "n-cost" ? " cursor" : ""}${state.pins.includes(root.id) ? " pinned" : ""}`);
  network.costItem.setAttribute("aria-label", `cost C ${c ? shown(entry(c, [])) : NOT_YET}`);
  for (const { t, i } of network.targets) t.textContent = `y = ${shown(entry(target.value, at(target, i)), 2)}`;
  network.legend.replaceChildren(
    pinned.length ? el("span", {}, el("b", {}, wiresBetween(pinned) ? "only the arrows between the pinned" : "only the arrows of the pinned neuron"), " ", unpinning("show all")) : "",
    el("span", {}, shownAs.has("grad") ? (shownAs.has("value") ? "arrows: ∂C/∂w where it is computed, else weights w" : "arrows: derivatives ∂C/∂w") : colour === 5 ? "arrows: weights w after the update" : "arrows: weights w"),
    el("span", {}, "blue, solid: +   orange, dashed: −   thick: large"), el("span", {}, backward ? "in the circles: errors δ" : colour === 5 ? "in the circles and C: as before the update" : "in the circles: activities"));
  if (state.cursor) network.svg.setAttribute("aria-activedescendant", state.cursor);
}

/** What a circle says: [name, the number, its share of the largest, a second line]. */
function neuronSays(col, c, i, backward) {
  const first = c === 0 ? nodes.get(col.first) : null, z = col.z && nodes.get(col.z), a = col.a ? nodes.get(col.a) : first;
  const value = (node, array) => (node && array ? entry(array, at(node, i)) : undefined);
  const av = value(a, a && valueAt(a, state.k)), zv = value(z, z && valueAt(z, state.k));
  const share = (x, array) => (x === undefined ? 0 : Math.min(1, Math.abs(x) / (largest(array) || 1)));
  if (first) return ["x", av, share(av, first.value), ""];
  if (backward) {
    const delta = value(z, gradAt(z, state.k));
    return [S > 1 ? "δ/S" : "δ", delta, share(delta, z.grad), a ? `a = ${shown(av, 2)}` : `z = ${shown(zv, 2)}`];
  }
  if (av !== undefined) return ["a", av, Math.min(1, Math.abs(av)), `z = ${shown(zv, 2)}`];
  return zv !== undefined ? ["z", zv, share(zv, z.value), ""] : [a ? "a" : "z", undefined, 0, ""];
}

/** A number of at most five signs, as there is no room for more: 0.85, −0.12, 4e−6. */
function compact(x) {
  const text = shown(x, 2);
  return text.length <= 5 ? text : num(x).toExponential(0).replace("e+", "e").replace(/-/g, "−");
}

function updateNeuron(n, { backward, now, chosen, pinned }) {
  const { col, c, i } = n, [name, x, share, tag] = neuronSays(col, c, i, backward), hidden = asked();
  const z = col.z && nodes.get(col.z), a = nodes.get(col.a ?? col.first), unknown = x === undefined || Number.isNaN(share);
  const waiting = hidden && unknown && hidden.node === (backward ? z?.id : valueAt(z ?? a, state.k) ? a?.id : z?.id);
  n.what.replaceChildren(name[0], svg("tspan", { "font-size": 8, dy: 3 }, String(i + 1)), svg("tspan", { dy: -3 }, name.slice(1)));
  n.value.textContent = waiting ? "?" : unknown ? "—" : n.r > 20 ? shown(x, 2) : compact(x);
  n.value.setAttribute("class", unknown ? "num dim" : backward && c ? "num grad" : "num");
  n.value.style.fontSize = `${Math.min(13, (2 * n.r - 4) / (0.64 * Math.max(4, n.value.textContent.length)))}px`;
  n.under.textContent = unknown && !backward ? "" : tag;
  n.item.querySelector(".body").style.fill = unknown ? "var(--paper)" : `color-mix(in srgb, var(--${x < 0 ? "minus" : "plus"}) ${Math.round(4 + 34 * share)}%, var(--paper))`;
  const here = [z?.id, a?.id, col.b].filter(Boolean), isPinned = pinned.some(([at_, k]) => at_ === c && k === i);
  const selected = chosen && here.includes(chosen.id) && picked.neuron.get(col.layer) === i && state.chosen;
  n.item.setAttribute("class", `node neuron${unknown ? " empty" : ""}${here.some((id) => now.has(id)) ? " now" : ""}${selected ? " selected" : ""}${state.cursor === n.item.id ? " cursor" : ""}${isPinned ? " pinned" : ""}`);
  n.item.setAttribute("aria-label", `neuron ${i + 1} of layer ${col.layer}: ${name} ${unknown ? NOT_YET : shown(x)}${tag && !unknown ? `, ${tag}` : ""}${isPinned ? ", pinned" : ""}`);
}

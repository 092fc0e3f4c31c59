// The graph view: every operation a box, every use of a Tensor an arrow, by operation or by layer.

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
  if (madeBy(to, "linear")) return from.role === "b" || edge.slot === 2 ? (S > 1 ? "Σ" : "×1") : `· ${cut(nodes.get(others[0].from).symbol.base, 8)}`;
  if (madeBy(to, "matmul")) return others.length ? `· ${cut(nodes.get(others[0].from).symbol.base, 8)}` : "";
  if (madeBy(to, "quadratic_cost")) return S > 1 ? "(a−y)/S" : "(a − y)";
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

// Choosing nodes by mouse, keys and search; the dialogs: find, export, keys.

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
    el("p", { class: "quiet" }, "“—, not computed” means that a number does not exist yet at this step. It is not 0. Equations show numbers rounded to four digits and compute with all of them."));
}

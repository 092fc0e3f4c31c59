// The table view: the twin of the pictures in words and numbers, to be read aloud or copied as CSV.

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

// All numbers as CSV and as a table; the curve of the training.

/** Every number of this moment, in full; neurons and pixels are counted from 1. */
function everyNumber() {
  const { l, i } = state, rows = [["quantity", "layer", "neuron", "from", "value"]];
  now.x.forEach((v, j) => rows.push(["x", 1, j + 1, "", v]));
  for (let m = 2; m <= L; m++) {
    for (const [name, values] of [["z", now.z[m]], ["a", now.a[m]], ["delta", now.delta[m]]]) values.forEach((v, k) => rows.push([name, m, k + 1, "", v]));
  }
  now.a[l - 1].forEach((v, j) => {
    const w = layers[l].w[i * count(l - 1) + j];
    const at = [l, i + 1, j + 1];
    rows.push(["w", ...at, w], ["w x", ...at, w * v], ["dC/dw", ...at, now.delta[l][i] * v]);
  });
  rows.push(["answer", L, state.answer + 1, "", 1], ["C", "", "", "", now.cost]);
  return rows;
}

function showTable() {
  if (!byId("twin").open) return;
  const rows = [];
  for (let l = L; l > 1; l--) {
    now.z[l].forEach((z, i) => rows.push(el("tr", {}, el("td", {}, String(l)), el("td", {}, l === L ? `${i + 1} (output ${nameOf(i)})` : String(i + 1)),
      ...[z, now.a[l][i], now.delta[l][i]].map((v) => el("td", { class: "number" }, shown(v))))));
  }
  byId("table").replaceChildren(el("table", {}, el("thead", {}, el("tr", {}, ...["layer", "neuron", "z", "a", "error δ"].map((h) => el("th", { scope: "col" }, h)))), el("tbody", {}, rows)));
}

function showTraining() {
  const h = data.history;
  byId("training").hidden = !h;
  if (!h) { document.querySelector("main").classList.add("untrained"); return; }
  const n = h.epochs.length - 1, tested = h.accuracies.every((a) => a !== null), percent = (a) => `${shown(100 * a, 3)} %`;
  byId("training-text").textContent = `${h.epochs[n]} epoch${h.epochs[n] === 1 ? "" : "s"}${h.interrupted ? " (interrupted)" : ""}: the cost C on the training data went from ${shown(h.costs[0], 3)} to ${shown(h.costs[n], 3)}` +
    (tested ? `, the accuracy on the test data from ${percent(h.accuracies[0])} to ${percent(h.accuracies[n])}.` : ".");
  const top = Math.max(...h.costs.map(num), 1e-300), last = Math.max(1, h.epochs[n]);
  const X = (k) => 44 + (450 * h.epochs[k]) / last, Y = (share) => 140 - 120 * share;
  const line = (values) => "M" + values.map((v, k) => `${X(k).toFixed(1)},${Y(v).toFixed(1)}`).join("L");
  const label = (x, y, text, anchor) => svg("text", { x, y, "text-anchor": anchor }, text);
  byId("curve").append(svg("svg", { viewBox: "0 0 560 172", role: "img", "aria-label": byId("training-text").textContent },
    svg("path", { d: "M44,20V140H494V20", stroke: "var(--line)", fill: "none" }),
    svg("path", { d: line(h.costs.map((c) => num(c) / top)), stroke: "var(--value)", "stroke-width": 2, fill: "none" }),
    tested ? svg("path", { d: line(h.accuracies), stroke: "var(--minus)", "stroke-width": 2, "stroke-dasharray": "6 3", fill: "none" }) : [],
    label(38, 24, shown(top, 2), "end"), label(38, 144, "0", "end"), label(44, 158, "0", "middle"), label(494, 158, String(h.epochs[n]), "middle"), label(269, 158, "epoch", "middle"),
    tested ? [label(500, 24, "100 %", "start"), label(500, 144, "0 %", "start")] : [],
    label(44, 12, "— cost C", "start"), tested ? label(494, 12, "- - test accuracy", "end") : []));
}

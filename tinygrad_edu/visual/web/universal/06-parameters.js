// A slider and a number box for each parameter, and beside them its live derivative.

const reach = { w: nice(100 / width), b: 1, v: 4 };  // how far the sliders go; the boxes go further
let rows = [];

function buildRows() {
  const span = Math.max(Math.abs(lo), Math.abs(hi));
  reach.b = nice(reach.w * span * 0.6);
  rows = [];
  const heads = [];
  byId("rows").replaceChildren(...Array.from({ length: now.n }, (_, k) => {
    const sample = svg("svg", { viewBox: "0 0 34 8", "aria-hidden": true }, svg("path", { class: `part ${look(k)}`, d: "M1 4H33", "stroke-dasharray": DASHES[k % 6] }));
    const where = el("span", { class: "number quiet" }), flat = el("span", { class: "flat" });
    heads.push({ where, flat });
    const card = el("div", { class: `neuron ${look(k)}`, role: "group", "aria-label": `neuron ${k + 1}` },
      el("h3", {}, `neuron ${k + 1}`, sample, where, flat),
      row("w", k, "w" + sub(k + 1), `w ${k + 1}, weight from x to neuron ${k + 1}`),
      row("b", k, "b" + sub(k + 1), `b ${k + 1}, bias of neuron ${k + 1}`),
      row("v", k, "w" + sub(now.n + k + 1), `w ${now.n + k + 1}, weight from neuron ${k + 1} to the output`));
    for (const [on, what] of [["focusin", k], ["pointerenter", k], ["focusout", -1], ["pointerleave", -1]]) card.addEventListener(on, () => pick(what));
    heads[k].card = card;
    return card;
  }));
  rows.heads = heads;
  byId("rows").className = fewer() ? "" : "many";
}

function row(name, k, symbol, words) {
  const slider = el("input", { type: "range", "aria-label": words, step: "any" });
  const box = el("input", { type: "number", step: "any", "aria-label": words + ", as a number" });
  const bar = el("i"), number = el("span", { class: "number" });
  const r = { name, k, symbol, slider, box, bar, number };
  slider.addEventListener("input", () => set(name, k, Number(slider.value)));
  slider.addEventListener("keydown", (e) => {
    const by = { ArrowLeft: -1, ArrowDown: -1, ArrowRight: 1, ArrowUp: 1, PageDown: -10, PageUp: 10 }[e.key];
    if (by) { e.preventDefault(); nudge(r, by); }
  });
  box.addEventListener("keydown", (e) => {
    if (e.key !== "ArrowUp" && e.key !== "ArrowDown") return;
    e.preventDefault(); nudge(r, e.key === "ArrowUp" ? 1 : -1); write(r);
  });
  box.addEventListener("input", () => {
    const x = box.value === "" ? NaN : Number(box.value), ok = Math.abs(x) <= LARGEST;
    box.setAttribute("aria-invalid", !ok);
    if (ok) set(name, k, x);
  });
  box.addEventListener("change", () => {
    if (box.getAttribute("aria-invalid") === "true") say(`A number between −1,000,000 and 1,000,000 is needed: ${symbol} stays as it was.`);
    box.setAttribute("aria-invalid", false);
    write(r);
  });
  rows.push(r);
  return el("div", { class: "parameter" }, el("span", {}, symbol), slider, box, el("div", { class: "bar", "aria-hidden": true }, bar), number);
}

/** One hundredth of the slider's way, on round numbers. */
function nudge(r, by) {
  const step = reach[r.name] / 100, x = (Math.round(now[r.name][r.k] / step) + by) * step;
  set(r.name, r.k, Number(x.toPrecision(12)));
  say(`${r.symbol} ${shown(x)}, cost ${shown(now.learned.cost)}`);
}

function set(name, k, value) {
  now[name][k] = value;
  now.failed = now.told = "";
  now.learned = learn(now, now.y);
  if (!now.playing && now.steps === 0) now.costs = [now.learned.cost];
  fitRange();
  show();
}

const write = (r) => { r.box.value = String(Number(now[r.name][r.k].toPrecision(4))); };

function showRows() {
  const l = now.learned, gradient = { w: l.dw, b: l.db, v: l.dv };
  const largest = Math.max(size(l.dw), size(l.db), size(l.dv)), most = largest > 1e-12 ? nice(largest) : 1e-12;
  reach.v = nice(4 * (size(now.y) || size0));
  for (const r of rows) {
    const x = now[r.name][r.k], g = gradient[r.name][r.k], far = reach[r.name];
    if (r.far !== far) { r.slider.min = -far; r.slider.max = far; r.far = far; }
    r.slider.value = x;
    r.slider.setAttribute("aria-valuetext", shown(x));
    if (document.activeElement !== r.box) write(r);
    r.bar.className = g < 0 ? "minus" : "plus";
    r.bar.style.width = `${Math.min(50, Math.abs(g) / most * 50)}%`;
    r.number.textContent = signed(g, 3);
    r.number.className = `number ${g < 0 ? "minus-ink" : "plus-ink"}`;
  }
  rows.heads.forEach((h, k) => {
    const s = -now.b[k] / now.w[k];
    h.where.textContent = Number.isFinite(s) ? `s = ${shown(s, 3)}` : "no step: w = 0";
    h.flat.textContent = l.slope[k] < FLAT ? "saturated" : "";
    h.card.className = `neuron ${look(k)}${now.picked === k ? " picked" : ""}`;
  });
  byId("scale").textContent = `Bars: dC/dp, the slope of the cost (full bar: ±${shown(most)}). Fit goes the other way: p\u00a0←\u00a0p\u00a0−\u00a0η\u00a0dC/dp.`;
}

function pick(k) { if (now.picked !== k) { now.picked = k; if (!now.playing) { showPlot(); showNet(); showRows(); } } }

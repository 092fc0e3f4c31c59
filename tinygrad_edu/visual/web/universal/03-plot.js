// The plot: target, sum and each neuron's own curve, with the marks of the steps.

const P = { left: 46, right: 706, top: 12, bottom: 276 };
const DASHES = ["none", "8 3", "2 3", "9 3 2 3", "5 5", "14 4"];
const coarse = fine.filter((_, i) => i % 2 === 0);  // enough for one of many thin curves
const px = (x) => P.left + (x - lo) / width * (P.right - P.left);
const py = (y) => {
  const t = P.bottom - (y - now.range[0]) / (now.range[1] - now.range[0]) * (P.bottom - P.top);
  return Math.max(-2000, Math.min(2400, t));
};
const line = (x, y) => x.map((value, i) => (i ? "L" : "M") + px(value).toFixed(1) + " " + py(y[i]).toFixed(1)).join("");
const sub = (n) => String(n).replace(/\d/g, (d) => "₀₁₂₃₄₅₆₇₈₉"[d]);
const look = (k) => `k${k % 6}`;
const fewer = () => now.n <= 6;  // few enough for every name in the pictures

/** 1, 2 or 5 times a power of ten, at least x. */
function nice(x) {
  const ten = 10 ** Math.floor(Math.log10(x));
  return [1, 2, 5, 10].map((m) => m * ten).find((y) => y >= x * (1 - 1e-9));
}

function ticks(from, to, about) {
  const step = nice((to - from) / about), all = [];
  for (let i = Math.ceil(from / step - 1e-9); i * step <= to * (1 + 1e-9) + step * 1e-9; i++) all.push(i * step);
  return all;
}

const sums = () => fine.map((x) => { let f = 0; for (let k = 0; k < now.n; k++) f += now.v[k] * sigma(now.b[k] + now.w[k] * x); return f; });

/** The vertical range: target and sum are always inside, a neuron's own curve (from 0 to v) if it is not far; it shrinks only when it is much too large. */
function fitRange(force = false) {
  if (now.drawing && !force) return;
  const all = [0, ...targetLine()[1], ...sums()];
  let low = Math.min(...all), high = Math.max(...all);
  if (high - low < 1e-9) [low, high] = [-1, 1];
  const room = 1.1 * (high - low);  // the neurons' own curves get so much more, and are cut off beyond
  [low, high] = [Math.max(Math.min(low, ...now.v), low - room), Math.min(Math.max(high, ...now.v), high + room)];
  const [a, b] = now.range;
  if (!force && low >= a && high <= b && high - low > 0.4 * (b - a)) return;
  const pad = 0.1 * (high - low), step = nice((high - low + 2 * pad) / 12);
  now.range = [Math.floor((low - pad) / step) * step, Math.ceil((high + pad) / step) * step];
}

const plot = byId("plot");
const layer = {};
function buildPlot() {
  layer.range = layer.dotted = null;
  layer.grid = svg("g");
  layer.inside = svg("g", { "clip-path": "url(#frame)" });
  layer.target = svg("path", { class: "target" });
  layer.dots = svg("g");
  layer.parts = Array.from({ length: now.n }, (_, k) => svg("path", { class: `part ${look(k)}`, "stroke-dasharray": DASHES[k % 6], onpointerenter: () => pick(k), onpointerleave: () => pick(-1) }));
  layer.sum = svg("path", { class: "sum" });
  layer.tags = svg("g", { "aria-hidden": true });
  layer.marks = Array.from({ length: now.n }, (_, k) => mark(k));
  layer.outside = [svg("text", { x: P.left, y: 0, class: "soft" }), svg("text", { x: P.right, y: 0, class: "soft", "text-anchor": "end" })];
  const height = P.bottom + (now.n <= 3 ? 52 : now.n <= 6 ? 66 : 84);  // room for the marks
  plot.setAttribute("viewBox", `0 0 720 ${P.height = height}`);
  layer.outside.forEach((text) => text.setAttribute("y", height - 5));
  layer.inside.append(layer.target, layer.dots, ...layer.parts, layer.sum);
  const frame = svg("clipPath", { id: "frame" }, svg("rect", { x: P.left, y: P.top, width: P.right - P.left, height: P.bottom - P.top }));
  plot.replaceChildren(frame, layer.grid, layer.inside, layer.tags, ...layer.marks.map((m) => m.g), ...layer.outside);
}

/** The mark of a step under the axis; dragging it moves b = -w s. */
function mark(k) {
  const rule = svg("line", { class: "rule", y1: P.top, y2: P.bottom }), tip = svg("path"), text = svg("text", { "text-anchor": "middle" });
  const grip = svg("rect", { class: "grip", x: -12, y: 0, width: 24, height: 26 });
  const g = svg("g", { class: `mark ${look(k)}` }, rule, svg("g", {}, tip, text, grip));
  g.addEventListener("pointerenter", () => pick(k));
  g.addEventListener("pointerleave", () => pick(-1));
  g.addEventListener("pointerdown", (e) => { if (!now.drawing) { g.setPointerCapture(e.pointerId); e.preventDefault(); } });
  g.addEventListener("pointermove", (e) => {
    if (!g.hasPointerCapture(e.pointerId)) return;
    const s = Math.max(lo, Math.min(hi, place(e)[0]));
    set("b", k, -now.w[k] * s);
  });
  return { g, rule, tip, text, body: g.lastChild };
}

/** Where the pointer is, in the plot's own coordinates. */
function place(event) {
  const box = plot.getBoundingClientRect();
  const x = (event.clientX - box.left) / box.width * 720, y = (event.clientY - box.top) / box.height * P.height;
  return [lo + (x - P.left) / (P.right - P.left) * width,
    now.range[0] + (P.bottom - y) / (P.bottom - P.top) * (now.range[1] - now.range[0])];
}

function showAxes(low, high) {
  layer.range = now.range;
  const g = [];
  for (const y of ticks(low, high, 6)) {
    g.push(svg("line", { class: Math.abs(y) < 1e-12 ? "axis" : "grid", x1: P.left, x2: P.right, y1: py(y), y2: py(y) }),
      svg("text", { x: P.left - 7, y: py(y) + 4, "text-anchor": "end", class: "soft" }, shown(Math.abs(y) < 1e-12 ? 0 : y, 3)));
  }
  for (const x of ticks(lo, hi, 8)) {
    g.push(svg("line", { class: "grid", x1: px(x), x2: px(x), y1: P.top, y2: P.bottom }),
      svg("text", { x: px(x), y: P.bottom + 17, "text-anchor": "middle", class: "soft" }, shown(Math.abs(x) < 1e-12 ? 0 : x, 3)));
  }
  layer.grid.replaceChildren(...g, svg("text", { x: P.right + 5, y: P.bottom + 4, class: "soft" }, "x"));
}

function showPlot() {
  if (layer.range !== now.range) showAxes(...now.range);
  layer.target.setAttribute("d", line(...targetLine()));
  if (layer.dotted !== now.y || layer.dottedIn !== now.range) {
    layer.dots.replaceChildren(...xs.map((x, i) => svg("circle", { class: "dot", cx: px(x), cy: py(now.y[i]), r: 2 })));
    Object.assign(layer, { dotted: now.y, dottedIn: now.range });
  }
  const total = new Array(fine.length).fill(0), parts = [];
  for (let k = 0; k < now.n; k++) {
    const part = fine.map((x) => now.v[k] * sigma(now.b[k] + now.w[k] * x));
    part.forEach((value, i) => { total[i] += value; });
    layer.parts[k].setAttribute("d", fewer() ? line(fine, part) : line(coarse, part.filter((_, i) => i % 2 === 0)));
    layer.parts[k].setAttribute("class", `part ${look(k)}${now.picked === k ? " picked" : now.picked >= 0 || now.n > 8 ? " faint" : ""}`);
    parts.push(part);
  }
  showTags(parts);
  layer.sum.setAttribute("d", line(fine, total));
  showMarks();
  byId("plot-words").textContent = `Target ${TARGETS[now.target][0]}, and the sum of ${now.n} neurons, x from ${shown(lo)} to ${shown(hi)}; cost ${shown(now.learned.cost)}.`;
}

/** The numbers of the neurons, each at the end of its curve where that is higher, from the top down. */
function showTags(parts) {
  const shownNow = parts.map((part, k) => ({ part, k })).filter(({ k }) => fewer() || now.picked === k);
  const placed = shownNow.map(({ part, k }) => {
    const last = part.length - 1, right = Math.abs(part[last]) >= Math.abs(part[0]);
    return { k, right, y: Math.max(P.top + 13, Math.min(P.bottom - 4, py(part[right ? last : 0]) - 5)) };
  }).sort((p, q) => p.y - q.y);
  const under = { true: -99, false: -99 };
  layer.tags.replaceChildren(...placed.map(({ k, right, y }) => {
    y = under[right] = Math.max(y, under[right] + 15);
    return svg("text", { class: `tag ${look(k)}`, x: right ? P.right - 10 : P.left + 10, y, "text-anchor": "middle" }, String(k + 1));
  }));
}

function showMarks() {
  const there = (k) => now.n <= 8 || now.picked === k;  // twenty lines are too many to read
  const inside = [], left = [], right = [];
  for (let k = 0; k < now.n; k++) {
    const s = -now.b[k] / now.w[k], m = layer.marks[k], within = s >= lo && s <= hi;
    m.g.setAttribute("visibility", within ? "visible" : "hidden");
    m.g.setAttribute("class", `mark ${look(k)}${now.picked === k ? " picked" : ""}`);
    if (within) inside.push([s, k]); else if (s < lo) left.push(k + 1); else if (s > hi) right.push(k + 1);
  }
  const ends = new Array(now.n <= 3 ? 1 : now.n <= 6 ? 2 : 3).fill(-99), gap = fewer() ? 24 : 20;
  for (const [s, k] of inside.sort((p, q) => p[0] - q[0])) {
    const x = px(s), m = layer.marks[k];
    let row = ends.findIndex((end) => x - end >= gap);
    if (row < 0) row = ends.indexOf(Math.min(...ends));
    ends[row] = x;
    const y = P.bottom + 22 + row * 13;
    m.rule.setAttribute("visibility", there(k) ? "inherit" : "hidden");
    m.rule.setAttribute("x1", x); m.rule.setAttribute("x2", x);
    m.rule.setAttribute("y2", P.bottom + 2);
    m.body.setAttribute("transform", `translate(${x.toFixed(1)} ${y})`);
    m.tip.setAttribute("d", `M0 ${P.bottom - y}l-5 -9h10z`);
    m.text.setAttribute("class", `tag ${look(k)}`);
    m.text.setAttribute("y", 13);
    m.text.textContent = fewer() ? "s" + sub(k + 1) : String(k + 1);
    m.body.lastChild.setAttribute("y", P.bottom - y - 12);
    m.body.lastChild.setAttribute("height", y - P.bottom + 28);
  }
  layer.outside[0].textContent = left.length ? `◂ step of ${left.join(", ")}` : "";
  layer.outside[1].textContent = right.length ? `step of ${right.join(", ")} ▸` : "";
}

function legend() {
  const sample = (attributes) => svg("svg", { viewBox: "0 0 34 12", "aria-hidden": true }, svg("path", { d: "M1 6H33", ...attributes }));
  byId("legend").append(
    el("li", {}, sample({ class: "target" }), "target, with the training examples as dots"),
    el("li", {}, sample({ class: "sum" }), "f: the sum of all neurons"),
    el("li", {}, sample({ class: "part k0", "stroke-dasharray": "8 3" }), "one neuron's own curve, w σ(b + w x)"),
    el("li", {}, svg("svg", { viewBox: "0 0 34 12", class: "mark k0", "aria-hidden": true }, svg("path", { d: "M17 11l-5 -9h10z" })), "its step, at s = −b/w: drag it"),
  );
}

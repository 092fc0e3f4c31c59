
// f(x) = sum_k v_k sigma(b_k + w_k x), on the page v_k is called w_{n+k}, as in the lecture.
// One object holds all that can change; show() draws it; nothing else writes to the page.

const MOST = 20, LARGEST = 1e6, FLAT = 0.01;
const xs = data.x, fine = data.fine.x, [lo, hi] = data.domain, width = hi - lo, N = xs.length;
const size = (values) => Math.max(...values.map(Math.abs));
const size0 = size(data.y) || 1;

const now = {
  n: data.hidden, w: [], b: [], v: [],            // the parameters
  target: "python", y: data.y.slice(),            // y(x) at the training examples
  eta: data.eta, start: null, seed: 0,
  steps: 0, costs: [], every: 1,                  // every so many steps the cost is kept
  playing: false, failed: "", told: "", picked: -1, drawing: false,
  range: [-1, 1], learned: null,
};

// ---- the mathematics -----------------------------------------------------------------------------------------

const sigma = (z) => 1 / (1 + Math.exp(-z));

/** The cost and its gradient, by the lecture's four steps, averaged over the training examples. */
function learn({ n, w, b, v }, y) {
  const dw = new Array(n).fill(0), db = new Array(n).fill(0), dv = new Array(n).fill(0), slope = new Array(n).fill(0);
  const a = new Array(n);
  let cost = 0;
  for (let i = 0; i < N; i++) {
    let f = 0;                                                    // 1. feed-forward
    for (let k = 0; k < n; k++) { a[k] = sigma(b[k] + w[k] * xs[i]); f += v[k] * a[k]; }
    const delta = f - y[i];                                       // 2. the error; the output neuron is linear
    cost += delta * delta / 2;
    for (let k = 0; k < n; k++) {
      const steep = a[k] * (1 - a[k]);                            // sigma'(z)
      const back = delta * v[k] * steep;                          // 3. back-propagate it
      dv[k] += delta * a[k]; db[k] += back; dw[k] += back * xs[i];  // 4. the derivatives
      slope[k] = Math.max(slope[k], steep);
    }
  }
  for (let k = 0; k < n; k++) { dv[k] /= N; db[k] /= N; dw[k] /= N; }
  return { cost: cost / N, dw, db, dv, slope };
}

const finite = (l) => [l.cost, ...l.dw, ...l.db, ...l.dv].every(Number.isFinite);

/** One step of gradient descent: p <- p - eta dC/dp.  False, and nothing changes, if that is no finite number. */
function descend() {
  const { n, eta, learned: l } = now;
  const move = (p, d) => p.map((value, k) => value - eta * d[k]);
  const next = { n, w: move(now.w, l.dw), b: move(now.b, l.db), v: move(now.v, l.dv) };
  const learned = learn(next, now.y);
  if (!finite(learned)) return diverged(Infinity);
  Object.assign(now, next, { learned });
  now.steps++;
  now.told = "";
  if (now.steps % now.every === 0) now.costs.push(learned.cost);
  if (now.costs.length > 2000) { now.costs = now.costs.filter((_, i) => i % 2 === 0); now.every *= 2; }
  return learned.cost > limit() ? diverged(learned.cost) : true;
}

/** Far above the cost at the start and the cost of f = 0, nothing good can come any more. */
const limit = () => 1e4 * Math.max(now.costs[0], now.y.reduce((sum, y) => sum + y * y, 0) / N / 2, 1e-12);

const counted = (steps) => `${steps} step${steps === 1 ? "" : "s"}`;

function diverged(cost) {
  now.failed = `Diverging: after ${counted(now.steps)} the cost ${cost === Infinity ? "is no finite number any more" : "has grown to " + shown(cost)}. ` +
    `η = ${shown(now.eta)} is too large: every step jumps across the valley and lands higher on the other side. ` +
    `Press “reset to the same start”, and try a smaller one, such as η = ${shown(now.eta / 10, 2)}.`;
  return false;
}

// ---- where to start ------------------------------------------------------------------------------------------

/** Random numbers in [0, 1) that depend on the seed alone (mulberry32). */
function generator(seed) {
  return () => {
    seed = (seed + 0x6d2b79f5) | 0;
    let t = Math.imul(seed ^ (seed >>> 15), 1 | seed);
    t = (t + Math.imul(t ^ (t >>> 7), 61 | t)) ^ t;
    return ((t ^ (t >>> 14)) >>> 0) / 4294967296;
  };
}

/** As Python does it: every step inside the domain, heights of the target's size. */
function seeded(seed) {
  const random = generator(seed), w = [], b = [], v = [], sign = () => (random() < 0.5 ? -1 : 1), first = random();
  for (let k = 0; k < MOST; k++) {
    w.push(sign() * (12 + 12 * random()) / width);
    b.push(-w[k] * (lo + width * ((first + k * (Math.sqrt(5) - 1) / 2) % 1)));
    v.push(sign() * (size(now.y) || 1) * (0.5 + 0.5 * random()));
  }
  return { name: `seed ${seed}`, of: () => ({ w, b, v }) };
}

const fromPython = { name: data.start.name, of: () => data.start };

const at = (u) => lo + width * (u + 1) / 2;  // from [-1, 1] to the domain

/** Steps of the heights v at the places s; the neurons after them are there, but silent. */
function steps(name, w, s, v) {
  const spare = data.start;
  return { name, of: () => ({
    w: [...s.map(() => w), ...spare.w.slice(s.length)],
    b: [...s.map((place) => -w * place), ...spare.b.slice(s.length)],
    v: [...v, ...spare.v.slice(s.length).map(() => 0)],
  }) };
}

/** The idea of the proof: n intervals, and at each border a step up or down to the target in the next one's middle. */
function stairs(n) {
  const w = 6 * n / width, levels = [], places = [lo - 5 / w];  // the first step is left of the domain: a constant
  for (let k = 0; k < n; k++) {
    const t = (k + 0.5) / n * (N - 1), i = Math.floor(t);
    levels.push(now.y[i] + (t - i) * (now.y[i + 1] - now.y[i]));
    if (k) places.push(lo + width * k / n);
  }
  return steps("stairs", w, places, levels.map((level, k) => level - (levels[k - 1] ?? 0)));
}

function begin(start = now.start) {
  pause();
  now.start = start;
  const p = (start.name === "stairs" ? stairs(now.n) : start).of();
  for (const name of "wbv") now[name] = p[name].slice(0, now.n);
  again();
  now.told = start.words ?? "";
  showNote();
}

/** The cost curve starts anew: another start, another target, another number of neurons. */
function again(force = true) {
  now.learned = learn(now, now.y);
  Object.assign(now, { steps: 0, costs: [now.learned.cost], every: 1, failed: "", told: "" });
  fitRange(force);
  show();
}

function neurons(n) {
  const p = now.start.of();
  now.n = n;
  if (now.start.name === "stairs") return build(), begin();
  for (const name of "wbv") now[name] = [...now[name], ...p[name].slice(now[name].length)].slice(0, n);
  build();
  again();
}

// ---- targets -------------------------------------------------------------------------------------------------

const up = (u) => (Math.abs(u) < 1e-9 ? 0.5 : u < 0 ? 0 : 1);  // half way at the edge itself
const box = (u, from, to) => up(u - from) - up(u - to);
const TARGETS = {
  python: [`${data.name} (from Python)`],
  sine: ["sine", (u) => Math.sin(Math.PI * u)],
  step: ["step", up],
  bump: ["bump", (u) => box(u, -0.4, 0.4)],
  hat: ["hat", (u) => Math.max(0, 1 - Math.abs(u) / 0.6)],
  two: ["two bumps", (u) => box(u, -0.7, -0.3) + 0.6 * box(u, 0.2, 0.6)],
  parabola: ["parabola", (u) => u * u],
  drawn: ["your drawing"],
};
const unit = (x) => 2 * (x - lo) / width - 1;

function aim(name) {
  if (name === "drawn") now.drawn = now.y;
  if (name === "python") now.y = data.y.slice();
  else if (name !== "drawn") now.y = xs.map((x) => TARGETS[name][1](unit(x)));
  now.target = name;
  byId("target").value = name;
}

/** The target as a line: its function where there is one, the drawn points else. */
function targetLine() {
  if (now.target === "python") return [fine, data.fine.y];
  if (now.target === "drawn") return [xs, now.y];
  return [fine, fine.map((x) => TARGETS[now.target][1](unit(x)))];
}

// ---- the plot ------------------------------------------------------------------------------------------------

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

// ---- drawing a target ----------------------------------------------------------------------------------------

let pen = null;  // where the pointer was
function drawTo([x, y]) {
  y = Math.max(now.range[0], Math.min(now.range[1], y));
  const [x0, y0] = pen ?? [x, y];
  const half = width / (N - 1) / 2;
  now.y = now.y.map((old, i) => {
    if (xs[i] < Math.min(x0, x) - half || xs[i] > Math.max(x0, x) + half) return old;
    return Math.abs(x - x0) < half ? y : y0 + (y - y0) * Math.max(0, Math.min(1, (xs[i] - x0) / (x - x0)));
  });
  pen = [x, y];
  aim("drawn");
  again(false);  // the range stands still under the pen
}
plot.addEventListener("pointerdown", (e) => {
  if (!now.drawing) return;
  plot.setPointerCapture(e.pointerId); e.preventDefault(); pen = null; drawTo(place(e));
});
plot.addEventListener("pointermove", (e) => { if (now.drawing && plot.hasPointerCapture(e.pointerId)) drawTo(place(e)); });
plot.addEventListener("pointerup", () => { pen = null; showPen(); });

function drawMode(on) {
  now.drawing = on;
  byId("draw").setAttribute("aria-pressed", on);
  plot.classList.toggle("drawing", on);
  byId("pen").hidden = !on;
  if (on) {
    pause();
    aim("drawn"); again();
    const most = 1.2 * (size(now.y) || size0);  // room to draw up and down
    now.range = [Math.min(now.range[0], -most), Math.max(now.range[1], most)];
    show(); showPen();
    say("Draw the target over the plot, or set it point by point with the two sliders under it.");
  } else { fitRange(true); show(); }
}

function showPen() {
  const x = byId("pen-x"), y = byId("pen-y"), i = Number(x.value);
  y.min = now.range[0]; y.max = now.range[1]; y.step = (now.range[1] - now.range[0]) / 50; y.value = now.y[i];
  byId("pen-x-shown").textContent = shown(xs[i], 3);
  byId("pen-y-shown").textContent = shown(now.y[i], 3);
  x.setAttribute("aria-valuetext", `x = ${shown(xs[i], 3)}`);
  y.setAttribute("aria-valuetext", shown(now.y[i], 3));
}

// ---- the formula, with its numbers ---------------------------------------------------------------------------

const mi = (t) => mml("mi", {}, t), mo = (t) => mml("mo", {}, t), ms = (t, i) => mml("msub", {}, mi(t), mml("mn", {}, String(i)));
let places = [];  // how each number is written again

function buildFormula() {
  const n = now.n, terms = n <= 3 ? [...Array(n).keys()] : [0, 1, -1, n - 1];
  const f = () => mml("mrow", {}, mml("msub", {}, mi("f"), mml("mrow", {}, mi("w"), mo(","), mi("b"))), mo("("), mi("x"), mo(")"), mo("="));
  const cell = (...c) => mml("mtd", {}, c), above = [cell(f())], below = [cell(mo("="))];
  places = [];
  const plus = () => mml("mo", { form: "infix" }, "+"), thin = () => mml("mspace", { width: "0.17em" });
  /** A number that stays up to date: with its sign between two terms, or with a minus of its own where it stands first. */
  const value = (name, k, between) => {
    const sign = between ? plus() : null, digits = mml("mn", { class: "live" });
    places.push(() => {
      const x = now[name][k];
      if (sign) sign.textContent = x < 0 ? "−" : "+";
      digits.textContent = shown(sign ? Math.abs(x) : x, 3);
    });
    return sign ? [sign, digits] : [digits];
  };
  terms.forEach((k, i) => {
    if (k < 0) { above.push(cell(plus(), mi("⋯"))); below.push(cell(plus(), mi("⋯"))); return; }
    above.push(cell(i ? plus() : "", ms("w", n + k + 1), thin(), mi("σ"), mo("("), ms("b", k + 1), mo("+"), ms("w", k + 1), thin(), mi("x"), mo(")")));
    below.push(cell(value("v", k, i > 0), thin(), mi("σ"), mo("("), value("b", k, false), value("w", k, true), thin(), mi("x"), mo(")")));
  });
  byId("formula").replaceChildren(mml("math", {}, mml("mtable", {}, mml("mtr", {}, above), mml("mtr", {}, below))));
}

// ---- the network ---------------------------------------------------------------------------------------------

let net = [];
function buildNet() {
  const n = now.n, gap = n <= 3 ? 74 : n <= 6 ? 56 : Math.min(22, 300 / n), H = Math.max(130, n * gap + 26), r = n <= 6 ? 16 : n <= 12 ? 8 : 6, mid = H / 2 + (n <= 6 ? 6 : 0);
  const X = [34, 262, 490], picture = byId("net");
  picture.setAttribute("viewBox", `0 0 524 ${H}`);
  net = Array.from({ length: n }, (_, k) => {
    const y = mid + (k - (n - 1) / 2) * gap;
    const hover = { onpointerenter: () => pick(k), onpointerleave: () => pick(-1) };
    const wire = (x1, y1, x2, y2) => {
      const long = Math.hypot(x2 - x1, y2 - y1), [a, b] = [(x2 - x1) / long, (y2 - y1) / long], h = n <= 6 ? 11 : 0;  // the head
      const [x, y] = [x2 - h * a, y2 - h * b];
      const head = h ? svg("path", { d: `M${x2} ${y2}L${x - 5 * b} ${y + 5 * a}L${x + 5 * b} ${y - 5 * a}z` }) : null;
      return { path: svg("path", { d: `M${x1} ${y1}L${x} ${y}`, ...hover }), head };
    };
    const text = (x, y, anchor = "middle") => svg("text", { class: "value", x, y, "text-anchor": anchor });
    const one = {
      k, into: wire(X[0] + 17, mid, X[1] - r, y), out: wire(X[1] + r, y, X[2] - 17, mid),
      node: svg("circle", { class: `node ${look(k)}`, cx: X[1], cy: y, r, ...hover }),
      wave: n <= 6 ? svg("path", { class: "wave", d: `M${X[1] - 9} ${y + 6}C${X[1] + 1} ${y + 6} ${X[1] - 1} ${y - 6} ${X[1] + 9} ${y - 6}` }) : null,
      name: n <= 6 ? null : svg("text", { x: X[1], y: y + 4, "text-anchor": "middle", class: "soft" }, ""),
      w: text(X[0] + (X[1] - X[0]) * 0.55, mid + (y - mid) * 0.55 - (y > mid + 1 ? -19 : 9)),
      b: text(X[1], y - r - 5), v: text(X[2] - (X[2] - X[1]) * 0.55, mid + (y - mid) * 0.55 - (y > mid + 1 ? -19 : 9)),
    };
    return one;
  });
  const end = (x, word, below) => [svg("circle", { class: "node end", cx: x, cy: mid, r: 17 }),
    svg("text", { x, y: mid + 5, "text-anchor": "middle" }, word), svg("text", { x, y: mid + 33, "text-anchor": "middle", class: "soft" }, below)];
  picture.replaceChildren(...net.flatMap((o) => [o.into.path, o.out.path, o.into.head, o.out.head].filter(Boolean)), ...end(X[0], "x", "input"), ...end(X[2], "Σ", "f(x)"),
    ...net.flatMap((o) => [o.node, o.wave, o.name, o.w, o.b, o.v].filter(Boolean)));
}

function showNet() {
  const { n, w, b, v, picked } = now, widest = n <= 6 ? 6 : 3, thick = (x, most) => 0.6 + widest * Math.min(1, Math.abs(x) / most);
  for (const o of net) {
    const k = o.k, faint = picked >= 0 && picked !== k ? " faint" : "", named = n <= 3 || picked === k;
    const wire = ({ path, head }, x, most) => {
      const sign = x < 0 ? "minus" : "plus";
      path.setAttribute("class", `wire ${sign}${faint}`);
      head?.setAttribute("class", `head ${sign}${faint}`);
      path.setAttribute("stroke-width", thick(x, most).toFixed(2));
    };
    wire(o.into, w[k], reach.w); wire(o.out, v[k], reach.v);
    o.node.setAttribute("class", `node ${look(k)}${picked === k ? " picked" : faint}`);
    const put = (text, name, x, on) => {
      text.textContent = on ? `${name} = ${x < 0 ? "" : "+"}${shown(x, 3)}` : "";
      text.setAttribute("class", `value ${x < 0 ? "minus" : "plus"}`);
    };
    put(o.w, "w" + sub(k + 1), w[k], named); put(o.v, "w" + sub(n + k + 1), v[k], named);
    put(o.b, "b" + sub(k + 1), b[k], n <= 6 || picked === k);
    o.b.setAttribute("class", "value");
  }
  byId("net-words").textContent = "Thickness: size. Blue, solid: +. Orange, dashed: −. " +
    (n > 3 ? "Point at a neuron, or go to one of its sliders, to see its numbers." : "Inside a circle: a = σ(z), z = b + w x.");
}

// ---- parameters ----------------------------------------------------------------------------------------------

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

// ---- fit -----------------------------------------------------------------------------------------------------

function play() {
  if (now.playing) return pause();
  drawModeOff();
  now.playing = true;
  byId("play").textContent = "❚❚ Pause";
  say("Fit is running.");
  requestAnimationFrame(frame);
}

function pause() {
  if (!now.playing) return;
  now.playing = false;
  show();
  byId("play").textContent = "▶ Play";
}

let frames = 0;
function frame() {
  if (!now.playing) return;
  const began = performance.now();
  for (let i = Number(byId("speed").value); i > 0; i--) if (!descend()) { pause(); break; }
  fitRange();
  showCurves();
  if (!now.playing || frames++ % (now.n > 6 ? 6 : 2) === 0) showNumbers();  // nobody reads sixty numbers sixty times a second
  document.body.dataset.ms = (performance.now() - began).toFixed(2);
  if (now.playing) requestAnimationFrame(frame);
}

function drawModeOff() { if (now.drawing) drawMode(false); }

function showFit() {
  byId("cost").textContent = shown(now.learned.cost);
  byId("steps").textContent = now.steps.toLocaleString("en");
  byId("steps-word").textContent = now.steps === 1 ? "step" : "steps";
  byId("start").textContent = now.start.name;
  const L = { left: 46, right: 332, top: 8, bottom: 98 }, c = now.costs, log = byId("log").checked;
  const last = Math.max(now.steps, 10), top = nice(Math.max(...c, now.learned.cost, 1e-12));
  const low = log ? 10 ** Math.floor(Math.log10(Math.max(1e-16, Math.min(...c, now.learned.cost)))) : 0;
  const roof = log ? Math.max(10 ** Math.ceil(Math.log10(Math.max(...c, now.learned.cost, 1e-16))), low * 10) : top;
  const x = (i) => L.left + i / last * (L.right - L.left);
  const y = (v) => L.bottom - (log ? Math.log(Math.max(v, low) / low) / Math.log(roof / low) : v / roof) * (L.bottom - L.top);
  const g = [];
  const decades = Math.round(Math.log10(roof / low));
  const lines = log ? Array.from({ length: decades + 1 }, (_, i) => low * 10 ** i).filter((_, i) => i % Math.ceil(decades / 4) === 0) : [0, roof / 2, roof];
  for (const v of lines) {
    g.push(svg("line", { class: "grid", x1: L.left, x2: L.right, y1: y(v), y2: y(v) }),
      svg("text", { x: L.left - 5, y: y(v) + 4, "text-anchor": "end", class: "soft" }, log ? v.toExponential(0).replace("-", "−").replace("+", "") : shown(v, 2)));
  }
  g.push(svg("text", { x: L.left, y: 114, class: "soft" }, "0"), svg("text", { x: (L.left + L.right) / 2, y: 114, class: "soft", "text-anchor": "middle" }, "steps"),
    svg("text", { x: L.right, y: 114, class: "soft", "text-anchor": "end" }, last.toLocaleString("en")));
  const d = c.map((v, i) => `${i ? "L" : "M"}${x(i * now.every).toFixed(1)} ${y(v).toFixed(1)}`).join("");
  byId("curve").replaceChildren(...g, svg("circle", { class: "spot", cx: x(now.steps), cy: y(Math.min(now.learned.cost, roof)), r: 3.5 }), svg("path", { class: "cost", d: c.length > 1 ? d + `L${x(now.steps).toFixed(1)} ${y(now.learned.cost).toFixed(1)}` : "" }));
  byId("curve-words").textContent = `The cost, from ${shown(c[0])} at the start to ${shown(now.learned.cost)} after ${counted(now.steps)}.`;
}

function showNote() {
  const note = byId("note"), flat = now.learned.slope.every((s) => s < FLAT);
  const text = now.failed || (!flat ? "" : (now.n > 1 ? "All neurons are saturated" : "The neuron is saturated") +
    `: σ′(z) < ${FLAT} at every training example. So dC/dw = δ·x and dC/db = δ are nearly 0, for δ carries the factor σ′(z); ` +
    "Fit can hardly move the steps. Make the weights w smaller.") || now.told;
  if (note.textContent !== text) note.textContent = text;
  note.hidden = text === "";
  note.className = now.failed ? "bad" : "";
}

// ---- the table -----------------------------------------------------------------------------------------------

function table() {
  const l = now.learned, all = [];
  for (let k = 0; k < now.n; k++) {
    all.push([k + 1, `w${k + 1}`, now.w[k], l.dw[k]], [k + 1, `b${k + 1}`, now.b[k], l.db[k]], [k + 1, `w${now.n + k + 1}`, now.v[k], l.dv[k]]);
  }
  return [...all, ["", "C", l.cost, ""]];
}
const withHead = () => [["neuron", "parameter", "value", "dC/dp"], ...table()];

function showTable() {
  if (byId("table").open) byId("cells").replaceChildren(...table().map((cells) => el("tr", {}, cells.map((c) => el("td", {}, String(c))))));
}

async function copy() {
  const text = csv(withHead());
  try { await navigator.clipboard.writeText(text); say("Copied."); byId("copy").textContent = "copied ✓"; }
  catch { say("Copying is not allowed here; the file is saved instead."); download("universal.csv", "text/csv", text); }
}

// ---- all together --------------------------------------------------------------------------------------------

function show() { showCurves(); showNumbers(); }
function showCurves() { showPlot(); showNet(); showFit(); showNote(); }
function showNumbers() { showRows(); showTable(); places.forEach((write) => write()); }

function build() {
  byId("hidden").value = now.n;
  byId("count").textContent = String(now.n);
  now.picked = -1;
  buildPlot(); buildFormula(); buildNet(); buildRows();
}

/** The cost and all gradients at the start, as Python's engine finds them: does the page agree? */
function check() {
  const p = data.start, n = data.hidden, cut = (q) => q.slice(0, n), c = data.check;
  const mine = learn({ n, w: cut(p.w), b: cut(p.b), v: cut(p.v) }, data.y);
  const pairs = [[mine.cost, c.cost], ...["w", "b", "v"].flatMap((name) => mine["d" + name].map((g, k) => [g, c[name][k]]))];
  const difference = Math.max(...pairs.map(([a, b]) => Math.abs(a - b)));
  const good = pairs.every(([a, b]) => Math.abs(a - b) <= 1e-12 * Math.max(1, size(pairs.flat())));
  const badge = byId("badge");
  badge.textContent = (good ? "✓ agrees with Python: " : "✗ does not agree with Python: ") + `max difference ${difference.toExponential(0).replace("-", "−")}`;
  badge.title = `cost and ${3 * n} derivatives at the start`;
  badge.className = good ? "" : "bad";
}

function preset(n, target, start, words) {
  pause();
  drawModeOff();
  if (target) aim(target);
  now.n = n;
  build();
  begin({ ...start(), words });
}

byId("title").textContent = data.title;
byId("corner").append(themeButton());
byId("target").append(...Object.entries(TARGETS).map(([name, [words]]) => el("option", { value: name }, words)));
byId("target").addEventListener("change", (e) => {
  pause();
  if (e.target.value === "drawn") { now.y = now.drawn ?? now.y; return drawMode(true); }
  aim(e.target.value);
  drawModeOff();
  if (now.start.name === "stairs") begin(); else again();
});
byId("draw").addEventListener("click", () => drawMode(!now.drawing));
byId("hidden").addEventListener("input", (e) => { pause(); neurons(Number(e.target.value)); });
byId("step-preset").addEventListener("click", () => preset(1, "step", () => steps("make a step", 120 / width, [at(0)], [1]), "One neuron with a large weight w₁ is a step. It stands at s = −b/w, and w₂ is its height: move them and see."));
byId("bump-preset").addEventListener("click", () => preset(2, "bump", () => steps("make a bump", 120 / width, [at(-0.4), at(0.4)], [1, -1]), "A step up (neuron 1, w₃ = +1) and a step down (neuron 2, w₄ = −1) make a bump: s₁ and s₂ are its edges."));
byId("stairs-preset").addEventListener("click", () => preset(now.n, null, () => stairs(now.n), "Each neuron is a step up or down, to the height of the target in the middle of the next interval. More hidden neurons make finer stairs: with enough of them, as close as you like."));
byId("play").addEventListener("click", play);
byId("step").addEventListener("click", () => { pause(); drawModeOff(); descend(); fitRange(); show(); say(now.failed ? "" : `Step ${now.steps}: cost ${shown(now.learned.cost)}`); });
byId("reset").addEventListener("click", () => { begin(); say(`Back at the start: cost ${shown(now.learned.cost)}`); });
byId("seed").addEventListener("click", () => { now.seed++; begin(seeded(now.seed)); say(`Seed ${now.seed}: cost ${shown(now.learned.cost)}`); });
byId("python").addEventListener("click", () => { begin(fromPython); say(`Python's start: cost ${shown(now.learned.cost)}`); });
byId("eta").value = now.eta;
byId("eta").addEventListener("input", (e) => {
  const x = Number(e.target.value), ok = x > 0 && x <= LARGEST;
  e.target.setAttribute("aria-invalid", !ok);
  if (ok) now.eta = x;
});
byId("eta").addEventListener("change", (e) => {
  if (e.target.getAttribute("aria-invalid") === "true") say("η is a number above 0, at most 1,000,000: it stays as it was.");
  e.target.value = now.eta; e.target.setAttribute("aria-invalid", false);
});
byId("log").addEventListener("change", showFit);
byId("table").addEventListener("toggle", showTable);
byId("copy").addEventListener("click", copy);
byId("save").addEventListener("click", () => download("universal.csv", "text/csv", csv(withHead())));
Object.assign(byId("pen-x"), { min: 0, max: N - 1, step: 1, value: Math.floor(N / 2) });
byId("pen-x").addEventListener("input", showPen);
byId("pen-y").addEventListener("input", (e) => { pen = null; now.y = now.y.slice(); now.y[Number(byId("pen-x").value)] = Number(e.target.value); aim("drawn"); again(false); showPen(); });

legend();
aim("python");
build();
begin(fromPython);
check();

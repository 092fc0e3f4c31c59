// The table of all numbers, and the whole page.

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

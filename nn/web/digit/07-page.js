// The page put together, and everything anew when the drawing or the answer changes.

const groups = [], thumbs = [];
const seen = picture("What the net sees"), weights = picture("The neuron's weights");
const parts = picture("Weights times inputs"), learning = picture("Derivatives of the cost by the weights");

function build() {
  byId("title").textContent = data.title;
  const { right, of } = data.test;
  const neurons = (l) => `${count(l)} ${l === L ? "outputs" : "hidden neurons"} (${layers[l].f})`;
  const chain = [`${pixels} pixels`, ...Array.from({ length: L - 1 }, (_, k) => neurons(k + 2))].join(" → ");
  byId("about").textContent = `${chain}: ${shown((100 * right) / of, 3)} % of ${of.toLocaleString("en")} test digits right`;
  document.querySelector("header").insertBefore(themeButton(), byId("check"));
  byId("sym-x").append(math(sym("a", 1), mo("="), mi("x")));
  byId("sym-out").append(math(sym("a", L)));
  byId("seen").append(seen.node);
  WAYS.forEach((way, k) => byId("ways").append(el("label", {},
    el("input", { type: "radio", name: "way", value: k, checked: k === 0, onchange: () => { state.way = way; refresh(); announce(); } }), " " + way.name)));
  if (L === 2) { byId("hidden-part").hidden = true; byId("out-part").querySelector(".step").textContent = "3"; }
  byId("hidden-title").append(L === 3 ? "Hidden activities " : "Hidden layers", L === 3 ? math(sym("a", 2)) : "");
  byId("hidden-help").textContent = "One tile for each neuron; the fuller its colour, the larger its activity a.";
  for (let l = 2; l < L; l++) {
    const group = tiles(l, "a");
    groups.push(group);
    byId("hidden").append(el("p", { class: "small layer-name" }, `layer ${l}: ${count(l)} neurons, a = ${layers[l].F.is}`), group.list.list);
  }
  groups.push(bars()); byId("bars").append(groups[groups.length - 1].list.list);
  for (let l = L; l > 1; l--) {
    const group = tiles(l, "delta");
    groups.push(group);
    byId("deltas").append(el("p", { class: "small layer-name" }, `${l === L ? "output errors" : "hidden errors"} `,
      math(sym("δ", l)), l === L ? " (BP1)" : " (BP2), propagated back"), group.list.list);
  }
  byId("error-help").append("The error of a neuron is ", math(sym("δ", "l", "i"), mo("="), mo("∂"), sub("C", "x"), mo("/"), mo("∂"), sym("z", "l", "i")),
    ": + means that a smaller z would lower the cost, − a larger one. Colours are relative to the largest of the layer.");
  byId("pictures").append(weights.node, parts.node, el("figure", { class: "picture", id: "curve-of-f" }));
  byId("learn").append(learning.node);
  data.classes.forEach((name, i) => byId("answers").append(el("label", {},
    el("input", { type: "radio", name: "answer", value: i, checked: i === state.answer, onchange: () => { state.answer = i; refresh(); say(`if the answer were ${name}: cost ${shown(now.cost)}`); } }), name)));
  samples.forEach(({ row, label, said, x }, k) => {
    const wrong = said !== label, canvas = el("canvas", { width: side, height: side, "aria-hidden": "true" });
    const text = wrong ? `${nameOf(label)}→${nameOf(said)}` : nameOf(label);
    const about = `test example ${row}: a ${nameOf(label)}${wrong ? `; the net says ${nameOf(said)}` : ""}`;
    const button = el("button", { type: "button", class: "thumb", title: about, "aria-label": about, onclick: () => load(k) }, canvas, el("span", {}, text));
    thumbs.push([canvas, x]);
    paint(canvas, x, 1, true);
    byId(wrong ? "wrong" : "right").append(button);
  });
  byId("wrong-part").hidden = samples.every(({ said, label }) => said === label);
  byId("csv").addEventListener("click", () => download("digit.csv", "text/csv", csv(everyNumber())));
  byId("twin").addEventListener("toggle", showTable);
  showTraining();
}

function load(k) {
  actions.push({ sample: k });
  redraw(); refresh(); announce();
}

function announce() {
  const best = largest(now.a[L]);
  say(`largest output: ${nameOf(best)}, ${shown(now.a[L][best], 3)}`);
}

/** Everything anew, from the picture to the errors. */
function refresh() {
  const sample = sampleNow();
  const x = sample ? sample.x : state.way.f();
  const run = feedForward(x);
  now = { x, ...run, delta: backPropagate(run, state.answer), cost: costOf(run, state.answer) };
  showPad(sample);
  seen.show(x, 1, 1, `${side} × ${side} pixels, 0 (paper) to 1 (ink)`, "", true);
  byId("source").textContent = sample
    ? `Test example number ${sample.row}, just as it is in the data.  Its label: ${nameOf(sample.label)}.`
    : x.every((v) => v === 0) ? "Nothing is drawn: every pixel is 0. The net answers all the same." : "Your drawing, preprocessed:";
  byId("way-help").textContent = state.way.help;
  byId("answer").textContent = nameOf(state.answer);
  byId("label").textContent = sample ? `The label of this test digit is ${nameOf(sample.label)}.` : "";
  for (const group of groups) { group.show(); group.list.selected(); }
  showNeuron(); showLearning(); showProbe(); showTable();
}

function showPad(sample) {
  const canvas = byId("ink"), context = canvas.getContext("2d");
  paint(canvas, ink, 1, true);
  byId("invite").hidden = Boolean(sample) || actions.some((a) => a.points) || pen.path !== null;
  if (!sample) return;
  const small = el("canvas", { width: side, height: side });
  paint(small, sample.x, 1, true);
  context.imageSmoothingEnabled = false;
  context.clearRect(0, 0, PAD, PAD);
  context.drawImage(small, 0, 0, PAD, PAD);
}

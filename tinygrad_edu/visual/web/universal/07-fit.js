// Gradient descent: play, step, pause; the cost curve; notes on saturation and divergence.

function play() {
  if (now.playing) return pause();
  drawModeOff();
  now.playing = true;
  byId("play").textContent = "❚❚ Pause";
  say("Fit is running.");
  next = requestAnimationFrame(frame);
}

function pause() {
  if (!now.playing) return;
  now.playing = false;
  cancelAnimationFrame(next);  // else a quick pause and play would run twice as fast
  show();
  byId("play").textContent = "▶ Play";
}

let frames = 0, next = 0;
function frame() {
  if (!now.playing) return;
  for (let i = Number(byId("speed").value); i > 0; i--) if (!descend()) { pause(); break; }
  fitRange();
  showCurves();
  if (!now.playing || frames++ % (now.n > 6 ? 6 : 2) === 0) showNumbers();  // nobody reads sixty numbers sixty times a second
  if (now.playing) next = requestAnimationFrame(frame);
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

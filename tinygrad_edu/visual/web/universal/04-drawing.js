// Drawing a target, with the pointer or the keys.

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

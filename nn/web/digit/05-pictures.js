// Weights, contributions and pixels as small images.

/** A small image of cells, with a frame around the one looked at; arrow keys and the pointer choose it. */
function picture(label) {
  const canvas = el("canvas", { "aria-hidden": "true" }), mark = el("div", { class: "mark", hidden: true });
  const frame = el("div", { class: "frame", role: "application", tabindex: 0 }, canvas, mark);
  const caption = el("span"), scale = el("span", { class: "scale" });
  const node = el("figure", { class: "picture" }, frame, el("figcaption", {}, caption, scale));
  const it = { node, l: 1, columns: side, n: pixels };
  const look = (k) => { state.cell = { l: it.l, k }; showProbe(); };
  frame.addEventListener("keydown", (event) => {
    const step = { ArrowLeft: -1, ArrowRight: 1, ArrowUp: -it.columns, ArrowDown: it.columns }[event.key];
    if (event.key === "Escape" && state.cell) { state.cell = null; showProbe(); }
    if (step === undefined) return;
    event.preventDefault();
    const k = state.cell && state.cell.l === it.l ? state.cell.k + step : Math.floor((it.n + it.columns) / 2);
    if (k >= 0 && k < it.n) { look(k); say(probeText()); }
  });
  frame.addEventListener("pointermove", (event) => {
    const at = frame.getBoundingClientRect(), rows = Math.ceil(it.n / it.columns);
    const c = Math.floor(((event.clientX - at.left) / at.width) * it.columns);
    const r = Math.floor(((event.clientY - at.top) / at.height) * rows);
    const k = r * it.columns + c;
    if (c >= 0 && c < it.columns && k >= 0 && k < it.n) look(k);
  });
  frame.addEventListener("pointerleave", () => { state.cell = null; showProbe(); });
  /** The values of layer l's neurons; signed ones in two colours, 0 as the paper. */
  it.show = (values, l, most, title, note, plain) => {
    it.l = l; it.n = values.length;
    it.columns = l === 1 ? side : Math.ceil(Math.sqrt(values.length));
    const rows = Math.ceil(it.n / it.columns);
    canvas.width = it.columns; canvas.height = rows;
    paint(canvas, values, most, plain);
    caption.replaceChildren(...[title].flat()); scale.textContent = note;
    frame.setAttribute("aria-label", `${label}. Arrow keys look at single ${l === 1 ? "pixels" : "neurons"}.`);
    it.mark();
  };
  it.mark = () => {
    const here = state.cell && state.cell.l === it.l && state.cell.k < it.n;
    mark.hidden = !here;
    if (!here) return;
    const rows = Math.ceil(it.n / it.columns);
    mark.style.left = `${(100 * (state.cell.k % it.columns)) / it.columns}%`;
    mark.style.top = `${(100 * Math.floor(state.cell.k / it.columns)) / rows}%`;
    mark.style.width = `${100 / it.columns}%`; mark.style.height = `${100 / rows}%`;
  };
  return it;
}

function paint(canvas, values, most, plain) {
  const context = canvas.getContext("2d"), image = context.createImageData(canvas.width, canvas.height);
  const plus = plain ? palette.ink : palette.plus, out = image.data;
  values.forEach((v, k) => {
    if (!v || !(most > 0)) return;  // as the paper
    [out[4 * k], out[4 * k + 1], out[4 * k + 2]] = v < 0 ? palette.minus : plus;
    out[4 * k + 3] = Math.round(255 * Math.min(1, Math.abs(v) / most));
  });
  context.putImageData(image, 0, 0);
}

// Arrays in the inspector: the entry picker, heat-maps, and the input as the image that it is.

function arraySection(node, idx, value, gradient) {
  const base = byNeuron(node) ? 1 : 0, names = ["i", "j", "k", "l", "m", "n"], picker = el("div", { class: "picker" });
  const dims = node.shape.map((n, d) => d).filter((d) => !(byExample(node) && d === 0 && (byNeuron(node) || S > 1)));
  dims.forEach((d, at) => {
    const input = el("input", { type: "number", min: base, max: node.shape[d] - 1 + base, value: idx[d] + base, id: `pick-${at}` });
    input.addEventListener("change", () => { const next = [...idx]; next[d] = Math.max(0, Math.min(node.shape[d] - 1, Math.round(Number(input.value) || 0) - base)); setPick(node, next); update(); byId(`pick-${at}`)?.focus(); });
    picker.append(el("label", { for: `pick-${at}` }, `${names[at]} = `), input);
  });
  picker.append(el("span", {}, base ? "counted from 1, as in the lecture" : "counted from 0, as in Python"));
  return el("section", {}, el("h3", {}, "Which entry"), picker, el("div", { class: "maps" }, heat(node, value, idx, "value"), wanted(node) ? heat(node, gradient, idx, "gradient") : null));
}

function heat(node, array, idx, what) {
  const caption = el("figcaption", {}, what);
  if (!array) return el("figure", {}, caption, el("p", { class: "quiet" }, NOT_YET));
  const side = Math.sqrt(node.shape[node.shape.length - 1]);
  if (node.role === "x" && array.data && Number.isInteger(side) && side > 4) return image(node, array, idx, caption, side);
  const shape = array.shape, cols = shape[shape.length - 1], rows = sizeOf(shape) / cols, most = largest(array) || 1;
  const lead = flat(idx.slice(0, -1), shape.slice(0, -1)), here = [shape.length > 1 ? lead : 0, idx[idx.length - 1]];
  const choose = (r, c) => { const lead_ = []; let left = r; for (let d = shape.length - 2; d >= 0; d--) { lead_.unshift(left % shape[d]); left = Math.floor(left / shape[d]); } setPick(node, [...lead_, c]); if (!state.chosen) state.chosen = node.id; update(); };
  if (array.data && cols <= 6 && rows <= 8) {
    const body = el("tbody");
    for (let r = 0; r < rows; r++) {
      const line = el("tr");
      for (let c = 0; c < cols; c++) {
        const x = num(array.data[r * cols + c]), cell = el("td", { class: here[0] === r && here[1] === c ? "on" : "", onclick: () => choose(r, c) }, shown(x, 2));
        cell.style.background = Number.isFinite(x) ? `color-mix(in srgb, var(--${x < 0 ? "minus" : "plus"}) ${Math.round(38 * Math.abs(x) / most)}%, var(--paper))` : "";
        line.append(cell);
      }
      body.append(line);
    }
    return el("figure", {}, caption, el("table", { class: "cells", "aria-label": `${what} of ${symbolText(node)}` }, body));
  }
  const grid = array.data ? null : array.thumb, h = grid ? grid.length : rows, w = grid ? grid[0].length : cols;
  const name = `heat-map of the ${what} of ${symbolText(node)}, ${brief(array)}`;
  const canvas = painted((r, c) => num(grid ? grid[r][c] : array.data[r * cols + c]), h, w, name, grid ? null : choose, grid ? null : here);
  return el("figure", {}, caption, canvas, el("p", { class: "scale" }, `${brief(array)}; blue +, orange −${grid ? `; ${rows} × ${cols}, shown as means` : ""}`));
}

/** The input as the picture it is: 64 numbers as 8 x 8, 784 as 28 x 28. */
function image(node, array, idx, caption, side) {
  const start = array.shape.length > 1 ? idx[0] * side * side : 0, i = idx[idx.length - 1];
  const choose = (r, c) => { setPick(node, [...idx.slice(0, -1), r * side + c]); state.chosen ??= node.id; update(); };
  const canvas = painted((r, c) => num(array.data[start + r * side + c]), side, side, `the input as an image of ${side} by ${side} pixels`, choose, [Math.floor(i / side), i % side]);
  caption.textContent = `as an image, ${side} × ${side}`;
  return el("figure", {}, caption, canvas, el("p", { class: "scale" }, brief(array)));
}

/** Numbers as colours: + blue, - orange, 0 as the paper; a frame round the picked one. */
function painted(value, h, w, name, choose, here) {
  const unit = Math.max(2, Math.min(14, Math.floor(Math.min(300 / w, 240 / h)))), canvas = el("canvas", { width: w * unit, height: h * unit, role: "img", "aria-label": name });
  const pen = canvas.getContext("2d"), style = getComputedStyle(document.documentElement), ink = Object.fromEntries(["paper", "plus", "minus", "ink"].map((c) => [c, style.getPropertyValue(`--${c}`).trim()]));
  let top = 0;
  for (let r = 0; r < h; r++) for (let c = 0; c < w; c++) { const x = Math.abs(value(r, c)); if (Number.isFinite(x) && x > top) top = x; }
  pen.fillStyle = ink.paper; pen.fillRect(0, 0, w * unit, h * unit);
  for (let r = 0; r < h; r++) for (let c = 0; c < w; c++) {
    const x = value(r, c);
    pen.globalAlpha = Math.min(1, Math.abs(x) / (top || 1)) || 0;
    pen.fillStyle = x < 0 ? ink.minus : ink.plus;
    pen.fillRect(c * unit, r * unit, unit, unit);
  }
  pen.globalAlpha = 1;
  if (here) { pen.strokeStyle = ink.ink; pen.lineWidth = 1.5; pen.strokeRect(here[1] * unit + 0.5, here[0] * unit + 0.5, unit - 1, unit - 1); }
  if (choose) canvas.addEventListener("click", (event) => { const b = canvas.getBoundingClientRect(), at_ = (v, size, n) => Math.max(0, Math.min(n - 1, Math.floor((v / size) * n))); choose(at_(event.clientY - b.top, b.height, h), at_(event.clientX - b.left, b.width, w)); });
  return canvas;
}

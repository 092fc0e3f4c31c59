// Neurons as tiles and bars: one tab stop for each layer, arrows go through it.

/** The neurons of a layer as one tab stop: arrows go through them, Enter, Space or a click chooses one. */
function options(l, label, make, css) {
  const nodes = Array.from({ length: count(l) }, (_, i) =>
    el("div", { role: "option", tabindex: -1, class: make.css, onclick: () => choose(l, i) }, make.inside(i)));
  const list = el("div", { role: "listbox", class: css, "aria-label": label }, nodes);
  list.addEventListener("keydown", (event) => {
    const i = nodes.indexOf(document.activeElement);
    if (i < 0) return;
    const top = nodes[0].offsetTop, wide = nodes.findIndex((n) => n.offsetTop > top), columns = wide < 0 ? nodes.length : wide;
    const to = { ArrowLeft: i - 1, ArrowRight: i + 1, ArrowUp: i - columns, ArrowDown: i + columns, Home: 0, End: nodes.length - 1 }[event.key];
    if (event.key === "Enter" || event.key === " ") { event.preventDefault(); choose(l, i); }
    if (to === undefined) return;
    event.preventDefault();
    if (nodes[to]) { nodes[i].tabIndex = -1; nodes[to].tabIndex = 0; nodes[to].focus(); }
  });
  const selected = () => nodes.forEach((node, i) => {
    const mine = state.l === l && state.i === i;
    node.setAttribute("aria-selected", String(mine));
    node.tabIndex = mine || (state.l !== l && i === 0) ? 0 : -1;
  });
  return { list, nodes, l, selected };
}

function choose(l, i) {
  Object.assign(state, { l, i, cell: null });
  for (const group of groups) group.list.selected();
  showNeuron(); showLearning(); showProbe();
  say(`${neuron(l, i)}: z = ${shown(now.z[l][i])}, a = ${shown(now.a[l][i])}, error ${shown(now.delta[l][i])}`);
}

/** Tiles for the activities ("a") or errors ("delta") of layer l. */
function tiles(l, kind) {
  const dense = count(l) > 120, word = kind === "a" ? "activities" : "errors";
  const make = {
    css: "tile",
    inside: (i) => [l === L ? el("span", { class: "of" }, nameOf(i)) : "", el("span", { class: "cell" }, el("span", { class: "fill" })), el("span", { class: "value" })],
  };
  const list = options(l, `${l === L ? "output" : "hidden"} ${word}, layer ${l}`, make, dense ? "tiles dense" : "tiles");
  const bounded = kind === "a" && layers[l].F.range;
  const show = () => {
    const values = now[kind][l], most = bounded ? 1 : peak(values);
    list.nodes.forEach((node, i) => {
      const fill = node.querySelector(".fill"), v = values[i];
      fill.className = v < 0 ? "fill minus" : "fill plus";
      fill.style.opacity = most > 0 ? Math.min(1, Math.abs(v) / most) : 0;
      node.lastChild.textContent = kind === "a" && Math.abs(v) < 0.005 ? "0.00" : (kind === "delta" && v > 0 ? "+" : "") + short(v);
      const about = `${l === L ? `output ${nameOf(i)}` : `neuron ${i + 1}`}: ${kind === "a" ? "a" : "error"} = ${shown(v, 3)}`;
      node.setAttribute("aria-label", about); node.title = about;
    });
  };
  return { list, show };
}

function bars() {
  const make = {
    css: "bar",
    inside: (i) => [
      el("span", { class: "name" }, nameOf(i)),
      el("span", { class: "track" }, el("span", { class: "fill" }), el("span", { class: "zero" })),
      el("span", { class: "value" }),
    ],
  };
  const list = options(L, "output activities", make, "bars");
  const { range, help } = layers[L].F;
  const show = () => {
    const a = now.a[L], best = largest(a);
    const [low, high] = range || [Math.min(0, ...a), Math.max(0, ...a)];
    const place = (v) => (high > low ? (100 * (v - low)) / (high - low) : 0);
    list.nodes.forEach((node, i) => {
      const [name, track, value] = node.children, [fill, zero] = track.children;
      fill.className = a[i] < 0 ? "fill minus" : "fill plus";
      fill.style.left = `${Math.min(place(0), place(a[i]))}%`;
      fill.style.width = `${Math.abs(place(a[i]) - place(0))}%`;
      zero.style.left = `${place(0)}%`; zero.hidden = low === 0;
      value.textContent = Math.abs(a[i]) < 1e4 ? a[i].toFixed(range ? 3 : 2).replace("-", "−") : shown(a[i], 3);
      node.classList.toggle("largest", i === best);
      node.setAttribute("aria-label", `output ${nameOf(i)}: a = ${shown(a[i], 3)}${i === best ? ", the largest" : ""}`);
    });
    const total = a.reduce((s, v) => s + v, 0);
    byId("out-help").textContent = `${help} Here they sum to ${Math.abs(total) < 1e4 ? total.toFixed(3).replace("-", "−") : shown(total)}. The net's answer is the largest: ${nameOf(best)}.`;
  };
  return { list, show };
}

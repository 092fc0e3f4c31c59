// The whole page: which view is shown, what the keys do, and the start.

function show(view, focus = false) {
  if (view === "network" && !columns.length) { say("There is no network of layers in this graph."); return; }
  state.view = view; state.cursor = null;
  for (const name of ["network", "graph", "table"]) {
    const tab = byId(`tab-${name}`), on = name === view;
    tab.setAttribute("aria-selected", String(on)); tab.tabIndex = on ? 0 : -1;
    byId(`view-${name}`).hidden = !on;
    if (on && focus) tab.focus();
  }
  byId("graph-options").hidden = view !== "graph";
  if (view === "graph" && !graph.svg) drawGraph();
  update();
}

function update() {
  document.body.dataset.k = state.k;
  if (S > 1) byId("example").value = picked.example;
  showNow(); showTimeline(); showInspector();
  if (state.view === "graph" && graph.svg) updateGraph();
  if (state.view === "network") updateNetwork();
  if (state.view === "table") updateTable();
}

function setPredict(on) {
  state.predict = on;
  byId("predict-button").setAttribute("aria-pressed", String(on));
  state.chosen = null; play(false); update();
  if (on) { byId("guess")?.focus(); say("Predict first: the next number is hidden. Type it."); } else say("Predict off.");
}

function setCode(on) { state.code = on; byId("code-button").setAttribute("aria-pressed", String(on)); if (on && !inspected()) state.chosen = root.id; update(); }

function pressed(event) {
  const box = byId("dialog"), key = event.key, gone = event.target.closest("dialog") && !box.open;  // for a moment, what was closed has the focus
  const within = (what) => (gone ? null : event.target.closest(what)), inField = within("input, select, textarea");
  if (key === "Escape" && box.open) { event.preventDefault(); box.close(); return; }
  if (key === "Escape" && event.target.id === "guess") { event.preventDefault(); setPredict(false); return; }
  if (event.ctrlKey || event.metaKey || event.altKey || inField || box.open) { if (key === "Escape" && inField) inField.blur(); return; }
  const inTabs = within("[role=tablist]");
  if (inTabs && ["ArrowLeft", "ArrowRight", "Home", "End"].includes(key)) {
    const names = ["network", "graph", "table"].filter((n) => n !== "network" || columns.length), here = names.indexOf(state.view);
    event.preventDefault();
    show(names[key === "Home" ? 0 : key === "End" ? names.length - 1 : (here + (key === "ArrowRight" ? 1 : names.length - 1)) % names.length], true);
    return;
  }
  const inButton = within("button"), inPicture = within("#graph, #network"), inTable = within("#view-table");
  const act = {
    ArrowRight: () => move(1, event.shiftKey), ArrowLeft: () => move(-1, event.shiftKey), Home: () => go(0), End: () => go(N),
    ArrowDown: inPicture ? () => walk(state.view === "network" ? network.order : graph.order, 1) : event.target.id === "track" ? () => move(-1) : null,
    ArrowUp: inPicture ? () => walk(state.view === "network" ? network.order : graph.order, -1) : event.target.id === "track" ? () => move(1) : null,
    Enter: inPicture ? enter : null, " ": inButton || inTable ? null : () => play(),
    g: () => setPredict(!state.predict), c: () => setCode(!state.code), "/": find, e: exporting, "?": help,
    1: () => show("network"), 2: () => show("graph"), 3: () => show("table"),
    p: () => { const node = inspected(); if (node) pin(node.id); },
    Escape: () => { state.chosen = null; state.hovered = null; state.cursor = null; play(false); update(); },
  }[key.length === 1 ? key.toLowerCase() : key];
  if (act) { event.preventDefault(); act(); }
}

function start() {
  byId("title").textContent = T.title; byId("title").title = T.title;
  byId("tools").append(themeButton());
  byId("theme").addEventListener("click", () => update());
  const tabs = [["network", "Network"], ["graph", "Graph"], ["table", "Table"]];
  byId("tabs").append(...tabs.map(([name, text]) => el("button", { type: "button", role: "tab", id: `tab-${name}`, "aria-controls": `view-${name}`, "aria-disabled": name === "network" && !columns.length, title: name === "network" && !columns.length ? "This graph has no layers of neurons" : null, onclick: () => show(name) }, text)));
  const options = byId("options"), graphOptions = el("span", { id: "graph-options" }), level = el("select", { id: "level", "aria-label": "level of detail" }, data.levels.operation ? el("option", { value: "operation" }, "by operation") : null, el("option", { value: "layer" }, "by layer"));
  level.addEventListener("change", () => { state.level = level.value; state.zoom = 0; drawGraph(); update(); });
  if (data.levels.operation && data.levels.layer.groups.every((g) => !g.open)) level.hidden = true;
  graphOptions.append(level, " ", el("button", { type: "button", "aria-label": "smaller", onclick: () => zoom(0.8) }, "−"), " ", el("button", { type: "button", "aria-label": "larger", onclick: () => zoom(1.25) }, "+"), " ", el("button", { type: "button", onclick: () => { state.zoom = Math.min((byId("view-graph").clientWidth - 4) / graph.size[0], (byId("view-graph").clientHeight - 34) / graph.size[1], 1.25); zoomed(); } }, "fit"));
  if (S > 1) {
    const examples = el("select", { id: "example" }, [...Array(S).keys()].map((s) => el("option", { value: s }, `${s + 1} of ${S}`)));
    examples.addEventListener("change", () => { picked.example = Number(examples.value); update(); });
    options.append(el("label", { for: "example" }, "example "), examples);
  }
  options.append(graphOptions);
  drawTimeline();
  byId("predict-button").addEventListener("click", () => setPredict(!state.predict));
  byId("code-button").addEventListener("click", () => setCode(!state.code));
  byId("find-button").addEventListener("click", find);
  byId("export-button").addEventListener("click", exporting);
  byId("help-button").addEventListener("click", help);
  document.addEventListener("keydown", pressed);
  addEventListener("resize", () => { if (state.view === "graph") { zoomed(); follow(); } else if (state.view === "network") updateNetwork(); });
  selfCheck();
  show(columns.length ? "network" : "graph");
}

start();

// The state of the page, and how it moves: a step on or back, at the chosen grain; play.

const state = { k: 0, grain: lecture ? "layer" : "operation", view: "graph", level: data.levels.operation ? "operation" : "layer", chosen: null, hovered: null, cursor: null, pins: [], pinAt: new Map(), predict: false, revealed: false, code: false, playing: 0, zoom: 0, open: new Set() };
const still = () => matchMedia("(prefers-reduced-motion: reduce)").matches;

/** The steps that the last move made, at the grain chosen. */
function range() {
  const before = stops[state.grain].filter((at) => at < state.k);
  return state.k ? [before[before.length - 1] ?? 0, state.k] : [0, 0];
}
const currentSteps = () => { const [from, to] = range(); return [...Array(to - from).keys()].map((i) => from + i); };

/** The step that the equation on top is about: the named one of those just made, else the last. */
function mainStep() {
  const made = currentSteps();
  return [...made].reverse().find((i) => steps[i].eqno === "BP1" || steps[i].eqno === "BP2") ?? (state.grain === "operation" ? made[made.length - 1] : made.find((i) => steps[i].eqno) ?? made[made.length - 1]);
}

function inspected() {
  const id = state.hovered ?? state.chosen ?? (state.predict && state.k < N ? steps[state.k].node : state.k ? steps[mainStep()].node : null);
  return id === null ? null : nodes.get(id);
}
const asked = () => (state.predict && !state.revealed && state.k < N ? steps[state.k] : null);

function go(k, { quiet = false } = {}) {
  state.k = Math.max(0, Math.min(N, k));
  state.revealed = false; state.chosen = null; state.hovered = null;
  update();
  if (!quiet) say(spoken());
}

function move(direction, phase = false) {
  const grain = state.predict ? "operation" : state.grain, at = stops[phase ? "lecture" : grain];
  go(direction > 0 ? at.find((s) => s > state.k) ?? N : [...at].reverse().find((s) => s < state.k) ?? 0);
}

function play(on = !state.playing) {
  clearInterval(state.playing);
  state.playing = on ? setInterval(() => { if (state.k >= N) play(false); else move(1); }, 1100) : 0;
  if (on && state.k >= N) go(0);
  byId("play").textContent = on ? "❚❚" : "▶";
  byId("play").setAttribute("aria-label", on ? "pause" : "play");
}

function spoken() {
  if (!state.k) return "Start. Only data and parameters are known.";
  const i = mainStep(), q = equation(i), node = nodes.get(steps[i].node);
  const eqno = steps[i].eqno ? `, ${steps[i].eqno}` : "";
  return `Step ${state.k} of ${N}, ${phaseAt(state.k).label}${eqno}: ${sides({ ...q, num: null }).slice(0, 2).map(textOf).join(` ${firstSign(q)} `)}${q.sym && q.result !== undefined ? ` = ${shown(q.result)}` : ""}. ${described(node)}.`;
}

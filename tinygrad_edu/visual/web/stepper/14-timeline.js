// On top, what happens now; at the bottom, the timeline with its buttons.

function showNow() {
  const place = byId("now-equation"), name = byId("phase-name"), now = byId("now");
  if (asked()) {
    const s = asked();
    now.dataset.phase = PHASES[s.phase][0];
    name.replaceChildren(el("b", {}, "Predict first"), `step ${state.k + 1} of ${N}, ${PHASES[s.phase][1]}`);
    place.replaceChildren(formula(isGrad(s) ? gradBox(nodes.get(s.node))[0] : symbolBox(nodes.get(s.node)), op("="), op("?")));
    return;
  }
  now.dataset.phase = phaseAt(state.k)?.colour ?? 0;
  if (!state.k) {
    name.replaceChildren(el("b", {}, "Start"), `${N} steps`);
    place.replaceChildren(el("p", {}, "Press → to compute the first value."));
    return;
  }
  const made = currentSteps(), named = made.filter((j) => steps[j].eqno), several = named.length ? named : made;
  const i = mainStep(), s = steps[i], p = phaseAt(state.k), [from, to] = range();
  name.replaceChildren(el("b", {}, p.label + (named.length ? ` · ${[...new Set(named.map((j) => steps[j].eqno))].sort().join(", ")}` : "")), to - from > 1 ? `steps ${from + 1}–${to} of ${N}` : `step ${to} of ${N}`, el("br"), el("span", { class: "quiet" }, EXPLAINED[p.colour]));
  if (several.length > 1 && several.length <= 4) {
    const order_ = p.colour === 4 ? [...several].reverse() : several;
    place.replaceChildren(el("div", { class: "several" }, order_.map((j) => { const q = wholeEquation(j); return el("span", {}, formula(...chain([q.left, q.sym ?? number(q.result ?? 1)], firstSign(q)))); })));
    return;
  }
  const q = wholeEquation(i), node = nodes.get(s.node), boxes = node.shape.length ? [q.left, q.sym] : sides(q);
  place.replaceChildren(formula(...chain(boxes, firstSign(q))));
  if (isGrad(s) && ("add" in s) && !node.shape.length) place.append(accumulation(i, []));
}

const timeline = { ticks: [], labels: [] };
function drawTimeline() {
  const buttons = byId("buttons"), button = (id, text, name, keys, onclick) => el("button", { type: "button", id, "aria-label": name, title: `${name} (${keys})`, onclick }, text);
  const grain = el("select", { id: "grain" }, [["operation", "operation"], ["layer", "layer"], ["lecture", lecture ? "lecture step" : "phase"]].map(([v, t]) => el("option", { value: v, selected: v === state.grain }, t)));
  grain.addEventListener("change", () => { state.grain = grain.value; update(); });
  buttons.replaceChildren(button("first", "⇤", "first step", "Home", () => go(0)), button("back", "←", "one step back", "←", () => move(-1)), button("play", "▶", "play", "Space", () => play()), button("forward", "→", "one step forward", "→", () => move(1)), button("last", "⇥", "last step", "End", () => go(N)), el("label", { for: "grain" }, "by"), grain);
  const labels = byId("phases"), track = byId("track");
  for (const p of phases) {
    const name = el("button", { type: "button", "data-phase": p.colour, title: p.label, onclick: () => go(p.to) }, p.label);
    const size = Math.max(3, Math.min(p.to - p.from, 40));
    name.style.setProperty("--grow", size);
    const segment = el("div", { class: `segment${p.to - p.from > 24 ? " dense" : ""}`, "data-phase": p.colour });
    segment.style.setProperty("--grow", size);
    const every = Math.ceil((p.to - p.from) / 100);  // long phases: one tick for several steps
    for (let i = p.from; i < p.to; i += every) {
      const upto = Math.min(i + every, p.to), tick = el("div", { class: "tick", onclick: () => go(upto) });
      segment.append(tick);
      timeline.ticks.push({ tick, from: i, to: upto });
    }
    labels.append(name); track.append(segment);
    timeline.labels.push({ name, p });
  }
  track.setAttribute("aria-valuemax", N);
}

function showTimeline() {
  for (const t of timeline.ticks) t.tick.className = `tick${t.to <= state.k ? " done" : ""}${t.from < state.k && state.k <= t.to ? " here" : ""}`;
  for (const { name, p } of timeline.labels) name.setAttribute("aria-current", String(p === phaseAt(state.k)));
  const track = byId("track");
  track.setAttribute("aria-valuenow", state.k);
  track.setAttribute("aria-valuetext", state.k ? `step ${state.k} of ${N}, ${phaseAt(state.k).label}` : "start");
}

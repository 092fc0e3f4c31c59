// Predict first: the next number is hidden, the student types it, and a wrong one gets a hint.

function hintFor(guess, i, idx) {
  const s = steps[i], node = nodes.get(s.node), truth = entry(after(s), idx), near = (x) => Number.isFinite(x) && Math.abs(guess - x) <= 0.01 * Math.abs(x) + 1e-12;
  if (Number.isNaN(truth) ? Number.isNaN(guess) : near(truth) || guess === truth) return [true, `Right: ${shown(truth, 6)}.`];
  if (near(-truth)) return [false, "The size is right, but the sign is not. Follow the signs of the factors."];
  if (near(2 * truth)) return [false, "Twice too large: a factor of 2 too many. (In the quadratic cost, the ½ takes the 2 of the square away.)"];
  if (near(truth / 2)) return [false, "Half of it: a factor of 2 is missing."];
  const edge = isGrad(s) && s.slot !== undefined ? edgeOfStep(s) : null;
  if (edge && JSON.stringify(edge.part).includes("dsigma")) {
    const id = edge.local?.[1] ?? node.id, z = nodes.has(id) ? entry(nodes.get(id).value, idx) : undefined, a = 1 / (1 + Math.exp(-z));
    if (near(truth / (a * (1 - a)))) return [false, "σ′(z) is missing: the error goes back through the neuron, so multiply by σ′(z) = σ(z)(1 − σ(z))."];
  }
  if (S > 1 && near(truth * S)) return [false, `The cost is the mean over S = ${S} examples: divide by ${S}.`];
  if (s.before && near(entry(s.add ?? node.grad, idx))) return [false, `That is the part of this step. The gradient held ${shown(entry(s.before, idx))} before: parts are added.`];
  if (Math.abs(guess - truth) <= 0.05 * Math.abs(truth)) return [false, "Close, within 5 %: carry more digits."];
  return [false, "Not yet. Look at the equation, put in the numbers, and try again."];
}

function question(i) {
  const s = steps[i], node = nodes.get(s.node), idx = pick(node), q = node.shape.includes(0) ? { left: symbolBox(node) } : equation(i, idx), verdict = el("p", { class: "verdict" });
  const input = el("input", { type: "text", id: "guess", inputmode: "decimal", autocomplete: "off", "aria-label": "your number" });
  const form = el("form", { onsubmit: (event) => {
    event.preventDefault();
    const guess = Number(input.value.trim().replace(/−/g, "-").replace(/^([^.]*),([^,]*)$/, "$1.$2"));
    if (input.value.trim() === "" || Number.isNaN(guess)) { verdict.textContent = "Type a number, such as -0.012."; return; }
    const [right, text] = hintFor(guess, i, idx);
    say(text); verdict.textContent = text; verdict.dataset.right = String(right);
    if (right) { go(i + 1, { quiet: true }); say(text); byId("now-equation").append(el("p", {}, text)); byId("guess")?.focus(); }
  } }, input, el("button", { type: "submit" }, "Check"), el("button", { type: "button", onclick: () => { go(i + 1); byId("guess")?.focus(); } }, "Show me"));
  return el("section", { class: "ask", "data-phase": PHASES[s.phase][0] }, el("h3", {}, `Predict first: step ${i + 1}, ${PHASES[s.phase][1]}${s.eqno ? `, ${s.eqno}` : ""}`),
    el("div", { class: "eq" }, formula(q.left, op(q.arrow ? "←" : "="), op("?"))), q.sym ? el("div", { class: "eq quiet" }, formula(q.left, op(firstSign(q)), q.sym)) : null,
    q.part && s.before ? el("p", { class: "quiet" }, `It holds ${shown(entry(s.before, idx))} before this part is added.`) : null,
    q.num ? el("div", { class: "eq quiet numbers" }, pieces(q.num).flatMap((piece, k) => [k ? el("wbr") : "", formula(...(k ? [piece] : [["infix", "="], piece]))])) : null, form, verdict);
}

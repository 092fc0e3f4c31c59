// One neuron: z = b + sum w x, a = f(z), its error and its derivatives (BP1 to BP4).

/** z = b + sum w x and a = f(z) of the chosen neuron, in symbols and with its numbers. */
function showNeuron() {
  const { l, i } = state, { w, b, f } = layers[l], below = now.a[l - 1], n = below.length;
  const z = now.z[l][i], a = now.a[l][i], row = w.subarray(i * n, (i + 1) * n);
  const contributions = row.map((v, j) => v * below[j]);
  const plus = contributions.reduce((s, v) => s + Math.max(0, v), 0), minus = contributions.reduce((s, v) => s + Math.min(0, v), 0);
  const x = (j) => (l === 2 ? sub("x", j) : sym("a", l - 1, j));
  byId("which").replaceChildren(l === L ? neuron(l, i) : `number ${i + 1} of layer ${l}`);
  const F = activation(l, i, now), whole = F.ofAll;
  const applied = (arg) => (f === "linear" ? arg : [mi(F.symbol), mo("("), arg, mo(")")]);
  lines(byId("forward"),
    math(sym("z", l, i), mo("="), sym("b", l, i), mo("+"), sum("j"), sym("w", l, pair(i, "j")), x("j")),
    [checkableSum(b[i], plus, -minus, z),
      el("span", { class: "quiet small" }, "  (bias, then all positive and all negative w", l === 2 ? "x" : "a", ")")],
    math(sym("a", l, i), mo("="), whole ? softmaxOf("z", i) : applied(sym("z", l, i)), f === "linear" || whole ? [] : [mo("="), applied(mn(z))], mo("="), mn(a)));
  const most = peak(row), share = peak(contributions), image = l === 2 ? "" : ` One cell for each neuron of layer ${l - 1}.`;
  weights.show(row, l - 1, most, ["weights ", math(sym("w", l, pair(i, "j")))], `blue +, orange −; full colour ${shown(most, 3)}.${image}`);
  parts.show(contributions, l - 1, share, ["contributions ", math(sym("w", l, pair(i, "j")), x("j"))], `what speaks for (+) and against (−) it; full colour ${shown(share, 3)}`);
  byId("curve-of-f").replaceChildren(functionPlot(F.f, z, a), el("figcaption", {}, "activation ", math(mi("a"), mo("="), applied(mi("z"))),
    el("span", { class: "scale" }, f === "linear" ? "the output is z itself" : whole ? `while the other z are as they are; its slope here: ${shown(F.slope(z, a), 3)}` : ["its slope here: ", math(mml("msup", {}, mi(F.symbol), mo("′")), mo("("), mi("z"), mo(")"), mo("="), mn(F.slope(z, a)))])));
}

/** The curve a = f(z), with the neuron's point on it. */
function functionPlot(f, z, a) {
  const reach = Math.max(5, Math.min(40, Math.abs(z) * 1.15)), zs = Array.from({ length: 81 }, (_, k) => (reach * (k - 40)) / 40);
  const values = zs.map(f), low = Math.min(0, ...values), high = Math.max(1, ...values);
  const X = (v) => 8 + (140 * (v + reach)) / (2 * reach), Y = (v) => 142 - (128 * (v - low)) / (high - low);
  const inside = Math.abs(z) <= reach;
  return svg("svg", { viewBox: "0 0 156 156", role: "img", "aria-label": `activation function at z = ${shown(z, 3)}: a = ${shown(a, 3)}` },
    svg("path", { d: `M8,${Y(0)}H148M${X(0)},14V142`, stroke: "var(--line)", fill: "none" }),
    svg("path", { d: "M" + zs.map((v, k) => `${X(v).toFixed(1)},${Y(values[k]).toFixed(1)}`).join("L"), stroke: "var(--value)", "stroke-width": 2, fill: "none" }),
    inside ? svg("path", { d: `M${X(z)},${Y(0)}V${Y(a)}H${X(0)}`, stroke: "var(--focus)", "stroke-dasharray": "3 3", fill: "none" }) : [],
    inside ? svg("circle", { cx: X(z), cy: Y(a), r: 4.5, fill: "var(--focus)" }) : [],
    svg("text", { x: 148, y: 154, "text-anchor": "end" }, `z = ${shown(z, 3)}`), svg("text", { x: 8, y: 11 }, `a = ${shown(a, 3)}`));
}

/** The cost, and error and derivatives of the chosen neuron. */
function showLearning() {
  const { l, i, answer } = state, d = now.delta[l][i], below = now.a[l - 1];
  const { f, F } = layers[l], plain = f === "linear" || F.ofAll, slope = plain ? 1 : F.slope(now.z[l][i], now.a[l][i]);
  const y = i === answer ? 1 : 0;
  lines(byId("cost"), crossEntropy
    ? math(sub("C", "x"), mo("="), mo("−"), mi("log"), mml("mspace", { width: "0.2em" }), softmaxOf("a", answer), mo("="), mn(now.cost))
    : logLikelihood
    ? math(sub("C", "x"), mo("="), mo("−"), mi("log"), mml("mspace", { width: "0.2em" }), sym("a", L, answer), mo("="), mn(now.cost))
    : math(sub("C", "x"), mo("="), mml("mfrac", {}, mn("1"), mn("2")), sum("i"), mml("msup", {}, mml("mrow", {}, mo("("), sym("a", L, "i"), mo("−"), sub("y", "i"), mo(")")), mn("2")), mo("="), mn(now.cost)));
  const tag = (name) => el("span", { class: "eq" }, name);
  const primed = (arg) => (plain ? [] : [mo("·"), mml("msup", {}, mi(F.symbol), mo("′")), mo("("), arg, mo(")")]);
  const times = plain ? [] : [mo("·"), inner(slope)];
  const rows = [];
  if (l === L) {
    const out = crossEntropy ? softmax(now.a[L])[i] : now.a[L][i];
    const symbol = crossEntropy ? softmaxOf("a", i) : sym("a", l, i);
    const gap = (k) => [mo("("), sym("a", l, k), mo("−"), sub("y", k), mo(")")];
    if (F.ofAll && !logLikelihood) {  // every z changes every output
      rows.push([tag("BP1"), math(sym("δ", l, i), mo("="), symbol, mo("·"), mo("("), gap(i), mo("−"), sum("k"), gap("k"), sym("a", l, "k"), mo(")"))],
        math(mo("="), mn(out), mo("·"), mo("("), inner(out - y), mo("−"), inner(common(now.a[L], answer)), mo(")"), mo("="), mn(d)));
    } else rows.push([tag("BP1"), math(sym("δ", l, i), mo("="), mo("("), symbol, mo("−"), sub("y", i), mo(")"), primed(sym("z", l, i)))],
      math(mo("="), mo("("), mn(y ? fixed(out, decimals(out - y)) : shown(out, 3)), mo("−"), mn(y), mo(")"), times, mo("="), mn(d)));
  } else {
    const { w } = layers[l + 1], back = now.delta[l + 1].reduce((s, v, k) => s + v * w[k * count(l) + i], 0);
    rows.push([tag("BP2"), math(sym("δ", l, i), mo("="), mo("("), sum("k"), sym("δ", l + 1, "k"), sym("w", l + 1, pair("k", i)), mo(")"), primed(sym("z", l, i)))],
      math(mo("="), inner(back), times, mo("="), mn(d)));
  }
  const x = l === 2 ? sub("x", "j") : sym("a", l - 1, "j");
  const by = (under) => mml("mfrac", {}, mml("mrow", {}, mo("∂"), sub("C", "x")), mml("mrow", {}, mo("∂"), under));
  rows.push([tag("BP3"), math(by(sym("b", l, i)), mo("="), sym("δ", l, i), mo("="), mn(d))],
    [tag("BP4"), math(by(sym("w", l, pair(i, "j"))), mo("="), sym("δ", l, i), x)]);
  lines(byId("backward"), ...rows);
  const derivatives = below.map((v) => d * v), most = peak(derivatives);
  learning.show(derivatives, l - 1, most, math(mo("∂"), sub("C", "x"), mo("/"), mo("∂"), sym("w", l, pair(i, "j"))), `learning moves each weight against it; full colour ${shown(most, 2)}`);
}

function probeText() {
  const { cell, l, i } = state;
  if (!cell) return "";
  const { k } = cell, value = now.a[cell.l][k];
  const where = cell.l === 1 ? `pixel ${k + 1} (row ${Math.floor(k / side) + 1}, column ${(k % side) + 1}): x = ${shown(value, 3)}` : `neuron ${k + 1} of layer ${cell.l}: a = ${shown(value, 3)}`;
  if (cell.l !== l - 1) return where;
  const w = layers[l].w[i * count(l - 1) + k], x = l === 2 ? "x" : "a";
  return `${where}; w = ${signed(w, 3)}; w ${x} = ${signed(w * value, 3)}; ∂C/∂w = ${signed(now.delta[l][i] * value, 3)}`;
}

function showProbe() {
  for (const image of [seen, weights, parts, learning]) image.mark();
  byId("probe").textContent = probeText() || `Point at an image, or go over it with the arrow keys: the numbers of one ${state.l === 2 ? "pixel" : "cell"} appear here.`;
}

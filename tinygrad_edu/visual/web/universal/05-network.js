// The formula and the network, with the same numbers.

const mi = (t) => mml("mi", {}, t), mo = (t) => mml("mo", {}, t), ms = (t, i) => mml("msub", {}, mi(t), mml("mn", {}, String(i)));
let places = [];  // how each number is written again

function buildFormula() {
  const n = now.n, terms = n <= 3 ? [...Array(n).keys()] : [0, 1, -1, n - 1];
  const f = () => mml("mrow", {}, mml("msub", {}, mi("f"), mml("mrow", {}, mi("w"), mo(","), mi("b"))), mo("("), mi("x"), mo(")"), mo("="));
  const cell = (...c) => mml("mtd", {}, c), above = [cell(f())], below = [cell(mo("="))];
  places = [];
  const plus = () => mml("mo", { form: "infix" }, "+"), thin = () => mml("mspace", { width: "0.17em" });
  /** A number that stays up to date: with its sign between two terms, or with a minus of its own where it stands first. */
  const value = (name, k, between) => {
    const sign = between ? plus() : null, digits = mml("mn", { class: "live" });
    places.push(() => {
      const x = now[name][k];
      if (sign) sign.textContent = x < 0 ? "−" : "+";
      digits.textContent = shown(sign ? Math.abs(x) : x, 3);
    });
    return sign ? [sign, digits] : [digits];
  };
  terms.forEach((k, i) => {
    if (k < 0) { above.push(cell(plus(), mi("⋯"))); below.push(cell(plus(), mi("⋯"))); return; }
    above.push(cell(i ? plus() : "", ms("w", n + k + 1), thin(), mi("σ"), mo("("), ms("b", k + 1), mo("+"), ms("w", k + 1), thin(), mi("x"), mo(")")));
    below.push(cell(value("v", k, i > 0), thin(), mi("σ"), mo("("), value("b", k, false), value("w", k, true), thin(), mi("x"), mo(")")));
  });
  byId("formula").replaceChildren(mml("math", {}, mml("mtable", {}, mml("mtr", {}, above), mml("mtr", {}, below))));
}

// ---- the network ---------------------------------------------------------------------------------------------

let net = [];
function buildNet() {
  const n = now.n, gap = n <= 3 ? 74 : n <= 6 ? 56 : Math.min(22, 300 / n), H = Math.max(130, n * gap + 26), r = n <= 6 ? 16 : n <= 12 ? 8 : 6, mid = H / 2 + (n <= 6 ? 6 : 0);
  const X = [34, 262, 490], picture = byId("net");
  picture.setAttribute("viewBox", `0 0 524 ${H}`);
  net = Array.from({ length: n }, (_, k) => {
    const y = mid + (k - (n - 1) / 2) * gap;
    const hover = { onpointerenter: () => pick(k), onpointerleave: () => pick(-1) };
    const wire = (x1, y1, x2, y2) => {
      const long = Math.hypot(x2 - x1, y2 - y1), [a, b] = [(x2 - x1) / long, (y2 - y1) / long], h = n <= 6 ? 11 : 0;  // the head
      const [x, y] = [x2 - h * a, y2 - h * b];
      const head = h ? svg("path", { d: `M${x2} ${y2}L${x - 5 * b} ${y + 5 * a}L${x + 5 * b} ${y - 5 * a}z` }) : null;
      return { path: svg("path", { d: `M${x1} ${y1}L${x} ${y}`, ...hover }), head };
    };
    const text = (x, y, anchor = "middle") => svg("text", { class: "value", x, y, "text-anchor": anchor });
    const one = {
      k, into: wire(X[0] + 17, mid, X[1] - r, y), out: wire(X[1] + r, y, X[2] - 17, mid),
      node: svg("circle", { class: `node ${look(k)}`, cx: X[1], cy: y, r, ...hover }),
      wave: n <= 6 ? svg("path", { class: "wave", d: `M${X[1] - 9} ${y + 6}C${X[1] + 1} ${y + 6} ${X[1] - 1} ${y - 6} ${X[1] + 9} ${y - 6}` }) : null,
      name: n <= 6 ? null : svg("text", { x: X[1], y: y + 4, "text-anchor": "middle", class: "soft" }, ""),
      w: text(X[0] + (X[1] - X[0]) * 0.55, mid + (y - mid) * 0.55 - (y > mid + 1 ? -19 : 9)),
      b: text(X[1], y - r - 5), v: text(X[2] - (X[2] - X[1]) * 0.55, mid + (y - mid) * 0.55 - (y > mid + 1 ? -19 : 9)),
    };
    return one;
  });
  const end = (x, word, below) => [svg("circle", { class: "node end", cx: x, cy: mid, r: 17 }),
    svg("text", { x, y: mid + 5, "text-anchor": "middle" }, word), svg("text", { x, y: mid + 33, "text-anchor": "middle", class: "soft" }, below)];
  picture.replaceChildren(...net.flatMap((o) => [o.into.path, o.out.path, o.into.head, o.out.head].filter(Boolean)), ...end(X[0], "x", "input"), ...end(X[2], "Σ", "f(x)"),
    ...net.flatMap((o) => [o.node, o.wave, o.name, o.w, o.b, o.v].filter(Boolean)));
}

function showNet() {
  const { n, w, b, v, picked } = now, widest = n <= 6 ? 6 : 3, thick = (x, most) => 0.6 + widest * Math.min(1, Math.abs(x) / most);
  for (const o of net) {
    const k = o.k, faint = picked >= 0 && picked !== k ? " faint" : "", named = n <= 3 || picked === k;
    const wire = ({ path, head }, x, most) => {
      const sign = x < 0 ? "minus" : "plus";
      path.setAttribute("class", `wire ${sign}${faint}`);
      head?.setAttribute("class", `head ${sign}${faint}`);
      path.setAttribute("stroke-width", thick(x, most).toFixed(2));
    };
    wire(o.into, w[k], reach.w); wire(o.out, v[k], reach.v);
    o.node.setAttribute("class", `node ${look(k)}${picked === k ? " picked" : faint}`);
    const put = (text, name, x, on) => {
      text.textContent = on ? `${name} = ${signed(x, 3)}` : "";
      text.setAttribute("class", `value ${x < 0 ? "minus" : "plus"}`);
    };
    put(o.w, "w" + sub(k + 1), w[k], named); put(o.v, "w" + sub(n + k + 1), v[k], named);
    put(o.b, "b" + sub(k + 1), b[k], n <= 6 || picked === k);
    o.b.setAttribute("class", "value");
  }
  byId("net-words").textContent = "Thickness: size. Blue, solid: +. Orange, dashed: −. " +
    (n > 3 ? "Point at a neuron, or go to one of its sliders, to see its numbers." : "Inside a circle: a = σ(z), z = b + w x.");
}

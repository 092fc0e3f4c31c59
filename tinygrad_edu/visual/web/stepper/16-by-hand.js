// The check by hand: BP1 to BP4 computed here, against the engine's numbers.

/** The largest difference to BP1–BP4 computed here; null where they do not apply. */
function byHand() {
  if (!columns.length || !madeBy(root, "quadratic_cost")) return null;
  const whole = (id) => { const n = nodes.get(id); return n && n.value.data ? n.value.data.map(num) : null; };
  const last = columns[columns.length - 1], layers = columns.slice(1);
  if (root.eq[1] !== last.a || layers.some((l, i) => !l.a || !madeBy(nodes.get(l.a), "sigmoid") || nodes.get(l.a).eq[1] !== l.z || nodes.get(l.z).eq[1] !== (i ? layers[i - 1].a : columns[0].first))) return null;
  if (layers.some((l) => nodes.get(l.z).grad === null || nodes.get(l.w).grad === null || outputsOf.get(l.a).length > 1 || outputsOf.get(l.z).length > 1)) return null;
  const a = layers.map((l) => whole(l.a)), z = layers.map((l) => whole(l.z)), y = whole(root.eq[2]), x = nodes.get(columns[0].first);
  if ([...a, ...z, y].some((v) => v === null)) return null;
  let most = 0, scale = 0, delta = null;
  const compare = (mine, theirs) => { if (theirs === undefined || (Number.isNaN(mine) && Number.isNaN(theirs))) return; const d = Math.abs(mine - theirs); most = Number.isNaN(d) ? Infinity : Math.max(most, d); scale = Math.max(scale, Math.abs(theirs)); };
  const prime = (v) => { const s = 1 / (1 + Math.exp(-v)); return s * (1 - s); };
  for (let l = layers.length - 1; l >= 0; l--) {
    const n = layers[l].neurons, here = new Array(S * n), next = layers[l + 1], w = next && nodes.get(next.w);
    if (next && !w.value.data) return null;
    const weights = next && w.value.data.map(num);
    for (let s = 0; s < S; s++) for (let i = 0; i < n; i++) {
      let back = 0;
      if (!next) back = (a[l][s * n + i] - y[s * n + i]) / S;  // BP1
      else for (let k = 0; k < next.neurons; k++) back += delta[s * next.neurons + k] * weights[k * n + i];  // BP2
      here[s * n + i] = back * prime(z[l][s * n + i]);
      compare(here[s * n + i], num(nodes.get(layers[l].z).grad.data[s * n + i]));
    }
    delta = here;
    const before = l ? nodes.get(layers[l - 1].a) : x, b = layers[l].b && nodes.get(layers[l].b), gw = nodes.get(layers[l].w).grad, m = columns[l].neurons;
    for (let i = 0; i < n; i++) {
      let sum = 0;
      for (let s = 0; s < S; s++) sum += delta[s * n + i];
      if (b && b.grad) compare(sum, entry(b.grad, [i]));  // BP3
      for (let j = 0; j < m; j++) {
        const theirs = entry(gw, [i, j]);
        if (theirs === undefined) continue;
        let w_ = 0;
        for (let s = 0; s < S; s++) { const v = entry(before.value, before.shape.length === 2 ? [s, j] : [j]); w_ += delta[s * n + i] * v; }
        if (!Number.isNaN(w_)) compare(w_, theirs);  // BP4
      }
    }
  }
  const single = nodes.get(layers[0].z).dtype === "float32";
  return { most, good: most <= (single ? 2e-6 : 1e-12) * Math.max(1, scale) };
}

/** Without a network: is every gradient the sum of its parts? */
function partsAdd() {
  let most = 0, scale = 0, parts = 0;
  for (const s of steps) {
    if (!isGrad(s) || !("add" in s) || !s.add.data) continue;
    const end = after(s);
    s.add.data.forEach((v, i) => { const d = Math.abs((s.before ? num(s.before.data[i]) : 0) + num(v) - num(end.data[i])); parts += 1; if (d > most) most = d; scale = Math.max(scale, Math.abs(num(end.data[i])) || 0); });
  }
  return { most, parts, good: most <= 1e-6 * Math.max(1, scale) };
}

function selfCheck() {
  const place = byId("check"), hand = byHand();
  const size = (x) => (x === 0 ? "0" : x.toExponential(0).replace("e+0", "").replace("e+", "e"));
  if (hand) {
    place.className = hand.good ? "good" : "bad";
    place.textContent = hand.good ? `agrees with BP1–BP4 by hand: max difference ${size(hand.most)}` : `does NOT agree with BP1–BP4 by hand: max difference ${size(hand.most)}`;
    place.dataset.most = hand.most; place.title = place.textContent;
    return;
  }
  const sums = partsAdd();
  place.className = sums.good ? (sums.parts ? "good" : "") : "bad";
  place.textContent = sums.good ? (sums.parts ? `every gradient is the sum of its parts: max difference ${size(sums.most)}` : "") : `a gradient is NOT the sum of its parts: max difference ${size(sums.most)}`;
}

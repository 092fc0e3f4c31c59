// The test digits that travel with the page, and the check against Python's outputs for them.

const samples = (() => {
  const { x, rows, labels, said } = data.samples, all = unpacked(x);
  return rows.map((row, k) => ({ row, label: labels[k], said: said[k], x: all.slice(k * pixels, (k + 1) * pixels) }));
})();

/** The largest difference of outputs, relative to the output where that is above 1. */
function difference(found, wanted) {
  let most = 0;
  found.forEach((v, i) => {
    const gap = Object.is(v, wanted[i]) || v === wanted[i] ? 0 : Math.abs(v - wanted[i]) / Math.max(1, Math.abs(wanted[i]));
    if (Number.isNaN(gap) || gap > most) most = Number.isNaN(gap) ? Infinity : gap;
  });
  return most;
}

function selfCheck() {
  const here = samples.flatMap(({ x }) => [...feedForward(x).a[L]]);
  const same = difference(here, unpacked(data.samples.reference));
  const own = difference(here, unpacked(data.samples.found));
  const good = same <= 1e-9 && own <= (data.dtype === "float64" ? 1e-9 : 1e-3);
  const place = byId("check");
  place.classList.toggle("bad", !good);
  const few = (x) => shown(x, 1);
  place.textContent = good
    ? `✓ agrees with Python: max difference ${few(same)} over ${here.length} outputs of ${samples.length} test digits ` +
      `(both in float64, from the net's own ${data.dtype} parameters; the net itself, in ${data.dtype}: ${few(own)})`
    : `✗ This page does NOT agree with Python: max difference ${few(same)} (in float64), ${few(own)} ` +
      `(the net itself). Do not trust its numbers; please report it.`;
}

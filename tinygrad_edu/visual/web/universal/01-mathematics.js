// f(x) = sum_k v_k sigma(b_k + w_k x), on the page v_k is called w_{n+k}, as in the lecture.
// One object holds all that can change; show() draws it; nothing else writes to the page.

const MOST = 20, LARGEST = 1e6, FLAT = 0.01;
const xs = data.x, fine = data.fine.x, [lo, hi] = data.domain, width = hi - lo, N = xs.length;
const size = (values) => Math.max(...values.map(Math.abs));
const size0 = size(data.y) || 1;

const now = {
  n: data.hidden, w: [], b: [], v: [],            // the parameters
  target: "python", y: data.y.slice(),            // y(x) at the training examples
  eta: data.eta, start: null, seed: 0,
  steps: 0, costs: [], every: 1,                  // every so many steps the cost is kept
  playing: false, failed: "", told: "", picked: -1, drawing: false,
  range: [-1, 1], learned: null,
};

// ---- the mathematics -----------------------------------------------------------------------------------------

const sigma = (z) => 1 / (1 + Math.exp(-z));

/** The cost and its gradient, by the lecture's four steps, averaged over the training examples. */
function learn({ n, w, b, v }, y) {
  const dw = new Array(n).fill(0), db = new Array(n).fill(0), dv = new Array(n).fill(0), slope = new Array(n).fill(0);
  const a = new Array(n);
  let cost = 0;
  for (let i = 0; i < N; i++) {
    let f = 0;                                                    // 1. feed-forward
    for (let k = 0; k < n; k++) { a[k] = sigma(b[k] + w[k] * xs[i]); f += v[k] * a[k]; }
    const delta = f - y[i];                                       // 2. the error; the output neuron is linear
    cost += delta * delta / 2;
    for (let k = 0; k < n; k++) {
      const steep = a[k] * (1 - a[k]);                            // sigma'(z)
      const back = delta * v[k] * steep;                          // 3. back-propagate it
      dv[k] += delta * a[k]; db[k] += back; dw[k] += back * xs[i];  // 4. the derivatives
      slope[k] = Math.max(slope[k], steep);
    }
  }
  for (let k = 0; k < n; k++) { dv[k] /= N; db[k] /= N; dw[k] /= N; }
  return { cost: cost / N, dw, db, dv, slope };
}

const finite = (l) => [l.cost, ...l.dw, ...l.db, ...l.dv].every(Number.isFinite);

/** One step of gradient descent: p <- p - eta dC/dp.  False, and nothing changes, if that is no finite number. */
function descend() {
  const { n, eta, learned: l } = now;
  const move = (p, d) => p.map((value, k) => value - eta * d[k]);
  const next = { n, w: move(now.w, l.dw), b: move(now.b, l.db), v: move(now.v, l.dv) };
  const learned = learn(next, now.y);
  if (!finite(learned)) return diverged(Infinity);
  Object.assign(now, next, { learned });
  now.steps++;
  now.told = "";
  if (now.steps % now.every === 0) now.costs.push(learned.cost);
  if (now.costs.length > 2000) { now.costs = now.costs.filter((_, i) => i % 2 === 0); now.every *= 2; }
  return learned.cost > limit() ? diverged(learned.cost) : true;
}

/** Far above the cost at the start and the cost of f = 0, nothing good can come any more. */
const limit = () => 1e4 * Math.max(now.costs[0], now.y.reduce((sum, y) => sum + y * y, 0) / N / 2, 1e-12);

const counted = (steps) => `${steps} step${steps === 1 ? "" : "s"}`;

function diverged(cost) {
  now.failed = `Diverging: after ${counted(now.steps)} the cost ${cost === Infinity ? "is no finite number any more" : "has grown to " + shown(cost)}. ` +
    `η = ${shown(now.eta)} is too large: every step jumps across the valley and lands higher on the other side. ` +
    `Press “reset to the same start”, and try a smaller one, such as η = ${shown(now.eta / 10, 2)}.`;
  return false;
}

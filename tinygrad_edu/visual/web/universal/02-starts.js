// Where to start: Python's parameters, a seed, or a preset; and targets.

/** Random numbers in [0, 1) that depend on the seed alone (mulberry32). */
function generator(seed) {
  return () => {
    seed = (seed + 0x6d2b79f5) | 0;
    let t = Math.imul(seed ^ (seed >>> 15), 1 | seed);
    t = (t + Math.imul(t ^ (t >>> 7), 61 | t)) ^ t;
    return ((t ^ (t >>> 14)) >>> 0) / 4294967296;
  };
}

/** As Python does it: every step inside the domain, heights of the target's size. */
function seeded(seed) {
  const random = generator(seed), w = [], b = [], v = [], sign = () => (random() < 0.5 ? -1 : 1), first = random();
  for (let k = 0; k < MOST; k++) {
    w.push(sign() * (12 + 12 * random()) / width);
    b.push(-w[k] * (lo + width * ((first + k * (Math.sqrt(5) - 1) / 2) % 1)));
    v.push(sign() * (size(now.y) || 1) * (0.5 + 0.5 * random()));
  }
  return { name: `seed ${seed}`, of: () => ({ w, b, v }) };
}

const fromPython = { name: data.start.name, of: () => data.start };

const at = (u) => lo + width * (u + 1) / 2;  // from [-1, 1] to the domain

/** Steps of the heights v at the places s; the neurons after them are there, but silent. */
function steps(name, w, s, v) {
  const spare = data.start;
  return { name, of: () => ({
    w: [...s.map(() => w), ...spare.w.slice(s.length)],
    b: [...s.map((place) => -w * place), ...spare.b.slice(s.length)],
    v: [...v, ...spare.v.slice(s.length).map(() => 0)],
  }) };
}

/** The idea of the proof: n intervals, and at each border a step up or down to the target in the next one's middle. */
function stairs(n) {
  const w = 6 * n / width, levels = [], places = [lo - 5 / w];  // the first step is left of the domain: a constant
  for (let k = 0; k < n; k++) {
    const t = (k + 0.5) / n * (N - 1), i = Math.floor(t);
    levels.push(now.y[i] + (t - i) * (now.y[i + 1] - now.y[i]));
    if (k) places.push(lo + width * k / n);
  }
  return steps("stairs", w, places, levels.map((level, k) => level - (levels[k - 1] ?? 0)));
}

function begin(start = now.start) {
  pause();
  now.start = start;
  const p = (start.name === "stairs" ? stairs(now.n) : start).of();
  for (const name of "wbv") now[name] = p[name].slice(0, now.n);
  again();
  now.told = start.words ?? "";
  showNote();
}

/** The cost curve starts anew: another start, another target, another number of neurons. */
function again(force = true) {
  now.learned = learn(now, now.y);
  Object.assign(now, { steps: 0, costs: [now.learned.cost], every: 1, failed: "", told: "" });
  fitRange(force);
  show();
}

function neurons(n) {
  const p = now.start.of();
  now.n = n;
  if (now.start.name === "stairs") return build(), begin();
  for (const name of "wbv") now[name] = [...now[name], ...p[name].slice(now[name].length)].slice(0, n);
  build();
  again();
}

// ---- targets -------------------------------------------------------------------------------------------------

const up = (u) => (Math.abs(u) < 1e-9 ? 0.5 : u < 0 ? 0 : 1);  // half way at the edge itself
const box = (u, from, to) => up(u - from) - up(u - to);
const TARGETS = {
  python: [`${data.name} (from Python)`],
  sine: ["sine", (u) => Math.sin(Math.PI * u)],
  step: ["step", up],
  bump: ["bump", (u) => box(u, -0.4, 0.4)],
  hat: ["hat", (u) => Math.max(0, 1 - Math.abs(u) / 0.6)],
  two: ["two bumps", (u) => box(u, -0.7, -0.3) + 0.6 * box(u, 0.2, 0.6)],
  parabola: ["parabola", (u) => u * u],
  drawn: ["your drawing"],
};
const unit = (x) => 2 * (x - lo) / width - 1;

function aim(name) {
  if (name === "drawn") now.drawn = now.y;
  if (name === "python") now.y = data.y.slice();
  else if (name !== "drawn") now.y = xs.map((x) => TARGETS[name][1](unit(x)));
  now.target = name;
  byId("target").value = name;
}

/** The target as a line: its function where there is one, the drawn points else. */
function targetLine() {
  if (now.target === "python") return [fine, data.fine.y];
  if (now.target === "drawn") return [xs, now.y];
  return [fine, fine.map((x) => TARGETS[now.target][1](unit(x)))];
}

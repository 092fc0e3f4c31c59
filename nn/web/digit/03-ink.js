// The drawing: our own strokes, the same in every browser; and how a drawing becomes the pixels that the net sees.

const PAD = 280, RADIUS = data.side === 8 ? 16 : 11;  // the pen's radius makes lines about as thick as in the data
const ink = new Float64Array(PAD * PAD);  // 0 paper … 1 ink

/** The line from p to q, drawn with a round pen; a pixel that is covered in part is grey. */
function stamp([x0, y0], [x1, y1]) {
  const low = (a, b) => Math.max(0, Math.floor(Math.min(a, b) - RADIUS - 1));
  const high = (a, b) => Math.min(PAD - 1, Math.ceil(Math.max(a, b) + RADIUS + 1));
  const dx = x1 - x0, dy = y1 - y0, length2 = dx * dx + dy * dy;
  for (let r = low(y0, y1); r <= high(y0, y1); r++) {
    for (let c = low(x0, x1); c <= high(x0, x1); c++) {
      const px = c + 0.5 - x0, py = r + 0.5 - y0;
      const t = length2 ? Math.min(1, Math.max(0, (px * dx + py * dy) / length2)) : 0;
      const cover = RADIUS + 0.5 - Math.sqrt((px - t * dx) ** 2 + (py - t * dy) ** 2);
      const at = r * PAD + c;
      if (cover > ink[at]) ink[at] = Math.min(1, cover);
    }
  }
}

const actions = [];  // what was done: {sample}, {clear} or {points}, for undo

/** The test digit on the pad, or null: drawing puts it aside. */
function sampleNow() {
  const last = actions[actions.length - 1];
  return last && "sample" in last ? samples[last.sample] : null;
}

function redraw() {
  ink.fill(0);
  let first = actions.length;
  while (first > 0 && actions[first - 1].points) first--;
  for (const { points } of actions.slice(first)) points.forEach((p, i) => stamp(points[Math.max(0, i - 1)], p));
}

// ---- preprocessing ---------------------------------------------------------------------------------------

/** Means of ink over the cells of a grid: m x n cells of size step, the first one at (top, left); 0 outside. */
function means(top, stepDown, m, left, stepAcross, n) {
  const shares = (start, step) => {  // how much of each pixel lies in the cell from start to start + step
    const found = [];
    for (let p = Math.max(0, Math.floor(start)); p < Math.min(PAD, start + step); p++) {
      const part = Math.min(p + 1, start + step) - Math.max(p, start);
      if (part > 0) found.push([p, part / step]);
    }
    return found;
  };
  const across = Array.from({ length: n }, (_, j) => shares(left + j * stepAcross, stepAcross));
  const out = new Float64Array(m * n);
  for (let i = 0; i < m; i++) {
    for (const [r, down] of shares(top + i * stepDown, stepDown)) {
      for (let j = 0; j < n; j++) for (const [c, part] of across[j]) out[i * n + j] += down * part * ink[r * PAD + c];
    }
  }
  return out;
}

/** The smallest box around the ink, as {top, left, height, width}, or null. */
function box() {
  let top = PAD, left = PAD, bottom = -1, right = -1;
  for (let r = 0; r < PAD; r++) {
    for (let c = 0; c < PAD; c++) {
      if (ink[r * PAD + c] < 0.5) continue;
      top = Math.min(top, r); bottom = Math.max(bottom, r); left = Math.min(left, c); right = Math.max(right, c);
    }
  }
  return bottom < 0 ? null : { top, left, height: bottom + 1 - top, width: right + 1 - left };
}

const raw = () => means(0, PAD / side, side, 0, PAD / side, side);

const INNER = Math.round((20 / 28) * side);

/** MNIST's way: scaled into the 20 x 20 box, then moved by whole pixels until the centre of mass is in the middle. */
function centred() {
  const out = new Float64Array(pixels), found = box();
  if (!found) return out;
  const step = Math.max(found.height, found.width) / INNER;
  const small = means(found.top, step, INNER, found.left, step, INNER);
  let mass = 0, down = 0, across = 0;
  small.forEach((v, k) => { mass += v; down += v * Math.floor(k / INNER); across += v * (k % INNER); });
  const shift = (moment) => Math.floor(side / 2 - moment / mass + 0.5);
  const dr = shift(down), dc = shift(across);
  small.forEach((v, k) => {
    const r = Math.floor(k / INNER) + dr, c = (k % INNER) + dc;
    if (r >= 0 && r < side && c >= 0 && c < side) out[r * side + c] = v;
  });
  return out;
}

/** The way of the 8 x 8 digits: a 32 x 32 bitmap, 32 high and at most 24 wide; the black points of 4 x 4 counted. */
function counted() {
  const out = new Float64Array(pixels), found = box();
  if (!found) return out;
  const down = Math.max(found.height, found.width) / 32, across = Math.max(down, found.width / 24);
  const top = found.top + found.height / 2 - 16 * down, left = found.left + found.width / 2 - 16 * across;
  means(top, down, 32, left, across, 32).forEach((v, k) => {
    if (v >= 0.5) out[Math.floor(k / 128) * 8 + Math.floor((k % 32) / 4)] += 1 / 16;
  });
  return out;
}

const OWN_WAY = side === 8
  ? { name: "as for the 8 × 8 digits", f: counted, help: "The drawing is scaled to a bitmap of 32 × 32 black and white points, as high as that and at most 24 wide; the black points of each block of 4 × 4 are counted: 0 to 16, then divided by 16. So were the digits made that the net learned from." }
  : { name: side === 28 ? "MNIST’s way" : "as in MNIST", f: centred, help: `The drawing is scaled to fit into ${INNER} × ${INNER} pixels, and moved until its centre of mass is in the middle of the ${side} × ${side}. So were the digits made that the net learned from${side === 28 ? "" : ", if they were made as in MNIST"}.` };
const RAW_WAY = { name: "raw", f: raw, help: `The pad as it is, each pixel the mean of its square. A net that never saw a small digit, or one in a corner, may well get it wrong: try it.` };
const WAYS = [OWN_WAY, RAW_WAY];

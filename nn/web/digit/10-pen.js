// The pen, by mouse, finger and keyboard; and the start.

const pen = { at: [140, 70], path: null };  // path: the stroke in the making, also in `actions`
let waiting = false;

function soon() {
  if (waiting) return;
  waiting = true;
  requestAnimationFrame(() => { waiting = false; refresh(); });
}

function penDown(point) {
  pen.path = [point];
  actions.push({ points: pen.path });
  stamp(point, point); soon();
}

function penTo(point) {
  stamp(pen.path[pen.path.length - 1], point);
  pen.path.push(point); soon();
}

function penUp() {
  if (!pen.path) return;
  pen.path = null;
  refresh(); announce();
}

function showPen(visible) {
  const mark = byId("pen");
  mark.hidden = !visible;
  mark.classList.toggle("down", pen.path !== null);
  mark.style.left = `${pen.at[0]}px`; mark.style.top = `${pen.at[1]}px`;
  mark.style.width = mark.style.height = `${2 * RADIUS}px`;
}

function undo() {
  pen.path = null;
  if (!actions.length) { say("nothing to undo"); return; }
  actions.pop(); redraw(); refresh(); announce();
}

function clear() {
  pen.path = null;
  actions.push({ clear: true }); redraw(); refresh();
  say("cleared");
}

function listen() {
  const pad = byId("pad"), held = new Set();
  const point = (event) => {
    const at = byId("ink").getBoundingClientRect();
    return [((event.clientX - at.left) * PAD) / at.width, ((event.clientY - at.top) * PAD) / at.height];
  };
  let finger = null;
  pad.addEventListener("pointerdown", (event) => {
    if (event.button !== 0 || finger !== null) return;
    finger = event.pointerId;
    pad.setPointerCapture(finger);
    showPen(false);
    penDown(point(event));
  });
  pad.addEventListener("pointermove", (event) => {
    if (event.pointerId !== finger || !pen.path) return;
    const all = event.getCoalescedEvents ? event.getCoalescedEvents() : [];
    for (const e of all.length ? all : [event]) penTo(point(e));
  });
  for (const end of ["pointerup", "pointercancel"]) {
    pad.addEventListener(end, (event) => { if (event.pointerId === finger) { finger = null; penUp(); } });
  }
  pad.addEventListener("keydown", (event) => {
    const steps = { ArrowLeft: [-1, 0], ArrowRight: [1, 0], ArrowUp: [0, -1], ArrowDown: [0, 1] };
    const back = event.key === "z" && (event.ctrlKey || event.metaKey);
    if (!back && (event.ctrlKey || event.metaKey || event.altKey)) return;  // the browser's own keys
    if (steps[event.key]) {
      event.preventDefault();
      held.add(event.key);  // two at once go diagonally
      const size = event.shiftKey ? 2 : 10;
      const to = (axis) => [...held].reduce((v, key) => v + size * steps[key][axis], pen.at[axis]);
      pen.at = [0, 1].map((axis) => Math.min(PAD, Math.max(0, to(axis))));
      if (pen.path) penTo(pen.at);
      showPen(true);
    } else if (event.key === " ") {
      event.preventDefault();
      if (event.repeat) return;
      if (pen.path) penUp(); else { penDown(pen.at); say("pen down"); }
      showPen(true);
    } else if (event.key === "Delete" || event.key === "Backspace") { event.preventDefault(); clear(); showPen(true);
    } else if (back || event.key.toLowerCase() === "u") { event.preventDefault(); undo(); showPen(true); }
  });
  pad.addEventListener("keyup", (event) => held.delete(event.key));
  pad.addEventListener("focus", () => { if (pad.matches(":focus-visible")) showPen(true); });
  pad.addEventListener("blur", () => { held.clear(); penUp(); showPen(false); });
  byId("undo").addEventListener("click", undo);
  byId("clear").addEventListener("click", clear);
  const recolour = () => { readPalette(); for (const [canvas, x] of thumbs) paint(canvas, x, 1, true); refresh(); };
  new MutationObserver(recolour).observe(document.documentElement, { attributeFilter: ["data-theme"] });
  matchMedia("(prefers-color-scheme: dark)").addEventListener("change", recolour);
}

readPalette();
build();
selfCheck();
listen();
actions.push({ sample: 0 });
refresh();
if (L > 2) {  // a neuron that is neither fully on nor off
  const undecided = (i) => layers[2].F.slope(now.z[2][i], now.a[2][i]);
  state.i = now.a[2].reduce((best, _, i) => (undecided(i) > undecided(best) ? i : best), 0);
}
refresh();

// What every page needs.  Text goes into the page as text, never as HTML.

const data = JSON.parse(document.getElementById("data").textContent);

/** A number from the data: NaN and the infinities travel as text; true is 1. */
const num = (x) => (typeof x === "string" || typeof x === "boolean" ? Number(x) : x);

/** An HTML element: el("p", {class: "quiet", onclick: f}, "text", child, …). */
function el(tag, attributes = {}, ...children) {
  return filled(document.createElement(tag), attributes, children);
}

/** An SVG element. */
function svg(tag, attributes = {}, ...children) {
  return filled(document.createElementNS("http://www.w3.org/2000/svg", tag), attributes, children);
}

/** A MathML element. */
function mml(tag, attributes = {}, ...children) {
  return filled(document.createElementNS("http://www.w3.org/1998/Math/MathML", tag), attributes, children);
}

function filled(node, attributes, children) {
  for (const [name, value] of Object.entries(attributes)) {
    if (name.startsWith("on")) node.addEventListener(name.slice(2), value);
    else if (value !== null && value !== undefined && value !== false) node.setAttribute(name, value === true ? "" : value);
  }
  node.append(...children.flat(Infinity).filter((c) => c !== null && c !== undefined && c !== false));
  return node;
}

const byId = (id) => document.getElementById(id);

/** A number for people: four significant digits, a real minus sign. */
function shown(x, digits = 4) {
  x = num(x);
  if (Number.isNaN(x)) return "NaN";
  if (!Number.isFinite(x)) return x > 0 ? "∞" : "−∞";
  if (x === 0) return "0";
  const size = Math.abs(x);
  const text = size >= 1e6 || size < 1e-4 ? x.toExponential(digits - 1) : String(Number(x.toPrecision(digits)));
  return text.replace(/-/g, "−");
}

/** The same with its sign always written. */
const signed = (x, digits = 4) => (num(x) > 0 ? "+" : "") + shown(x, digits);

/** Said once to those who listen instead of looking: the page has one element with id="said", aria-live="polite". */
function say(text) { const place = byId("said"); if (place) place.textContent = text; }

/** Let the reader save text as a file. */
function download(name, type, text) {
  const link = el("a", { download: name, href: `data:${type};charset=utf-8,` + encodeURIComponent(text) });
  document.body.append(link); link.click(); link.remove();
}

/** Rows as CSV; a cell that a spreadsheet could run as a formula is quoted as text. */
function csv(rows) {
  const cell = (c) => {
    let text = String(c ?? "");
    if (/^[=+@\t\r]/.test(text) || /^-(?![\d.])/.test(text)) text = "'" + text;
    return /[",\n]/.test(text) ? '"' + text.replace(/"/g, '""') + '"' : text;
  };
  return rows.map((row) => row.map(cell).join(",")).join("\r\n") + "\r\n";
}

/** A button that goes through the themes: as the system, light, dark. */
function themeButton() {
  const names = ["auto", "light", "dark"];
  let now = 0;
  const button = el("button", { type: "button", id: "theme" }, "theme: auto");
  button.addEventListener("click", () => {
    now = (now + 1) % 3;
    if (now === 0) delete document.documentElement.dataset.theme;
    else document.documentElement.dataset.theme = names[now];
    button.textContent = `theme: ${names[now]}`;
  });
  return button;
}

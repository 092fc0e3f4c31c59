// Boxes become MathML for the page, LaTeX for export, and plain text for tables and screen readers.

const cut = (text, most = 40) => (text.length > most ? text.slice(0, most - 1) + "…" : text);

function mathOf(box) {
  const [kind, ...parts] = box;
  switch (kind) {
    case "row": return mml("mrow", {}, parts.map(mathOf));
    case "o": return mml("mo", {}, parts[0]);
    case "infix": return mml("mo", { form: "infix" }, parts[0]);
    case "t": return parts[0].length === 1 || /^[A-Za-z]+$/.test(parts[0]) ? mml("mi", parts[0] === "T" ? { mathvariant: "normal" } : {}, parts[0]) : mml("mtext", {}, parts[0]);
    case "n": {
      const [digits, power] = shown(parts[0]).split("e");
      if (power === undefined) return mml("mn", {}, digits);
      return mml("mrow", {}, mml("mn", {}, digits), mml("mo", {}, "·"), mml("msup", {}, mml("mn", {}, "10"), mml("mn", {}, power.replace("+", ""))));
    }
    case "sym": {
      const [base, up, down] = parts, b = mml(base.length > 1 && !/^[\p{L}\p{N}_.]+$/u.test(base) ? "mtext" : "mi", {}, base);
      const u = up && mml("mtext", {}, up), d = down && (/^[0-9,]+$/.test(down) ? mml("mn", {}, down) : mml("mrow", {}, [...down].map((i) => mml(/[\d,]/.test(i) ? "mn" : "mi", {}, i))));
      return u && d ? mml("msubsup", {}, b, d, u) : u ? mml("msup", {}, b, u) : d ? mml("msub", {}, b, d) : b;
    }
    case "prime": return mml("msup", {}, mml("mi", {}, parts[0]), mml("mo", {}, "′"));
    case "frac": return mml("mfrac", {}, mathOf(parts[0]), mathOf(parts[1]));
    case "sup": return mml("msup", {}, mathOf(parts[0]), mathOf(parts[1]));
    case "sqrt": return mml("msqrt", {}, mathOf(parts[0]));
    case "abs": return mml("mrow", {}, mml("mo", {}, "|"), mathOf(parts[0]), mml("mo", {}, "|"));
    case "paren": return mml("mrow", {}, mml("mo", {}, "("), mathOf(parts[0]), mml("mo", {}, ")"));
    case "sum": return mml("mrow", {}, parts[0] ? mml("munder", {}, mml("mo", { movablelimits: "false" }, "∑"), mml("mi", {}, parts[0])) : mml("mo", {}, "∑"), mathOf(parts[1]));
    case "fn": return mml("mrow", {}, mml("mi", {}, parts[0]), mml("mo", {}, "("), parts.slice(1).flatMap((p, i) => (i ? [mml("mo", { separator: "true" }, ","), mathOf(p)] : [mathOf(p)])), mml("mo", {}, ")"));
  }
  return mml("mtext", {}, "?");
}

const LETTERS = { σ: "\\sigma ", δ: "\\delta ", η: "\\eta ", "∂": "\\partial ", "·": "\\cdot ", "−": "-", "≤": "\\le ", "≥": "\\ge ", "←": "\\leftarrow ", "…": "\\dots ", "∞": "\\infty " };
const tex = (text) => text.replace(/[\\{}$&#^_%~]/g, (c) => (c === "\\" ? "\\backslash " : c === "^" || c === "~" ? `\\${c}{}` : `\\${c}`)).replace(/[σδη∂·−≤≥←…∞]/g, (c) => LETTERS[c]);
const texName = (text) => (text.length === 1 ? tex(text) : `\\mathrm{${tex(text).replace(/ /g, "\\ ")}}`);

function latexOf(box) {
  const [kind, ...parts] = box;
  switch (kind) {
    case "row": return parts.map(latexOf).join(" ");
    case "o": return tex(parts[0]);
    case "t": return texName(parts[0]);
    case "n": { const [d, p] = shown(parts[0]).split("e"); return tex(d) + (p === undefined ? "" : ` \\cdot 10^{${tex(p.replace("+", ""))}}`); }
    case "sym": return texName(parts[0]) + (parts[2] ? `_{${tex(parts[2])}}` : "") + (parts[1] ? `^{${parts[1]}}` : "");
    case "prime": return `${tex(parts[0])}'`;
    case "frac": return `\\frac{${latexOf(parts[0])}}{${latexOf(parts[1])}}`;
    case "sup": return `{${latexOf(parts[0])}}^{${latexOf(parts[1])}}`;
    case "sqrt": return `\\sqrt{${latexOf(parts[0])}}`;
    case "abs": return `\\left|${latexOf(parts[0])}\\right|`;
    case "paren": return `\\left(${latexOf(parts[0])}\\right)`;
    case "sum": return `\\sum${parts[0] ? `_{${parts[0]}}` : ""} ${latexOf(parts[1])}`;
    case "fn": return `${texName(parts[0])}\\left(${parts.slice(1).map(latexOf).join(", ")}\\right)`;
  }
  return "";
}

function textOf(box) {
  const [kind, ...parts] = box;
  switch (kind) {
    case "row": return parts.map(textOf).join(parts.some((p) => p[0] === "o" && !"∂/".includes(p[1])) || !parts.some((p) => ["o", "paren", "t", "prime"].includes(p[0])) ? " " : "");
    case "o": case "t": return parts[0];
    case "n": return shown(parts[0]);
    case "sym": return parts[0] + (parts[1] ? `^${parts[1]}` : "") + (parts[2] ? `_${parts[2]}` : "");
    case "prime": return `${parts[0]}′`;
    case "frac": { const side = (p) => (["row"].includes(p[0]) && !(p[1][0] === "o") ? `(${textOf(p)})` : textOf(p)); return `${side(parts[0])}/${side(parts[1])}`; }
    case "sup": return `${textOf(parts[0])}^${parts[1][0] === "row" ? `(${textOf(parts[1])})` : textOf(parts[1])}`;
    case "sqrt": return `√(${textOf(parts[0])})`;
    case "abs": return `|${textOf(parts[0])}|`;
    case "paren": return `(${textOf(parts[0])})`;
    case "sum": return `Σ${parts[0] ? `_${parts[0]}` : ""} ${textOf(parts[1])}`;
    case "fn": return `${parts[0]}(${parts.slice(1).map(textOf).join(", ")})`;
  }
  return "";
}

const same = (a, b) => textOf(a) === textOf(b);

/** The sides of an equation, nothing said twice: left = symbols = numbers = result. */
function sides(q) {
  const all = [q.left, q.sym, q.num, q.whole || q.result === undefined ? null : number(q.result)].filter(Boolean);
  return all.filter((box, i) => i === 0 || !same(box, all[i - 1]));
}

function chain(boxes, first = "=") {
  return boxes.flatMap((box, i) => (i ? [op(i === 1 ? first : "="), box] : [box]));
}
/** A long row of terms in pieces, between which a line may end. */
function pieces(box) {
  if (box[0] !== "row") return [box];
  const plus = (b) => b?.[0] === "o" && (b[1] === "+" || b[1] === "−"), out = [[]];
  const parts = box.slice(1).flatMap((p, i) => (p[0] === "row" && box[i]?.[1] === "+" && p.some(plus) ? p.slice(1) : [p]));
  if (parts.slice(1).some(plus)) {
    parts.forEach((p, i) => { if (i && plus(p)) { out.push([["infix", p[1]]]); return; } out[out.length - 1].push(p); });
    return out.map((group) => row(...group));
  }
  const at = parts.findIndex((p) => p[0] === "paren" && pieces(p[1]).length > 2);
  if (at < 0) return [box];
  const inner = pieces(parts[at][1]);
  return inner.map((piece, i) => row(...(i ? [] : [...parts.slice(0, at), op("(")]), piece, ...(i < inner.length - 1 ? [] : [op(")"), ...parts.slice(at + 1)])));
}
const firstSign = (q) => (q.arrow ? "←" : q.part ? "+=" : "=");
const formula = (...boxes) => mml("math", {}, mml("mrow", {}, boxes.map(mathOf)));

const symbolText = (node) => cut(node.symbol.text, 40);
const gradText = (node) => textOf(gradBox(node)[0]).replace(/\^\((\d+)\)/, (_, d) => `⁽${[...d].map((c) => "⁰¹²³⁴⁵⁶⁷⁸⁹"[c]).join("")}⁾`);
const ROLES = { x: "input", w: "weights", b: "biases", z: "weighted input", a: "activity", y: "target", cost: "cost" };
function described(node) {
  const what = ROLES[node.role] ?? (node.op ? `result of ${node.op}` : node.kind === "leaf" ? "parameter" : "data");
  return what + (node.layer !== undefined && node.role !== "cost" ? `, layer ${node.layer}` : "");
}

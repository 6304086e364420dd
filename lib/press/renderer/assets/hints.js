// What a link or a symbol means, shown beside it on hover and on keyboard focus. Both renderers load this same file.
// Data: scripts of this site only, loaded when first needed, from a file as well as from a server. Nothing is taken as
// HTML that is not on a fixed list of tags and attributes.
(() => {
  "use strict";
  const own = document.currentScript.src;
  const root = own.slice(0, own.lastIndexOf("site_libs/press/"));
  const version = own.split("?")[1] || "";
  const main = document.querySelector("main");
  if (!main) return;
  const here = location.href.split("#")[0].split("?")[0];
  const byQuarto = /^quarto/i.test(document.querySelector("meta[name=generator]")?.content || "");

  // Data ----------------------------------------------------------------------------------------------------------
  const data = new Map();
  window.pressHints = (name, value) => data.set(name, value);
  const asked = new Map();
  const load = (name, file) => {
    if (!asked.has(name)) asked.set(name, new Promise((done) => {
      const script = document.createElement("script");
      script.src = root + "site_libs/press/" + file + (version ? "?" + version : "");
      script.onload = script.onerror = () => { script.remove(); done(data.get(name)); };
      document.head.append(script);
    }));
    return asked.get(name);
  };
  const pageOf = (url) => {
    const bare = url.href.split("#")[0].split("?")[0];
    if (!bare.startsWith(root)) return "";
    const path = bare.slice(root.length);
    return path === "" || path.endsWith("/") ? path + "index.html" : path.endsWith(".html") ? path : "";
  };
  const thisPage = pageOf(new URL(here));

  // A copy without anything that acts: no links, controls, scripts, styles, identifiers --------------------------------
  const KEEP = new Set(("p div span em strong b i code pre sub sup br ul ol li dl dt dd figure figcaption img table thead tbody tr td th " +
    "math mrow mi mn mo ms mtext mspace mfrac msqrt mroot mstyle merror mpadded mphantom menclose msub msup msubsup munder mover munderover mmultiscripts mprescripts none mtable mtr mtd").split(" "));
  const DROP = "script, style, template, button, input, select, textarea, iframe, object, embed, svg, canvas, video, audio, annotation, annotation-xml, details.press-made, .anchor-link, .code-copy-button, .footnote-back, .footnote-ref";
  const ATTRIBUTES = new Set(("class colspan rowspan mathvariant stretchy symmetric form fence separator accent accentunder width height depth lspace rspace minsize maxsize " +
    "largeop movablelimits linethickness columnalign rowspacing columnspacing displaystyle scriptlevel display notation").split(" "));
  const copy = (node, base) => {
    if (node.nodeType === 3) return document.createTextNode(node.data);
    const out = document.createDocumentFragment();
    if (node.nodeType !== 1 || node.matches(DROP)) return out;
    const name = node.localName.toLowerCase();
    let into = out;
    if (KEEP.has(name)) {
      const math = node.namespaceURI === "http://www.w3.org/1998/Math/MathML";
      into = math ? document.createElementNS(node.namespaceURI, name) : document.createElement(name);
      for (const { name: key, value } of node.attributes) if (ATTRIBUTES.has(key) && (math || !["width", "height", "display"].includes(key))) into.setAttribute(key, value);
      if (name === "img") {
        const source = new URL(node.getAttribute("src") || "", base);
        if (!source.href.startsWith(root) && !source.href.startsWith("data:image/")) return out;
        into.src = source.href;
        into.alt = node.getAttribute("alt") || "";
      }
      out.append(into);
    }
    for (const child of node.childNodes) into.append(copy(child, base));
    return out;
  };
  const parsed = (text, base) => {
    const out = document.createDocumentFragment();
    for (const node of new DOMParser().parseFromString(text, "text/html").body.childNodes) out.append(copy(node, base));
    return out;
  };
  const make = (tag, text = "", name = "") => {
    const element = document.createElement(tag);
    if (text) element.textContent = text;
    if (name) element.className = name;
    return element;
  };

  // The box: one for all, below or above what it is about, never over it -----------------------------------------------
  const box = make("div", "", "press-hint");
  box.id = "press-hint";
  box.setAttribute("role", "tooltip");
  box.hidden = true;
  document.body.append(box);
  let about = null;
  let timer = 0;
  const hide = () => {
    clearTimeout(timer);
    if (about) {
      const left = (about.getAttribute("aria-describedby") || "").split(" ").filter((id) => id && id !== box.id);
      if (left.length) about.setAttribute("aria-describedby", left.join(" ")); else about.removeAttribute("aria-describedby");
      about.classList.remove("press-symbol");
      if (!about.classList.length) about.removeAttribute("class");
    }
    about = null;
    box.hidden = true;
    box.replaceChildren();
  };
  const place = () => {
    const edge = 8, gap = 6;
    const at = about.getBoundingClientRect();
    const header = document.querySelector(".site-header, #quarto-header")?.getBoundingClientRect().bottom || 0;
    box.style.maxHeight = "";
    box.style.left = box.style.top = "0";
    const wide = document.documentElement.clientWidth;
    const below = innerHeight - at.bottom - gap - edge, above = at.top - gap - edge - Math.max(0, header);
    const under = box.offsetHeight <= below || below >= above;
    const high = Math.min(box.offsetHeight, Math.max(60, Math.min(under ? below : above, 352)));
    box.style.maxHeight = high + "px";
    box.style.left = Math.max(edge, Math.min(at.left, wide - box.offsetWidth - edge)) + scrollX + "px";
    box.style.top = (under ? at.bottom + gap : at.top - gap - high) + scrollY + "px";
  };
  const show = (element, content, mark) => {
    hide();
    if (!content || !content.childNodes.length || !element.isConnected) return;
    about = element;
    box.append(content);
    box.hidden = false;
    if (mark) element.classList.add("press-symbol");
    element.setAttribute("aria-describedby", [element.getAttribute("aria-describedby"), box.id].filter(Boolean).join(" "));
    place();
    for (const image of box.querySelectorAll("img")) image.onload = () => { if (about === element) place(); };
  };

  // Links -------------------------------------------------------------------------------------------------------------
  const KINDS = { citations: "[role=doc-biblioref]", footnotes: ".footnote-ref", crossrefs: ".quarto-xref" };
  const wanted = document.body.dataset.hover;
  const linkAt = (target) => {
    const link = target.closest?.("main a[href]");
    if (!link || link.closest(".quarto-listing, .press-notebook, [data-no-preview]") || link.matches(".anchor-link, .quarto-category, .footnote-back, [role=doc-backlink]")) return null;
    for (const [kind, selector] of Object.entries(KINDS)) {
      // Quarto has previews of its own for these.
      if (link.matches(selector)) return byQuarto || (wanted !== undefined && !wanted.split(" ").includes(kind)) ? null : link;
    }
    return link instanceof HTMLAnchorElement && pageOf(link) ? link : null;
  };
  const ENOUGH = 260;
  const firstLines = (section) => {
    const out = document.createDocumentFragment();
    const heading = section.querySelector(":scope > :is(h1, h2, h3, h4, h5, h6)");
    if (heading) { const line = make("p"); const strong = make("strong"); for (const node of heading.childNodes) strong.append(copy(node, here)); line.append(strong); out.append(line); }
    let length = 0;
    for (const block of section.querySelectorAll("p, li")) {
      if (length >= ENOUGH) break;
      if (block.parentElement.closest("section") !== section || block.closest(".cell, figure, details, table, nav") || block.querySelector("p")) continue;
      const line = make("p");
      for (const node of block.childNodes) line.append(copy(node, here));
      if (!line.textContent.trim()) continue;
      out.append(line);
      length += line.textContent.length;
    }
    return out;
  };
  const onThisPage = (id) => {
    const target = document.getElementById(id);
    if (!target) return null;
    if (target.localName === "section") return firstLines(target);
    if (target.localName === "tr") {
      const out = document.createDocumentFragment();
      for (const cell of [target.cells[0], target.cells[target.cells.length - 1]]) if (cell) out.append(make("p", cell.textContent));
      return out;
    }
    const out = document.createDocumentFragment();
    for (const node of target.localName === "li" ? target.childNodes : [target]) out.append(copy(node, here));
    return out;
  };
  const ofLink = async (link) => {
    const url = new URL(link.href);
    let id = url.hash.slice(1);
    try { id = decodeURIComponent(id); } catch { /* as it is */ }
    const page = pageOf(url);
    if (page === thisPage) return id ? onThisPage(id) : null;
    const found = await load(page, "pages/" + page + ".js");
    if (!found) return null;
    const out = document.createDocumentFragment();
    const at = id && Object.hasOwn(found.at, id) ? found.at[id] : "";
    out.append(make("p", found.title, at ? "press-hint-where" : "press-hint-title"));
    if (!at) out.firstChild.replaceChildren(make("strong", found.title));
    if (at) out.append(parsed(at, url.href)); else if (found.about) out.append(make("p", found.about));
    return out;
  };

  // Symbols: known by their form, which symbols.py makes in the same way ----------------------------------------------------
  const SAME = { "\u03f5": "\u03b5", "\u03d5": "\u03c6", "\u03d1": "\u03b8", "\u2212": "-", "\u203e": "\u00af" };
  const KIND = { msub: "sub", msup: "sup", msubsup: "subsup", mover: "over", munder: "under", munderover: "both" };
  const forms = new WeakMap();
  const form = (element) => {
    if (!forms.has(element)) {
      const children = [...element.children].filter((child) => !["annotation", "annotation-xml", "mspace"].includes(child.localName));
      const parts = children.map(form);
      const tag = element.localName;
      forms.set(element, !parts.length
        ? element.textContent.replace(/[\u2061\u2062\u2063\u200b]/g, "")
          .replace(/[\u{1d400}-\u{1d49b}\u{1d5a0}-\u{1d7ff}]/gu, (letter) => letter.normalize("NFKC")).replace(/[\u03f5\u03d5\u03d1\u2212\u203e]/g, (sign) => SAME[sign]).trim()
        : KIND[tag] ? `${KIND[tag]}(${parts.join(",")})` : ["mrow", "semantics", "math", "mstyle", "mpadded"].includes(tag) ? parts.join("") : `${tag}(${parts.join(",")})`);
    }
    return forms.get(element);
  };
  let code = null;
  const inCode = (names) => {
    code ??= new Set([...main.querySelectorAll("code")].flatMap((element) => element.textContent.match(/[A-Za-z_]\w*/g) || []));
    return names.length > 0 && names.every((name) => code.has(name));
  };
  const aliasesFor = (element, symbols) => {
    const citekey = thisPage.match(/^papers\/([^/]+)\/index\.html$/)?.[1] || (thisPage === "equations.html" && element.closest("section.level2, main > section")?.id);
    // A paper's page writes as the paper does: there, what it does not define means nothing of ours.
    return citekey ? (Object.hasOwn(symbols.papers, citekey) ? symbols.papers[citekey] : {}) : null;
  };
  const INDEXED = ["msub", "msubsup", "munder", "munderover"];
  const LONGER = [...INDEXED, "mover"];
  const meaningOf = (element, symbols) => {
    if (element.localName === "math" || element.localName === "mo") return null;
    const name = form(element);
    const aliases = aliasesFor(element, symbols);
    if (aliases) return Object.hasOwn(aliases, name) ? { here: aliases[name] } : null;
    if (!Object.hasOwn(symbols.forms, name)) return null;
    const row = symbols.forms[name];
    if ([...name].length > 1) return { row };
    // One letter means what the table says only where the page's code is about it, and never within a longer symbol.
    if (!inCode(symbols.rows[row][3])) return null;
    for (let part = element; part.localName !== "math"; part = part.parentElement) {
      const around = part.parentElement.localName;
      const at = [...part.parentElement.children].indexOf(part);
      const base = part === element && at === 0 && LONGER.includes(around);
      const index = at === 1 && INDEXED.includes(around);
      const transposed = name === "T" && part === element && at > 0 && ["msup", "msubsup"].includes(around);
      if (base || index || transposed) return null;
    }
    return { row };
  };
  // The largest part of the formula around `target` that is a symbol.
  const symbolAt = (target, symbols) => {
    let found = null;
    for (let element = target; element && element.localName !== "math"; element = element.parentElement) {
      if (element.localName === "annotation") return null;
      const meaning = meaningOf(element, symbols);
      if (meaning) found = { element, meaning };
    }
    return found;
  };
  const symbolsIn = (formula, symbols) => {
    const found = new Map();
    const visit = (element) => {
      if (element.localName === "annotation") return;
      const meaning = meaningOf(element, symbols);
      if (meaning) { if (!found.has(form(element))) found.set(form(element), { element, meaning }); } else for (const child of element.children) visit(child);
    };
    visit(formula);
    return [...found.values()];
  };
  const alone = (element) => {
    const math = document.createElementNS("http://www.w3.org/1998/Math/MathML", "math");
    math.append(copy(element, here));
    return math;
  };
  // `code` between backticks, the rest as it is.
  const coded = (text) => text.split("`").map((part, index) => index % 2 ? make("code", part) : part);
  const said = ({ element, meaning }, symbols) => {
    const row = typeof meaning.here === "number" ? meaning.here : meaning.row;
    const term = make("dt");
    term.append(alone(element));
    const text = make("dd");
    if (row === undefined) {
      text.append(make("span", "here: ", "press-hint-soft"), meaning.here.startsWith("<") ? parsed(meaning.here, here) : make("code", meaning.here));
      return [term, text];
    }
    const [says, name, shape] = symbols.rows[row];
    text.append(says);
    const more = make("div", "", "press-hint-soft");
    more.append(meaning.here === undefined ? "in code " : "here ", ...coded(name), shape ? " · " + shape : "");
    text.append(more);
    return [term, text];
  };
  const list = (items, symbols) => {
    const out = document.createDocumentFragment();
    if (items.length) { const terms = make("dl"); terms.append(...items.flatMap((item) => said(item, symbols))); out.append(terms); }
    return out;
  };
  const loadSymbols = () => load("", "symbols.js");
  const formulas = [...main.querySelectorAll("math")];
  // Keys reach every displayed formula, and the first formula in a line for each symbol that none before it has shown.
  const stops = async () => {
    const symbols = await loadSymbols();
    if (!symbols) return;
    const seen = new Set();
    for (const formula of formulas) {
      const items = symbolsIn(formula, symbols);
      const fresh = items.filter((item) => !seen.has(form(item.element)));
      if (!items.length || formula.closest("a, summary, button") || !(formula.getAttribute("display") === "block" || fresh.length)) continue;
      formula.setAttribute("tabindex", "0");
      for (const item of fresh) seen.add(form(item.element));
    }
  };
  if (formulas.length) { if (window.requestIdleCallback) requestIdleCallback(stops, { timeout: 1000 }); else setTimeout(stops, 200); }

  // Pointer, keys, touch ------------------------------------------------------------------------------------------------
  let round = 0;
  const open = async (target, isFocus) => {
    const mine = ++round;
    const link = linkAt(target);
    if (link) {
      if (link === about) return;
      const content = await ofLink(link);
      if (mine === round) show(link, content);
      return;
    }
    const formula = target.closest?.("main math");
    const symbols = formula && await loadSymbols();
    if (mine !== round) return;
    if (!symbols) { hide(); return; }
    if (isFocus) { show(formula, list(symbolsIn(formula, symbols), symbols)); return; }
    const found = symbolAt(target, symbols);
    if (!found) hide(); else if (found.element !== about) show(found.element, list([found], symbols), true);
  };
  document.addEventListener("pointerover", (event) => {
    if (event.pointerType === "touch") return;
    clearTimeout(timer);
    const target = event.target;
    if (box.contains(target) || (about && about.contains(target) && (about.localName === "a" || document.activeElement === about))) return;
    const of = linkAt(target) || target.closest?.("main math");
    timer = setTimeout(() => { if (of) open(target, false); else { round++; if (document.activeElement !== about) hide(); } }, of ? 140 : 220);
  });
  document.addEventListener("focusin", (event) => {
    const target = event.target;
    if (!target.matches?.(":focus-visible") || box.contains(target)) return;
    if (linkAt(target) || target.localName === "math") open(target, true);
  });
  document.addEventListener("focusout", () => { round++; hide(); });
  document.addEventListener("keydown", (event) => { if (event.key === "Escape") { round++; hide(); } });
  document.addEventListener("click", (event) => {
    const target = event.target;
    if (box.contains(target)) return;
    round++;
    // A tap follows a link as ever; on a symbol, which leads nowhere, it shows the meaning.
    if (event.pointerType === "touch" && !linkAt(target) && !target.closest?.("a") && target.closest?.("main math")) open(target, false); else hide();
  });
  addEventListener("resize", hide);
})();

// Draws what HTML cannot say, with libraries that the page has loaded; without them its source stays. Pictures in full size.
(() => {
  "use strict";
  const $$ = (selector, from = document) => [...from.querySelectorAll(selector)];
  const dark = () => document.documentElement.dataset.theme === "dark";
  const data = (element) => JSON.parse(element.querySelector("script[type='application/json']").textContent);

  // Diagrams ------------------------------------------------------------------------------------------------------
  const put = (figure, svg) => {
    $$(":scope > svg", figure).forEach((old) => old.remove());
    figure.append(svg);
    figure.classList.add("drawn");
  };
  const mermaids = $$(".diagram[data-diagram=mermaid]");
  const drawMermaid = async () => {
    mermaid.initialize({ startOnLoad: false, securityLevel: "strict", theme: dark() ? "dark" : "neutral" });
    for (const [index, figure] of mermaids.entries()) {
      try {
        const { svg } = await mermaid.render(`mermaid-${index}`, figure.querySelector("code").textContent);
        put(figure, document.createRange().createContextualFragment(svg).firstElementChild);
      } catch { document.getElementById(`dmermaid-${index}`)?.remove(); }
    }
  };
  if (mermaids.length && window.mermaid) {
    drawMermaid();
    let last = dark();
    new MutationObserver(() => { if (dark() !== last) { last = dark(); drawMermaid(); } })
      .observe(document.documentElement, { attributeFilter: ["data-theme"] });
  }
  const graphs = $$(".diagram[data-diagram=dot]");
  if (graphs.length && window.Viz) {
    Viz.instance().then((viz) => {
      for (const figure of graphs) {
        const defaults = { bgcolor: "transparent" };
        const ink = { color: "currentColor", fontcolor: "currentColor" };
        try {
          const given = { graphAttributes: defaults, nodeAttributes: ink, edgeAttributes: ink };
          put(figure, viz.renderSVGElement(figure.querySelector("code").textContent, given));
        } catch { /* its source stays */ }
      }
    });
  }

  // Formulas that MathML was not to be made of ----------------------------------------------------------------------
  if (window.katex) {
    for (const formula of $$("span.math")) {
      const display = formula.classList.contains("display");
      const tex = formula.textContent.replace(/^\$\$?|\$\$?$/g, "");
      try {
        katex.render(tex, formula, { displayMode: display, throwOnError: true });
        formula.classList.add("drawn");
      } catch { formula.textContent = (display ? "$$" : "$") + tex + (display ? "$$" : "$"); }
    }
  }

  // Plots -----------------------------------------------------------------------------------------------------------
  const plots = (kind, draw) => {
    for (const place of $$(`.interactive[data-kind=${kind}]`)) {
      const still = place.querySelector(".still");
      const target = document.createElement("div");
      place.append(target);
      Promise.resolve().then(() => draw(target, data(place))).then(() => still?.remove(), () => target.remove());
    }
  };
  if (window.Plotly) {
    plots("plotly", (target, figure) => {
      const options = { responsive: true, ...(figure.config || {}) };
      return Plotly.newPlot(target, figure.data || [], figure.layout || {}, options)
        .then(() => figure.frames && Plotly.addFrames(target, figure.frames));
    });
  }
  if (window.vegaEmbed) plots("vega", (target, spec) => vegaEmbed(target, spec, { actions: false }));
  for (const place of $$(".interactive[data-kind=widgets]")) { // drawn by their own script, when it is ready
    const still = place.querySelector(".still");
    const look = () => { if (place.querySelector(".jupyter-widgets")) { still?.remove(); watch.disconnect(); } };
    const watch = new MutationObserver(look);
    watch.observe(place, { childList: true, subtree: true });
    look();
  }

  // A picture in its full size: a link to it without scripts, a dialog with them -------------------------------------
  for (const link of $$("a.lightbox")) {
    link.addEventListener("click", (event) => {
      const image = link.querySelector("img");
      if (!image || event.ctrlKey || event.metaKey || event.shiftKey || !window.HTMLDialogElement) return;
      event.preventDefault();
      const dialog = document.createElement("dialog");
      dialog.className = "lightbox-dialog";
      const full = document.createElement("img");
      full.src = link.href;
      full.alt = image.alt;
      dialog.append(full);
      const caption = link.closest("figure")?.querySelector("figcaption")?.textContent.trim();
      if (caption) dialog.append(Object.assign(document.createElement("p"), { textContent: caption }));
      dialog.addEventListener("click", () => dialog.close());
      dialog.addEventListener("close", () => { dialog.remove(); link.focus(); });
      document.body.append(dialog);
      dialog.showModal();
    });
  }
})();

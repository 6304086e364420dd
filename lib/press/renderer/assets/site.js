// Everything that needs a script: theme, menu, tabs, copying, filters, search (previews: hints.js). The pages read well without it.
(() => {
  "use strict";
  const root = document.documentElement;
  const body = document.body;
  const $$ = (selector, from = document) => [...from.querySelectorAll(selector)];
  const make = (tag, attributes = {}, text = "") => {
    const element = document.createElement(tag);
    for (const [name, value] of Object.entries(attributes)) element.setAttribute(name, value);
    if (text) element.textContent = text;
    return element;
  };
  const words = JSON.parse(body.dataset.words || "{}");  // where the page's language is not English
  const say = (key, english) => words[key] || english;
  const remember = (key, value) => { try { localStorage.setItem(key, value); } catch { /* private mode */ } };
  const recall = (key) => { try { return localStorage.getItem(key); } catch { return null; } };

  // Theme -------------------------------------------------------------------------------------------------------
  const toggle = document.querySelector(".quarto-color-scheme-toggle");
  const setTheme = (theme) => {
    root.dataset.theme = theme;
    body.classList.toggle("quarto-dark", theme === "dark");
    body.classList.toggle("quarto-light", theme !== "dark");
    toggle?.setAttribute("aria-pressed", String(theme === "dark"));
  };
  setTheme(root.dataset.theme || "light");
  toggle?.addEventListener("click", () => {
    const theme = root.dataset.theme === "dark" ? "light" : "dark";
    setTheme(theme);
    remember("press-theme", theme);
  });
  matchMedia("(prefers-color-scheme: dark)").addEventListener("change", (event) => {
    if (!recall("press-theme")) setTheme(event.matches ? "dark" : "light");
  });

  // Menu on phones ----------------------------------------------------------------------------------------------
  const toggler = document.querySelector(".navbar-toggler");
  const menu = document.getElementById("navbar-menu");
  const openMenu = (open) => {
    menu?.classList.toggle("show", open);
    toggler?.setAttribute("aria-expanded", String(open));
  };
  toggler?.addEventListener("click", () => openMenu(!menu.classList.contains("show")));
  // Its menus open without a script; with one, a click elsewhere, Escape and leaving them close them.
  const menus = $$(".nav-menu");
  for (const one of menus) {
    one.addEventListener("keydown", (event) => {
      if (event.key !== "Escape" || !one.open) return;
      one.open = false;
      one.querySelector("summary").focus();
      event.stopPropagation();
    });
    one.addEventListener("focusout", (event) => { if (event.relatedTarget && !one.contains(event.relatedTarget)) one.open = false; });
  }
  if (menus.length) document.addEventListener("click", (event) => { for (const one of menus) if (!one.contains(event.target)) one.open = false; });
  document.addEventListener("keydown", (event) => {
    if (event.key === "Escape" && menu?.classList.contains("show")) { openMenu(false); toggler.focus(); }
  });

  // Tabs: arrow keys move, groups remember ----------------------------------------------------------------------
  const tabsOf = (panel) => [...panel.querySelector(":scope > .nav-tabs").querySelectorAll("[role=tab]")];
  const select = (panel, tab, focus) => {
    for (const other of tabsOf(panel)) {
      const chosen = other === tab;
      other.classList.toggle("active", chosen);
      other.setAttribute("aria-selected", String(chosen));
      other.tabIndex = chosen ? 0 : -1;
      document.getElementById(other.getAttribute("aria-controls")).classList.toggle("active", chosen);
    }
    if (focus) tab.focus();
  };
  const choose = (panel, tab, focus = true) => {
    select(panel, tab, focus);
    const group = panel.dataset.group;
    if (!group) return;
    const name = tab.textContent.trim();
    remember("press-tab-" + group, name);
    for (const other of $$(`.panel-tabset[data-group="${CSS.escape(group)}"]`)) {
      const twin = other !== panel && tabsOf(other).find((one) => one.textContent.trim() === name);
      if (twin) select(other, twin, false);
    }
  };
  for (const panel of $$(".panel-tabset")) {
    const list = panel.querySelector(":scope > .nav-tabs");
    if (!list) continue;
    list.hidden = false;
    panel.classList.add("tabs-on");
    const tabs = tabsOf(panel);
    for (const [index, tab] of tabs.entries()) {
      tab.addEventListener("click", () => choose(panel, tab));
      tab.addEventListener("keydown", (event) => {
        const step = { ArrowRight: 1, ArrowLeft: -1 }[event.key];
        const target = event.key === "Home" ? 0 : event.key === "End" ? tabs.length - 1 : step && (index + step + tabs.length) % tabs.length;
        if (target === undefined) return;
        event.preventDefault();
        choose(panel, tabs[target]);
      });
    }
    const kept = panel.dataset.group && recall("press-tab-" + panel.dataset.group);
    const tab = kept && tabs.find((one) => one.textContent.trim() === kept);
    if (tab) select(panel, tab, false);
  }

  // Code tools ----------------------------------------------------------------------------------------------------
  for (const button of $$("button[data-code]"))
    button.addEventListener("click", () => $$("main details.code-fold").forEach((one) => { one.open = button.dataset.code === "show"; }));

  // Copy buttons and heading anchors ----------------------------------------------------------------------------
  const copy = say("copy-button-tooltip", "Copy");
  if ("copy" in body.dataset && navigator.clipboard) {
    for (const block of $$("div.sourceCode")) {
      const button = make("button", { type: "button", class: "code-copy-button", "aria-label": say("copy-button-tooltip", "Copy code") }, copy);
      button.addEventListener("click", async () => {
        await navigator.clipboard.writeText(block.querySelector("code").textContent);
        button.textContent = say("copy-button-tooltip-success", "Copied");
        button.classList.add("done");
        setTimeout(() => { button.textContent = copy; button.classList.remove("done"); }, 1500);
      });
      block.append(button);
    }
  }
  for (const section of $$("main section[id]")) {
    const heading = section.querySelector(":scope > :is(h2, h3, h4)");
    if (heading && !heading.classList.contains("no-anchor") && !heading.classList.contains("quarto-appendix-heading")) {
      heading.append(make("a", { class: "anchor-link", href: "#" + section.id, "aria-label": say("section-link", "Link to this section") }, "#"));
    }
  }

  // What is wider than its place is scrolled with the keyboard, too.
  const reachable = () => {
    for (const one of $$("pre, .cell-output")) {
      if (one.scrollWidth > one.clientWidth + 1) one.tabIndex = 0;
      else one.removeAttribute("tabindex");
    }
  };
  reachable();
  addEventListener("resize", reachable);

  // Table of contents follows the reader ------------------------------------------------------------------------
  const entries = new Map($$("#TOC a[href^='#']").map((a) => [decodeURIComponent(a.hash.slice(1)), a]));
  const sections = [...entries.keys()].map((id) => document.getElementById(id)).filter(Boolean);
  const top = document.getElementById("quarto-back-to-top");
  let lastY = 0;
  const follow = () => {
    const current = sections.filter((section) => section.getBoundingClientRect().top < 140).pop();
    for (const [id, link] of entries) link.classList.toggle("active", id === current?.id);
    // Quarto's habit: offered when the reader turns back.
    top?.classList.toggle("show", scrollY > 600 && scrollY < lastY);
    lastY = scrollY;
  };
  let waiting = false;
  addEventListener("scroll", () => {
    if (waiting) return;
    waiting = true;
    requestAnimationFrame(() => { waiting = false; follow(); });
  }, { passive: true });
  follow();
  for (const link of $$("#TOC a")) link.addEventListener("click", () => { if (innerWidth < 1080) link.closest("details").open = false; });

  // Listing: categories and pages -------------------------------------------------------------------------------
  // What the author offers for sorting and for looking through a list.
  const fieldOf = (post, name) => {
    const cells = $$("th[data-field]", post.closest("table") || post).map((th) => th.dataset.field);
    const cell = cells.length ? post.cells[cells.indexOf(name)] : post.querySelector({ date: "time", title: ".listing-title" }[name] || ".listing-" + CSS.escape(name));
    return cell?.dataset.value || cell?.getAttribute("datetime") || cell?.textContent.trim() || "";
  };
  const tools = (listing, posts, look, sorted) => {
    const bar = make("div", { class: "listing-tools" });
    const start = [...posts];
    const labelled = (text, control) => { const label = make("label", {}, text + " "); label.append(control); bar.append(label); };
    if (listing.dataset.sortUi) {
      const choice = make("select");
      choice.append(make("option", { value: "" }, say("listing-page-order-by-default", "As listed")));
      for (const name of listing.dataset.sortUi.split(" ")) {
        const shown = name[0].toUpperCase() + name.slice(1).replaceAll("-", " ");
        const ways = name.startsWith("date") ? [["desc", say("listing-page-order-by-date-desc", "newest")], ["asc", say("listing-page-order-by-date-asc", "oldest")]] : [["asc", "A\u2013Z"], ["desc", "Z\u2013A"]];
        for (const [way, text] of ways) choice.append(make("option", { value: `${name} ${way}` }, `${shown} (${text})`));
      }
      choice.addEventListener("change", () => {
        const [name, way] = choice.value.split(" ");
        const value = (post) => fieldOf(post, name);
        posts.splice(0, posts.length, ...start);
        if (name) posts.sort((a, b) => (way === "desc" ? -1 : 1) * value(a).localeCompare(value(b), undefined, { numeric: true }));
        start[0]?.parentNode.append(...posts);
        sorted();
      });
      labelled(say("listing-page-order-by", "Order by"), choice);
    }
    if (listing.dataset.filterUi) {
      const field = make("input", { type: "search", autocomplete: "off" });
      field.addEventListener("input", () => look(field.value));
      labelled(say("listing-page-filter", "Filter"), field);
    }
    if (bar.childElementCount) listing.prepend(bar);
  };
  for (const listing of $$(".quarto-listing")) {
    const posts = $$(".quarto-post, .listing-row", listing);
    const around = listing.closest(".listing-with-categories");
    const size = Number(listing.dataset.pageSize) || posts.length;
    const pager = make("ul", { class: "listing-pagination", "aria-label": say("pages", "Pages") });
    listing.append(pager);
    let category = "";
    let wanted = "";
    let page = 0;
    const update = () => {
      const matching = posts.filter((post) => (!category || post.dataset.categories.split("\n").includes(category)) && (!wanted || post.textContent.toLowerCase().includes(wanted)));
      const pages = Math.ceil(matching.length / size);
      page = Math.min(page, Math.max(0, pages - 1));
      const shown = new Set(matching.slice(page * size, (page + 1) * size));
      for (const post of posts) post.hidden = !shown.has(post);
      listing.querySelector(".listing-no-matching").hidden = matching.length > 0;
      for (const link of $$(".category", around)) {
        link.classList.toggle("active", link.dataset.category === category);
        if (link.dataset.category === category) link.setAttribute("aria-current", "true"); else link.removeAttribute("aria-current");
      }
      pager.replaceChildren(...(pages < 2 ? [] : Array.from({ length: pages }, (_, index) => {
        const item = make("li");
        const button = make("button", { type: "button", "aria-label": say("page", "Page") + " " + (index + 1) }, String(index + 1));
        if (index === page) button.setAttribute("aria-current", "page");
        button.addEventListener("click", () => { page = index; update(); listing.scrollIntoView({ block: "start" }); });
        item.append(button);
        return item;
      })));
    };
    const fromHash = () => {
      const match = location.hash.match(/^#category=(.*)$/);
      if (match || !location.hash) { category = match ? decodeURIComponent(match[1]) : ""; page = 0; update(); }
    };
    addEventListener("hashchange", fromHash);
    tools(listing, posts, (text) => { wanted = text.trim().toLowerCase(); page = 0; update(); }, () => { page = 0; update(); });
    fromHash();
  }

  // Search: Pagefind's index, our own dialog --------------------------------------------------------------------
  const opener = document.getElementById("quarto-search");
  if (opener) {
    let dialog, input, results, status, engine, round = 0;
    const load = async () => {
      const base = new URL(body.dataset.prefix, location.href);
      engine = await import(new URL("pagefind/pagefind.js", base).href);
      await engine.options({ excerptLength: 24, baseUrl: base.pathname });
      await engine.init();
    };
    // Pagefind's excerpts are escaped text with <mark>: only those marks are rebuilt, nothing is taken as HTML.
    const excerpt = (text) => {
      const span = make("span");
      const plain = new DOMParser().parseFromString(text, "text/html").body;
      for (const node of plain.childNodes) span.append(node.nodeName === "MARK" ? make("mark", {}, node.textContent) : node.textContent);
      return span;
    };
    const entry = (url, title, text) => {
      const link = make("a", { href: url });
      link.append(make("strong", {}, title), excerpt(text));
      const item = make("li");
      item.append(link);
      return item;
    };
    const search = async () => {
      const mine = ++round;
      const query = input.value.trim();
      if (!query) { results.replaceChildren(); status.textContent = say("search-hint", "Type to search all posts."); return; }
      try {
        if (!engine) await load();
        const found = await engine.debouncedSearch(query, {}, 120);
        if (!found || mine !== round) return;
        const pages = await Promise.all(found.results.slice(0, 12).map((one) => one.data()));
        if (mine !== round) return;
        results.replaceChildren(...pages.map((page) => {
          const item = entry(page.url, page.meta.title, page.excerpt);
          const inner = (page.sub_results || []).filter((sub) => sub.url !== page.url).slice(0, 2);
          if (inner.length) { const list = make("ul"); list.append(...inner.map((sub) => entry(sub.url, sub.title, sub.excerpt))); item.append(list); }
          return item;
        }));
        status.textContent = pages.length ? `${found.results.length} ${found.results.length === 1 ? say("page", "page") : say("pages", "pages")}` : say("search-no-results-text", `Nothing found for “${query}”.`);
      } catch {
        status.textContent = "Search needs the site to be served over http (try: python -m http.server).";
      }
    };
    const build = () => {
      dialog = make("dialog", { class: "search-dialog", "aria-label": say("search-label", "Search") });
      input = make("input", { type: "search", placeholder: say("search-label", "Search"), "aria-label": say("search-label", "Search all posts"), autocomplete: "off", spellcheck: "false" });
      results = make("ul", { class: "search-results" });
      status = make("p", { class: "search-status", role: "status" }, say("search-hint", "Type to search all posts."));
      dialog.append(input, results, status);
      body.append(dialog);
      input.addEventListener("input", search);
      dialog.addEventListener("click", (event) => { if (event.target === dialog) dialog.close(); });
      dialog.addEventListener("keydown", (event) => {
        if (event.key !== "ArrowDown" && event.key !== "ArrowUp") return;
        const stops = [input, ...$$("a", results)];
        const next = stops[stops.indexOf(document.activeElement) + (event.key === "ArrowDown" ? 1 : -1)];
        if (next) { event.preventDefault(); next.focus(); }
      });
      results.addEventListener("click", (event) => { if (event.target.closest("a")) dialog.close(); });
    };
    const open = () => {
      if (!dialog) build();
      if (!dialog.open) dialog.showModal();
      input.focus();
      input.select();
    };
    opener.addEventListener("click", open);
    document.addEventListener("keydown", (event) => {
      const typing = event.target.closest?.("input, textarea, select, [contenteditable]");
      const slash = event.key === "/" && !typing && !event.ctrlKey && !event.metaKey && !event.altKey;
      const both = event.key === "k" && (event.ctrlKey || event.metaKey);
      if (slash || both) { event.preventDefault(); open(); }
    });
  }
})();

// On pages with live figures: beside each still a button, and nothing else until a reader presses it. Then widget.js.
(() => {
  "use strict";
  const base = new URL(".", document.currentScript.src);
  const begin = async (place, spec, button) => {
    button.disabled = true;
    button.textContent = "Starting …";
    try {
      const { widget } = await import(new URL("widget.js", base));
      widget(place, spec, base);
      button.remove();
    } catch (error) {
      button.disabled = false;
      button.textContent = `Try again (${error.message})`;
    }
  };
  const start = () => {
    for (const place of document.querySelectorAll(".interactive[data-kind=live]")) {
      if (place.dataset.ready) continue;
      place.dataset.ready = "1";
      const spec = JSON.parse(place.querySelector("script[type='application/json']").textContent);
      const button = document.createElement("button");
      button.type = "button";
      button.className = "live-begin";
      button.textContent = `Draw it here (${spec.megabytes ?? 20} MB, once)`;
      button.addEventListener("click", () => begin(place, spec, button));
      place.append(button);
      if (new URLSearchParams(location.search).has(`live-${spec.name}`)) button.textContent = `Draw what the address says (${spec.megabytes ?? 20} MB, once)`;
    }
  };
  if (document.readyState === "loading") document.addEventListener("DOMContentLoaded", start);
  else start();
})();

// On pages with live figures: beside each still a button, and nothing else until a reader presses it. Then widget.js.
(() => {
  "use strict";
  const SIZES = null; // bundle.py writes here how many bytes each part has
  const base = new URL(".", document.currentScript.src);
  const able = typeof DecompressionStream === "function" && typeof WebAssembly === "object" && typeof Worker === "function";
  const encodes = ["image-to-image", "inpaint", "diffedit"];

  // What a figure loads at most: whether the graphics processor can draw is not known before it has been asked.
  const megabytes = ({ kind, request }) => {
    if (!SIZES) return "";
    const { wasm, webgpu } = SIZES.runtimes, runtime = navigator.gpu && "Suspending" in WebAssembly ? Math.max(wasm, webgpu) : wasm;
    const unet = SIZES.unets[request.unet] ?? Object.values(SIZES.unets)[0];
    return ` (${Math.ceil((runtime + unet + SIZES.always + (encodes.includes(kind) ? SIZES.encoder : 0)) / 1e6)} MB, once)`;
  };
  const show = (place) => {
    document.getElementById(place.closest("[role=tabpanel]")?.getAttribute("aria-labelledby"))?.click();
    place.scrollIntoView();
  };
  const begin = async (place, spec, button) => {
    button.disabled = true;
    button.textContent = "Starting …";
    try {
      const { widget } = await import(new URL("widget.js", base));
      await widget(place, spec, base);
      button.remove();
    } catch (error) {
      button.disabled = false;
      button.textContent = `Try again (${error.message})`;
    }
  };
  const dressed = () => {
    const link = Object.assign(document.createElement("link"), { rel: "stylesheet", href: new URL("live.css", base) });
    document.head.append(link);
  };
  const start = () => {
    if (document.querySelector(".interactive[data-kind=live]")) dressed();
    const asked = new URLSearchParams(location.hash.slice(1)).get("live");
    for (const place of document.querySelectorAll(".interactive[data-kind=live]")) {
      if (place.dataset.ready) continue;
      place.dataset.ready = "1";
      if (!able) {
        place.append("This browser is too old to draw the figure again.");
        continue;
      }
      const spec = JSON.parse(place.querySelector("script[type='application/json']").textContent);
      const button = document.createElement("button"), named = asked === spec.name;
      button.type = "button";
      button.className = "live-begin";
      button.textContent = (named ? "Draw what the address says" : "Draw it here, with other settings") + megabytes(spec);
      button.addEventListener("click", () => begin(place, spec, button));
      place.append(button);
      if (named && document.readyState === "complete") show(place);
      else if (named) addEventListener("load", () => show(place)); // by then a site's tabs can be opened
    }
  };
  if (document.readyState === "loading") document.addEventListener("DOMContentLoaded", start);
  else start();
})();

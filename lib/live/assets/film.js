// What happened on the way to a picture: its steps as a strip of film, and what each word of the caption is looked for at.

import { button, make, put } from "./dom.js";
import { enlarged, lit, meanMap, rgba } from "./pictures.js";

const FRAMES = 24; // of a strip; of more steps some are left out

/**
 * A strip that is drawn when it is unfolded: the state after each step, and below it what the network took for the picture.
 *
 * @param {{t: number, step: number, state: Float32Array, x0: Float32Array}[]} steps
 * @param {import("./client.js").Live} live
 * @param {{height: number, width: number}} size
 */
export function strip(steps, live, size) {
  const row = make("div", { class: "strip", tabindex: 0, role: "group", "aria-label": "Steps, first to last" });
  const said = make("span", {}, "Above, the state after the step; below, what the network takes for the picture.");
  const whole = make("details", {}, make("summary", {}, "Each step"), said, row);
  const kept = spread(steps, FRAMES);
  whole.addEventListener("toggle", async () => {
    while (whole.open && whole.isConnected && row.childElementCount < kept.length) {
      const { step, t, state, x0 } = kept[row.childElementCount];
      const frames = [make("canvas", { role: "img", "aria-label": `state after step ${step + 1}` }), make("canvas", { role: "img", "aria-label": `guess at step ${step + 1}` })];
      row.append(make("figure", {}, ...frames, make("figcaption", {}, `${step + 1}: t = ${t}`)));
      for (const [i, latents] of [state, x0].entries()) put(frames[i], rgba(await live.decode(latents)), size);
    }
  });
  return whole;
}

/**
 * The words of the caption; pointing at one shows where in the picture it is looked for.
 *
 * @param {{prompt: string, pixels: Float32Array, maps: Float32Array[]}} drawn maps: of each step.
 * @param {import("./client.js").Live} live
 * @param {HTMLCanvasElement} canvas which shows the picture.
 * @param {{height: number, width: number}} size of the picture.
 */
export async function words({ prompt, pixels, maps }, live, canvas, size) {
  const { latents } = live.manifest, all = [...new Set(prompt.match(/[\p{L}\p{N}]+/gu) ?? [])];
  const { places } = await live.words(prompt, all), show = (bytes) => put(canvas, bytes, size);
  const shown = all.flatMap((word, i) => {
    if (!places[i].length) return [];
    const look = () => show(rgba(lit(pixels, enlarged(meanMap(maps, places[i], latents.height * latents.width), latents, size))));
    const one = button(word, () => {
      const now = one.getAttribute("aria-pressed") !== "true";
      for (const other of row.querySelectorAll("button")) other.setAttribute("aria-pressed", now && other === one);
      now ? look() : show(rgba(pixels));
    }, { "aria-pressed": false, "aria-label": `Show where “${word}” is looked for` });
    const leave = () => row.querySelector("[aria-pressed=true]") || show(rgba(pixels));
    one.addEventListener("pointerenter", look), one.addEventListener("pointerleave", leave);
    return [one];
  });
  const row = make("div", { class: "row words", role: "group", "aria-label": "Words of the caption" }, "Point at a word, or press it:", ...shown);
  return shown.length ? row : "";
}

// At most so many, the last among them.
function spread(items, most) {
  if (items.length <= most) return items;
  return Array.from({ length: most }, (_, i) => items[Math.round(((i + 1) * items.length) / most) - 1]);
}

// A live figure: the form beside the canvas, in the place of the still that the build drew. Its state is in the address.

import { Live } from "./client.js";
import { rgba } from "./engine.js";

const STYLE = `
.live-figure { display: grid; grid-template-columns: repeat(auto-fit, minmax(min(16rem, 100%), 1fr)); gap: 1rem; text-align: left; }
.live-figure canvas { width: min(16rem, 100%); height: auto; aspect-ratio: 1; image-rendering: pixelated; border-radius: 4px; }
.live-figure form { display: grid; gap: .5rem; align-content: start; font-size: .9rem; }
.live-figure label { display: grid; gap: .15rem; }
.live-figure .numbers { display: grid; grid-template-columns: repeat(auto-fit, minmax(5.5rem, 1fr)); gap: .5rem; }
.live-figure input, .live-figure select, .live-figure button, .live-begin { font: inherit; color: inherit; background: transparent;
  border: 1px solid currentColor; border-radius: .3em; padding: .3em .5em; min-height: 2.2em; width: 100%; box-sizing: border-box; }
.live-figure option { color: #000; background: #fff; }
.live-figure button, .live-begin { cursor: pointer; }
.live-begin { width: auto; font-size: .9rem; }
.live-figure progress { width: 100%; }
@media print { .live-figure form, .live-begin { display: none; } }
`;
const FIELDS = { // name of a request's key -> how its field is written
  prompt: { label: "Caption", type: "text", maxlength: 400, autocomplete: "off" },
  negative: { label: "Not this (negative prompt)", type: "text", maxlength: 400, autocomplete: "off" },
  scale: { label: "Guidance", type: "number", min: 0, max: 20, step: 0.5 },
  steps: { label: "Steps", type: "number", min: 1, max: 100, step: 1 },
  seed: { label: "Seed", type: "number", min: 0, max: 4294967295, step: 1 },
};
const SAMPLERS = { ddim: "DDIM", ddpm: "DDPM", "dpm-solver": "DPM-Solver++(2M)", heun: "Heun" };
let engine = null; // one for all figures of the page

/**
 * @param {Element} place the figure's element, which holds its still.
 * @param {object} spec what postkit.livefigure wrote.
 * @param {URL} base the folder of manifest.json.
 */
export function widget(place, spec, base) {
  if (!document.getElementById("live-style")) document.head.append(make("style", { id: "live-style" }, STYLE));
  const state = { ...spec.request, ...fromAddress(spec) };
  const { height, width } = spec.size, still = place.querySelector(".still");
  const canvas = make("canvas", { width, height, role: "img", "aria-label": spec.alt });
  const form = make("form", { "aria-label": `Draw: ${spec.name}` }), fields = {};
  const numbers = make("div", { class: "numbers" });
  for (const [key, { label, ...attributes }] of Object.entries(FIELDS)) {
    fields[key] = make("input", { ...attributes, name: key, value: state[key] });
    (attributes.type === "number" ? numbers : form).append(make("label", {}, label, fields[key]));
  }
  fields.sampler = make("select", { name: "sampler" });
  for (const [value, name] of Object.entries(SAMPLERS)) fields.sampler.append(make("option", { value }, name));
  fields.sampler.value = state.sampler;
  const button = make("button", { type: "submit" }, "Draw"), bar = make("progress", { max: 1, value: 0, "aria-label": "Progress" });
  const said = make("output", { "aria-live": "polite" });
  form.append(numbers, make("label", {}, "Sampler", fields.sampler), button, bar, said);
  const figure = make("div", { class: "live-figure" }, canvas, form);
  still.hidden = true;
  place.append(figure);

  const context = canvas.getContext("2d"), image = still.querySelector("img");
  if (image?.complete) context.drawImage(image, 0, 0, width, height);
  let drawing = 0;
  form.addEventListener("submit", async (event) => {
    event.preventDefault();
    if (button.textContent === "Stop") {
      drawing += 1;
      return;
    }
    const mine = ++drawing, request = read(fields, spec);
    button.textContent = "Stop";
    toAddress(spec, request);
    try {
      engine ??= open(base, ({ read, total }) => ((bar.value = Math.min(1, read / total)), (said.textContent = megabytes(read, total))));
      const live = await engine, { lost } = await live.words(request.prompt);
      for await (const step of live.draw({ ...request, show: "x0" })) {
        if (mine !== drawing) break;
        context.putImageData(new ImageData(rgba(step.pixels), width, height), 0, 0);
        bar.value = (step.step + 1) / step.steps;
        said.textContent = `Step ${step.step + 1} of ${step.steps}, t = ${step.t}`;
      }
      const cut = lost ? ` The caption is ${lost} tokens too long, and its end was not read.` : "";
      said.textContent = (mine === drawing ? `Drawn in your browser, on its ${where(live)}.` : "Stopped.") + cut;
      canvas.setAttribute("aria-label", `Drawn for the caption: ${request.prompt}`);
    } catch (error) {
      engine = live_failed(error) ? null : engine;
      said.textContent = `It could not be drawn: ${error.message}`;
    }
    button.textContent = "Draw";
  });
  form.requestSubmit();
  fields.prompt.focus({ preventScroll: true });
}

async function open(base, onProgress) {
  const live = new Live();
  try {
    Object.assign(live, await live.open(base, { onProgress }));
  } catch (error) {
    live.close();
    throw Object.assign(error, { opening: true });
  }
  return live;
}

const live_failed = (error) => error.opening === true;
const where = (live) => (live.device === "webgpu" ? "graphics processor" : "processor");
const megabytes = (read, total) => `Loading ${(read / 1e6).toFixed(1)} of ${(total / 1e6).toFixed(1)} MB`;

function read(fields, spec) {
  const { prompt, negative, sampler } = Object.fromEntries(Object.entries(fields).map(([key, field]) => [key, field.value]));
  const [scale, steps, seed] = ["scale", "steps", "seed"].map((key) => Number(fields[key].value));
  return { ...spec.request, prompt, negative, sampler, scale, steps, seed };
}

// ?live-NAME=prompt%3D...%26seed%3D7: only what differs from the figure of the build.
function toAddress(spec, request) {
  const address = new URL(location.href), changed = new URLSearchParams();
  for (const key of [...Object.keys(FIELDS), "sampler"]) if (request[key] !== spec.request[key]) changed.set(key, request[key]);
  if (String(changed)) address.searchParams.set(`live-${spec.name}`, changed);
  else address.searchParams.delete(`live-${spec.name}`);
  history.replaceState(history.state, "", address);
}

function fromAddress(spec) {
  const found = {}, given = new URLSearchParams(new URLSearchParams(location.search).get(`live-${spec.name}`) ?? "");
  for (const key of ["prompt", "negative"]) if (given.has(key)) found[key] = given.get(key).slice(0, FIELDS[key].maxlength);
  for (const key of ["scale", "steps", "seed"]) {
    const value = Number(given.get(key) ?? NaN), { min, max } = FIELDS[key];
    if (value >= min && value <= max) found[key] = value;
  }
  if (given.get("sampler") in SAMPLERS) found.sampler = given.get("sampler");
  return found;
}

function make(tag, attributes, ...content) {
  const element = document.createElement(tag);
  for (const [key, value] of Object.entries(attributes)) element.setAttribute(key, value);
  element.append(...content);
  return element;
}

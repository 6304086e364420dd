// A live figure: below the still of the build, the same picture drawn by the reader's browser, and a form to change it.

import { Live } from "./client.js";
import { button, make, put } from "./dom.js";
import { Easel } from "./easel.js";
import { strip, words } from "./film.js";
import { form } from "./form.js";
import { KINDS, fragment, fromFragment } from "./kinds.js";
import { covered, enlarged, rgba } from "./pictures.js";
import { asciiJson, withTexts } from "./pngfile.js";

const EASELS = { "image-to-image": { masks: false }, inpaint: { masks: true }, diffedit: { masks: false } };
const MASK = [1, 0.27, 0.7]; // the colour of a mask that was found
let engine = null; // one for all figures of the page that share a model

/**
 * @param {Element} place the figure's element, which holds its still.
 * @param {object} spec what postkit.livefigure wrote.
 * @param {URL} base the folder of manifest.json.
 */
export async function widget(place, spec, base) {
  if (!Object.hasOwn(KINDS, spec.kind)) throw new Error(`kind is "${spec.kind}"; this page knows ${Object.keys(KINDS).join(", ")}`);
  const { world = {} } = await (await fetch(new URL("manifest.json", base))).json();
  const figure = new Figure(place, spec, base, world);
  await figure.reset(fromFragment(location.hash, spec));
  place.append(figure.element);
  figure.form.element.querySelector("textarea").focus({ preventScroll: true });
  figure.draw(); // not waited for: the figure stands
}

class Figure {
  constructor(place, spec, base, world) {
    Object.assign(this, { spec, base, run: { stopped: true, over: true }, still: place.querySelector(".still img"), drawn: spec.request });
    this.form = form(spec, world.words ?? {});
    this.pictures = make("div", { class: "pictures" });
    this.after = make("div", { class: "wide" }); // what is told of a finished picture
    this.bar = make("progress", { max: 1, value: 0, "aria-label": "Progress" });
    this.step = make("span", { class: "step", "aria-hidden": "true" });
    this.said = make("output", { class: "said", "aria-live": "polite" });
    this.main = make("button", { type: "submit", class: "main" }, "Draw");
    const more = [["Same as the figure above", () => this.reset().then(() => this.draw())], ["Copy link", () => this.link()], ["Save the picture", () => this.save()]];
    this.form.element.append(make("div", { class: "row" }, this.main, ...more.map(([text, press]) => button(text, press))), this.bar, this.step, this.said);
    this.easel = EASELS[spec.kind] ? new Easel(spec.size, { ...EASELS[spec.kind], colours: world.colours, result: () => this.canvases()[0] }) : null;
    this.element = make("div", { class: "live-figure" }, ...this.parts(), this.after);
    this.form.element.addEventListener("submit", (event) => {
      event.preventDefault();
      if (event.submitter === this.main && !this.run.over) this.stop();
      else this.draw();
    });
    this.element.addEventListener("keydown", (event) => {
      if (event.key === "Escape") this.stop();
      if (event.key !== "Enter" || ["BUTTON", "SUMMARY"].includes(event.target.tagName)) return;
      event.preventDefault();
      this.draw();
    });
  }

  /** Pictures and form side by side; beside an easel, both; below a row of pictures, the form. */
  parts() {
    const { pictures, form } = this;
    if (this.easel) return [this.easel.element, make("div", { class: "column" }, pictures, form.element)];
    if (this.spec.kind === "guidance") pictures.classList.add("wide"), form.element.classList.add("wide");
    return [pictures, form.element];
  }

  canvases() {
    return [...this.pictures.querySelectorAll("canvas")];
  }

  /** As the build drew it, but for these changes. */
  async reset(changes = {}) {
    const { request, image, mask, size } = this.spec;
    this.stop();
    this.form.fill({ ...request, ...changes });
    if (this.easel) this.easel.start(await loaded(image), mask ? await loaded(mask) : null);
    this.lay(request);
    this.still.loading = "eager";
    await this.still.decode().catch(() => null);
    const each = this.still.naturalWidth / this.canvases().length;
    for (const [i, canvas] of this.canvases().entries()) {
      const context = canvas.getContext("2d");
      context.imageSmoothingEnabled = false;
      if (each) context.drawImage(this.still, i * each, 0, each, this.still.naturalHeight, 0, 0, size.width, size.height);
    }
  }

  /** Lays out a canvas for each picture of a request. */
  lay(request) {
    const names = this.spec.kind === "guidance" ? request.scales.map((scale) => `scale ${scale}`) : [""];
    const one = (name) => make("figure", {}, make("canvas", { ...this.spec.size, role: "img", "aria-label": `${this.spec.alt} ${name}` }), ...(name ? [make("figcaption", {}, name)] : []));
    if (this.canvases().length === names.length && names.length === 1) return;
    this.pictures.replaceChildren(...names.map(one));
  }

  stop() {
    this.run.stopped = true;
  }

  async draw() {
    this.stop();
    const run = (this.run = { stopped: false, over: false });
    this.main.textContent = "Stop", this.said.textContent = "Drawing.";
    let note = "";
    try {
      note = await this.drawAll(this.request(), run);
    } catch (error) {
      if (error.opening) engine = null;
      note = error instanceof RangeError ? error.message : `It could not be drawn: ${error.message}`;
    }
    run.over = true;
    if (this.run !== run) return; // another one has begun
    this.main.textContent = "Draw", this.step.textContent = "";
    this.said.textContent = run.stopped ? "Stopped." : note;
  }

  /** What the form says; a RangeError where that cannot be drawn. */
  request() {
    const { kind, request } = this.spec, found = { ...request, ...this.form.read() };
    if (!this.easel) return found;
    found.image = this.easel.pixels;
    if (kind === "inpaint") found.mask = this.easel.marks;
    if (found.mask && !found.mask.includes(1)) throw new RangeError("The mask is empty: paint over what is to be redrawn.");
    return found;
  }

  async drawAll(request, run) {
    this.address(request);
    this.lay(request), this.after.replaceChildren();
    const live = await this.opened(request.unet), { lost } = await live.words(request.prompt);
    const requests = this.spec.kind === "guidance" ? request.scales.map((scale) => ({ ...request, scale })) : [request];
    for (const [i, one] of requests.entries()) if (!run.stopped) await this.drawOne(live, one, { i, count: requests.length, run });
    if (run.stopped) return "";
    this.drawn = request;
    const where = live.device === "webgpu" ? "graphics processor" : "processor";
    return `Drawn in your browser, on its ${where}.` + (lost ? ` The caption is ${lost} tokens too long, and its end was not read.` : "");
  }

  async drawOne(live, request, { i, count, run }) {
    const { kind, size } = this.spec, canvas = this.canvases()[i], steps = [];
    const calm = matchMedia("(prefers-reduced-motion: reduce)").matches; // then nothing but the result is shown
    const asked = { ...request, maps: true, show: calm ? "last" : "x0" };
    let pixels = null;
    for await (const step of kind === "diffedit" ? live.edit(asked) : live.draw(asked)) {
      if (run.stopped) return;
      if (step.mask) this.found(live, step.mask, request.image, canvas);
      if (step.pixels) put(canvas, rgba((pixels = step.pixels)), size);
      if (step.maps) steps.push(step);
      this.bar.value = (i + (step.step + 1) / Math.max(1, step.steps)) / count;
      this.step.textContent = told(step);
    }
    canvas.setAttribute("aria-label", `Drawn for the caption: ${request.prompt}` + (count > 1 ? `, scale ${request.scale}` : ""));
    if (count > 1 || run.stopped || !steps.length) return;
    const row = await words({ prompt: request.prompt, pixels, maps: steps.map(({ maps }) => maps) }, live, canvas, size);
    this.after.append(row, strip(steps, live, size));
  }

  /** Shows the mask that an edit has found, over the picture; and below the result later on. */
  found(live, mask, image, canvas) {
    const bytes = rgba(covered(image, enlarged(mask, live.manifest.latents, this.spec.size), MASK));
    const own = make("canvas", { role: "img", "aria-label": "The mask that was found, over the picture" });
    put(canvas, bytes, this.spec.size), put(own, bytes, this.spec.size);
    const share = Math.round((100 * mask.reduce((a, b) => a + b, 0)) / mask.length);
    this.after.append(make("div", { class: "pictures" }, make("figure", {}, own, make("figcaption", {}, `The mask that was found: ${share} % of the picture`))));
  }

  /** The engine, which is loaded once for all figures of the page. */
  async opened(unet) {
    const progress = ({ read, total }) => {
      this.bar.value = Math.min(1, read / total);
      this.step.textContent = `Loading ${(read / 1e6).toFixed(1)} of ${(total / 1e6).toFixed(1)} MB`;
    };
    engine ??= open(this.base, { unet, onProgress: progress });
    return engine;
  }

  /** Puts the settings into the page's address. */
  address(request) {
    const changed = fragment(this.spec, request), same = changed === fragment(this.spec, this.spec.request);
    const ours = new URLSearchParams(location.hash.slice(1)).get("live") === this.spec.name;
    if (!same) history.replaceState(history.state, "", changed);
    else if (ours) history.replaceState(history.state, "", location.pathname + location.search);
  }

  async link() {
    const address = new URL(fragment(this.spec, this.drawn), location.href).href;
    const said = await navigator.clipboard.writeText(address).then(() => "The link is copied.", () => address);
    const what = this.spec.kind === "inpaint" ? "picture and mask" : "picture";
    this.said.textContent = said + (this.easel ? ` It holds the settings; a ${what} that you made is too large for it.` : "");
  }

  /** Hands over the picture as a PNG that says how it was drawn. */
  async save() {
    const { kind, model, name, size } = this.spec, { image, mask, ...request } = this.drawn, all = this.canvases();
    const sheet = make("canvas", { height: size.height, width: size.width * all.length });
    all.forEach((canvas, i) => sheet.getContext("2d").drawImage(canvas, i * size.width, 0));
    const png = await new Promise((done) => sheet.toBlob(done, "image/png"));
    const texts = { Source: location.href.split("#")[0], parameters: asciiJson({ kind, model, ...request }) };
    const file = new Blob([withTexts(new Uint8Array(await png.arrayBuffer()), texts)], { type: "image/png" });
    const link = make("a", { href: URL.createObjectURL(file), download: `${name}.png` });
    link.click();
    setTimeout(() => URL.revokeObjectURL(link.href), 60_000); // a browser may read it after the click
  }
}

const PHASES = { encode: "To noise, step", draw: "Step" };
const told = ({ phase = "draw", step, steps, t }) => (phase === "mask" ? "Mask found" : `${PHASES[phase]} ${step + 1} of ${steps}, t = ${t}`);

async function open(base, how) {
  const live = new Live();
  try {
    return Object.assign(live, await live.open(base, how));
  } catch (error) {
    live.close();
    throw Object.assign(error, { opening: true });
  }
}

async function loaded(address) {
  const image = new Image();
  image.src = address;
  await image.decode();
  return image;
}

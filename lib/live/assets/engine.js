// A Stable Diffusion in the reader's browser: the networks of a folder that `python -m live` wrote, and our own loops.
//
//   const engine = await Engine.open(new URL("./models/", import.meta.url));
//   for await (const { step, x0, pixels } of engine.draw({ prompt: "a red ball on grass", scale: 4, steps: 10 })) ...
//
// The same prompt, seed and settings give the picture that `diffloop.text_to_image` draws with a generator of that seed.
// Run it in a worker (client.js does), for the networks compute on the thread that calls them. Edits: diffedit.js.

import { addNoise, drawLatents, keepKnown, latentMask, pasted } from "./editing.js";
import { asJson, fetched } from "./files.js";
import { lastLevels, spacedTimesteps, trainedLevels } from "./levels.js";
import { Generator } from "./noise.js";
import { hasWebGPU, startRuntime, threadsHere } from "./runtime.js";
import { SAMPLERS, guide } from "./samplers.js";
import { Words } from "./words.js";

export class Engine {
  /**
   * Reads the runtime, the text encoder, one U-Net and the decoder; what else is needed is read when it is.
   *
   * @param {string | URL} base the folder of manifest.json.
   * @param {object} [how]
   * @param {string} [how.unet] a name of the manifest's `unets`; default: its first.
   * @param {"auto" | "wasm" | "webgpu"} [how.device] "auto": the graphics processor where there is one that draws.
   * @param {number} [how.threads] more than one only works in isolated pages.
   * @param {(read: number, total: number) => void} [how.onProgress] bytes, of the whole.
   * @param {(url: URL, onBytes?: Function) => Promise<Uint8Array>} [how.read] default: fetch.
   */
  static async open(base, how = {}) {
    if ((how.device ?? "auto") !== "auto") return Engine._open(base, how);
    const onProcessor = () => Engine._open(base, { ...how, device: "wasm" });
    if (!(await hasWebGPU())) return onProcessor();
    try {
      const engine = await Engine._open(base, { ...how, device: "webgpu" });
      for await (const { pixels } of engine.draw({ steps: 1, scale: 2 })) if (pixels.some(Number.isNaN)) throw new Error("NaN");
      return engine;
    } catch {
      return onProcessor();
    }
  }

  static async _open(base, { unet, device, threads = threadsHere(), onProgress = () => {}, read = fetched }) {
    const engine = new Engine();
    engine.base = new URL(base, globalThis.location?.href);
    engine.read = read;
    engine.networks = new Map();
    const manifest = (engine.manifest = asJson(await read(new URL("manifest.json", engine.base))));
    engine.device = device;
    engine.unet = unet ?? Object.keys(manifest.unets)[0];
    const files = manifest.runtimes[engine.device], first = ["text_encoder", "vae_decoder"];
    const total = files.bytes + engine._unet(engine.unet).bytes + first.reduce((n, name) => n + manifest.networks[name].bytes, 0);
    let got = 0;
    engine.onBytes = (n) => onProgress((got += n), total);
    const runtime = startRuntime(engine.device, files, { base: engine.base, threads, read, onBytes: engine.onBytes });
    const wanted = [...first.map((name) => manifest.networks[name]), engine._unet(engine.unet)];
    engine.runtime = runtime;
    [engine.words] = await Promise.all([Words.open(engine.base, manifest.text, read), ...wanted.map((file) => engine._network(file))]);
    engine.onBytes = undefined;
    return engine;
  }

  /**
   * Draw one picture, step by step.
   *
   * @param {object} request
   * @param {string} [request.prompt]
   * @param {string} [request.negative] in the place of the empty prompt.
   * @param {number} [request.scale] of guidance; 1 is off.
   * @param {number} [request.steps]
   * @param {"ddim" | "ddpm" | "dpm-solver" | "heun"} [request.sampler]
   * @param {number} [request.eta] DDIM's.
   * @param {number} [request.seed] of PyTorch's generator.
   * @param {Float32Array} [request.noise] x_T, instead of drawing it.
   * @param {string} [request.unet] a name of the manifest's `unets`.
   * @param {Float32Array} [request.image] (3, height, width) in [0, 1]: image to image, or with `mask` inpainting.
   * @param {number} [request.strength] how much of the way the image is noised; default 0.8, with a mask 1.
   * @param {Float32Array} [request.mask] (height, width): 1 where to redraw, 0 where to keep.
   * @param {"last" | "state" | "x0"} [request.show] of which states pixels are made: of the last one only, of all, or
   *     of what the network takes for the picture at each step.
   * @param {boolean} [request.maps] whether each step says which pixel looks at which token.
   * @yields {{step: number, steps: number, t: number, state: Float32Array, x0: Float32Array, pixels?: Float32Array,
   *     maps?: Float32Array}} pixels (3, height, width) in [0, 1]; maps (tokens, height, width) at the latents' size.
   */
  async *draw(request) {
    const { steps = 20, sampler = "ddim", eta = 0, seed = 0, image = null, mask = null, show = "last" } = request;
    if (!(sampler in SAMPLERS)) throw new RangeError(`sampler is "${sampler}"; choose one of ${Object.keys(SAMPLERS).join(", ")}`);
    const name = request.unet ?? this.unet, { prediction } = this._unet(name), generator = new Generator(seed);
    const normal = (n) => generator.normal(n), { strength = mask ? 1 : 0.8 } = request;
    const levels = image ? lastLevels(this.levels(steps, name), strength) : this.levels(steps, name);
    const seen = {}, model = await this.prompted(request, name, request.maps ? seen : null);
    const start = await this._start(request, levels, strength, normal);
    const place = { step: -1, steps: levels.length - 1, t: levels[0].t, state: start.x, x0: start.x };
    if (levels.length === 1) yield { ...place, pixels: this._pasted(await this.decode(start.x), image, mask) };
    for await (const { step, at, to, state, x0 } of SAMPLERS[sampler](model, start.x, levels, { prediction, eta, normal })) {
      const last = step === place.steps - 1;
      if (mask) keepKnown(state, last ? start.z0 : addNoise(start.z0, start.noise, to), start.mask);
      const shown = { step, steps: place.steps, t: at.t, state, x0, ...(request.maps ? { maps: seen.maps } : {}) };
      if (last) shown.pixels = this._pasted(await this.decode(state), image, mask);
      else if (show !== "last") shown.pixels = await this.decode(show === "x0" ? x0 : state);
      yield shown;
    }
  }

  /** The ladder of so many steps, spaced as the network was trained. */
  levels(steps, name = this.unet) {
    const { spacing, offset, toClean } = this._unet(name), bars = this.manifest.alphasCumprod;
    return trainedLevels(bars, spacedTimesteps(steps, bars.length, { spacing, offset }), toClean);
  }

  /**
   * The network under a prompt, guided: (x, level) -> its output, for the samplers.
   *
   * @param {{prompt: string, negative?: string, scale?: number}} request
   * @param {{maps?: Float32Array} | null} [seen] is given the attention of the latest call under the prompt.
   */
  async prompted({ prompt = "", negative = "", scale = 7.5 }, name = this.unet, seen = null) {
    if (!(scale >= 0)) throw new RangeError(`scale is ${scale}; it must be a number >= 0: 1 is no guidance`);
    if (this._unet(name).guided) {
      const [cond] = await this.encodeText([prompt]);
      return (x, level) => this.predict(x, level, [cond], { name, scale, seen });
    }
    const [uncond, cond] = await this.encodeText([negative, prompt]);
    if (scale === 1 || scale === 0) return (x, level) => this.predict(x, level, [scale ? cond : uncond], { name, seen });
    return async (x, level) => {
      const twice = new Float32Array(2 * x.length);
      twice.set(x), twice.set(x, x.length);
      const both = await this.predict(twice, level, [uncond, cond], { name, seen });
      return guide(both.subarray(0, x.length), both.subarray(x.length), scale);
    };
  }

  /**
   * The U-Net's output for n states, each under its own text.
   *
   * @param {Float32Array} x (n, channels, height, width).
   * @param {Float32Array[]} texts n rows of `encodeText`.
   */
  async predict(x, level, texts, { name = this.unet, scale = 1, seen = null } = {}) {
    const { floats } = await this.runtime, { channels, height, width } = this.manifest.latents;
    const n = texts.length, all = new Float32Array(n * texts[0].length);
    texts.forEach((text, i) => all.set(text, i * text.length));
    const { length } = this.manifest.text, feeds = { x: floats(x, [n, channels, height, width]), t: floats([level.t], [1]) };
    feeds.text = floats(all, [n, length, texts[0].length / length]);
    if (this._unet(name).guided) feeds.scale = floats(new Float32Array(n).fill(scale), [n]);
    const session = await this._network(this._unet(name));
    const found = await session.run(feeds, seen ? ["output", "maps"] : ["output"]);
    if (seen) seen.maps = found.maps.data.slice(-length * height * width);
    return found.output.data;
  }

  /** The text encoder's last hidden states, (tokens, width) for each text. */
  async encodeText(texts) {
    const { integers } = await this.runtime, { length } = this.manifest.text;
    const session = await this._network(this.manifest.networks.text_encoder);
    const { states } = await session.run({ ids: integers(texts.flatMap((text) => this.words.padded(text)), [texts.length, length]) });
    const size = states.data.length / texts.length;
    return texts.map((_, i) => states.data.slice(i * size, (i + 1) * size));
  }

  /** Pixels (3, height, width) in [0, 1] of latents in the network's scale. */
  async decode(latents) {
    const { floats } = await this.runtime, { channels, height, width } = this.manifest.latents;
    const session = await this._network(this.manifest.networks.vae_decoder);
    return (await session.run({ latents: floats(latents, [1, channels, height, width]) })).pixels.data;
  }

  /** Mean and standard deviation of the posterior of latents, of pixels (3, height, width) in [0, 1]. */
  async encode(pixels) {
    const { floats } = await this.runtime, { height, width, scale } = this.manifest.latents;
    const session = await this._network(this.manifest.networks.vae_encoder);
    const { mean, std } = await session.run({ pixels: floats(pixels, [1, 3, height * scale, width * scale]) });
    return { mean: mean.data, std: std.data };
  }

  // Where a picture begins: noise, or the image's latents with as much of it as the ladder's first level has.
  async _start({ noise, image, mask }, levels, strength, normal) {
    const { channels, height, width, scale } = this.manifest.latents, size = channels * height * width;
    if (noise && noise.length !== size) throw new RangeError(`noise has ${noise.length} values; it must have ${size}`);
    if (!image) return { x: noise ?? normal(size) };
    const { mean, std } = await this.encode(image), z0 = drawLatents(mean, std, normal(size));
    if (levels.length === 1) return { x: z0, z0 };
    const drawn = noise ?? normal(size), pure = mask && strength === 1;
    const small = mask && latentMask(mask, height * scale, width * scale, scale);
    return { x: pure ? drawn : addNoise(z0, drawn, levels[0]), z0, noise: drawn, mask: small };
  }

  _pasted(made, image, mask) {
    return mask ? pasted(made, image, mask) : made;
  }

  _unet(name) {
    const unets = this.manifest.unets;
    if (!(name in unets)) throw new RangeError(`unet is "${name}"; choose one of ${Object.keys(unets).join(", ")}`);
    return unets[name];
  }

  _network({ file }) {
    if (!this.networks.has(file)) this.networks.set(file, this._session(file));
    return this.networks.get(file);
  }

  async _session(file) {
    const [runtime, bytes] = await Promise.all([this.runtime, this.read(new URL(file, this.base), this.onBytes)]);
    return runtime.session(bytes);
  }
}

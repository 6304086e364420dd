// DiffEdit, as in lib/diffloop (diffedit.py, diffedit_mask.py), by the paper's rule: find by itself what a change of
// prompt should change, then change only that.

import { addNoise, binaryMask, contrastMap, drawLatents, keepKnown } from "./editing.js";
import { lastLevels } from "./levels.js";
import { Generator } from "./noise.js";
import { ddim, ddimInvert } from "./samplers.js";

/**
 * The map and the mask: where the network's predictions under two prompts differ, at half of the noise.
 * Source: couairon2023diffedit, Sec. 3.2, step one.
 *
 * @param {import("./engine.js").Engine} engine
 * @param {{image: Float32Array, source: string, target: string, n?: number, steps?: number, strength?: number,
 *     unet?: string}} request
 * @param {Generator} generator
 * @returns {Promise<{map: Float32Array, mask: Float32Array}>} at the latents' size.
 */
export async function editMask(engine, { image, source, target, n = 10, steps = 50, strength = 0.5, unet }, generator) {
  if (!(Number.isInteger(n) && n >= 1)) throw new RangeError(`n is ${n}; the mask averages over n noises, it must be >= 1`);
  const { mean, std } = await engine.encode(image), size = mean.length, name = unet ?? engine.unet;
  const [level] = lastLevels(engine.levels(steps, name), strength), texts = await engine.encodeText([source, target]);
  const copies = generator.normal(n * size), noises = generator.normal(n * size);
  const found = { source: new Float32Array(n * size), target: new Float32Array(n * size) };
  for (let i = 0; i < n; i++) {
    const own = [i * size, (i + 1) * size], z0 = drawLatents(mean, std, copies.subarray(...own));
    const x = addNoise(z0, noises.subarray(...own), level), twice = new Float32Array(2 * size);
    twice.set(x), twice.set(x, size);
    const both = await engine.predict(twice, level, texts, { name });
    found.source.set(both.subarray(0, size), own[0]), found.target.set(both.subarray(size), own[0]);
  }
  const { height, width } = engine.manifest.latents, map = contrastMap(found.source, found.target, height * width);
  return { map, mask: binaryMask(map) };
}

/**
 * The whole edit: the mask, DDIM inversion of the picture to the level `strength`, DDIM under the new prompt, what lies
 * outside the mask put back after each step. The same seed gives the picture of `diffloop.diffedit`.
 *
 * @param {import("./engine.js").Engine} engine
 * @param {object} request as for `Engine.draw`, with
 * @param {Float32Array} request.image
 * @param {string} [request.source] what it shows; `prompt` says what it should show.
 * @param {number} [request.n] noises that the mask averages over.
 * @param {Float32Array} [request.mask] at the latents' size, 0 and 1; default: found.
 * @yields {{phase: "mask" | "encode" | "draw", step: number, steps: number, mask?: Float32Array, map?: Float32Array,
 *     t?: number, state?: Float32Array, x0?: Float32Array, pixels?: Float32Array, maps?: Float32Array}} first the mask,
 *     then the steps up, then those down.
 */
export async function* diffedit(engine, request) {
  const { image, source = "", prompt = "", steps = 50, strength = 0.5, n = 10, seed = 0, show = "last" } = request;
  const name = request.unet ?? engine.unet, levels = lastLevels(engine.levels(steps, name), strength);
  const { prediction } = engine.manifest.unets[name], generator = new Generator(seed), count = levels.length - 1;
  const found = request.mask ? { mask: request.mask } : await editMask(engine, { image, source, target: prompt, n, steps, unet: name }, generator);
  yield { phase: "mask", step: -1, steps: count, ...found };
  const { mean, std } = await engine.encode(image), z0 = drawLatents(mean, std, generator.normal(mean.length));
  if (!count) yield { phase: "draw", step: -1, steps: 0, t: levels[0].t, state: z0, x0: z0, pixels: await engine.decode(z0) };
  const states = [z0]; // of the inversion, noisiest first in the end
  for await (const { at, state } of ddimInvert(await engine.prompted({ scale: 1 }, name), z0, levels, { prediction })) {
    states.unshift(state);
    yield { phase: "encode", step: states.length - 2, steps: count, t: at.t, state };
  }
  const seen = {}, model = await engine.prompted(request, name, request.maps ? seen : null);
  for await (const { step, at, state, x0 } of ddim(model, states[0], levels, { prediction })) {
    keepKnown(state, states[step + 1], found.mask);
    const shown = { phase: "draw", step, steps: count, t: at.t, state, x0, ...(request.maps ? { maps: seen.maps } : {}) };
    if (step === count - 1) shown.pixels = await engine.decode(state);
    else if (show !== "last") shown.pixels = await engine.decode(show === "x0" ? x0 : state);
    yield shown;
  }
}

// The samplers, as in lib/diffloop: a step is a pure function of numbers, a sampler a walk down a ladder of levels.
//
//   for await (const { state, x0 } of ddim(model, noise, levels, { eta: 0 })) ...
//
// A model is (x, level) -> the network's output, or a promise of it. States are Float32Arrays of any length. A sampler
// goes on from the array that it yielded, so whoever writes into that steers it (editing.js does).

import { forwardStd, logSnr, posteriorStd } from "./levels.js";

/** @typedef {import("./levels.js").Level} Level */
/** @typedef {(x: Float32Array, level: Level) => Float32Array | Promise<Float32Array>} Model */

/** a[0] * x[0] + a[1] * x[1] + ... of numbers and arrays of one length. */
export function sum(...terms) {
  const out = new Float32Array(terms[0][1].length);
  for (let i = 0; i < out.length; i++) {
    let total = 0;
    for (const [factor, values] of terms) total += factor * values[i];
    out[i] = total;
  }
  return out;
}

/**
 * What of a state is data and what is noise, by what the network predicts. See diffloop.parameterization.
 *
 * @param {"eps" | "v" | "x_0"} prediction
 * @returns {{x0: Float32Array, eps: Float32Array}}
 */
export function halves(output, x, { signal, noise }, prediction = "eps") {
  if (prediction === "eps") return { x0: sum([1 / signal, x], [-noise / signal, output]), eps: output };
  if (prediction === "x_0") return { x0: output, eps: sum([1 / noise, x], [-signal / noise, output]) };
  if (prediction === "v") return { x0: sum([signal, x], [-noise, output]), eps: sum([noise, x], [signal, output]) };
  throw new RangeError(`prediction is "${prediction}"; choose one of "eps", "v", "x_0"`);
}

/** Source: song2021ddim, Eq. 12 and 16. normal: standard normal values, needed where eta > 0 and noise is left. */
export function ddimStep({ x0, eps }, at, to, eta = 0, normal = null) {
  const std = eta > 0 ? eta * posteriorStd(at, to) : 0;
  const kept = Math.sqrt(Math.max(to.noise ** 2 - std ** 2, 0));
  const terms = [[to.signal, x0], [kept, eps]];
  return std > 0 ? sum(...terms, [std, normal]) : sum(...terms);
}

/** Source: ho2020ddpm, Eq. 7 and Algorithm 2, line 4. variance: "small" or "large". */
export function ddpmStep(x, x0, at, to, normal = null, variance = "small") {
  const beta = forwardStd(at, to) ** 2, all = at.noise ** 2;
  const terms = [[(to.signal * beta) / all, x0], [((at.signal / to.signal) * to.noise ** 2) / all, x]];
  if (to.noise === 0) return sum(...terms);
  return sum(...terms, [variance === "small" ? posteriorStd(at, to) : forwardStd(at, to), normal]);
}

/** Source: lu2022dpmsolverpp, Algorithm 2. before: {x0, at} of the step before, or null for a step of first order. */
export function dpmSolverStep(x, x0, at, to, before = null) {
  const ratio = to.noise / at.noise, gain = to.signal - at.signal * ratio;
  if (before === null || to.noise === 0) return sum([ratio, x], [gain, x0]);
  const bend = (logSnr(to) - logSnr(at)) / (2 * (logSnr(at) - logSnr(before.at)));
  return sum([ratio, x], [gain * (1 + bend), x0], [-gain * bend, before.x0]);
}

/** Source: karras2022edm, Algorithm 1, line 5, along the coordinates of the ladder. */
export function eulerStep(x, { x0, eps }, at, to) {
  return sum([1, x], [to.signal - at.signal, x0], [to.noise - at.noise, eps]);
}

/**
 * DDIM for every eta from 0 (deterministic) to 1 (DDPM).
 *
 * @param {Model} model
 * @param {Float32Array} x the state at levels[0].
 * @param {Level[]} levels noisiest first.
 * @param {{prediction?: string, eta?: number, normal?: (n: number) => Float32Array}} [how]
 * @yields {{step: number, steps: number, at: Level, to: Level, state: Float32Array, x0: Float32Array}}
 */
export async function* ddim(model, x, levels, { prediction = "eps", eta = 0, normal = null } = {}) {
  if (!(eta >= 0 && eta <= 1)) throw new RangeError(`eta is ${eta}; it must be from 0 (deterministic) to 1 (DDPM)`);
  for (const { at, to, ...place } of walk(levels)) {
    const both = halves(await model(x, at), x, at, prediction);
    x = ddimStep(both, at, to, eta, eta > 0 ? normal(x.length) : null);
    yield { ...place, at, to, state: x, x0: both.x0 };
  }
}

/** DDPM's ancestral sampling. Source: ho2020ddpm, Algorithm 2. Arguments as for `ddim`; variance: "small" or "large". */
export async function* ddpm(model, x, levels, { prediction = "eps", variance = "small", normal } = {}) {
  for (const { at, to, ...place } of walk(levels)) {
    const { x0 } = halves(await model(x, at), x, at, prediction);
    x = ddpmStep(x, x0, at, to, to.noise > 0 ? normal(x.length) : null, variance);
    yield { ...place, at, to, state: x, x0 };
  }
}

/** DPM-Solver++(2M). Source: lu2022dpmsolverpp, Algorithm 2. With fewer than 15 steps the last is of first order. */
export async function* dpmSolver(model, x, levels, { prediction = "eps" } = {}) {
  let before = null;
  for (const { at, to, ...place } of walk(levels)) {
    const { x0 } = halves(await model(x, at), x, at, prediction);
    const lower = place.steps < 15 && place.step === place.steps - 1;
    x = dpmSolverStep(x, x0, at, to, lower ? null : before);
    before = { x0, at };
    yield { ...place, at, to, state: x, x0 };
  }
}

/** Heun's method, two calls a step but for one into clean data. Source: karras2022edm, Algorithm 1. */
export async function* heun(model, x, levels, { prediction = "eps" } = {}) {
  for (const { at, to, ...place } of walk(levels)) {
    const here = halves(await model(x, at), x, at, prediction);
    let next = eulerStep(x, here, at, to);
    if (to.noise > 0) {
      const there = halves(await model(next, to), next, to, prediction);
      const mean = { x0: sum([0.5, here.x0], [0.5, there.x0]), eps: sum([0.5, here.eps], [0.5, there.eps]) };
      next = eulerStep(x, mean, at, to);
    }
    x = next;
    yield { ...place, at, to, state: x, x0: here.x0 };
  }
}

/** By the names that a page uses. */
export const SAMPLERS = { ddim, ddpm, "dpm-solver": dpmSolver, heun };

/** uncond + scale * (cond - uncond). Source: ho2022cfg, Eq. 6, with w = scale - 1. */
export const guide = (uncond, cond, scale) => sum([1 - scale, uncond], [scale, cond]);

/**
 * DDIM upwards, from a picture's latents to the noise that eta = 0 maps to it; see diffloop.ddim.ddim_invert.
 *
 * @yields {{at: Level, state: Float32Array}} at levels[n-1] first, levels[0] last.
 */
export async function* ddimInvert(model, x, levels, { prediction = "eps" } = {}) {
  for (const { at: up, to: at } of [...walk(levels)].reverse()) {
    x = ddimStep(halves(await model(x, up), x, at, prediction), at, up);
    yield { at: up, state: x };
  }
}

function* walk(levels) {
  const steps = levels.length - 1;
  for (let step = 0; step < steps; step++) yield { step, steps, at: levels[step], to: levels[step + 1] };
}

// Noise levels and ladders of them, as in lib/diffloop (levels.py, ladders.py, schedules.py): a state is
// x_t = signal * x_0 + noise * eps, and t is what the network is told. Tests compare each function with its Python.

/** @typedef {{signal: number, noise: number, t: number}} Level */

/** The level of a trained timestep: signal^2 = alpha_bar. */
export const vpLevel = (alphaBar, t) => ({ signal: Math.sqrt(alphaBar), noise: Math.sqrt(1 - alphaBar), t });

/**
 * The `steps` timesteps that a sampler visits, noisiest first.
 *
 * @param {number} steps 1 to T.
 * @param {number} T number of trained timesteps.
 * @param {{spacing?: "leading" | "trailing" | "linspace", offset?: number}} [how] offset counts for "leading" only.
 * @returns {number[]}
 */
export function spacedTimesteps(steps, T, { spacing = "leading", offset = 0 } = {}) {
  if (!Number.isInteger(steps) || steps < 1 || steps > T) {
    throw new RangeError(`steps is ${steps}; it must be a whole number from 1 to ${T}, the number of trained timesteps`);
  }
  const all = [...Array(steps).keys()];
  if (spacing === "leading") {
    const found = all.reverse().map((i) => i * Math.floor(T / steps) + offset);
    if (found[0] >= T) throw new RangeError(`offset is ${offset}; with ${steps} steps it must be below ${offset + T - found[0]}`);
    return found;
  }
  if (spacing === "trailing") {
    const fall = T - T / steps - T; // rounded as NumPy's arange rounds it
    return all.map((i) => roundHalfEven(T + i * fall) - 1);
  }
  if (spacing === "linspace") {
    const gap = (T - 1) / Math.max(steps - 1, 1);
    return all.map((i) => roundHalfEven(i && i === steps - 1 ? T - 1 : i * gap)).reverse();
  }
  throw new RangeError(`spacing is "${spacing}"; choose one of "leading", "trailing", "linspace"`);
}

/** The timesteps that Diffusers' DPM-Solver visits; see dpm_solver.dpm_solver_timesteps. */
export function dpmSolverTimesteps(steps, T, how = {}) {
  if (how.spacing === "trailing") return spacedTimesteps(steps, T, how);
  return spacedTimesteps(steps + 1, T, how).slice(0, -1);
}

/**
 * The ladder of trained timesteps: a level for each, and the one to which the last step leads.
 *
 * @param {number[]} alphasCumprod alpha_bar for t = 0 .. T-1.
 * @param {number[]} timesteps strictly decreasing.
 * @param {boolean} toClean whether it ends at clean data, or at alphasCumprod[0].
 * @returns {Level[]}
 */
export function trainedLevels(alphasCumprod, timesteps, toClean) {
  const legal = timesteps.every((t, i) => t in alphasCumprod && (i === 0 || t < timesteps[i - 1]));
  if (!timesteps.length || !legal) {
    throw new RangeError(`timesteps is [${timesteps}]; they must fall, from ${alphasCumprod.length - 1} at most to 0 at least`);
  }
  const end = toClean ? { signal: 1, noise: 0, t: -1 } : vpLevel(alphasCumprod[0], 0);
  return [...timesteps.map((t) => vpLevel(alphasCumprod[t], t)), end];
}

/** The end of a ladder: its int(n * strength) cleanest steps of n; strength is image to image's, 0 to 1. */
export function lastLevels(levels, strength) {
  const n = levels.length - 1, kept = Math.floor(n * strength);
  if (!(strength >= 0 && strength <= 1)) throw new RangeError(`strength is ${strength}; it must be from 0 to 1`);
  if (strength > 0 && kept === 0) {
    throw new RangeError(`strength is ${strength}; with ${n} steps it must be 0 or at least ${(1 / n).toPrecision(3)}`);
  }
  return levels.slice(n - kept);
}

/** Standard deviation of the noise that the forward process adds between `to` and the noisier `at`. */
export function forwardStd(at, to) {
  return Math.sqrt(Math.max(at.noise ** 2 - ((at.signal / to.signal) * to.noise) ** 2, 0));
}

/** Standard deviation of x_to given x_at and x_0. Source: ho2020ddpm, Eq. 7. */
export const posteriorStd = (at, to) => (at.noise > 0 ? (to.noise / at.noise) * forwardStd(at, to) : 0);

/** lambda = log(signal / noise). */
export const logSnr = (level) => Math.log(level.signal / level.noise);

// As NumPy and Python round: half to even.
function roundHalfEven(value) {
  const low = Math.floor(value), rest = value - low;
  if (rest !== 0.5) return Math.round(value);
  return low % 2 ? low + 1 : low;
}

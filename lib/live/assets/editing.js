// Editing with a text-to-image model, as in lib/diffloop (image_to_image.py, inpainting.py, diffedit_mask.py).

import { sum } from "./samplers.js";

/** x_t = signal * x_0 + noise * eps. Source: ho2020ddpm, Eq. 4. Where image to image starts from. */
export const addNoise = (x0, eps, level) => sum([level.signal, x0], [level.noise, eps]);

/** Latents drawn from the encoder's posterior: mean + std * normal. Source: kingma2014vae, Sec. 3. */
export function drawLatents(mean, std, normal) {
  return mean.map((value, i) => value + std[i] * normal[i]);
}

/**
 * Write the known region over a state, in place: inpainting by replacement. Source: song2021sde, Appendix I.2.
 *
 * @param {Float32Array} state (channels, pixels), at the level that `known` has been brought to.
 * @param {Float32Array} known the picture's latents, noised to that level (or as they are, after the last step).
 * @param {Float32Array} mask one number per pixel: 1 redraw, 0 keep; between, both are mixed.
 */
export function keepKnown(state, known, mask) {
  for (let i = 0; i < state.length; i++) {
    const m = mask[i % mask.length];
    state[i] = m * state[i] + (1 - m) * known[i];
  }
}

/**
 * A mask of pixels at the latents' size: of a hard one (0 and 1 only) every scale-th pixel, of a soft one the mean.
 *
 * @param {Float32Array} mask (height, width), in [0, 1].
 */
export function latentMask(mask, height, width, scale) {
  const soft = mask.some((m) => m > 0 && m < 1), h = height / scale, w = width / scale;
  return Float32Array.from({ length: h * w }, (_, i) => {
    const y = Math.floor(i / w) * scale, x = (i % w) * scale;
    if (!soft) return mask[y * width + x];
    let total = 0;
    for (let dy = 0; dy < scale; dy++) for (let dx = 0; dx < scale; dx++) total += mask[(y + dy) * width + x + dx];
    return total / scale ** 2;
  });
}

/** Pixels as made where the mask is 1, as they were where it is 0; all of them (channels, pixels). */
export function pasted(made, image, mask) {
  return made.map((value, i) => {
    const m = mask[i % mask.length];
    return m * value + (1 - m) * image[i];
  });
}

/**
 * DiffEdit's map: how far two predictions are apart at each pixel, mean over noises and channels.
 * Source: couairon2023diffedit, Sec. 3.2, step one.
 *
 * @param {Float32Array} ofSource, ofTarget (n, channels, pixels): predictions at the same n states.
 */
export function contrastMap(ofSource, ofTarget, pixels) {
  const map = new Float32Array(pixels), count = ofSource.length / pixels;
  for (let i = 0; i < ofSource.length; i++) map[i % pixels] += Math.abs(ofTarget[i] - ofSource[i]) / count;
  return map;
}

/**
 * DiffEdit's mask from its map, by the paper's rule: outliers clipped, rescaled to [0, 1], cut.
 *
 * @param {{clip?: number, threshold?: number}} [how] the quantile to clip at, and where to cut.
 * @returns {Float32Array} of 0 and 1.
 */
export function binaryMask(map, { clip = 0.99, threshold = 0.5 } = {}) {
  const sorted = Float32Array.from(map).sort(), low = sorted[0], high = quantile(sorted, clip);
  return map.map((value) => (Math.min(value, high) - low > threshold * (high - low) ? 1 : 0));
}

function quantile(sorted, q) {
  const place = q * (sorted.length - 1), below = Math.floor(place), above = Math.ceil(place);
  return sorted[below] + (place - below) * (sorted[above] - sorted[below]);
}

// Pictures between the engine, (3, height, width) in [0, 1], and a canvas, four bytes a pixel.

/** As a canvas takes them. */
export function rgba(pixels) {
  const n = pixels.length / 3, out = new Uint8ClampedArray(4 * n);
  for (let i = 0; i < n; i++) {
    for (let c = 0; c < 3; c++) out[4 * i + c] = 255 * pixels[c * n + i];
    out[4 * i + 3] = 255;
  }
  return out;
}

/** A canvas's bytes as the engine takes them. */
export function planes(bytes) {
  const n = bytes.length / 4;
  return Float32Array.from({ length: 3 * n }, (_, i) => bytes[4 * (i % n) + Math.floor(i / n)] / 255);
}

/** Where a canvas was painted on: 1 and 0. */
export const painted = (bytes) => Float32Array.from({ length: bytes.length / 4 }, (_, i) => (bytes[4 * i + 3] > 127 ? 1 : 0));

/** A map (small.height, small.width) at each pixel of a larger size, by the nearest of its values. */
export function enlarged(map, small, { height, width }) {
  return Float32Array.from({ length: height * width }, (_, i) => {
    const y = Math.floor((Math.floor(i / width) * small.height) / height), x = Math.floor(((i % width) * small.width) / width);
    return map[y * small.width + x];
  });
}

/** A picture that is dark where a map, at its size, is small against its largest value. */
export function lit(pixels, map) {
  const largest = map.reduce((a, b) => Math.max(a, b), 1e-12), n = map.length;
  return pixels.map((value, i) => value * (0.2 + (0.8 * map[i % n]) / largest));
}

/** A picture with a mask over it, in a colour (three numbers in [0, 1]). */
export function covered(pixels, mask, colour) {
  const n = mask.length;
  return pixels.map((value, i) => (mask[i % n] ? 0.45 * value + 0.55 * colour[Math.floor(i / n)] : value));
}

/** The mean over steps of what each says of where the tokens at these places are looked for. maps: (tokens, pixels). */
export function meanMap(all, places, pixels) {
  const out = new Float32Array(pixels), share = 1 / (all.length * places.length);
  for (const maps of all) for (const at of places) for (let i = 0; i < pixels; i++) out[i] += share * maps[at * pixels + i];
  return out;
}

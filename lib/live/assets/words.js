// Captions as tokens, by Hugging Face's tokenizer for JavaScript.

import { asJson } from "./files.js";

export class Words {
  /** @param {{module: string, tokenizer: string, config: string, length: number, pad: number, end: number}} text of the manifest. */
  static async open(base, text, read) {
    const files = [text.tokenizer, text.config].map((file) => read(new URL(file, base)));
    const [{ Tokenizer }, tokenizer, config] = await Promise.all([import(new URL(text.module, base)), ...files]);
    return new Words(new Tokenizer(asJson(tokenizer), asJson(config)), text);
  }

  constructor(tokenizer, { length, pad, end }) {
    Object.assign(this, { tokenizer, length, pad, end });
  }

  /** The tokens of a caption, start and end included; more than the text encoder takes are cut off. */
  ids(caption) {
    const { ids } = this.tokenizer.encode(caption);
    return ids.length <= this.length ? ids : [...ids.slice(0, this.length - 1), this.end];
  }

  /** The same, filled up to what the text encoder takes. */
  padded(caption) {
    const ids = this.ids(caption);
    return [...ids, ...Array(this.length - ids.length).fill(this.pad)];
  }

  /** How many tokens of a caption the text encoder does not see. */
  lost(caption) {
    return Math.max(0, this.tokenizer.encode(caption).ids.length - this.length);
  }

  /** Where the tokens of a word stand in a caption, the start token being 0; all places. See diffloop.attention. */
  positions(caption, word) {
    const ids = this.ids(caption), wanted = this.tokenizer.encode(word).ids.slice(1, -1), found = [];
    for (let at = 1; wanted.length && at + wanted.length < ids.length; at++) {
      if (wanted.every((id, k) => ids[at + k] === id)) found.push(...wanted.map((_, k) => at + k));
    }
    return found;
  }
}

/** How much each pixel looks at the tokens at these positions, (height, width). maps: (tokens, height, width). */
export function wordMap(maps, positions, pixels) {
  const out = new Float32Array(pixels);
  for (const at of positions) for (let i = 0; i < pixels; i++) out[i] += maps[at * pixels + i] / positions.length;
  return out;
}

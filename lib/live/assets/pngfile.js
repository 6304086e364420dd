// Words in a PNG file: its tEXt chunks. See the PNG specification, "tEXt Textual data" and "CRC algorithm".

const TABLE = Uint32Array.from({ length: 256 }, (_, n) => {
  for (let k = 0; k < 8; k++) n = n & 1 ? 0xedb88320 ^ (n >>> 1) : n >>> 1;
  return n;
});
const END = 12; // bytes of the last chunk, IEND
const ascii = (text) => Uint8Array.from(text, (letter) => letter.charCodeAt(0));

/**
 * A PNG with words in it.
 *
 * @param {Uint8Array} png
 * @param {Record<string, string>} texts keyword (1 to 79 letters of Latin-1) -> text of Latin-1.
 * @returns {Uint8Array}
 */
export function withTexts(png, texts) {
  const chunks = Object.entries(texts).map(([key, text]) => chunk("tEXt", ascii(`${key}\0${text}`)));
  const parts = [png.subarray(0, png.length - END), ...chunks, png.subarray(png.length - END)];
  const out = new Uint8Array(parts.reduce((n, part) => n + part.length, 0));
  parts.reduce((at, part) => (out.set(part, at), at + part.length), 0);
  return out;
}

/** JSON of ASCII only, as a tEXt chunk can hold it. */
export function asciiJson(value) {
  return JSON.stringify(value).replace(/[\u007f-\uffff]/g, (letter) => `\\u${letter.charCodeAt(0).toString(16).padStart(4, "0")}`);
}

function chunk(type, data) {
  const out = new Uint8Array(data.length + 12), view = new DataView(out.buffer);
  view.setUint32(0, data.length);
  out.set(ascii(type), 4), out.set(data, 8);
  let crc = 0xffffffff;
  for (const byte of out.subarray(4, data.length + 8)) crc = TABLE[(crc ^ byte) & 255] ^ (crc >>> 8);
  view.setUint32(data.length + 8, ~crc);
  return out;
}

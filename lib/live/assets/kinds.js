// What a reader may change in a live figure of each kind; and its state in the page's address.

const NUMBER = { type: "range" };
export const FIELDS = { // key of a request -> how its field is written; far: where its slider ends
  source: { label: "What the picture shows", type: "text" },
  prompt: { label: "Caption", type: "text" },
  negative: { label: "Not this (negative prompt)", type: "text" },
  scales: { label: "Guidance scales, up to eight", type: "list", min: 0, max: 50 },
  sampler: { label: "Sampler", type: "choice", choices: { ddim: "DDIM", ddpm: "DDPM", "dpm-solver": "DPM-Solver++(2M)", heun: "Heun" } },
  scale: { label: "Guidance scale", ...NUMBER, min: 0, max: 50, far: 20, step: 0.5 },
  strength: { label: "Strength", ...NUMBER, min: 0, max: 1, step: 0.05 },
  eta: { label: "Noise added at each step, η (DDIM)", ...NUMBER, min: 0, max: 1, step: 0.05 },
  steps: { label: "Steps", ...NUMBER, min: 1, max: 1000, far: 100, step: 1 },
  seed: { label: "Seed", type: "number", min: 0, max: 4294967295, step: 1 },
};
export const KINDS = {
  "text-to-image": ["prompt", "scale", "steps", "seed"],
  guidance: ["prompt", "scales", "steps", "seed"],
  "negative-prompt": ["prompt", "negative", "scale", "steps", "seed"],
  "image-to-image": ["prompt", "strength", "scale", "steps", "seed"],
  inpaint: ["prompt", "strength", "scale", "steps", "seed"],
  diffedit: ["source", "prompt", "strength", "scale", "steps", "seed"],
  steps: ["prompt", "sampler", "eta", "scale", "steps", "seed"],
};
export const LONGEST = 400; // characters of a caption
const MOST = 8; // scales

/**
 * A field's value of what was typed, or what an address says; null where that is not legal.
 *
 * @param {string} key of FIELDS.
 * @param {string} text
 */
export function parsed(key, text) {
  const { type, min, max, step, choices } = FIELDS[key];
  if (type === "text") return text.replace(/\s+/g, " ").trim().slice(0, LONGEST);
  if (type === "choice") return Object.hasOwn(choices, text) ? text : null;
  const legal = (value) => value >= min && value <= max && (step !== 1 || Number.isInteger(value));
  if (type !== "list") return text.trim() && legal(Number(text)) ? Number(text) : null;
  const values = text.split(/[\s,;]+/).filter(Boolean).map(Number);
  return values.length >= 1 && values.length <= MOST && values.every(legal) ? values : null;
}

/** A field's value as text. */
export const written = (value) => (Array.isArray(value) ? value.join(", ") : String(value ?? ""));

/** What is legal for a field, for its message. */
export function legal(key) {
  const { type, min, max, step, choices } = FIELDS[key];
  if (type === "choice") return `one of ${Object.keys(choices).join(", ")}`;
  if (type === "list") return `one to ${MOST} numbers from ${min} to ${max}, with commas`;
  return `a ${step === 1 ? "whole " : ""}number from ${min} to ${max}`;
}

/**
 * The address's fragment for a figure: its name, and what differs from the figure of the build.
 *
 * @param {{name: string, kind: string, request: object}} spec
 * @param {object} request
 * @returns {string} "#live=ball&seed=3"
 */
export function fragment({ name, kind, request: own }, request) {
  const found = new URLSearchParams({ live: name });
  for (const key of KINDS[kind]) if (written(request[key]) !== written(own[key])) found.set(key, written(request[key]));
  return `#${found}`;
}

/**
 * What an address says of a figure; {} for nothing, and what is not legal is left out.
 *
 * @param {string} hash of a location.
 * @param {{name: string, kind: string}} spec
 */
export function fromFragment(hash, { name, kind }) {
  const given = new URLSearchParams(hash.slice(1)), found = {};
  if (given.get("live") !== name) return found;
  for (const key of KINDS[kind]) {
    const value = given.has(key) ? parsed(key, given.get(key)) : null;
    if (value !== null) found[key] = value;
  }
  return found;
}

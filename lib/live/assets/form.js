// The form beside a live figure: a field for each thing that its kind lets a reader change.

import { button, make } from "./dom.js";
import { FIELDS, KINDS, LONGEST, legal, parsed, written } from "./kinds.js";

/**
 * @param {{kind: string, name: string, request: object}} spec
 * @param {Record<string, string[]>} known what the model's world knows, by kind of word; {} where it is not told.
 * @returns {{element: HTMLFormElement, read: () => object, fill: (request: object) => void}} `read` throws a RangeError
 *     that names the field, its value and what is legal.
 */
export function form(spec, known) {
  const element = make("form", { "aria-label": "Draw this figure again", autocomplete: "off", novalidate: true }), fields = {};
  for (const key of KINDS[spec.kind]) {
    const { input, label } = field(key);
    fields[key] = input;
    element.append(label, ...(FIELDS[key].type === "text" ? [offered(input, known)] : []), ...(key === "seed" ? [another(input)] : []));
  }
  const read = () => {
    const found = {};
    for (const [key, input] of Object.entries(fields)) {
      found[key] = parsed(key, input.value);
      if (found[key] === null) throw new RangeError(`${FIELDS[key].label} is “${input.value}”; it must be ${legal(key)}.`);
    }
    return found;
  };
  const fill = (request) => {
    for (const [key, input] of Object.entries(fields)) {
      if (input.type === "range") fit(input, FIELDS[key], request[key]);
      input.value = written(request[key]);
      input.dispatchEvent(new Event("input"));
    }
  };
  return { element, read, fill };
}

function field(key) {
  const { label, type, min, max, far, step, choices } = FIELDS[key];
  if (type === "choice") {
    const input = make("select", { name: key }, ...Object.entries(choices).map(([value, name]) => make("option", { value }, name)));
    return { input, label: make("label", {}, label, input) };
  }
  if (type !== "range") {
    const own = { number: ["input", { type, min, max, step }], list: ["input", { type: "text" }], text: ["textarea", { rows: 2, maxlength: LONGEST }] };
    const [tag, more] = own[type], input = make(tag, { name: key, spellcheck: "false", ...more });
    return { input, label: make("label", {}, label, input) };
  }
  const said = make("output", { "aria-hidden": "true" }), input = make("input", { name: key, type, min, max: far ?? max, step });
  input.addEventListener("input", () => (said.textContent = String(Math.round(100 * input.value) / 100)));
  return { input, label: make("label", {}, make("span", { class: "named" }, label, said), input) };
}

// A slider changes what it is given to the nearest of its steps: where a value lies between two, or beyond, it has none.
function fit(input, { min, step }, value) {
  const place = (value - min) / step;
  input.max = Math.max(Number(input.max), value);
  input.step = Math.abs(place - Math.round(place)) < 1e-6 ? step : "any";
}

// Lists of the words that the model has learned; a chosen one goes where the caption's cursor is.
function offered(input, known) {
  const lists = Object.entries(known).map(([kind, words]) => {
    const list = make("select", { "aria-label": `Add a word: ${kind}` }, make("option", { value: "" }, kind), ...words.map((word) => make("option", {}, word)));
    list.addEventListener("change", () => {
      const [a, b] = [input.selectionStart ?? input.value.length, input.selectionEnd ?? input.value.length];
      const parts = [input.value.slice(0, a).trimEnd(), list.value, input.value.slice(b).trimStart()];
      input.value = parts.filter(Boolean).join(" ").slice(0, LONGEST);
      const end = parts.slice(0, 2).filter(Boolean).join(" ").length;
      input.setSelectionRange(end, end);
      list.value = "";
    });
    list.style.width = "auto";
    return list;
  });
  return lists.length ? make("details", {}, make("summary", {}, "Words that the model knows"), make("div", { class: "row" }, ...lists)) : "";
}

function another(input) {
  return make("div", { class: "row" }, button("Another seed", () => {
    input.value = crypto.getRandomValues(new Uint32Array(1))[0] % 1_000_000;
    input.form.requestSubmit();
  }));
}

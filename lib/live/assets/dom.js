// Elements, without anything ever being read as HTML.

/** An element with these attributes (true: there, false and null: not) and children. */
export function make(tag, attributes = {}, ...content) {
  const element = document.createElement(tag);
  for (const [key, value] of Object.entries(attributes)) {
    if (value === true) element.setAttribute(key, "");
    else if (value !== false && value !== null) element.setAttribute(key, value);
  }
  element.append(...content);
  return element;
}

/** A button; `press` is called when it is pressed. */
export function button(text, press, attributes = {}) {
  const element = make("button", { type: "button", ...attributes }, text);
  element.addEventListener("click", press);
  return element;
}

/** Draws bytes as of `rgba` on a canvas, which takes their size. */
export function put(canvas, bytes, { height, width }) {
  canvas.width = width, canvas.height = height;
  canvas.getContext("2d").putImageData(new ImageData(bytes, width, height), 0, 0);
}

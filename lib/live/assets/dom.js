// Elements, without anything ever being read as HTML; and what a figure looks like.

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

/** Adds the figures' style to the page, once. */
export function styled() {
  if (!document.getElementById("live-style")) document.head.append(make("style", { id: "live-style" }, STYLE));
}

// Colours are the site's where it has them, else those of the text.
const STYLE = `
.live-figure { --line: var(--border, currentColor); display: grid; gap: 1rem; text-align: left; font: .9rem/1.45 var(--ui-font, inherit);
  grid-template-columns: repeat(auto-fit, minmax(min(16rem, 100%), 1fr)); }
.live-figure > * { min-width: 0; }
.live-figure .pictures { display: flex; flex-wrap: wrap; gap: .75rem; align-content: start; }
.live-figure .pictures > figure { margin: 0; flex: 1 1 6rem; max-width: 16rem; min-width: min(6rem, 100%); }
.live-figure figcaption { margin: 0; text-align: center; }
.live-figure canvas { display: block; width: 100%; height: auto; image-rendering: pixelated; border-radius: 4px; }
.live-figure form, .live-figure .easel { display: grid; gap: .55rem; align-content: start; }
.live-figure label { display: grid; gap: .1rem; }
.live-figure .named { display: flex; justify-content: space-between; gap: .5rem; }
.live-figure .row { display: flex; flex-wrap: wrap; gap: .4rem; align-items: center; }
.live-figure input, .live-figure select, .live-figure button, .live-begin { font: inherit; color: inherit; box-sizing: border-box;
  background: var(--raised, transparent); border: 1px solid var(--line); border-radius: .3em; padding: .3em .5em; min-height: 2.2em; }
.live-figure form input:not([type=checkbox]), .live-figure form select { width: 100%; min-width: 0; }
.live-figure input[type=range] { padding: 0; border: 0; accent-color: var(--accent, #1271f5); }
.live-figure input[type=file] { width: 100%; }
.live-figure option { color: CanvasText; background: Canvas; }
.live-figure button, .live-begin { cursor: pointer; }
.live-figure .main { font-weight: 650; flex: 1 1 8rem; border-color: currentColor; }
.live-figure .words button { padding: .1em .4em; min-height: 1.9em; }
.live-figure [aria-pressed=true] { outline: 2px solid currentColor; outline-offset: 1px; }
.live-figure :focus-visible, .live-begin:focus-visible { outline: 2px solid var(--accent, currentColor); outline-offset: 2px; }
.live-figure progress { width: 100%; accent-color: var(--accent, #1271f5); }
.live-figure .said, .live-figure .step { display: block; min-height: 1.45em; }
.live-figure .board { position: relative; touch-action: none; cursor: crosshair; }
.live-figure .board canvas + canvas { position: absolute; inset: 0; opacity: .6; pointer-events: none; }
.live-figure .brush { position: absolute; border: 2px solid #fff; outline: 1px solid #000; border-radius: 50%; transform: translate(-50%, -50%); pointer-events: none; }
.live-figure .swatch { width: 2.2em; padding: 0; }
.live-figure .strip { display: flex; gap: .5rem; overflow-x: auto; padding: .3rem 0; }
.live-figure .strip figure { margin: 0; flex: 0 0 5.5rem; }
.live-figure .strip canvas + canvas { margin-top: .25rem; }
.live-begin { font-size: .9rem; }
@media print { .live-figure form, .live-figure .easel .easel, .live-figure .words, .live-figure details, .live-begin { display: none; } }
`;

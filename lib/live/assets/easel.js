// What a reader draws on: a picture to start from, or a mask over it. With a mouse, a finger or a pen; or with arrow keys
// and the space bar.

import { button, make } from "./dom.js";
import { painted, planes } from "./pictures.js";

const MARK = "rgb(255, 70, 180)"; // of a mask, the same on every picture

export class Easel {
  /**
   * @param {{height: number, width: number}} size of the model's pictures.
   * @param {{masks: boolean, colours?: Record<string, number[]>, result: () => HTMLCanvasElement}} how masks: whether a
   *     mask is drawn, not the picture; colours: by name, in [0, 1]; result: where the latest picture stands.
   */
  constructor(size, { masks, colours = { black: [0, 0, 0], white: [1, 1, 1] }, result }) {
    this.size = size, this.masks = masks, this.colours = colours, this.result = result;
    this.at = { x: size.width / 2, y: size.height / 2 };
    this.colour = masks ? MARK : css(Object.values(colours)[0]);
    this.radius = masks ? 5 : 3;
    const says = masks ? "Mask: paint over what is to be redrawn." : "Drawing: the picture to start from.";
    this.picture = make("canvas", size), this.mask = make("canvas", size), this.brush = make("span", { class: "brush", hidden: true });
    const label = `${says} Arrow keys move the brush, the space bar paints.`;
    this.board = make("div", { class: "board", tabindex: 0, role: "application", "aria-label": label }, this.picture, this.mask, this.brush);
    this.element = make("div", { class: "easel" }, says, this.board, this._tools());
    this._listen();
  }

  /** Puts a picture on the easel, and a mask over it if there is one; both anything that can be drawn on a canvas. */
  start(picture, mask = null) {
    paper(this.picture).drawImage(picture, ...this._middle(picture), 0, 0, this.size.width, this.size.height);
    paper(this.mask).clearRect(0, 0, this.size.width, this.size.height);
    if (!mask) return;
    const context = paper(this.mask), { height, width } = this.size;
    context.drawImage(mask, 0, 0, width, height);
    const image = context.getImageData(0, 0, width, height);
    image.data.forEach((value, i, all) => i % 4 === 3 && (all[i] = all[i - 3] > 127 ? 255 : 0)); // white is to be redrawn
    context.putImageData(image, 0, 0);
    context.globalCompositeOperation = "source-in";
    context.fillStyle = MARK;
    context.fillRect(0, 0, width, height);
    context.globalCompositeOperation = "source-over";
  }

  /** The picture, for the engine. */
  get pixels() {
    return planes(this._bytes(this.picture));
  }

  /** The mask, for the engine; 1 where to redraw. */
  get marks() {
    return painted(this._bytes(this.mask));
  }

  _bytes(canvas) {
    return paper(canvas).getImageData(0, 0, this.size.width, this.size.height).data;
  }

  // The part of a picture that has the easel's shape: left, top, width, height.
  _middle({ naturalWidth, naturalHeight, width, height }) {
    const w = naturalWidth ?? width, h = naturalHeight ?? height, scale = Math.min(w / this.size.width, h / this.size.height);
    const cut = [scale * this.size.width, scale * this.size.height];
    return [(w - cut[0]) / 2, (h - cut[1]) / 2, ...cut];
  }

  _tools() {
    const size = make("input", { type: "range", min: 1, max: 16, value: this.radius, "aria-label": "Size of the brush" });
    size.addEventListener("input", () => ((this.radius = Number(size.value)), this._show()));
    const choices = this.masks ? { mark: MARK, erase: null } : Object.fromEntries(Object.entries(this.colours).map(([name, rgb]) => [name, css(rgb)]));
    const colours = Object.entries(choices).map(([name, colour]) => {
      const one = button(this.masks ? name : "", () => {
        this.colour = colour;
        for (const other of colours) other.setAttribute("aria-pressed", other === one);
      }, { "aria-label": this.masks ? null : name, title: name, class: this.masks ? null : "swatch", "aria-pressed": this.colour === colour });
      if (!this.masks) one.style.background = colour;
      return one;
    });
    const file = make("input", { type: "file", accept: "image/*", "aria-label": "A picture of your own to start from; it stays in your browser" });
    file.addEventListener("change", async () => {
      if (file.files[0]) this.start(await createImageBitmap(file.files[0]).catch(() => this.picture));
    });
    const rows = [[...colours], [make("label", {}, "Brush", size), button("Clear", () => this._clear()), button("Go on from the result", () => this.start(this.result()))]];
    return make("div", { class: "easel" }, ...rows.map((row) => make("div", { class: "row" }, ...row)), make("label", {}, "A picture of your own (it stays in your browser)", file));
  }

  _clear() {
    const context = paper(this.masks ? this.mask : this.picture), { height, width } = this.size;
    context.fillStyle = "#fff";
    if (this.masks) context.clearRect(0, 0, width, height);
    else context.fillRect(0, 0, width, height);
  }

  _listen() {
    const board = this.board;
    const place = (event) => {
      const box = board.getBoundingClientRect(), { height, width } = this.size;
      return { x: ((event.clientX - box.left) / box.width) * width, y: ((event.clientY - box.top) / box.height) * height };
    };
    let down = false;
    board.addEventListener("pointerdown", (event) => {
      down = true, board.setPointerCapture(event.pointerId);
      this.at = place(event), this._paint(this.at, this.at);
    });
    board.addEventListener("pointermove", (event) => {
      for (const one of down ? [...(event.getCoalescedEvents?.() ?? []), event] : []) this._paint(this.at, place(one)), (this.at = place(one));
    });
    for (const name of ["pointerup", "pointercancel"]) board.addEventListener(name, () => (down = false));
    board.addEventListener("keydown", (event) => this._key(event));
    board.addEventListener("focus", () => this._show(board.matches(":focus-visible")));
    board.addEventListener("blur", () => this._show(false));
  }

  _key(event) {
    const move = { ArrowLeft: [-1, 0], ArrowRight: [1, 0], ArrowUp: [0, -1], ArrowDown: [0, 1] }[event.key], step = event.shiftKey ? 8 : 2;
    if (move) {
      this.at.x = Math.min(this.size.width, Math.max(0, this.at.x + step * move[0]));
      this.at.y = Math.min(this.size.height, Math.max(0, this.at.y + step * move[1]));
    } else if (event.key === " ") this._paint(this.at, this.at);
    else return;
    event.preventDefault();
    this._show(true);
  }

  _show(visible = !this.brush.hidden) {
    const { height, width } = this.size, part = (value, whole) => `${(100 * value) / whole}%`;
    this.brush.hidden = !visible;
    Object.assign(this.brush.style, { left: part(this.at.x, width), top: part(this.at.y, height), width: part(2 * this.radius, width), height: part(2 * this.radius, height) });
  }

  // Whole pixels, without soft edges: a mask of 0 and 1.
  _paint(from, to) {
    const context = paper(this.masks ? this.mask : this.picture), r = this.radius;
    const count = Math.max(1, Math.ceil(Math.hypot(to.x - from.x, to.y - from.y)));
    context.fillStyle = this.colour ?? "#000";
    for (let k = 1; k <= count; k++) {
      const x = from.x + ((to.x - from.x) * k) / count, y = from.y + ((to.y - from.y) * k) / count;
      for (let row = Math.floor(y - r); row <= y + r; row++) {
        const half = Math.sqrt(Math.max(0, r * r - (row + 0.5 - y) ** 2)), left = Math.round(x - half), wide = Math.round(x + half) - left;
        if (this.colour === null) context.clearRect(left, row, wide, 1);
        else context.fillRect(left, row, wide, 1);
      }
    }
  }
}

const paper = (canvas) => canvas.getContext("2d", { willReadFrequently: true });
const css = (rgb) => `rgb(${rgb.map((value) => Math.round(255 * value)).join(", ")})`;

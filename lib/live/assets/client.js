// The engine of worker.js as a page calls it: promises, and a picture as an async iteration over its steps.
//
//   const live = new Live();
//   await live.open(base, { onProgress: ({ read, total }) => ... });
//   for await (const { step, pixels } of live.draw({ prompt: "a red ball", scale: 4 })) ...    `break` stops it

export class Live {
  constructor() {
    this.worker = new Worker(new URL("./worker.js", import.meta.url), { type: "module" });
    this.waiting = new Map();
    this.calls = 0;
    this.worker.onmessage = ({ data }) => this.waiting.get(data.id)?.(data);
    this.worker.onerror = (event) => {
      const error = event.message || "the engine's script could not be loaded";
      for (const answer of [...this.waiting.values()]) answer({ error });
    };
  }

  /** See `Engine.open`; onProgress is called with {read, total}, in bytes. Resolves to {device, manifest}. */
  open(base, { onProgress, ...how } = {}) {
    return this._call("open", [String(new URL(base, location.href)), how], onProgress);
  }

  /** {lost: how many tokens the text encoder does not see, places: for each word where its tokens stand}. */
  words(caption, words = []) {
    return this._call("words", [caption, words]);
  }

  /** See `Engine.encode`. */
  encode(pixels) {
    return this._call("encode", [pixels]);
  }

  /** See `Engine.decode`. */
  decode(latents) {
    return this._call("decode", [latents]);
  }

  /** See `Engine.draw`. Leaving the loop early stops the engine after the step that it is at. */
  draw(request) {
    return this._steps("draw", request);
  }

  /** See `diffedit`, likewise. */
  edit(request) {
    return this._steps("edit", request);
  }

  /** Ends the thread, and frees what the networks hold. */
  close() {
    this.worker.terminate();
  }

  async *_steps(call, request) {
    const items = [];
    let wake = () => {}, over = false, failed = null;
    const id = ++this.calls;
    const ended = this._call(call, [request], (item) => (items.push(item), wake()), id);
    ended.catch((error) => (failed = error)).finally(() => ((over = true), wake()));
    try {
      while (items.length || !over) {
        if (items.length) yield items.shift();
        else await new Promise((done) => (wake = done));
      }
      if (failed) throw failed;
    } finally {
      if (!over) this.worker.postMessage({ stop: id });
    }
  }

  _call(call, args, onItem = () => {}, id = ++this.calls) {
    return new Promise((resolve, reject) => {
      this.waiting.set(id, (data) => {
        if ("item" in data) return onItem(data.item);
        this.waiting.delete(id);
        return "error" in data ? reject(new Error(data.error)) : resolve(data.value);
      });
      this.worker.postMessage({ id, call, args });
    });
  }
}

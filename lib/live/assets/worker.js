// The engine on a thread of its own. Messages: {id, call, args} in; {id, value}, {id, item}, {id, done}, {id, error} out.

import { diffedit } from "./diffedit.js";
import { Engine } from "./engine.js";

let engine = null;
const stopped = new Set();

const calls = {
  open: async (base, how, id) => {
    const onProgress = (read, total) => postMessage({ id, item: { read, total } });
    engine = await Engine.open(base, { ...how, onProgress });
    return { device: engine.device, manifest: engine.manifest };
  },
  words: (caption, words) => {
    const places = words.map((word) => engine.words.positions(caption, word));
    return { lost: engine.words.lost(caption), places };
  },
  encode: (pixels) => engine.encode(pixels),
  decode: (latents) => engine.decode(latents),
  draw: (request, id) => sent(engine.draw(request), id),
  edit: (request, id) => sent(diffedit(engine, request), id),
};

async function sent(items, id) {
  for await (const item of items) {
    await new Promise((done) => setTimeout(done)); // lets a message that says "stop" in
    if (stopped.delete(id)) return "stopped";
    postMessage({ id, item });
  }
  return "done";
}

// One after the other: two sessions at once would share the same threads.
let turn = Promise.resolve();

onmessage = ({ data: { id, call, args, stop } }) => {
  if (stop) {
    stopped.add(stop);
    return;
  }
  turn = turn.then(async () => {
    try {
      postMessage({ id, value: stopped.delete(id) ? "stopped" : await calls[call](...args, id) });
    } catch (error) {
      postMessage({ id, error: String(error?.message ?? error) });
    }
  });
};

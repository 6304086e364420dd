// ONNX Runtime Web, as the site itself serves it: one WebAssembly file, compiled once for all networks.

import { fetched } from "./files.js";

/** Whether this browser has a graphics processor that ONNX Runtime can use from one of its small builds. */
export async function hasWebGPU() {
  if (!globalThis.navigator?.gpu || !("Suspending" in WebAssembly)) return false;
  const adapter = await navigator.gpu.requestAdapter().catch(() => null);
  return adapter !== null && !(adapter.info?.isFallbackAdapter ?? adapter.isFallbackAdapter);
}

/** How many threads: several only where the page is isolated from others, as browsers demand. */
export function threadsHere() {
  return globalThis.crossOriginIsolated ? Math.min(4, navigator.hardwareConcurrency || 1) : 1;
}

/**
 * @param {"wasm" | "webgpu"} device
 * @param {{module: string, binary: string}} files of manifest.json's `runtimes`, for this device.
 * @param {{base: URL, threads: number, read?: typeof fetched, onBytes?: (bytes: number) => void}} how
 * @returns {Promise<{session: Function, floats: Function, integers: Function}>} a session of a network's bytes; tensors.
 */
export async function startRuntime(device, files, { base, threads, read = fetched, onBytes }) {
  const [ort, binary] = await Promise.all([import(new URL(files.module, base)), read(new URL(files.binary, base), onBytes)]);
  ort.env.wasm.wasmBinary = binary;
  ort.env.wasm.numThreads = threads;
  ort.env.logLevel = "error"; // on a graphics processor it warns of each small operation that stays on the processor
  const options = { executionProviders: [device], graphOptimizationLevel: "all" };
  let turn = Promise.resolve(); // on a graphics processor it begins one session at a time
  return {
    session: (network) => (turn = turn.catch(() => null).then(() => ort.InferenceSession.create(network, options))),
    floats: (values, shape) => new ort.Tensor("float32", values, shape),
    integers: (values, shape) => new ort.Tensor("int64", BigInt64Array.from(values, BigInt), shape),
  };
}

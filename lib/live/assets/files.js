// What the engine reads: files that are compressed by gzip whatever the server does, so that they are as small on a
// plain file server as elsewhere. The browser's own cache keeps them.

/**
 * @param {string | URL} url
 * @param {(bytes: number) => void} [onBytes] called with the size of each piece that arrived.
 * @returns {Promise<Uint8Array>}
 */
export async function fetched(url, onBytes = () => {}) {
  const response = await fetch(url);
  if (!response.ok) throw new Error(`${url}: the server answers ${response.status}`);
  const pieces = [];
  for (const reader = response.body.getReader(); ; ) {
    const { done, value } = await reader.read();
    if (done) break;
    onBytes(value.length);
    pieces.push(value);
  }
  return unzipped(new Uint8Array(await new Blob(pieces).arrayBuffer()));
}

/** The content of a gzip file; anything else as it is (a server may have decompressed it on the way). */
export async function unzipped(bytes) {
  if (bytes[0] !== 0x1f || bytes[1] !== 0x8b) return bytes;
  const stream = new Blob([bytes]).stream().pipeThrough(new DecompressionStream("gzip"));
  return new Uint8Array(await new Response(stream).arrayBuffer());
}

export const asJson = (bytes) => JSON.parse(new TextDecoder().decode(bytes));

// Where every random number of a picture comes from: PyTorch's own generator, so that a seed means the same noise in a
// page as in the post beside it. `new Generator(7).normal(1024)` is `torch.randn(1024, generator=...)` after
// `torch.Generator().manual_seed(7)`, on a CPU and in float32, to the last bit or two of sine and logarithm.

const N = 624, M = 397;

/** The Mersenne Twister MT19937 (Matsumoto and Nishimura, 1998), and PyTorch's way from its integers to a normal. */
export class Generator {
  /** @param {number} seed a whole number, 0 to 2^32 - 1 (PyTorch's twister takes the lower 32 bits of a seed). */
  constructor(seed) {
    if (!Number.isSafeInteger(seed) || seed < 0 || seed > 0xffffffff) {
      throw new RangeError(`seed is ${seed}; it must be a whole number from 0 to 4294967295`);
    }
    this.words = new Uint32Array(N);
    this.words[0] = seed;
    for (let i = 1; i < N; i++) {
      const before = this.words[i - 1] ^ (this.words[i - 1] >>> 30);
      this.words[i] = Math.imul(1812433253, before) + i;
    }
    this.at = N;
  }

  /** The next 32 bits. */
  bits() {
    if (this.at === N) this._twist();
    let y = this.words[this.at++];
    y ^= y >>> 11;
    y ^= (y << 7) & 0x9d2c5680;
    y ^= (y << 15) & 0xefc60000;
    return (y ^ (y >>> 18)) >>> 0;
  }

  /** Uniform in [0, 1), of 24 bits: a float32. */
  uniform() {
    return (this.bits() & 0xffffff) / 0x1000000;
  }

  /**
   * Standard normal values by Box and Muller, as PyTorch fills a whole tensor: uniform numbers everywhere, then each
   * run of 16 of them, halves paired, becomes 16 normal ones; a rest that is no such run is drawn again as one.
   *
   * @param {number} n how many, at least 16 (below that PyTorch draws in another way).
   * @returns {Float32Array}
   */
  normal(n) {
    if (!Number.isInteger(n) || n < 16) throw new RangeError(`n is ${n}; it must be a whole number of at least 16`);
    const values = Float32Array.from({ length: n }, () => this.uniform());
    for (let i = 0; i + 16 <= n; i += 16) boxMuller(values, i);
    if (n % 16) {
      for (let i = n - 16; i < n; i++) values[i] = this.uniform();
      boxMuller(values, n - 16);
    }
    return values;
  }

  _twist() {
    const w = this.words;
    for (let i = 0; i < N; i++) {
      const y = (w[i] & 0x80000000) | (w[(i + 1) % N] & 0x7fffffff);
      w[i] = w[(i + M) % N] ^ (y >>> 1) ^ (y & 1 ? 0x9908b0df : 0);
    }
    this.at = 0;
  }
}

function boxMuller(values, at) {
  for (let i = at; i < at + 8; i++) {
    const radius = Math.sqrt(-2 * Math.log(1 - values[i])), angle = 2 * Math.PI * values[i + 8];
    values[i] = radius * Math.cos(angle);
    values[i + 8] = radius * Math.sin(angle);
  }
}

// What a browser has and a bare engine has not: TextEncoder, and SHA-256 and HMAC as crypto.subtle offers them.
class TextEncoder {
  encode(words) {
    return Uint8Array.from(unescape(encodeURIComponent(words)), (letter) => letter.charCodeAt(0));
  }
}
const roots = (power, count) => {
  const found = [];
  for (let n = 2; found.length < count; n += 1) {
    let prime = true;
    for (let m = 2; m * m <= n; m += 1) prime = prime && n % m !== 0;
    if (prime) found.push(Math.floor((Math.pow(n, power) % 1) * 4294967296) | 0);
  }
  return found;
};
const ROUNDS = roots(1 / 3, 64);
const turn = (word, by) => (word >>> by) | (word << (32 - by));
function sha256(message) {
  const length = Math.ceil((message.length + 9) / 64) * 64;
  const padded = new Uint8Array(length);
  padded.set(message);
  padded[message.length] = 128;
  const view = new DataView(padded.buffer);
  view.setUint32(length - 4, message.length * 8);
  const state = roots(1 / 2, 8);
  for (let block = 0; block < length; block += 64) {
    const w = [];
    for (let t = 0; t < 64; t += 1) {
      if (t < 16) {
        w[t] = view.getInt32(block + 4 * t);
        continue;
      }
      const s0 = turn(w[t - 15], 7) ^ turn(w[t - 15], 18) ^ (w[t - 15] >>> 3);
      const s1 = turn(w[t - 2], 17) ^ turn(w[t - 2], 19) ^ (w[t - 2] >>> 10);
      w[t] = (w[t - 16] + s0 + w[t - 7] + s1) | 0;
    }
    let [a, b, c, d, e, f, g, h] = state;
    for (let t = 0; t < 64; t += 1) {
      const e1 = turn(e, 6) ^ turn(e, 11) ^ turn(e, 25);
      const first = (h + e1 + ((e & f) ^ (~e & g)) + ROUNDS[t] + w[t]) | 0;
      const second = ((turn(a, 2) ^ turn(a, 13) ^ turn(a, 22)) + ((a & b) ^ (a & c) ^ (b & c))) | 0;
      [a, b, c, d, e, f, g, h] = [(first + second) | 0, a, b, c, (d + first) | 0, e, f, g];
    }
    [a, b, c, d, e, f, g, h].forEach((word, n) => { state[n] = (state[n] + word) | 0; });
  }
  const out = new DataView(new ArrayBuffer(32));
  state.forEach((word, n) => out.setInt32(4 * n, word));
  return out.buffer;
}
const crypto = {
  subtle: {
    digest: async (name, data) => sha256(data),
    importKey: async (format, data, algorithm, extractable, uses) => data,
    sign: async (name, key, data) => {
      const side = (pad) => Uint8Array.from({length: 64}, (_, n) => (key[n] || 0) ^ pad);
      const after = (first, rest) => {
        const both = new Uint8Array(first.length + rest.length);
        both.set(first);
        both.set(rest, first.length);
        return sha256(both);
      };
      return after(side(92), new Uint8Array(after(side(54), data)));
    },
  },
};
const said = [];
const console = {log: (...words) => said.push(words.join(" "))};

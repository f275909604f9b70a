// Raw signals made comparable, as data_prep/dsp/filters.py and data_prep/dsp/gaps.py do it.
// A signal is a list of leads, each a Float32Array in mV.

import { fround, medianNearest, rint } from "./numbers.js";

/** Return the fraction nearest to `value` whose denominator is at most `most` (as Python's). */
export function fraction(value, most) {
  const frac = exact(value);
  let [numerator, denominator] = frac;
  if (denominator <= BigInt(most)) return [Number(numerator), Number(denominator)];
  let [p0, q0, p1, q1] = [0n, 1n, 1n, 0n];
  for (;;) {
    const whole = numerator / denominator;
    const q2 = q0 + whole * q1;
    if (q2 > BigInt(most)) break;
    [p0, q0, p1, q1] = [p1, q1, p0 + whole * p1, q2];
    [numerator, denominator] = [denominator, numerator - whole * denominator];
  }
  const k = (BigInt(most) - q0) / q1;
  // Of the two that enclose the value, the nearer one.
  if (2n * denominator * (q0 + k * q1) <= frac[1]) return [Number(p1), Number(q1)];
  return [Number(p0 + k * p1), Number(q0 + k * q1)];
}

/** Return the exact fraction of a quotient [a, b] of two numbers. */
function exact([a, b]) {
  const [an, ad] = binary(a);
  const [bn, bd] = binary(b);
  let [x, y] = [an * bd, ad * bn];
  const [n, d] = [x, y];
  while (y) [x, y] = [y, x % y];
  return [n / x, d / x];
}

function binary(value) {
  let shift = 0n;
  while (!Number.isInteger(value)) {
    value *= 2;
    shift += 1n;
  }
  return [BigInt(value), 1n << shift];
}

/** Return by how much resampling changes the number of samples: [up, down]. */
export function ratio(fromHz, toHz) {
  return fraction([toHz, fromHz], 2000);
}

export function resampledLength(n, fromHz, toHz) {
  const [up, down] = ratio(fromHz, toHz);
  return Math.ceil((n * up) / down);
}

/** Return where sample positions lie after resampling to a signal of `n` samples. */
export function resampledPositions(positions, fromHz, toHz, n) {
  const [up, down] = ratio(fromHz, toHz);
  return positions.map((position) => Math.min(rint(position * (up / down)), n - 1));
}

/** Return where positions in a resampled signal lie before it, in a signal of `n` samples. */
export function originalPositions(positions, fromHz, toHz, n) {
  const [up, down] = ratio(fromHz, toHz);
  return positions.map((position) => Math.min(rint(position * (down / up)), n - 1));
}

/** Give every sample a value; return the filled signal and where there was none for long. */
export function fillGaps(signal, fsHz, bridgeS) {
  const limit = Math.floor(bridgeS * fsHz);
  const filled = [];
  const long = [];
  for (const lead of signal) {
    const n = lead.length;
    let out = lead;
    let gone = null;
    for (let start = 0; start < n; start++) {
      if (!Number.isNaN(lead[start])) continue;
      if (out === lead) {
        out = lead.slice();
        gone = new Uint8Array(n);
      }
      let stop = start;
      while (stop < n && Number.isNaN(lead[stop])) stop++;
      const length = stop - start;
      const last = start > 0 ? out[start - 1] : 0;
      if (length > limit) gone.fill(1, start, stop);
      if (length <= limit && start > 0 && stop < n) {
        for (let k = 0; k < length; k++) {
          const share = fround((k + 1) / (length + 1));
          out[start + k] = last + fround(share * fround(lead[stop] - last));
        }
      } else {
        out.fill(last, start, stop);
        if (stop < n) out.fill(lead[stop], Math.max(start, stop - limit), stop);
      }
      start = stop;
    }
    filled.push(out);
    long.push(gone);
  }
  return { filled, long };
}

/** Return the modified Bessel function of order 0. */
function bessel(x) {
  let term = 1;
  let sum = 1;
  for (let k = 1; term > 1e-18 * sum; k++) {
    term *= (x / (2 * k)) ** 2;
    sum += term;
  }
  return sum;
}

/** Return the taps of the low-pass at `fsHz` times `up`, each of its phases with a sum of 1. */
function lowPass(fsHz, up, cutoffHz, rules) {
  const reach = rint(rules.low_pass_s * fsHz * up);
  const share = cutoffHz / (0.5 * fsHz * up);
  const taps = new Float64Array(2 * reach + 1);
  for (let k = -reach; k <= reach; k++) {
    const x = Math.PI * share * k;
    const window = bessel(rules.kaiser_beta * Math.sqrt(1 - (k / reach) ** 2));
    taps[k + reach] = (k === 0 ? 1 : Math.sin(x) / x) * window;
  }
  for (let phase = 0; phase < up; phase++) {
    let sum = 0;
    for (let k = phase; k < taps.length; k += up) sum += taps[k];
    for (let k = phase; k < taps.length; k += up) taps[k] /= sum;
  }
  return taps;
}

/** Change the sampling rate and low-pass, in one filter of zero phase and finite length. */
export function resample(signal, fromHz, toHz, cutoffHz, rules) {
  const [up, down] = ratio(fromHz, toHz);
  const highest = Math.min(fromHz, toHz) / 2;
  const cutoff = cutoffHz > 0 && cutoffHz < highest ? cutoffHz : highest;
  if (signal[0].length === 0 || (up === down && cutoff >= highest)) return signal;
  const taps = Float32Array.from(lowPass(fromHz, up, cutoff, rules));
  const reach = (taps.length - 1) / 2;
  const nOut = resampledLength(signal[0].length, fromHz, toHz);
  return signal.map((lead) => {
    const n = lead.length;
    const out = new Float32Array(nOut);
    for (let k = 0; k < nOut; k++) {
      // Sample k lies on the filter's middle; the lead's ends go on.
      const middle = k * down + reach;
      const first = Math.ceil((middle - taps.length + 1) / up);
      const last = Math.floor(middle / up);
      let sum = 0;
      for (let i = first; i <= last; i++) {
        const value = lead[i < 0 ? 0 : i < n ? i : n - 1];
        sum = fround(sum + fround(value * taps[middle - i * up]));
      }
      out[k] = sum;
    }
    return out;
  });
}

/** Filter with second-order sections from the state `zi`; return Float64Array. */
export function sosFilter(sections, values, zi) {
  let out = Float64Array.from(values);
  sections.forEach(([b0, b1, b2, , a1, a2], section) => {
    let [s0, s1] = zi ? zi[section] : [0, 0];
    for (let k = 0; k < out.length; k++) {
      const x = out[k];
      const y = b0 * x + s0;
      s0 = b1 * x - a1 * y + s1;
      s1 = b2 * x - a2 * y;
      out[k] = y;
    }
  });
  return out;
}

/** Return the states `zi` of a filter whose input has always been `value`. */
export function atRest(filter, value) {
  return filter.zi.map((pair) => pair.map((state) => state * value));
}

/** Continue a signal by `pad` samples mirrored through each end, as scipy's odd extension. */
export function padOdd(values, pad) {
  const n = values.length;
  const out = new Float64Array(n + 2 * pad);
  out.set(values, pad);
  for (let k = 1; k <= pad; k++) {
    out[pad - k] = 2 * values[0] - values[k];
    out[pad + n - 1 + k] = 2 * values[n - 1] - values[n - 1 - k];
  }
  return out;
}

/** Filter forth and back, as scipy.signal.sosfiltfilt; `filter` is {sos, zi, pad}. */
export function forthAndBack(filter, values) {
  const n = values.length;
  const pad = Math.max(Math.min(filter.pad, n - 1), 0);
  if (n === 0) return new Float64Array(0);
  const long = padOdd(values, pad);
  const forth = sosFilter(filter.sos, long, atRest(filter, long[0])).reverse();
  const back = sosFilter(filter.sos, forth, atRest(filter, forth[0])).reverse();
  return back.slice(pad, pad + n);
}

/**
 * Fill, resample, low-pass and remove the baseline, as `condition_parts`.
 * Return {signal, baseline}; the baseline is null where none was removed.
 */
export function condition(raw, fsHz, rules) {
  const { filled, long } = fillGaps(raw, fsHz, rules.bridge_s);
  let signal = resample(filled, fsHz, rules.fs_hz, rules.low_pass_hz, rules);
  let baseline = null;
  if (rules.two_median) {
    baseline = signal.map((lead) =>
      rules.median_reaches.reduce((values, reach) => medianNearest(values, reach), lead),
    );
    signal = signal.map((lead, l) => lead.map((value, k) => value - baseline[l][k]));
  }
  if (rules.store_high_pass) {
    signal = signal.map((lead) => Float32Array.from(forthAndBack(rules.store_high_pass, lead)));
  }
  const [up, down] = ratio(fsHz, rules.fs_hz);
  signal = signal.map((lead, l) => {
    if (!long[l]) return lead;
    return lead.map((value, k) => {
      const nearest = Math.floor((2 * k * down + up) / (2 * up));
      return long[l][Math.min(nearest, long[l].length - 1)] ? 0 : value;
    });
  });
  return { signal, baseline };
}

/** Return the signal that windows are cut from, its baseline as the model was trained with. */
export function withBaseline({ signal, baseline }, rules) {
  if (rules.cut === "as stored") return signal;
  const whole = baseline
    ? signal.map((lead, l) => lead.map((value, k) => value + baseline[l][k]))
    : signal;
  if (rules.cut === "none" || whole[0].length === 0) return whole;
  const filter = rules.high_pass;
  return whole.map((lead) => {
    const out = rules.causal
      ? sosFilter(filter.sos, lead, atRest(filter, lead[0]))
      : forthAndBack(filter, lead);
    return Float32Array.from(out);
  });
}

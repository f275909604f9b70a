// Small numeric pieces that several files use; each does what NumPy's or SciPy's does.

export const fround = Math.fround;

/** Round to the nearest integer, halves to the even one, as np.rint. */
export function rint(value) {
  const low = Math.floor(value);
  const part = value - low;
  if (part !== 0.5) return part < 0.5 ? low : low + 1;
  return low % 2 === 0 ? low : low + 1;
}

/** Return the first place in the ascending `values` where `wanted` would not be too late. */
export function searchSorted(values, wanted, from = 0) {
  let low = from;
  let high = values.length;
  while (low < high) {
    const middle = (low + high) >> 1;
    if (values[middle] < wanted) low = middle + 1;
    else high = middle;
  }
  return low;
}

/** Return the median of a typed array, which is sorted by this. */
export function medianOf(values) {
  values.sort();
  const half = values.length >> 1;
  if (values.length % 2 === 1) return values[half];
  // In the precision of the values, as NumPy's mean of the middle two.
  if (values instanceof Float32Array) {
    return Math.fround(Math.fround(values[half - 1] + values[half]) / 2);
  }
  return (values[half - 1] + values[half]) / 2;
}

/** Return the index of the first largest value between `from` and `to`. */
export function argMax(values, from = 0, to = values.length) {
  let best = from;
  for (let k = from + 1; k < to; k++) if (values[k] > values[best]) best = k;
  return best;
}

/** Return the place of sample `k` in a signal of `n` that is mirrored, ends repeated. */
function mirrored(k, n) {
  const place = ((k % (2 * n)) + 2 * n) % (2 * n);
  return place < n ? place : 2 * n - 1 - place;
}

/** Return the running median of 2 * reach + 1 values; the signal is continued by `continued`. */
function runningMedian(values, reach, continued) {
  const size = 2 * reach + 1;
  const n = values.length;
  const out = new values.constructor(n);
  if (n === 0) return out;
  const sorted = new values.constructor(size);
  for (let k = -reach; k <= reach; k++) sorted[k + reach] = values[continued(k, n)];
  sorted.sort();
  out[0] = sorted[reach];
  for (let k = 1; k < n; k++) {
    const old = values[continued(k - reach - 1, n)];
    const fresh = values[continued(k + reach, n)];
    if (old !== fresh) {
      let place = searchSorted(sorted, old);
      // Slide the values between both places by one.
      if (fresh > old) {
        while (place + 1 < size && sorted[place + 1] < fresh) sorted[place] = sorted[++place];
      } else {
        while (place > 0 && sorted[place - 1] > fresh) sorted[place] = sorted[--place];
      }
      sorted[place] = fresh;
    }
    out[k] = sorted[reach];
  }
  return out;
}

/** As scipy.ndimage.median_filter with mode="nearest": the ends go on. */
export function medianNearest(values, reach) {
  return runningMedian(values, reach, (k, n) => Math.min(Math.max(k, 0), n - 1));
}

/** As scipy.ndimage.median_filter with mode="reflect": the ends are mirrored. */
export function medianMirrored(values, reach) {
  return runningMedian(values, reach, mirrored);
}

/**
 * Return moving averages of `size` values, as scipy.ndimage.uniform_filter1d.
 * `before` of them lie before the sample; `mirror` or else the ends go on.
 */
export function movingAverage(values, size, before, mirror) {
  const n = values.length;
  const at = mirror
    ? (k) => values[mirrored(k, n)]
    : (k) => values[Math.min(Math.max(k, 0), n - 1)];
  const out = new Float64Array(n);
  let sum = 0;
  for (let k = 0; k < size; k++) sum += at(k - before);
  sum /= size;
  out[0] = sum;
  for (let k = 1; k < n; k++) {
    sum += (at(k - before + size - 1) - at(k - before - 1)) / size;
    out[k] = sum;
  }
  return out;
}

/** Return the smallest and the largest of some values. */
export function extremes(values, from = 0, to = values.length) {
  let low = Infinity;
  let high = -Infinity;
  for (let k = from; k < to; k++) {
    if (values[k] < low) low = values[k];
    if (values[k] > high) high = values[k];
  }
  return [low, high];
}

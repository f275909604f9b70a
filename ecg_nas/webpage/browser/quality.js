// Where a lead cannot be read: a verdict every two seconds, as data_prep/dsp/quality.py gives it.

import { fround, medianOf, rint } from "./numbers.js";

/** Return the segments {start, stop, lead, reason}, in seconds, that cannot be read. */
export function unreadable(raw, rawHz, filtered, fsHz, qrsMv, rules) {
  const own = rules.quality;
  const lengthS = raw[0].length / rawHz;
  const segments = [];
  raw.forEach((lead, place) => {
    const windows = windowsOf(lead, rawHz, own);
    const seen = windows.map((window) => faultOf(window, own));
    const size = Math.max(rint(own.bin_s * fsHz), 3);
    const noise = windowsOf(filtered[place], fsHz, own).map((window) => noiseOf(window, size));
    const limit = Math.max(own.noise * qrsMv[place], own.noise_mv);
    const flat = runs(seen.map((one) => one.range < fround(own.flat_mv)), own.flat_windows);
    const loud = seen.map((_, k) => k < noise.length && noise[k] > fround(limit));
    const noisy = runs(joined(loud, own.join_windows), own.noise_windows);
    const reasons = seen.map(({ fault }, k) => {
      if (flat[k] && fault !== "missing") return "flat";
      return fault || (noisy[k] ? "noise" : null);
    });
    for (let k = 0; k < reasons.length; ) {
      let stop = k + 1;
      while (stop < reasons.length && reasons[stop] === reasons[k]) stop++;
      if (reasons[k]) {
        const end = Math.min(stop * own.window_s, lengthS);
        segments.push({ start: k * own.window_s, stop: end, lead: place, reason: reasons[k] });
      }
      k = stop;
    }
  });
  return segments.sort((one, other) => one.start - other.start || one.lead - other.lead);
}

/** Return the times [start, stop] at which `needed` of the leads cannot be read at once. */
export function spans(segments, leads, needed) {
  const edges = [];
  for (let lead = 0; lead < leads; lead++) {
    let open = null;
    for (const { start, stop } of segments.filter((one) => one.lead === lead)) {
      if (open && start <= open[1]) open[1] = Math.max(open[1], stop);
      else {
        open = [start, stop];
        edges.push(open);
      }
    }
  }
  const changes = edges.flatMap(([start, stop]) => [[start, 1], [stop, -1]]);
  changes.sort((one, other) => one[0] - other[0] || other[1] - one[1]);
  const out = [];
  let [depth, begin] = [0, 0];
  for (const [time, change] of changes) {
    if (depth < needed && needed <= depth + change) begin = time;
    else if (depth + change < needed && needed <= depth && time > begin) out.push([begin, time]);
    depth += change;
  }
  return out;
}

/** Tell which of the ascending times lie in one of the spans, which ascend and do not overlap. */
export function inside(timesS, where) {
  let at = 0;
  return timesS.map((time) => {
    while (at < where.length && where[at][1] <= time) at++;
    return at < where.length && time >= where[at][0];
  });
}

/** Cut a lead into windows on a grid of time; what fills none at the end goes on. */
function windowsOf(lead, fsHz, own) {
  const size = Math.trunc(own.window_s * fsHz);
  const out = [];
  let number = 0;
  let start = 0;
  while (start + size <= lead.length) {
    out.push(lead.subarray(start, start + size));
    number++;
    start = rint(number * own.window_s * fsHz);
  }
  if (start < lead.length) {
    const rest = new Float32Array(size).fill(lead[lead.length - 1]);
    rest.set(lead.subarray(start, start + size));
    out.push(rest);
  }
  return out;
}

function faultOf(window, own) {
  const there = window.filter((value) => !Number.isNaN(value));
  // A gap is no limit: it has the middle of what there is, not 0, which may lie far away.
  const usual = there.length ? medianOf(there) : 0;
  const known = window.map((value) => (Number.isNaN(value) ? usual : value));
  const missing = window.reduce((count, value) => count + Number.isNaN(value), 0) / window.length;
  let [low, high] = [known[0], known[0]];
  for (const value of known) {
    if (value < low) low = value;
    if (value > high) high = value;
  }
  const middle = medianOf(known.slice());
  let fault = null;
  if (Math.max(fround(high - middle), fround(middle - low)) > own.largest_mv) fault = "implausible";
  for (const limit of [high, low]) {
    let stands = 0;
    for (let k = 1; k < known.length; k++) {
      stands += known[k] === limit && known[k - 1] === limit;
    }
    const share = stands / (known.length - 1);
    if (share > own.limit_share && Math.abs(fround(limit - middle)) > own.limit_mv) {
      fault = "saturated";
    }
  }
  if (missing > own.missing) fault = "missing";
  return { fault, range: fround(high - low) };
}

/** Return how far a window strays from lines within its short pieces: their median, in mV. */
function noiseOf(window, size) {
  const bins = Math.floor(window.length / size);
  const spread = new Float32Array(bins);
  let norm = 0;
  for (let k = 0; k < size; k++) norm += (k - (size - 1) / 2) ** 2;
  for (let bin = 0; bin < bins; bin++) {
    const piece = window.subarray(bin * size, (bin + 1) * size);
    const mean = piece.reduce((sum, value) => sum + value, 0) / size;
    let [along, power] = [0, 0];
    piece.forEach((value, k) => {
      along += (value - mean) * (k - (size - 1) / 2);
      power += (value - mean) ** 2;
    });
    spread[bin] = Math.sqrt(Math.max(power - (along * along) / norm, 0) / (size - 2));
  }
  return bins ? medianOf(spread) : NaN;
}

/** Keep only runs of so many windows or more. */
function runs(flags, atLeast) {
  const out = flags.map(() => false);
  for (let k = 0; k < flags.length; k++) {
    let stop = k;
    while (stop < flags.length && flags[stop]) stop++;
    if (stop - k >= atLeast) out.fill(true, k, stop);
    k = Math.max(stop, k);
  }
  return out;
}

/** Fill gaps of up to `most` windows between flagged ones. */
function joined(flags, most) {
  const first = flags.indexOf(true);
  const last = flags.lastIndexOf(true);
  const gaps = runs(flags.map((flag) => !flag), most + 1);
  return flags.map((_, k) => first >= 0 && k >= first && k <= last && !gaps[k]);
}

// The three detectors that vote on where beats are, each on one lead at a fixed rate.
//
// Written after the methods that neurokit2 calls pantompkins1985, kalidas2017 and neurokit, whose
// numbers they give; their filters come from Python with the page.
// Pan, Tompkins, IEEE Trans. Biomed. Eng. 32:230, 1985, doi:10.1109/TBME.1985.325532.
// Kalidas, Tamil, IEEE BIBE 2017, doi:10.1109/BIBE.2017.00-12.
// Makowski et al., Behav. Res. Methods 53:1689, 2021, doi:10.3758/s13428-020-01516-y.

import { argMax, movingAverage, rint } from "./numbers.js";
import { atRest, forthAndBack, padOdd, sosFilter } from "./signal.js";

/** Return the peaks that each detector finds in one lead, in the order of their delays. */
export function voicesOf(lead, rules) {
  const n = lead.length;
  return [panTompkins, kalidas, neurokit].map((find, which) => {
    const found = new Set();
    for (const peak of find(lead, rules)) {
      const early = rint(peak - rules.delays[which]);
      if (early >= 0 && early < n) found.add(early);
    }
    return [...found].sort((one, other) => one - other);
  });
}

function panTompkins(lead, rules) {
  const { filter, window, silent } = rules.pan_tompkins;
  const mean = lead.reduce((sum, value) => sum + value, 0) / lead.length;
  const clean = sosFilter(filter.sos, lead, atRest(filter, mean));
  const squared = Float64Array.from({ length: lead.length - 1 }, (_, k) => {
    const step = clean[k + 1] - clean[k];
    return step * step;
  });
  const energy = movingAverage(squared, window, window - 1, true);
  let sum = 0;
  for (let k = 0; k < Math.min(window - 1, squared.length); k++) {
    sum += squared[k];
    energy[k] = sum / (k + 1);
  }
  energy.fill(0, 0, silent);
  return strongPeaks(energy, rules.threshold);
}

function kalidas(lead, rules) {
  const { detail, offset, multiple, filter } = rules.kalidas;
  const n = lead.length;
  const size = Math.ceil(n / multiple) * multiple;
  const squared = new Float64Array(size);
  for (let k = 0; k < size; k++) {
    let sum = 0;
    for (let tap = 0; tap < detail.length; tap++) {
      // The transform takes the signal for periodic; it is filled up by its last value.
      const at = (((k + offset - tap) % size) + size) % size;
      sum += detail[tap] * lead[at < n ? at : n - 1];
    }
    squared[k] = sum * sum;
  }
  return strongPeaks(sosFilter(filter.sos, squared, null).subarray(0, n), rules.threshold);
}

function neurokit(lead, rules) {
  const own = rules.neurokit;
  const clean = withoutHum(forthAndBack(own.filter, lead), own.hum);
  const n = clean.length;
  const slope = Float64Array.from(clean, (value, k) => {
    if (k === 0) return Math.abs(clean[1] - value);
    if (k === n - 1) return Math.abs(value - clean[k - 1]);
    return Math.abs((clean[k + 1] - clean[k - 1]) / 2);
  });
  const smooth = movingAverage(slope, own.smooth, own.smooth >> 1, false);
  const usual = movingAverage(smooth, own.average, own.average >> 1, false);
  const begins = [];
  let ends = [];
  for (let k = 0; k + 1 < n; k++) {
    const here = smooth[k] > own.threshold * usual[k];
    const next = smooth[k + 1] > own.threshold * usual[k + 1];
    if (!here && next) begins.push(k);
    if (here && !next) ends.push(k);
  }
  if (begins.length === 0) return [];
  ends = ends.filter((end) => end > begins[0]);
  const count = Math.min(begins.length, ends.length);
  let total = 0;
  for (let k = 0; k < count; k++) total += ends[k] - begins[k];
  const least = (total / count) * own.least_length;
  const peaks = [0];
  for (let k = 0; k < count; k++) {
    if (ends[k] - begins[k] < least) continue;
    const peak = mostProminent(clean.subarray(begins[k], ends[k]));
    if (peak >= 0 && begins[k] + peak - peaks[peaks.length - 1] > own.delay) {
      peaks.push(begins[k] + peak);
    }
  }
  return peaks.slice(1);
}

/** Smooth by averages over one period of mains hum, forth and back. */
function withoutHum(values, period) {
  const pad = Math.min(3 * period, values.length - 1);
  const once = (signal) => {
    // As if the signal had always been at its first value.
    const out = new Float64Array(signal.length);
    for (let k = 0; k < signal.length; k++) {
      let sum = 0;
      for (let back = period - 1; back >= 0; back--) sum += signal[Math.max(k - back, 0)];
      out[k] = sum / period;
    }
    return out;
  };
  const back = once(once(padOdd(values, pad)).reverse()).reverse();
  return back.slice(pad, pad + values.length);
}

/** Return the local maximum that stands out most; -1 if there is none. */
function mostProminent(values) {
  let [best, most] = [-1, -Infinity];
  for (let k = 1; k + 1 < values.length; k++) {
    if (values[k - 1] >= values[k]) continue;
    let stop = k;
    while (stop + 1 < values.length && values[stop + 1] === values[k]) stop++;
    if (stop + 1 >= values.length || values[stop + 1] > values[k]) continue;
    const peak = (k + stop) >> 1;
    const prominence = prominenceOf(values, peak);
    if (prominence > most) [best, most] = [peak, prominence];
    k = stop;
  }
  return best;
}

function prominenceOf(values, peak) {
  const height = values[peak];
  let [left, right] = [height, height];
  for (let k = peak; k >= 0 && values[k] <= height; k--) left = Math.min(left, values[k]);
  for (let k = peak; k < values.length && values[k] <= height; k++) {
    right = Math.min(right, values[k]);
  }
  return height - Math.max(left, right);
}

/** Return the peaks that pass Pan and Tompkins' running thresholds, missed ones among them. */
function strongPeaks(energy, rules) {
  const peaks = [];
  for (let k = 1; k + 1 < energy.length; k++) {
    if (energy[k - 1] < energy[k] && energy[k + 1] < energy[k]) peaks.push(k);
  }
  const found = [];
  let [ofSignal, ofNoise, last, lastIndex] = [0, 0, 0, -1];
  peaks.forEach((peak, index) => {
    const height = energy[peak];
    const threshold = ofNoise + 0.25 * (ofSignal - ofNoise);
    if (!(height > threshold && peak > last + rules.apart)) {
      ofNoise = 0.125 * height + 0.875 * ofNoise;
      return;
    }
    found.push(peak);
    if (found.length > 9) {
      const usual = Math.floor((found[found.length - 2] - found[found.length - 10]) / 8);
      if (peak - last > Math.trunc(1.66 * usual)) {
        const missed = peaks
          .slice(lastIndex + 1, index)
          .filter((other) => other > last + rules.missed && other < peak - rules.missed)
          .filter((other) => energy[other] > 0.5 * threshold);
        if (missed.length) {
          found[found.length - 1] = missed[argMax(missed.map((other) => energy[other]))];
          found.push(peak);
        }
      }
    }
    last = peak;
    lastIndex = index;
    ofSignal = 0.125 * height + 0.875 * ofSignal;
  });
  return found;
}

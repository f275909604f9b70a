// Where the beats are: a vote of detectors on all leads, as data_prep/dsp/r_peaks.py takes it.

import { argMax, extremes, fround, medianMirrored, rint, searchSorted } from "./numbers.js";
import { forthAndBack, resample } from "./signal.js";
import { voicesOf } from "./voices.js";

/**
 * Find the R peaks of a filtered signal, in blocks of ten minutes.
 * `pause` is awaited between blocks, with the share that is done.
 */
export async function detect(signal, fsHz, rules, pause) {
  const own = rules.detect;
  const n = signal[0].length;
  const found = [];
  let previous = -Infinity;
  const blocks = Math.ceil(n / (own.block_s * fsHz));
  for (let block = 0; block < blocks; block++) {
    await pause(block / blocks);
    const first = rint(block * own.block_s * fsHz);
    const last = rint((block + 1) * own.block_s * fsHz);
    const margin = rint(own.margin_s * fsHz);
    const start = Math.max(first - margin, 0);
    const stop = Math.min(last + margin, n);
    const piece = signal.map((lead) => lead.subarray(start, stop));
    // As in Python, the distance is taken to the peak before, whether that one stays or not.
    for (const peak of detectBlock(piece, fsHz, rules)) {
      const at = peak + start;
      if (at < first || at >= Math.min(last, n)) continue;
      if (at - previous >= 0.5 * own.refractory_s * fsHz) found.push(at);
      previous = at;
    }
  }
  return found;
}

function detectBlock(signal, fsHz, rules) {
  const own = rules.detect;
  const voices = [];
  for (const lead of resample(signal, fsHz, own.fs_hz, 0, rules)) {
    const [low, high] = extremes(lead);
    if (lead.length >= own.fs_hz && high > low) voices.push(...voicesOf(lead, own));
  }
  if (!voices.some((voice) => voice.length)) return [];
  const { positions, shares } = vote(voices, own);
  const beats = choose(positions, shares, own).map((beat) =>
    Math.min(rint((beat / own.fs_hz) * fsHz), signal[0].length - 1),
  );
  return beats.length ? settle(signal, beats, fsHz, own) : [];
}

/** Join the voices to candidates, with the share of weight for each. */
function vote(voices, own) {
  const window = rint(own.window_s * own.fs_hz);
  const latest = Math.max(...voices.filter((v) => v.length).map((v) => v[v.length - 1]));
  const windows = Math.floor(latest / window) + 1;
  const weights = agreement(voices, window, windows, own).map((row) =>
    row.map((value) => value ** own.power),
  );
  const heard = voices.flatMap((voice, speaker) => voice.map((time) => [time, speaker]));
  heard.sort((one, other) => one[0] - other[0]);
  const positions = [];
  const shares = [];
  for (let first = 0; first < heard.length; ) {
    let last = first;
    while (last + 1 < heard.length && heard[last + 1][0] - heard[last][0] <= own.gap_s * own.fs_hz) {
      last++;
    }
    const position = heard[(first + last) >> 1][0];
    const speaks = new Set(heard.slice(first, last + 1).map((pair) => pair[1]));
    const at = Math.floor(position / window);
    let [total, mine] = [0, 0];
    weights.forEach((row, speaker) => {
      total += row[at];
      if (speaks.has(speaker)) mine += row[at];
    });
    positions.push(position);
    shares.push(total > 0 ? mine / total : speaks.size / voices.length);
    first = last + 1;
  }
  return { positions, shares };
}

/** Return how far each voice agrees with the others in each window, 0 to 1. */
function agreement(voices, window, windows, own) {
  const perWindow = (peaks) => {
    const counts = new Float64Array(windows + 2);
    for (const peak of peaks) counts[Math.floor(peak / window) + 1]++;
    return Float64Array.from({ length: windows }, (_, k) =>
      0.5 * counts[k] + counts[k + 1] + 0.5 * counts[k + 2],
    );
  };
  const near = (peaks, others) => peaks.filter((peak) => {
    const after = searchSorted(others, peak);
    const around = others.slice(Math.max(after - 1, 0), after + 1);
    return around.some((other) => Math.abs(peak - other) <= own.agree_s * own.fs_hz);
  });
  const counts = voices.map(perWindow);
  const out = voices.map(() => new Float64Array(windows));
  for (let i = 0; i < voices.length; i++) {
    for (let j = 0; j < i; j++) {
      const one = perWindow(near(voices[i], voices[j]));
      const other = perWindow(near(voices[j], voices[i]));
      for (let k = 0; k < windows; k++) {
        const f1 = (one[k] + other[k]) / Math.max(counts[i][k] + counts[j][k], 1);
        out[i][k] += f1;
        out[j][k] += f1;
      }
    }
  }
  return out.map((row) => row.map((value) => value / Math.max(voices.length - 1, 1)));
}

/** Accept candidates by their share; fill long gaps with weaker ones. */
function choose(positions, shares, own) {
  const chosen = [];
  shares.forEach((share, k) => {
    if (!(share > own.accept)) return;
    const last = chosen[chosen.length - 1];
    if (chosen.length && positions[k] - positions[last] < own.refractory_s * own.fs_hz) {
      if (share > shares[last]) chosen[chosen.length - 1] = k;
    } else chosen.push(k);
  });
  const beats = chosen.map((k) => positions[k]);
  if (beats.length < 2) return beats;
  const intervals = Float64Array.from(beats.slice(1), (beat, k) => beat - beats[k]);
  const usual = medianMirrored(intervals, own.interval_reach).map((value) =>
    Math.min(value, own.longest_usual_s * own.fs_hz),
  );
  const filled = [...beats];
  intervals.forEach((interval, gap) => {
    if (!(interval > own.long_gap * usual[gap])) return;
    const low = searchSorted(positions, beats[gap] + 1);
    const high = searchSorted(positions, beats[gap + 1]);
    const taken = [beats[gap], beats[gap + 1]];
    const weaker = Array.from({ length: high - low }, (_, k) => low + k);
    for (const k of weaker.sort((one, other) => shares[other] - shares[one])) {
      if (shares[k] <= own.accept_in_gap) break;
      const distance = Math.min(...taken.map((time) => Math.abs(positions[k] - time)));
      if (distance > 0.5 * usual[gap]) taken.push(positions[k]);
    }
    filled.push(...taken.slice(2));
  });
  return filled.sort((one, other) => one - other);
}

/** Move each beat to the extremum around it, in the first lead that has one there. */
function settle(signal, beats, fsHz, own) {
  const n = signal[0].length;
  const reach = rint(own.settle_s * fsHz);
  const peaks = [...beats];
  const settled = new Uint8Array(beats.length);
  const isHigh = new Uint8Array(beats.length);
  for (const lead of signal) {
    const smooth = own.settle.reduce(
      (values, filter) => Float32Array.from(forthAndBack(filter, values)), lead,
    ).map(Math.abs);
    const seen = beats.map((beat) => {
      const from = Math.max(beat - reach, 0);
      const to = Math.min(beat + reach + 1, n);
      const best = argMax(smooth, from, to);
      const [low, high] = extremes(lead, from, to);
      return { best, height: smooth[best], hasSignal: high > low };
    });
    const usual = medianMirrored(
      Float32Array.from(seen, (one) => one.height), own.around >> 1,
    );
    seen.forEach((one, k) => {
      if (!one.hasSignal) return;
      // In the precision of the signal, as NumPy compares.
      if (one.height >= fround(own.least_height * usual[k])) isHigh[k] = 1;
      if (!settled[k]) peaks[k] = one.best;
      settled[k] = 1;
    });
  }
  return peaks.filter((_, k) => isHigh[k]);
}

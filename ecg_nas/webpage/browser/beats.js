// From a filtered signal and its beats to what the model takes: windows, levels and rhythm,
// as data_prep/beats/cutting.py, data_prep/beats/normalization.py and data_prep/beats/rhythm.py define them.

import { medianOf } from "./numbers.js";

/** Return each beat's own window, lead after lead; 0 where it passes an end of the signal. */
export function cutWindows(signal, positions, rules) {
  return positions.map((position) => {
    const start = position - rules.before;
    const own = new Float32Array(signal.length * rules.samples);
    signal.forEach((lead, l) => {
      const first = Math.max(start, 0);
      const last = Math.min(start + rules.samples, lead.length);
      if (first < last) own.set(lead.subarray(first, last), l * rules.samples + first - start);
    });
    return own;
  });
}

/** Return what `measure` (of a piece of one lead) gives for each lead around the R peak. */
function aroundPeak(own, reach, rules, measure) {
  const out = new Float32Array(rules.leads.length);
  for (let lead = 0; lead < out.length; lead++) {
    const at = lead * rules.samples;
    const first = at + Math.max(rules.before - reach, 0);
    const last = at + Math.min(rules.before + reach + 1, rules.samples);
    out[lead] = measure(own.subarray(first, last));
  }
  return out;
}

/** Return the size of the QRS complex of one beat in each lead, peak to peak. */
export function qrsSizes(own, rules) {
  return aroundPeak(own, rules.qrs_reach, rules, (piece) => {
    let [low, high] = [piece[0], piece[0]];
    for (const value of piece) {
      if (value < low) low = value;
      if (value > high) high = value;
    }
    return high - low;
  });
}

function amplitudes(own, rules) {
  if (rules.scale !== "r-peak") return qrsSizes(own, rules);
  return aroundPeak(own, rules.peak_reach, rules, (piece) =>
    piece.reduce((most, value) => Math.max(most, Math.abs(value)), 0),
  );
}

/** Return the median of each place over some arrays of the same length. */
export function medians(arrays, empty, length) {
  const out = new Float32Array(length).fill(empty);
  if (arrays.length === 0) return out;
  const column = new Float32Array(arrays.length);
  for (let k = 0; k < length; k++) {
    for (let row = 0; row < arrays.length; row++) column[row] = arrays[row][k];
    out[k] = medianOf(column);
  }
  return out;
}

function levelOf(sizes, windows, rules, isCompared) {
  const leads = rules.leads.length;
  const scale = medians(sizes, 1, leads);
  if (sizes.length) scale.forEach((size, l) => (scale[l] = Math.max(size, rules.least_mv)));
  const length = leads * rules.samples;
  return { scale, reference: isCompared ? medians(windows, 0, length) : new Float32Array(length) };
}

/** Return the level of each beat: one object for all, or (causal) of the beats before it. */
export function levels(windows, rules) {
  const sizes = windows.map((own) => amplitudes(own, rules));
  if (!rules.causal) {
    const level = levelOf(sizes, windows, rules, true);
    return windows.map(() => level);
  }
  let level = null;
  return windows.map((_, beat) => {
    // Each of the first beats is compared with those so far, itself among them.
    const stop = beat < rules.renewal ? beat + 1 : beat;
    if (beat < rules.renewal || beat % rules.renewal === 0) {
      const from = Math.max(stop - rules.memory, 0);
      level = levelOf(
        sizes.slice(from, stop), windows.slice(from, stop), rules, rules.reference_beat,
      );
    }
    return level;
  });
}

/** Return the rhythm features of every beat, one Float32Array each. */
export function rhythm(timesS, rules) {
  const [shortest, longest] = rules.interval_s;
  const intervals = Float64Array.from(timesS.slice(1), (time, k) =>
    Math.min(Math.max(time - timesS[k], shortest), longest),
  );
  const around = rules.causal ? aroundCausal(intervals, timesS, rules)
    : aroundWhole(intervals, timesS, rules);
  return around.map((beat) => Float32Array.from(rules.context_names, (name) => {
    const relation = /^(.*)\/(.*)-1$/.exec(name);
    if (!relation) return beat[name.replace(/_s$/, "")];
    return Math.min(beat[relation[1]] / beat[relation[2]] - 1, rules.ratio_limit);
  }));
}

function aroundWhole(intervals, timesS, rules) {
  const n = intervals.length;
  const mean = n ? intervals.reduce((sum, one) => sum + one, 0) / n : rules.default_mean_s;
  const median = n ? medianOf(intervals.slice()) : rules.default_mean_s;
  const at = (k) => (k >= 0 && k < n ? intervals[k] : mean);
  return timesS.map((_, beat) => {
    let local = 0;
    const first = Math.max(beat - 1 - rules.n_local, 0);
    for (let k = first; k < beat - 1; k++) local += intervals[k];
    return {
      pre: at(beat - 1), post: at(beat), mean, median,
      local: beat > 1 ? local / (beat - 1 - first) : mean,
      "previous pre": at(beat - 2), "next post": at(beat + 1),
    };
  });
}

function aroundCausal(intervals, timesS, rules) {
  return timesS.map((_, beat) => {
    const isLast = beat === timesS.length - 1;
    // Known: the intervals up to the one behind this beat.
    const stop = isLast ? beat : beat + 1;
    const known = intervals.slice(Math.max(stop - rules.level_intervals, 0), stop);
    const mean = known.length
      ? known.reduce((sum, one) => sum + one, 0) / known.length
      : rules.default_mean_s;
    const median = known.length ? medianOf(known.slice()) : rules.default_mean_s;
    const before = known.slice(0, known.length - (isLast ? 0 : 1)).slice(-rules.n_local - 1);
    const earlier = before.slice(0, -1);
    return {
      pre: before.length ? before[before.length - 1] : mean,
      post: isLast ? mean : intervals[beat], mean, median,
      local: earlier.length ? earlier.reduce((sum, one) => sum + one, 0) / earlier.length : mean,
      "previous pre": earlier.length ? earlier[earlier.length - 1] : mean,
    };
  });
}

/** Return one batch of the model's inputs, for the beats `rows` of `windows`. */
export function networkInputs(rows, windows, level, context, rules) {
  const leads = rules.leads.length;
  const own = leads * rules.samples;
  const channels = leads * (1 + 2 * rules.neighbours);
  const n = rows.length;
  const window = new Float32Array(n * channels * rules.samples);
  const scale = new Float32Array(n * leads);
  const reference = new Float32Array(n * own);
  const features = rules.context_names.length;
  const rhythmic = new Float32Array(n * features);
  rows.forEach((beat, row) => {
    const at = row * channels * rules.samples;
    window.set(windows[beat], at);
    for (let step = 1; step <= rules.neighbours; step++) {
      const place = at + own * (2 * step - 1);
      if (beat >= step) window.set(windows[beat - step], place);
      if (beat + step < windows.length) window.set(windows[beat + step], place + own);
    }
    scale.set(level[row].scale, row * leads);
    reference.set(level[row].reference, row * own);
    rhythmic.set(context[beat], row * features);
  });
  return {
    window: [window, [n, channels, rules.samples]],
    scale: [scale, [n, leads]],
    reference: [reference, [n, leads, rules.samples]],
    context: [rhythmic, [n, features]],
  };
}

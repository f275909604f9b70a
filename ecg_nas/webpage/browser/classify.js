// One recording through filters, detection, windows and the model, as ecg-nas classify does it.

import { cutWindows, levels, medians, networkInputs, qrsSizes, rhythm } from "./beats.js";
import { detect } from "./detect.js";
import { doubts } from "./doubts.js";
import { argMax } from "./numbers.js";
import { inside, spans, unreadable } from "./quality.js";
import { condition, originalPositions, ratio, resampledPositions, withBaseline } from "./signal.js";
import { InputError } from "./wfdb.js";

/**
 * Classify the beats of a recording.
 *
 * `leads` are Float32Arrays in mV, as many as the model takes and in its order; `given` are R peaks
 * in samples, or null: then they are found, and unreadable segments are left out. `run` takes a
 * batch of inputs and returns its probabilities; `progress` is awaited with a text and a share.
 */
export async function classifyRecording({ leads, fsHz, given, names, rules, run, progress }) {
  if (leads.length !== rules.leads.length) {
    throw new InputError(`the model takes ${rules.leads.length} leads; ${leads.length} were chosen`);
  }
  const raw = leads.map((lead) => {
    // A damaged file may hold any number; filters must not meet it.
    return lead.map((value) => (Math.abs(value) > rules.largest_mv ? NaN : value));
  });
  await progress("Filtering", 0);
  const parts = condition(raw, fsHz, rules);
  await progress("Filtering", 0.5);
  const cut = withBaseline(parts, rules);
  let samples = given;
  let positions;
  if (given) positions = resampledPositions(given, fsHz, rules.fs_hz, cut[0].length);
  else {
    const found = (share) => progress("Finding beats", share);
    positions = await detect(parts.signal, rules.fs_hz, rules, found);
    samples = originalPositions(positions, fsHz, rules.fs_hz, raw[0].length);
  }
  await progress("Cutting beats", 0);
  let windows = cutWindows(cut, positions, rules);
  const qrsMv = medians(windows.map((own) => qrsSizes(own, rules)), 0, leads.length);
  const [up, down] = ratio(fsHz, rules.fs_hz);
  const segments = unreadable(raw, fsHz, parts.signal, (fsHz * up) / down, qrsMv, rules);
  let readable = samples.map(() => true);
  if (!given) {
    const lost = inside(samples.map((at) => at / fsHz), spans(segments, leads.length, leads.length));
    windows = windows.filter((_, k) => !lost[k]);
    samples = samples.filter((_, k) => !lost[k]);
    const doubtful = inside(samples.map((at) => at / fsHz), spans(segments, leads.length, 1));
    readable = doubtful.map((is) => !is);
  }
  const kept = readable.flatMap((is, k) => (is ? [k] : []));
  const level = levels(kept.map((k) => windows[k]), rules);
  const context = rhythm(samples.map((at) => at / fsHz), rules);
  const beats = samples.map((sample) => ({ sample, timeS: sample / fsHz, called: -1, p: null }));
  for (let first = 0; first < kept.length; first += rules.batch) {
    await progress("Classifying", first / kept.length);
    const rows = kept.slice(first, first + rules.batch);
    const inputs = networkInputs(
      rows, windows, level.slice(first, first + rules.batch), context, rules,
    );
    const probabilities = await run(inputs);
    rows.forEach((beat, row) => {
      const p = probabilities.slice(row * rules.classes.length, (row + 1) * rules.classes.length);
      beats[beat].p = p;
      beats[beat].called = argMax(p);
    });
  }
  await progress("Done", 1);
  const shown = kept.map((k) => windows[k]);
  const warnings = doubts(names, shown, qrsMv, rules);
  return { beats, segments, qrsMv, warnings, gated: !given, lost: given ? [] : spans(
    segments, leads.length, leads.length,
  ), partly: given ? [] : spans(segments, leads.length, 1) };
}

// What looks like a wrong unit, or like leads upside down, as ecg_nas/inference/plausibility.py says it.

import { medians } from "./beats.js";
import { extremes } from "./numbers.js";

/** Return a sentence for each doubt; `windows` are those of the beats that can be read. */
export function doubts(names, windows, qrsMv, rules) {
  const own = rules.doubts;
  const out = units(names, qrsMv, own);
  const alike = likenesses(windows, rules);
  const mean = alike && alike.reduce((sum, one) => sum + one, 0) / alike.length;
  if (alike && mean < own.upside_down) {
    out.push("the usual QRS complex looks like that of the training patients upside down "
      + `(correlation ${mean.toFixed(2)}): are the leads inverted, or in another order?`);
    return out;
  }
  if (windows.length === 0) return out;
  usualQrs(windows, own.down_reach, rules).forEach((qrs, lead) => {
    const [low, high] = extremes(qrs);
    const isUpright = own.upright.includes(names[lead].toLowerCase());
    if (isUpright && -low > own.down * Math.max(high, 1e-6)) {
      out.push(`the usual QRS complex of lead ${names[lead]} points down, which is rare in this `
        + "lead: are its electrodes swapped?");
    }
  });
  return out;
}

function units(names, qrsMv, own) {
  const [low, high] = own.plausible_mv;
  const sizes = names.map((name, lead) => [name, qrsMv[lead]]);
  const say = (found, asked) => {
    const listed = found.map(([name, size]) => {
      const text = size > 1
        ? Math.round(size).toLocaleString("en") : String(Number(size.toPrecision(2)));
      return `${text} mV in ${name}`;
    });
    return `the QRS complexes measure ${listed.join(", ")}: ${asked}`;
  };
  const large = sizes.filter(([, size]) => size > high);
  const small = sizes.filter(([, size]) => size > 0 && size < low);
  const out = large.length ? [say(large, "are the values in uV?")] : [];
  // One lead of several: rather its electrode than the file.
  if (small.length) {
    out.push(say(small, small.length === sizes.length
      ? "are the values in a larger unit, as V?" : "is its unit right, and the electrode on?"));
  }
  return out;
}

/** Return the median QRS complex of some beats, lead by lead, each of 1 from peak to peak. */
function usualQrs(windows, reach, rules) {
  const every = Math.max(Math.floor(windows.length / rules.doubts.most_beats), 1);
  const some = windows.filter((_, k) => k % every === 0);
  const from = Math.max(rules.before - reach, 0);
  const to = Math.min(rules.before + reach + 1, rules.samples);
  return rules.leads.map((_, lead) => {
    const at = lead * rules.samples;
    const pieces = some.map((one) => one.subarray(at + from, at + to));
    const middle = Float64Array.from(medians(pieces, 0, to - from));
    const [low, high] = extremes(middle);
    return middle.map((value) => (high > low ? value / (high - low) : 0));
  });
}

/** Return how alike each lead is to the training patients'; null where that is not known. */
function likenesses(windows, rules) {
  const own = rules.doubts;
  if (!own.usual_qrs || windows.length < own.least_beats) return null;
  return usualQrs(windows, own.usual_reach, rules).map((qrs, lead) => {
    let found = 0;
    for (let lag = -own.lag; lag <= own.lag; lag++) {
      const [first, last] = [Math.max(lag, 0), qrs.length + Math.min(lag, 0)];
      const other = own.usual_qrs[lead].slice(first - lag, last - lag);
      const alike = correlation(qrs.slice(first, last), other);
      if (Math.abs(alike) > Math.abs(found)) found = alike;
    }
    return found;
  });
}

function correlation(one, other) {
  const mean = (values) => values.reduce((sum, value) => sum + value, 0) / values.length;
  const [mine, theirs] = [mean(one), mean(other)];
  let [both, first, second] = [0, 0, 0];
  one.forEach((value, k) => {
    both += (value - mine) * (other[k] - theirs);
    first += (value - mine) ** 2;
    second += (other[k] - theirs) ** 2;
  });
  return first * second > 0 ? both / Math.sqrt(first * second) : 0;
}

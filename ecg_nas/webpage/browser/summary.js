// What a recording amounts to, and its beats as a table to save.

/** Return counts, heart rate, pauses and runs, as ecg_nas/inference/recording_summary.py. */
export function summarise(result, durationS, rules) {
  const { classes } = rules;
  const { beats, lost, partly } = result;
  const counts = classes.map((_, k) => beats.filter((beat) => beat.called === k).length);
  // Both ascend.
  let ended = 0;
  const gaps = beats.map((beat) => {
    while (ended < lost.length && lost[ended][1] <= beat.timeS) ended++;
    return ended;
  });
  let [sum, number, pause] = [0, 0, null];
  for (let k = 1; k < beats.length; k++) {
    if (gaps[k] !== gaps[k - 1]) continue;
    const interval = beats[k].timeS - beats[k - 1].timeS;
    sum += interval;
    number++;
    if (!pause || interval > pause.seconds) pause = { seconds: interval, atS: beats[k - 1].timeS };
  }
  const length = (spans) => spans.reduce((total, [start, stop]) => total + stop - start, 0);
  return {
    counts,
    unclassified: beats.filter((beat) => beat.called < 0).length,
    rate: sum > 0 ? (60 * number) / sum : null,
    pause,
    runs: Object.fromEntries(
      rules.runs_of.map((kind) => [kind, runsOf(beats, gaps, classes.indexOf(kind))])),
    lostS: length(lost),
    partlyS: length(partly) - length(lost),
    durationS,
  };
}

/** Count couplets and runs of three or more of one class. */
function runsOf(beats, gaps, called) {
  const out = { couplets: 0, runs: 0, longest: 0 };
  for (let k = 0; k < beats.length; ) {
    let stop = k;
    while (stop < beats.length && beats[stop].called === called && gaps[stop] === gaps[k]) stop++;
    out.couplets += stop - k === 2;
    out.runs += stop - k >= 3;
    out.longest = Math.max(out.longest, stop - k);
    k = Math.max(stop, k + 1);
  }
  return out;
}

/** Return the beats as ecg-nas classify --format csv writes them; ~ is where a lead is lost. */
export function asTable(result, fsHz, classes) {
  const empty = ",".repeat(classes.length);
  const rows = result.beats.map((beat) => [
    beat.timeS,
    `${beat.sample},${beat.timeS.toFixed(4)},,` +
      (beat.p
        ? `${classes[beat.called]}${Array.from(beat.p, (p) => `,${p.toFixed(5)}`).join("")}`
        : `?${empty}`),
  ]);
  for (const [start, stop] of result.partly) {
    const sample = Math.round(start * fsHz);
    rows.push([start - 1e-9, `${sample},${start.toFixed(4)},${stop.toFixed(4)},~${empty}`]);
  }
  rows.sort((one, other) => one[0] - other[0]);
  const head = ["sample,time_s,until_s,class", ...classes.map((kind) => `p_${kind}`)].join(",");
  return [head, ...rows.map((row) => row[1]), ""].join("\n");
}

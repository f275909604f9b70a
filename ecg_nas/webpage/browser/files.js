// What was dropped: which of the files make a recording, and which give its beats.

import { holdsBeats, readBeatTable, readTable } from "./csv.js";
import { rint } from "./numbers.js";
import { InputError, readBeats, readHeader, readSignals, refuseAbove } from "./wfdb.js";

const bytesOf = async (file) => new Uint8Array(await file.arrayBuffer());
const stem = (file) => file.name.replace(/\.[^.]*$/, "");
const ending = (file) => file.name.slice(stem(file).length + 1).toLowerCase();

/**
 * Read the dropped files: {name, fsHz, leads: [{name, signal}], beats}.
 * `beats` is {name, samples} in samples of the recording; null if no file gives some. `progress` is
 * awaited with the share of a long file that was read.
 */
export async function readFiles(files, asked, rules, progress) {
  const headers = files.filter((file) => ending(file) === "hea");
  const tables = files.filter((file) => ["csv", "tsv", "txt"].includes(ending(file)));
  const signals = [];
  for (const file of tables) {
    if (!holdsBeats(await file.slice(0, 10000).text())) signals.push(file);
  }
  if (headers.length + signals.length > 1) {
    throw new InputError("one recording at a time: a CSV file, or a header with its signal file");
  }
  const known = new Set([...headers, ...tables]);
  let recording;
  if (headers.length) {
    recording = await readRecord(headers[0], files, known, rules);
  } else if (signals.length) {
    const table = await readTable(signals[0], asked, rules, progress);
    recording = { name: stem(signals[0]), ...table };
  } else {
    throw new InputError(
      "a recording must be a CSV file, or a WFDB header (.hea) together with its signal file (.dat)",
    );
  }
  const n = recording.leads[0].signal.length;
  const { limits } = rules;
  refuseAbove(limits, "longest_s", n / recording.fsHz, "seconds", recording.name);
  if (n < recording.fsHz) throw new InputError(`${recording.name} must last a second or longer`);
  const table = tables.find((file) => !signals.includes(file));
  const notes = files.filter((file) => !known.has(file));
  if (notes.length + (table ? 1 : 0) > 1) {
    throw new InputError("the beats must come from one file; drop one annotation file only");
  }
  let beats = null;
  if (table) {
    refuseAbove(limits, "table_bytes", table.size, "bytes", table.name);
    beats = ofTable(await table.text(), table.name, recording, limits);
  }
  if (notes.length) beats = await ofNotes(notes[0], recording, rules);
  return { ...recording, beats };
}

async function readRecord(file, files, known, rules) {
  refuseAbove(rules.limits, "header_bytes", file.size, "bytes", file.name);
  const header = readHeader(await file.text(), file.name, rules);
  const leads = await readSignals(header, async (name) => {
    const found = files.find((one) => one.name === name);
    if (!found) {
      throw new InputError(`${file.name} needs its signal file ${name}: drop both together`);
    }
    known.add(found);
    return bytesOf(found);
  }, rules);
  return { name: stem(file), fsHz: header.fsHz, leads };
}

function ofTable(text, name, recording, limits) {
  const { samples, timesS } = readBeatTable(text, name, limits);
  return inOrder(samples || timesS.map((time) => rint(time * recording.fsHz)), name, recording);
}

async function ofNotes(file, recording, rules) {
  refuseAbove(rules.limits, "annotation_bytes", file.size, "bytes", file.name);
  const { samples, fsHz } = readBeats(await bytesOf(file), file.name, rules);
  const change = recording.fsHz / (fsHz || recording.fsHz);
  return inOrder(samples.map((sample) => rint(sample * change)), file.name, recording);
}

function inOrder(samples, name, recording) {
  const n = recording.leads[0].signal.length;
  const bad = samples.find((sample) => !(Number.isInteger(sample) && sample >= 0 && sample < n));
  if (bad !== undefined) {
    throw new InputError(`the beats of ${name} must lie within its ${n} samples; one is at ${bad}`);
  }
  return { name, samples: samples.sort((one, other) => one - other) };
}

/** Return the place of each lead that the model takes, by its names; null where none fits. */
export function chooseLeads(available, wanted) {
  const names = available.map((name) => name.trim().toLowerCase());
  const chosen = [];
  for (const entry of wanted) {
    let place = null;
    for (const alternative of entry.split("/").map((text) => text.trim())) {
      const number = /^#(\d+)$/.exec(alternative);
      const places = number
        ? [Number(number[1])].filter((k) => k < names.length)
        : names.map((_, k) => k).filter((k) => names[k] === alternative.toLowerCase());
      const free = places.filter((k) => !chosen.includes(k));
      if (free.length) {
        [place] = free;
        break;
      }
    }
    chosen.push(place);
  }
  return chosen;
}

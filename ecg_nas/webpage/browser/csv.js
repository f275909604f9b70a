// Recordings and beats in text files, one line a sample or a beat, as data_prep/io/formats/csv.py reads them.

import { InputError, inMillivolt, refuseAbove, refuseCrowd, refuseRate } from "./wfdb.js";

const TIMES = new Set([
  "time", "t", "elapsed time", "times", "seconds", "time_s", "timestamp",
]);
const COUNTERS = new Set(["", "#", "sample", "sample #", "samples", "index", "unnamed: 0"]);
const MISSING = new Set([
  "", "-", "#n/a", "#n/a n/a", "#na", "-1.#ind", "-1.#qnan", "-nan", "1.#ind", "1.#qnan", "<na>",
  "n/a", "na", "null", "nan", "none",
]);
const PIECE = 1 << 24;
const HEAD = 1 << 16;
const OTHER_RATE = 0.01; // times that tell a rate so far from the asked one deny it
const SECONDS = { s: 1, sec: 1, second: 1, seconds: 1, ms: 1e-3 };
const OF_BEATS = /^(sample|samples|time|time_s|until_s|class|symbol|p_.*)$/;

function cells(line, separator) {
  return line.split(separator).map((cell) => cell.trim().replace(/^["']+|["']+$/g, "").trim());
}

/** Read the head of a text file: {separator, columns: [{name, unit}], count (of lines)}. */
function headOf(lines, name, limits) {
  const first = lines[0].replace(/^\ufeff/, "");
  const counts = [",", ";", "\t"].map((one) => first.split(one).length);
  const separator = [",", ";", "\t"][counts.indexOf(Math.max(...counts))];
  const names = cells(first, separator);
  if (names.every((cell) => !cell) || names.some((cell) => cell && !Number.isNaN(Number(cell)))) {
    throw new InputError(`the first line of ${name} must name the columns, as in time,MLII (mV)`);
  }
  refuseAbove(limits, "leads", names.length, "columns", name);
  const columns = names.map((cell) => {
    refuseAbove(limits, "name_characters", cell.length, "characters in a column's name", name);
    const found = /^(.*?)\s*[([]([^()[\]]*)[)\]]$/.exec(cell);
    return found ? { name: found[1], unit: found[2].trim() } : { name: cell, unit: "" };
  });
  const under = cells(lines[1] || "", separator);
  let count = 1;
  const isUnit = (cell) =>
    !MISSING.has(cell.toLowerCase()) && Number.isNaN(Number(cell.replace(",", ".")));
  // A first sample of which no lead has a value is no line of units.
  if (under.length === names.length && under.some(isUnit)
    && under.every((cell) => cell === "" || isUnit(cell))) {
    columns.forEach((column, k) => (column.unit ||= under[k].replace(/^[()[\]]+|[()[\]]+$/g, "")));
    count = 2;
  }
  return { separator, columns, count };
}

/** Yield {lines, share}, piece by piece: a day of samples is more text than a string can hold. */
async function* piecesOf(file, limits) {
  const decoder = new TextDecoder();
  let rest = "";
  for (let at = 0; at < file.size; at += PIECE) {
    const bytes = await file.slice(at, at + PIECE).arrayBuffer();
    const text = rest + decoder.decode(bytes, { stream: at + PIECE < file.size });
    const lines = text.split(/\r?\n/);
    rest = lines.pop();
    if (text.includes("\0")) throw noText(file.name);
    refuseLong(lines, file.name, limits);
    refuseLong([rest], file.name, limits);
    yield { lines, share: at / file.size };
  }
  if (rest) yield { lines: [rest], share: 1 };
}

function refuseLong(lines, name, limits) {
  let longest = 0;
  for (const line of lines) longest = Math.max(longest, line.length);
  refuseAbove(limits, "line_bytes", longest, "characters in a line", name);
}

const noText = (name) => new InputError(`${name} must be text with a line a sample; it is not`);

/** Tell by its head whether a text file holds beats (columns sample, class …), not a signal. */
export function holdsBeats(head) {
  const [first] = head.replace(/^\ufeff/, "").split(/\r?\n/);
  const names = cells(first, /[,;\t]/).map((cell) => cell.toLowerCase());
  return names.every((cell) => OF_BEATS.test(cell)) && names.some((cell) => /^(sample|time)/.test(cell));
}

/** Read beats from a text file: {samples} or {timesS}; rows of class "~" are no beats. */
export function readBeatTable(text, name, limits) {
  const lines = text.trimEnd().split(/\r?\n/);
  refuseAbove(limits, "annotations", lines.length - 1, "beats", name);
  refuseLong(lines, name, limits);
  const { separator, columns } = headOf([lines[0], "0"], name, limits);
  const names = columns.map((column) => column.name.toLowerCase());
  const bySample = names.findIndex((cell) => cell.startsWith("sample"));
  const place = bySample >= 0 ? bySample : names.findIndex((cell) => cell.startsWith("time"));
  const kind = names.indexOf("class");
  const rows = lines.slice(1).map((line) => cells(line, separator));
  const values = rows.filter((row) => row[kind] !== "~").map((row) => Number(row[place] || NaN));
  refuseCrowd(Float64Array.from(values), name, limits);
  const bad = values.findIndex((value) => !(value >= 0));
  if (bad >= 0) throw new InputError(`the beats of ${name} must be numbers; row ${bad + 1} is not`);
  return bySample >= 0 ? { samples: values } : { timesS: values };
}

/**
 * Read a recording from a text file: {fsHz, leads: [{name, signal}]}, in mV.
 * `asked` gives what a file may not say itself: {fsHz, unit}; `progress` is awaited with a share.
 */
export async function readTable(file, asked, rules, progress) {
  const { name } = file;
  const { millivolt, rates_hz: rates, limits } = rules;
  const head = (await file.slice(0, HEAD).text()).split(/\r?\n/);
  if (head.length < 2 || head[0].includes("\0")) throw noText(name);
  const { separator, columns, count } = headOf(head, name, limits);
  const lower = columns.map((column) => column.name.toLowerCase());
  const time = lower.findIndex((cell) => TIMES.has(cell));
  const { places, scales } = leadsOf(columns, lower, time, { name, asked, millivolt });
  const leads = places.map(() => growing(Float32Array));
  const times = growing(Float64Array);
  const take = (line, number) => {
    const row = line.split(separator);
    if (row.length > columns.length) {
      throw new InputError(`line ${number} of ${name} must have ${columns.length} cells`);
    }
    places.forEach((place, k) => {
      const value = numberOf(row[place], separator);
      if (value === undefined) {
        throw new InputError(`line ${number} of ${name} must hold numbers; it does not`);
      }
      leads[k].push(Number.isFinite(value) ? value * scales[k] : NaN);
    });
    times.push(time >= 0 ? (numberOf(row[time], separator) ?? NaN) : NaN);
  };
  let [number, blank] = [0, 0];
  for await (const { lines, share } of piecesOf(file, limits)) {
    await progress(share);
    const values = (number + lines.length) * leads.length;
    refuseAbove(limits, "values", values, "samples of leads", name);
    for (const line of lines) {
      number++;
      if (number <= count) continue;
      // Lines that hold nothing are samples without value, but not at the end.
      if (line.trim() === "") blank++;
      else {
        for (; blank > 0; blank--) take("", number - blank);
        take(line, number);
      }
    }
  }
  if (times.length() < 2) throw new InputError(`${name} must hold a line a sample; it holds too few`);
  const unit = time >= 0 ? columns[time].unit : null;
  const fsHz = rateOf(times.all(), unit, name, { asked: asked.fsHz, rates });
  refuseRate(fsHz, rates, name);
  return {
    fsHz, leads: leads.map((lead, k) => ({ name: columns[places[k]].name, signal: lead.all() })),
  };
}

/** Return a typed array that grows: {push, length, all}. */
function growing(Type) {
  let values = new Type(1 << 16);
  let n = 0;
  return {
    push(value) {
      if (n === values.length) {
        const more = new Type(2 * n);
        more.set(values);
        values = more;
      }
      values[n++] = value;
    },
    length: () => n,
    all: () => values.slice(0, n),
  };
}

/** Return the number in a cell, NaN where there is none, and undefined for anything else. */
function numberOf(cell, separator) {
  let text = (cell || "").trim();
  if (text.startsWith('"')) text = text.replace(/^"(.*)"$/, "$1").trim();
  // Between other separators, a comma is a decimal one.
  if (separator !== ",") text = text.replace(",", ".");
  const value = text === "" ? NaN : Number(text);
  return Number.isNaN(value) && !MISSING.has(text.toLowerCase()) ? undefined : value;
}

/** Return which columns are leads, and what their units are in mV. */
function leadsOf(columns, lower, time, { name, asked, millivolt }) {
  const all = lower.map((_, k) => k).filter((k) => k !== time && !COUNTERS.has(lower[k]));
  if (all.length === 0) throw new InputError(`${name} must have a column of a lead`);
  const scales = all.map((k) => inMillivolt(columns[k].unit, millivolt));
  // Beside columns that say a voltage, the others hold something else.
  const said = all.filter((_, k) => scales[k] !== undefined);
  if (said.length) return { places: said, scales: scales.filter((one) => one !== undefined) };
  if (asked.unit) return { places: all, scales: all.map(() => inMillivolt(asked.unit, millivolt)) };
  const column = columns[all[0]].name;
  throw new InputError(
    `column ${column} of ${name} must say its unit, as in ${column} (mV): ` +
      "choose one under Options, or name it in the file",
  );
}

/**
 * Return the sampling rate: the one that was asked for, unless the times deny it; else the one that
 * the times tell, which must be evenly spaced then. A `unit` of null: there are no times.
 */
function rateOf(times, unit, name, { asked, rates }) {
  const second = unit === null ? NaN : SECONDS[(unit || "s").toLowerCase()];
  const last = times.length - 1;
  const length = (times[last] - times[0]) * second;
  const rate = last / length;
  if (asked) {
    if (rate >= rates[0] && rate <= rates[1] && Math.abs(rate / asked - 1) > OTHER_RATE) {
      throw new InputError(`the times of ${name} tell ${+rate.toFixed(3)} samples a second, not the `
        + `${asked} under Options: clear that field`);
    }
    return asked;
  }
  if (unit === null) {
    throw new InputError(`${name} has no column of times: give its sampling rate under Options`);
  }
  if (!(length > 0)) throw new InputError(`the times of ${name} must ascend, in s or ms`);
  // Rounded times: a whole rate that fits as well is meant.
  const whole = Math.round(rate);
  const fsHz = whole && Math.abs(last / whole - length) <= 1 / whole ? whole : rate;
  const slack = Math.max(2 / fsHz, 0.02);
  for (let k = 0; k <= last; k++) {
    if (!(Math.abs((times[k] - times[0]) * second - k / fsHz) <= slack)) {
      throw new InputError(
        `the times of ${name} must be evenly spaced; those of sample ${k + 1} are not: ` +
          "give missing samples empty cells",
      );
    }
  }
  return fsHz;
}

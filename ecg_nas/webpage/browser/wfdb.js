// Records of WFDB: header, signals of one sample a frame, annotations.
// https://physionet.org/physiotools/wag/header-5.htm, signal-5.htm, annot-5.htm

const NUMBER = "[-+]?(?:\\d+\\.?\\d*|\\.\\d+)(?:[eE][-+]?\\d+)?";
const GAIN = new RegExp(`^(${NUMBER})(?:\\((-?\\d+)\\))?(?:/(\\S+))?$`);
const RATE = new RegExp(`^(${NUMBER})(?:/${NUMBER}(?:\\(${NUMBER}\\))?)?$`);

/** Bytes that hold so many samples of a format, and the value that marks a sample as invalid. */
const WIDTH = {
  16: { bytes: (n) => 2 * n, invalid: -(2 ** 15) },
  24: { bytes: (n) => 3 * n, invalid: -(2 ** 23) },
  32: { bytes: (n) => 4 * n, invalid: -(2 ** 31) },
  61: { bytes: (n) => 2 * n, invalid: -(2 ** 15) },
  80: { bytes: (n) => n, invalid: -(2 ** 7) },
  160: { bytes: (n) => 2 * n, invalid: -(2 ** 15) },
  212: { bytes: (n) => Math.ceil((3 * n) / 2), invalid: -(2 ** 11) },
};

/** Something the user can put right; its message is one line. */
export class InputError extends Error {}

/** Return what one unit is in millivolt; undefined for what is no voltage. */
export function inMillivolt(unit, millivolt) {
  const key = unit.toLowerCase();
  return Object.hasOwn(millivolt, key) ? millivolt[key] : undefined;
}

/** Refuse a sampling rate outside of [lowest, highest]. */
export function refuseRate(fsHz, [lowest, highest], name) {
  if (fsHz >= lowest && fsHz <= highest) return;
  throw new InputError(
    `${name} must have from ${lowest} to ${highest} samples a second; it has ${fsHz}`,
  );
}

/** Refuse more than the limit of this name, as data_prep/io/limits.py. */
export function refuseAbove(limits, limit, value, what, name) {
  if (value <= limits[limit]) return;
  const most = limits[limit].toLocaleString("en");
  throw new InputError(`${name} must have at most ${most} ${what}; it has ${value.toLocaleString("en")}`);
}

function wholeNumber(text, what, name) {
  if (/^[-+]?\d{1,18}$/.test(text)) return Number(text);
  throw new InputError(`${name} must give ${what} of at most 18 digits; it gives ${text.slice(0, 60)}`);
}

/** Read a header whose rate is within `rates_hz`; return {fsHz, samples, leads}. */
export function readHeader(text, name, { rates_hz: rates, limits }) {
  const lines = text.split(/\r?\n/).map((line) => line.trim());
  for (const line of lines) refuseAbove(limits, "line_bytes", line.length, "characters in a line", name);
  const kept = lines.filter((line) => line && !line.startsWith("#"));
  const [record, ...rest] = kept;
  const fields = (record || "").split(/\s+/);
  if (fields.length < 2 || !/^\d+$/.test(fields[1])) {
    throw new InputError(`${name} must begin with a name and a number of leads; it does not`);
  }
  if (fields[0].includes("/")) {
    throw new InputError(`${name} is a record in several parts, which ecg-nas classify reads`);
  }
  const given = fields[2] ?? "250";
  const rate = given.length <= limits.number_characters ? RATE.exec(given) : null;
  const fsHz = rate ? Number(rate[1]) : NaN;
  refuseRate(fsHz, rates, name);
  const samples = fields.length > 3 ? wholeNumber(fields[3], "a number of samples", name) : 0;
  const count = wholeNumber(fields[1], "a number of leads", name);
  refuseAbove(limits, "leads", count, "leads", name);
  if (samples < 0) throw new InputError(`${name} must not give numbers below 0; it gives ${samples}`);
  if (count === 0 || rest.length < count) {
    throw new InputError(`${name} must have a line for each of its leads, and at least one`);
  }
  return { fsHz, samples, leads: rest.slice(0, count).map((line) => leadOf(line, name, limits)) };
}

function leadOf(line, name, limits) {
  const fields = line.split(/\s+/);
  const longest = Math.max(fields[1]?.length ?? 0, fields[2]?.length ?? 0);
  refuseAbove(limits, "number_characters", longest, "characters in a format or gain", name);
  const form = /^(\d+)(?:x(\d+))?(?::(\d+))?(?:\+(\d+))?$/.exec(fields[1] || "");
  const gain = GAIN.exec(fields[2] || "200");
  if (!form || !gain) throw new InputError(`${name} must give each lead a format and a gain`);
  if (!WIDTH[form[1]] || Number(form[2] || 1) !== 1 || Number(form[3] || 0) !== 0) {
    throw new InputError(
      `${name} must have signals of format ${Object.keys(WIDTH).join(", ")}, one sample a frame; ` +
        "ecg-nas classify reads others",
    );
  }
  const zero = fields.length > 4 ? wholeNumber(fields[4], "a zero of each lead", name) : 0;
  const steps = Number(gain[1]) || 200;
  const base = gain[2] === undefined ? zero : Number(gain[2]);
  const largest = Math.max(Math.abs(steps), 1 / Math.abs(steps), Math.abs(base));
  refuseAbove(limits, "steps", largest, "steps in gain and baseline", name);
  const label = fields.length > 8 ? line.split(/\s+/).slice(8).join(" ") : "unnamed";
  refuseAbove(limits, "name_characters", label.length, "characters in a lead's name", name);
  return {
    file: fields[0],
    format: Number(form[1]),
    offset: Number(form[4] || 0),
    gain: steps,
    base,
    unit: gain[3] || "mV",
    name: label,
  };
}

/**
 * Read the leads of a record that are voltages: [{name, signal}], in mV.
 * `bytesOf(name)` gives the content of a signal file.
 */
export async function readSignals(header, bytesOf, { millivolt, limits }) {
  const scales = header.leads.map((lead) => inMillivolt(lead.unit, millivolt));
  const wanted = header.leads.filter((_, k) => scales[k] !== undefined);
  if (wanted.length === 0) {
    const [{ name, unit }] = header.leads;
    throw new InputError(`the record must have a lead in V, mV or uV; ${name} is in ${unit}`);
  }
  const signal = [];
  for (const file of new Set(wanted.map((lead) => lead.file))) {
    const leads = header.leads.filter((lead) => lead.file === file);
    const { format, offset } = leads[0];
    if (leads.some((lead) => lead.format !== format)) {
      throw new InputError(`the signal file ${file} must have one format for all of its leads`);
    }
    const bytes = (await bytesOf(file)).subarray(offset);
    const whole = header.samples || framesIn(bytes.length, leads.length, format);
    header.samples = whole;
    if (whole === 0 || bytes.length < WIDTH[format].bytes(whole * leads.length)) {
      throw new InputError(`the signal file ${file} is shorter than its header says`);
    }
    refuseAbove(limits, "values", whole * wanted.length, "samples of leads", file);
    leads.forEach((lead, place) => {
      const at = header.leads.indexOf(lead);
      if (scales[at] === undefined) return;
      signal[at] = decode(bytes, leads.length, place, whole, lead, scales[at]);
    });
  }
  return wanted.map((lead) => ({ name: lead.name, signal: signal[header.leads.indexOf(lead)] }));
}

function framesIn(bytes, leads, format) {
  return Math.floor((bytes * (format === 212 ? 2 / 3 : 1 / WIDTH[format].bytes(1))) / leads);
}

function decode(bytes, leads, place, samples, { format, gain, base }, scale) {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.length);
  const out = new Float32Array(samples);
  const { invalid } = WIDTH[format];
  const at = {
    16: (k) => view.getInt16(2 * k, true),
    24: (k) => view.getUint8(3 * k) + view.getUint8(3 * k + 1) * 256
      + view.getInt8(3 * k + 2) * 65536,
    32: (k) => view.getInt32(4 * k, true),
    61: (k) => view.getInt16(2 * k, false),
    80: (k) => bytes[k] - 128,
    160: (k) => view.getUint16(2 * k, true) - 32768,
    212: (k) => {
      const pair = 3 * (k >> 1);
      const value = k % 2 === 0
        ? bytes[pair] | ((bytes[pair + 1] & 15) << 8)
        : bytes[pair + 2] | ((bytes[pair + 1] >> 4) << 8);
      return value > 2047 ? value - 4096 : value;
    },
  }[format];
  for (let k = 0; k < samples; k++) {
    const step = at(k * leads + place);
    out[k] = step === invalid ? NaN : ((step - base) / gain) * scale;
  }
  return out;
}

/** Refuse annotations too many, or too many of them at one time, of these positions. */
export function refuseCrowd(positions, name, limits) {
  refuseAbove(limits, "annotations", positions.length, "annotations", name);
  const most = limits.at_one_time;
  const ordered = positions.sort();
  let alike = 0;
  for (let k = most; k < ordered.length; k++) alike += ordered[k] === ordered[k - most];
  if (alike) refuseAbove(limits, "at_one_time", most + alike, "annotations at one time", name);
}

const [SKIP, COUNT, SUBTYPE, CHANNEL, AUX, NOTE] = [59, 60, 61, 62, 63, 22];

/** Read the beats of an annotation file: {samples, fsHz}; fsHz is null if it does not say. */
export function readBeats(bytes, name, { symbols: symbolOf, beat_symbols: beatSymbols, limits }) {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.length);
  const samples = [];
  const defined = {};
  let [fsHz, defining, total, place] = [null, false, 0, 0];
  let entry = { code: 0, time: 0, text: "" };
  const take = ({ code, time, text }) => {
    if (code === NOTE && time === 0 && text.startsWith("##")) {
      defining = text === "## annotation type definitions";
      const rate = /^## time resolution: (\d+\.?\d*)$/.exec(text);
      if (rate) fsHz = Number(rate[1]);
      if (fsHz) {
        const away = Math.max(fsHz, 1 / fsHz);
        refuseAbove(limits, "annotation_hz", away, "positions a second (or back)", name);
      }
      return;
    }
    const definition = defining && code === NOTE ? /^(\d+) (\S+) .*$/.exec(text) : null;
    if (definition) {
      const { length } = definition[2];
      refuseAbove(limits, "symbol_characters", length, "characters in a symbol", name);
      defined[definition[1]] = definition[2];
    } else if (code !== 0) {
      samples.push([time, code]);
      refuseAbove(limits, "annotations", samples.length, "annotations", name);
    }
  };
  for (;;) {
    if (place + 2 > bytes.length) throw new InputError(`${name} must end with an end mark`);
    const word = view.getUint16(place, true);
    place += 2;
    const [kind, value] = [word >> 10, word & 1023];
    if (kind === SKIP) {
      if (place + 4 > bytes.length) throw new InputError(`${name} must end with an end mark`);
      total += view.getInt16(place, true) * 65536 + view.getUint16(place + 2, true);
      place += 4;
    } else if (kind === AUX) {
      const text = bytes.subarray(place, place + value);
      if (text.length < value) throw new InputError(`${name} must end with an end mark`);
      entry.text = Array.from(text, (code) => String.fromCharCode(code)).join("").replace(/\0+$/, "");
      place += value + (value % 2);
    } else if (![COUNT, SUBTYPE, CHANNEL].includes(kind)) {
      take(entry);
      if (word === 0) break;
      total += value;
      entry = { code: kind, time: total, text: "" };
    }
  }
  refuseCrowd(Float64Array.from(samples, ([time]) => time), name, limits);
  const symbols = { ...symbolOf, ...defined };
  const unknown = samples.find(([, code]) => symbols[code] === undefined);
  if (unknown) throw new InputError(`${name} must be a WFDB annotation file; it is not`);
  const beats = samples.filter(([, code]) => beatSymbols.includes(symbols[code]));
  return { samples: beats.map(([time]) => time), fsHz };
}

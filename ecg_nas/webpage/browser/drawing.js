// Drawings as SVG elements: the strip on ECG paper and the whole recording at a glance.
// One unit of a strip is one millimetre: 25 mm/s and 10 mm/mV, as ecg_nas/figures/strip.py.

import { medianOf } from "./numbers.js";

const SVG = "http://www.w3.org/2000/svg";
const MM_PER_S = 25;
const MM_PER_MV = 10;
const [LEFT, RIGHT] = [15, 5];
const LINE_S = 10;
const MOST_BEATS = 200; // of a line: more than a heart can, and no eye tells them apart
const [LEAST, MOST] = [[15, 10], [40, 40]];

/** Return an SVG element with attributes and, as text or elements, content. */
function svg(name, attributes = {}, ...content) {
  const element = document.createElementNS(SVG, name);
  for (const [key, value] of Object.entries(attributes)) {
    element.setAttribute(key, typeof value === "number" ? String(+value.toFixed(2)) : value);
  }
  element.append(...content);
  return element;
}

function write(x, y, text, style = {}) {
  return svg("text", { x, y, "font-size": 2.8, fill: "#1f2933", ...style }, text);
}

/** Return a time as m:ss or h:mm:ss, with tenths where there are some. */
export function clock(seconds) {
  const tenths = Math.round(seconds * 10);
  const [whole, tenth] = [Math.floor(tenths / 10), tenths % 10];
  const two = (value) => String(value).padStart(2, "0");
  const [hours, minutes] = [Math.floor(whole / 3600), Math.floor(whole / 60) % 60];
  const text = hours ? `${hours}:${two(minutes)}:${two(whole % 60)}` : `${minutes}:${two(whole % 60)}`;
  return tenth ? `${text}.${tenth}` : text;
}

/** Return a beat's mark: a letter in a shape, so that neither colour nor shape must be relied on. */
function badge(x, y, kind, look) {
  if (!look.shape) {
    return write(x, y + 1, kind, { "text-anchor": "middle", "font-size": 3, fill: look.colour });
  }
  const shapes = {
    circle: `M${x - 2.2} ${y}a2.2 2.2 0 1 0 4.4 0a2.2 2.2 0 1 0 -4.4 0z`,
    square: `M${x - 2} ${y - 2}h4v4h-4z`,
    diamond: `M${x} ${y - 2.6}l2.6 2.6l-2.6 2.6l-2.6 -2.6z`,
    hexagon: `M${x - 1.2} ${y - 2.1}h2.4l1.2 2.1l-1.2 2.1h-2.4l-1.2 -2.1z`,
  };
  const bold = { "text-anchor": "middle", "font-size": 3, fill: "#fff", "font-weight": "bold" };
  return svg("g", {}, svg("path", { d: shapes[look.shape], fill: look.colour }),
    write(x, y + 1.05, kind, bold));
}

function path(values, first, last, x, y) {
  let text = "";
  let pen = "M";
  for (let k = first; k < last; k++) {
    if (Number.isNaN(values[k])) {
      pen = "M";
      continue;
    }
    text += `${pen}${x(k).toFixed(2)} ${y(values[k]).toFixed(2)}`;
    pen = "L";
  }
  return text;
}

function grid(width, top, bottom, step, colour, stroke) {
  let text = "";
  for (let x = 0; x <= width; x += step) text += `M${x} ${top}V${bottom}`;
  for (let y = top; y <= bottom; y += step) text += `M0 ${y}H${width}`;
  return svg("path", { d: text, stroke: colour, "stroke-width": stroke });
}

/** Return the middle of a lead's line, and how much paper it needs above and below, in mm. */
function bandOf(values) {
  const known = values.filter((value) => !Number.isNaN(value));
  const middle = known.length ? medianOf(known) : 0;
  const [low, high] = known.length ? [known[0], known[known.length - 1]] : [0, 0];
  const need = (mv, least, most) =>
    Math.min(Math.max(5 * Math.ceil((mv * MM_PER_MV + 2) / 5), least), most);
  return {
    middle,
    up: need(high - middle, LEAST[0], MOST[0]),
    down: need(middle - low, LEAST[1], MOST[1]),
  };
}

/**
 * Return drawings of `lines` lines of ten seconds from `startS` on: leads, time, and the beats with
 * their class. `shown` is {names, leads, fsHz, beats, lost, classes, common, looks}; `picked` is a beat to
 * mark, and `onBeat` is told of clicks.
 */
export function strip(shown, startS, lines, picked, onBeat) {
  const width = LEFT + LINE_S * MM_PER_S + RIGHT;
  const durationS = shown.leads[0].length / shown.fsHz;
  const out = [];
  for (let number = 0; number < lines; number++) {
    const fromS = startS + number * LINE_S;
    if (fromS >= durationS) break;
    const toS = Math.min(fromS + LINE_S, durationS);
    const bands = shown.leads.map((lead) =>
      bandOf(lead.slice(Math.round(fromS * shown.fsHz), Math.round(toS * shown.fsHz))));
    const height = bands.reduce((sum, band) => sum + band.up + band.down, 0);
    const place = { fromS, toS, top: 1, height, width, bands, number };
    const drawing = svg("svg", {
      viewBox: `0 0 ${width} ${height + 13}`, width: `${width}mm`, role: "img",
      "aria-label": `${shown.names.join(", ")} from ${clock(fromS)} to ${clock(toS)}`,
    });
    for (const element of line(shown, place, picked, onBeat)) drawing.append(element);
    out.push(drawing);
  }
  return out;
}

function line(shown, { fromS, toS, top, height, width, bands, number }, picked, onBeat) {
  const x = (timeS) => LEFT + (timeS - fromS) * MM_PER_S;
  const bottom = top + height;
  const clip = `clip${number}`;
  const out = [
    grid(width, top, bottom, 1, "#f5d9d3", 0.1),
    grid(width, top, bottom, 5, "#e9ada1", 0.2),
    svg("clipPath", { id: clip }, svg("rect", { x: 0, y: top, width, height })),
  ];
  for (const [start, stop] of shown.lost) {
    const [left, right] = [Math.max(start, fromS), Math.min(stop, toS)];
    if (left < right) {
      out.push(svg("rect", {
        x: x(left), y: top, width: x(right) - x(left), height, fill: "#8a929b", "fill-opacity": 0.22,
      }));
    }
  }
  if (picked && picked.timeS >= fromS && picked.timeS < toS) {
    out.push(svg("rect", {
      x: x(picked.timeS) - 5, y: top, width: 10, height: height + 11, fill: "#2f6db3",
      "fill-opacity": 0.14,
    }));
  }
  const all = shown.beats.filter((beat) => beat.timeS >= fromS && beat.timeS < toS);
  const beats = all.slice(0, MOST_BEATS);
  const traces = svg("g", {
    "clip-path": `url(#${clip})`, fill: "none", stroke: "#1f2933", "stroke-width": 0.25,
    "stroke-linejoin": "round",
  });
  out.push(traces);
  let at = top;
  shown.leads.forEach((lead, place) => {
    const middle = at + bands[place].up;
    at += bands[place].up + bands[place].down;
    const xs = (k) => x(k / shown.fsHz);
    const ys = (mv) => middle - (mv - bands[place].middle) * MM_PER_MV;
    const [first, last] = [fromS, toS].map((time) => Math.round(time * shown.fsHz));
    traces.append(svg("path", { d: path(lead, first, last, xs, ys) }));
    for (const beat of beats) {
      const kind = shown.classes[beat.called];
      if (kind === undefined || kind === shown.common) continue;
      const reach = [-0.1, 0.14].map((part) => Math.round((beat.timeS + part) * shown.fsHz));
      const d = path(lead, Math.max(reach[0], first), Math.min(reach[1] + 1, last), xs, ys);
      traces.append(svg("path", { d, stroke: shown.looks[kind].colour, "stroke-width": 0.5 }));
    }
    out.push(
      svg("path", {
        d: `M2.5 ${middle}h2.5v-10h5v10h2.5`, fill: "none", stroke: "#1f2933", "stroke-width": 0.25,
      }),
      write(1, middle - 11, shown.names[place], { "font-size": 3.2, "font-weight": "bold" }),
    );
  });
  for (let second = Math.ceil(fromS - 1e-6); second <= Math.floor(toS + 1e-6); second++) {
    out.push(svg("path", { d: `M${x(second)} ${bottom}v1.4`, stroke: "#6b7785", "stroke-width": 0.25 }));
    out.push(write(x(second), bottom + 4, clock(second), { "text-anchor": "middle", fill: "#5d6976" }));
  }
  for (const beat of beats) {
    const kind = beat.called < 0 ? "?" : shown.classes[beat.called];
    const mark = badge(x(beat.timeS), bottom + 8, kind, shown.looks[kind]);
    mark.classList.add("beat");
    mark.append(svg("title", {}, titleOf(beat, kind, shown)));
    mark.addEventListener("click", () => onBeat(beat));
    out.push(mark);
  }
  if (all.length > MOST_BEATS) {
    const rest = (all.length - MOST_BEATS).toLocaleString("en");
    out.push(write(LEFT, bottom + 11.6, `and ${rest} more beats in these ten seconds`));
  }
  return out;
}

/** Return what there is to say of a beat. */
export function titleOf(beat, kind, shown) {
  const name = (shown.looks[kind] || {}).name || kind;
  const sure = beat.p
    ? shown.classes.map((one, k) => `${one} ${(100 * beat.p[k]).toFixed(1)} %`).join(", ")
    : "not classified: a lead cannot be read here";
  return `${clock(beat.timeS)}  ${kind} (${name})\n${sure}`;
}

/** Draw the whole recording: a lane for each class but the common one, what cannot be read, and the strip. */
export function overview(shown, startS, lengthS, onTime) {
  const [width, left, lane] = [270, 15, 5];
  const durationS = shown.leads[0].length / shown.fsHz;
  const x = (timeS) => left + (timeS / durationS) * (width - left - 5);
  const kinds = shown.classes.filter((kind) => kind !== shown.common);
  const height = kinds.length * lane;
  const drawing = svg("svg", {
    viewBox: `0 0 ${width} ${height + 7}`, class: "overview", role: "img",
    "aria-label": "Beats of each class over the recording",
  });
  drawing.append(svg("rect", {
    x: left, y: 0, width: width - left - 5, height, fill: "#f4f6f8",
  }));
  // Stretches that touch at this size are one: there may be many thousands.
  const seen = [];
  for (const [start, stop] of shown.lost) {
    const [left, right] = [x(start), Math.max(x(stop), x(start) + 0.2)];
    const last = seen[seen.length - 1];
    if (last && left <= last[1] + 0.05) last[1] = Math.max(last[1], right);
    else seen.push([left, right]);
  }
  for (const [from, to] of seen) {
    drawing.append(svg("rect", { x: from, y: 0, width: to - from, height, fill: "#c5ccd3" }));
  }
  kinds.forEach((kind, row) => {
    const y = row * lane;
    const places = new Set();
    for (const beat of shown.beats) {
      if (shown.classes[beat.called] === kind) places.add(x(beat.timeS).toFixed(1));
    }
    const d = [...places].map((place) => `M${place} ${y + 0.8}v${lane - 1.6}`).join("");
    drawing.append(
      write(left - 3, y + lane - 1.4, kind, {
        "text-anchor": "end", "font-weight": "bold", fill: shown.looks[kind].colour,
      }),
      svg("path", { d, stroke: shown.looks[kind].colour, "stroke-width": 0.35 }),
      svg("path", { d: `M${left} ${y + lane}H${width - 5}`, stroke: "#fff", "stroke-width": 0.3 }),
    );
  });
  for (let k = 0; k <= 6; k++) {
    const time = (durationS * k) / 6;
    drawing.append(write(x(time), height + 4.5, clock(Math.round(time)), {
      "text-anchor": k === 0 ? "start" : k === 6 ? "end" : "middle", fill: "#5d6976",
    }));
  }
  drawing.append(svg("rect", {
    x: x(startS), y: 0, width: Math.max(x(Math.min(startS + lengthS, durationS)) - x(startS), 0.8),
    height, fill: "#2f6db3", "fill-opacity": 0.2, stroke: "#2f6db3", "stroke-width": 0.3,
  }));
  drawing.addEventListener("click", (event) => {
    const box = drawing.getBoundingClientRect();
    const at = (((event.clientX - box.left) / box.width) * width - left) / (width - left - 5);
    onTime(Math.min(Math.max(at, 0), 1) * durationS);
  });
  return drawing;
}

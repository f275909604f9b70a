// The page itself: files in, labelled beats out.

import { classifyRecording } from "./classify.js";
import { clock, overview, strip, titleOf } from "./drawing.js";
import { chooseLeads, readFiles } from "./files.js";
import { loadModel } from "./model.js";
import { asTable, summarise } from "./summary.js";
import { InputError } from "./wfdb.js";

const rules = JSON.parse(document.getElementById("rules").textContent);
const at = (id) => document.getElementById(id);
const LINES = 3;
const SHOWN_S = 10 * LINES;

const state = { recording: null, shown: null, startS: 0, beat: null, isBusy: false };
let loading = null;

/** Return an HTML element with properties and content; text is never taken for markup. */
function html(name, properties, ...content) {
  const element = Object.assign(document.createElement(name), properties);
  element.append(...content);
  return element;
}

const nextFrame = () => new Promise((resolve) => setTimeout(resolve));

async function progress(text, share) {
  at("status").textContent = text === "Done" ? "" : `${text} …`;
  at("progress").hidden = text === "Done";
  at("progress").value = share;
  await nextFrame();
}

function fail(error) {
  at("progress").hidden = true;
  at("status").textContent = "";
  at("error").hidden = false;
  at("error").textContent = error instanceof InputError
    ? error.message : `Something went wrong: ${error.message || error}`;
}

/** Do one thing at a time, and show its failure. */
async function alone(work) {
  if (state.isBusy) return;
  state.isBusy = true;
  at("error").hidden = true;
  document.body.classList.add("busy");
  try {
    await work();
  } catch (error) {
    fail(error);
  } finally {
    state.isBusy = false;
    document.body.classList.remove("busy");
  }
}

function open(files) {
  return alone(async () => {
    at("setup").hidden = at("results").hidden = true;
    await progress("Reading", 0);
    const asked = { fsHz: Number(at("rate").value) || null, unit: at("unit").value || null };
    const recording = await readFiles(files, asked, rules, (share) => progress("Reading", share));
    state.recording = recording;
    showSetup(recording);
    const chosen = chooseLeads(recording.leads.map((lead) => lead.name), rules.leads);
    if (chosen.includes(null)) {
      await progress("Done", 1);
      const wanted = rules.leads.map((lead) => lead.split("/")[0]).join(", ");
      throw new InputError(`the model takes the leads ${wanted}; choose which of the recording's `
        + "leads take their places, and press Classify");
    }
    await classify();
  });
}

function showSetup(recording) {
  const names = recording.leads.map((lead) => lead.name);
  const chosen = chooseLeads(names, rules.leads);
  at("leads").replaceChildren(...rules.leads.map((wanted, place) => {
    const select = html("select", {},
      html("option", { value: "" }, "–"),
      ...names.map((name, k) => html("option", { value: String(k) }, name)));
    select.value = chosen[place] === null ? "" : String(chosen[place]);
    return html("label", {}, `Lead ${place + 1} (${wanted.split("/")[0]})`, select);
  }));
  at("beats").replaceChildren(html("option", { value: "found" }, "found in the recording"));
  if (recording.beats) {
    const text = `given by ${recording.beats.name} (${recording.beats.samples.length})`;
    at("beats").prepend(html("option", { value: "given" }, text));
    at("beats").value = "given";
  }
  at("setup").hidden = false;
}

async function classify() {
  const { recording } = state;
  const places = [...at("leads").querySelectorAll("select")].map((select) => select.value);
  if (places.includes("") || new Set(places).size < places.length) {
    throw new InputError("each place must have a lead of its own");
  }
  const leads = places.map((place) => recording.leads[Number(place)]);
  await progress("Loading the model", 0);
  loading ||= loadModel(rules);
  const run = await loading;
  const given = at("beats").value === "given" ? recording.beats.samples : null;
  const result = await classifyRecording({
    leads: leads.map((lead) => lead.signal), names: leads.map((lead) => lead.name),
    fsHz: recording.fsHz, given, rules, run, progress,
  });
  state.shown = {
    names: leads.map((lead) => lead.name), leads: leads.map((lead) => lead.signal),
    fsHz: recording.fsHz, beats: result.beats, lost: result.partly,
    classes: rules.classes, common: rules.common, looks: rules.looks,
  };
  state.startS = 0;
  state.beat = null;
  const table = asTable(result, recording.fsHz, rules.classes);
  showResult(result, given, table);
  // For scripts and tests that drive the page.
  globalThis.ecgNas = { result, table };
}

function fact(value, text) {
  return html("div", {}, html("b", {}, value), html("span", {}, text));
}

const count = (value) => value.toLocaleString("en");

function showResult(result, given, table) {
  const { recording, shown } = state;
  const durationS = shown.leads[0].length / recording.fsHz;
  const summary = summarise(result, durationS, rules);
  at("name").textContent = recording.name;
  at("what").textContent = `${clock(Math.round(durationS))}, leads ${shown.names.join(", ")}, `
    + `${+recording.fsHz.toFixed(3)} Hz; beats ${given ? `given by ${recording.beats.name}` : "found by this page"}`;
  at("warnings").replaceChildren(...result.warnings.map((text) =>
    html("p", { className: "warning" }, html("b", {}, "Warning: "), text)));
  const runs = Object.entries(summary.runs).map(([kind, own]) => fact(
    count(summary.counts[rules.classes.indexOf(kind)]),
    `${kind} beats; ${own.couplets} couplets, ${own.runs} runs`
      + (own.longest > 1 ? `, the longest of ${own.longest}` : ""),
  ));
  at("facts").replaceChildren(
    fact(count(result.beats.length), "beats"),
    ...runs,
    ...(summary.rate ? [fact(summary.rate.toFixed(0), "beats a minute, on average")] : []),
    ...(summary.pause
      ? [fact(`${summary.pause.seconds.toFixed(1)} s`, `longest interval, at ${clock(summary.pause.atS)}`)]
      : []),
    ...(given ? [] : [fact(
      `${((100 * summary.lostS) / durationS).toFixed(1)} %`,
      `of the time no lead can be read; in ${summary.partlyS.toFixed(0)} s more, not all`,
    )]),
  );
  const total = Math.max(result.beats.length, 1);
  const rows = rules.classes.map((kind, k) => [kind, rules.looks[kind].name, summary.counts[k]]);
  if (summary.unclassified) {
    rows.push(["?", "not classified: a lead cannot be read", summary.unclassified]);
  }
  at("classes").replaceChildren(...rows.map(([kind, name, number]) => html("tr", {},
    html("th", { scope: "row" }, kind), html("td", {}, name || ""),
    html("td", { className: "number" }, count(number)),
    html("td", { className: "number" }, `${((100 * number) / total).toFixed(1)} %`))));
  at("find").replaceChildren(...rows.filter(([kind, , number]) => kind !== rules.common && number).map(
    ([kind]) => html("span", {}, jump(kind, -1), html("b", {}, kind), jump(kind, 1)),
  ));
  if (at("save").href) URL.revokeObjectURL(at("save").href);
  at("save").href = URL.createObjectURL(new Blob([table], { type: "text/csv" }));
  at("save").download = `${recording.name}.ecgnas.csv`;
  at("results").hidden = false;
  show(0);
}

function jump(kind, step) {
  const which = step < 0 ? "Previous" : "Next";
  const button = html("button", { type: "button", title: `${which} ${kind} beat` }, step < 0 ? "◀" : "▶");
  button.setAttribute("aria-label", `${which} ${kind} beat`);
  button.addEventListener("click", () => {
    const { beats, classes } = state.shown;
    const own = beats.filter((beat) => (classes[beat.called] ?? "?") === kind);
    const from = state.beat ? state.beat.timeS : state.startS - 1e-6;
    const next = step > 0
      ? own.find((beat) => beat.timeS > from)
      : own.findLast((beat) => beat.timeS < from);
    if (next) pick(next);
  });
  return button;
}

function pick(beat) {
  state.beat = beat;
  const isShown = beat.timeS >= state.startS && beat.timeS < state.startS + SHOWN_S;
  show(isShown ? state.startS : 10 * Math.floor((beat.timeS - 10) / 10));
}

/** Show the strip from `startS` on. */
function show(startS) {
  const { shown } = state;
  const durationS = shown.leads[0].length / shown.fsHz;
  const latest = Math.max(10 * Math.ceil(durationS / 10) - SHOWN_S, 0);
  state.startS = Math.min(Math.max(startS, 0), latest);
  at("strip").replaceChildren(...strip(shown, state.startS, LINES, state.beat, pick));
  const move = (time) => {
    state.beat = null;
    show(10 * Math.floor((time - SHOWN_S / 2) / 10));
  };
  at("overview").replaceChildren(overview(shown, state.startS, SHOWN_S, move));
  const end = Math.min(state.startS + SHOWN_S, durationS);
  at("span").textContent = `${clock(state.startS)} to ${clock(end)}`;
  const kind = state.beat && (shown.classes[state.beat.called] ?? "?");
  at("picked").textContent = state.beat ? titleOf(state.beat, kind, shown) : "";
}

function step(direction) {
  if (!state.shown || at("results").hidden) return;
  state.beat = null;
  show(state.startS + direction * SHOWN_S);
}

const drop = at("drop");
addEventListener("dragover", (event) => {
  event.preventDefault();
  drop.classList.add("over");
});
addEventListener("dragleave", () => drop.classList.remove("over"));
addEventListener("drop", (event) => {
  event.preventDefault();
  drop.classList.remove("over");
  // A copy: some browsers empty the list when the event is over.
  const files = [...event.dataTransfer.files];
  if (files.length) open(files);
});
at("files").addEventListener("change", (event) => {
  const files = [...event.target.files];
  // Else the same files, chosen again after a change of the options, would be no change.
  event.target.value = "";
  if (files.length) open(files);
});
at("classify").addEventListener("click", () => alone(classify));
at("back").addEventListener("click", () => step(-1));
at("on").addEventListener("click", () => step(1));
at("print").addEventListener("click", () => print());
addEventListener("keydown", (event) => {
  if (event.target.matches("select, input")) return;
  if (event.key === "ArrowLeft") step(-1);
  if (event.key === "ArrowRight") step(1);
});

"use strict";
/* One reader's page. What is shown is set as text, never as HTML; every reading has a number of its own, so
   that one that is sent again is the same reading. */

const $ = (id) => document.getElementById(id);
const PENDING = "livergrade-pending", LANGUAGE = "livergrade-language";
const views = [
  new Picture($("stage"), $("picture"), $("scale")),
  new SlideView($("stage"), $("slide"), $("scale")),
];
let view = views[0]; // of what is read: images or slides
let words, state, chosen, confidence, ahead, busy = false, finished = false;
let watched = 0, since = null, paused = false, revealing = false;
let sheet, fromSheet = false, openings = 0;
let review = null; // which one this page is of
let unseen = ""; // why no image is shown, which can only be left out then; null: it is shown

function word(name, values = {}) {
  const text = words[language()][name] ?? name;
  return text.replace(/\{(\w+)\}/g, (_, key) => values[key] ?? "");
}

/* The word for an answer. A grade may have any name, also one that the page has a word for elsewhere. */
function answerWord(name) {
  const { answers } = words[language()];
  return Object.hasOwn(answers, name) ? answers[name] : name;
}

function language() {
  const wanted = [stored(localStorage, LANGUAGE), ...navigator.languages].map((name) => (name || "").slice(0, 2));
  return wanted.find((name) => name in words) ?? "en";
}

function stored(storage, key) {
  try { return storage.getItem(key); } catch { return null; }
}

function store(storage, key, value) {
  try { value === null ? storage.removeItem(key) : storage.setItem(key, value); } catch { /* not allowed */ }
}

const number = () =>
  [...crypto.getRandomValues(new Uint8Array(16))].map((byte) => byte.toString(16).padStart(2, "0")).join("");

const wait = (ms) => new Promise((resolve) => setTimeout(resolve, ms));

/* Answer of the server; an Error with .final if it will not be another one later. The review is named, since
   another one may run at this address while a page of the first is open. */
async function ask(address, sent, of = review) {
  const headers = of ? { "x-livergrade-review": of } : {};
  const options = sent
    ? { method: "POST", headers: { ...headers, "content-type": "application/json" }, body: JSON.stringify(sent) }
    : { headers };
  const answer = await fetch(address, options);
  const content = await answer.json();
  if (answer.ok) return content;
  throw Object.assign(new Error(content.error ?? answer.statusText), { final: answer.status < 500 });
}

/* Send until it is answered for. A reading also outlives that the page is closed. */
async function send(address, sent, of = review) {
  store(sessionStorage, PENDING, JSON.stringify([address, sent, of]));
  for (let pause = 500; ; pause = Math.min(5000, pause * 2)) {
    try {
      const answer = await ask(address, sent, of);
      store(sessionStorage, PENDING, null);
      return answer;
    } catch (error) {
      if (error.final) {
        store(sessionStorage, PENDING, null);
        throw error;
      }
      say(word("again"));
      await wait(pause);
    }
  }
}

const say = (text) => { for (const id of ["message", "sheet-message"]) $(id).textContent = text; };

/* ── time ─────────────────────────────────────────────────────────────────────────────── */

function clock(on) {
  if (since !== null) watched += performance.now() - since;
  since = on && unseen === null && !document.hidden && !paused ? performance.now() : null;
}

function pause(on) {
  paused = on && !finished;
  clock(!paused);
  cover();
  $("pause").textContent = word(paused ? "resume" : "pause");
  $("pause").setAttribute("aria-pressed", paused);
}

/* Say in the place of the image why it is not shown. */
function cover(why = unseen) {
  unseen = why;
  const text = paused ? word("paused") : unseen;
  $("cover").hidden = text === null;
  $("cover").textContent = text ?? "";
}

/* ── what is shown ────────────────────────────────────────────────────────────────────── */

function button(text, key, pressed) {
  const made = document.createElement("button");
  made.type = "button";
  made.setAttribute("aria-pressed", "false");
  if (key) {
    const hint = document.createElement("kbd");
    hint.textContent = key;
    hint.ariaHidden = "true";
    made.append(hint);
  }
  made.append(text);
  made.addEventListener("click", pressed);
  return made;
}

function listed(list, lines) {
  list.replaceChildren(...lines.map((line) => {
    const item = document.createElement("li");
    item.textContent = line;
    return item;
  }));
}

function choose(at) {
  if (busy || paused || revealing || finished || !state.choices[at]) return;
  if (unseen !== null && !state.choices[at].excluded) return say(word("not_seen"));
  chosen = at;
  mark("choices", at);
  say("");
}

function mark(id, at) {
  [...$(id).querySelectorAll("button")].forEach((made, place) =>
    made.setAttribute("aria-pressed", String(place === at)));
}

function sure(value) {
  confidence = confidence === value ? null : value;
  mark("confidence", confidence === null ? -1 : confidence - 1);
}

function translate() {
  document.documentElement.lang = language();
  document.title = `${word("title")} – livergrade`;
  for (const [id, name] of [["undo", "undo"], ["next", "next"], ["research", "research"], ["language-label", "language_label"]])
    $(id).textContent = word(name);
  for (const [id, name] of [["zoom-in", "zoom_in"], ["zoom-out", "zoom_out"], ["fit", "fit"]]) {
    $(id).ariaLabel = word(name);
    $(id).title = word(name);
  }
  $("choices").querySelector("legend").textContent = word("answer");
  $("confidence").querySelector("legend").textContent = word("confidence");
  $("confidence").querySelectorAll(".ends span").forEach((end, at) => { end.textContent = word(["unsure", "sure"][at]); });
  $("comment").querySelector("span").textContent = word("comment");
  $("shown").querySelector("h2").textContent = word("others");
  $("pause").textContent = word(paused ? "resume" : "pause");
  if (sheet) $("to-sheet").textContent = word(sheet.visible ? "one_by_one" : "sheet");
  if (sheet?.visible) return sheet.translate();
  if (state) show();
  if (state && !finished) view.draw();
}

function show() {
  const at = Math.min(state.done + 1, state.total);
  const told = { n: fromSheet ? state.done : at, total: state.total }; // the sheet has an order of its own
  $("progress").textContent = word(fromSheet ? "decided_of" : "of", told);
  $("reader").textContent = word("reader", { name: state.reader });
  $("hint").textContent = word("hint", { keys: state.choices.map((_, place) => place + 1).join(" ") });
  $("stage").ariaLabel = word("image", { n: at });
  $("undo").disabled = !state.last || busy;
  $("choices").querySelector(".row").replaceChildren(
    ...state.choices.map((choice, place) => {
      const made = button(answerWord(choice.choice), String(place + 1), () => choose(place));
      made.classList.toggle("excludes", choice.excluded);
      return made;
    }));
  $("confidence").querySelector(".row").replaceChildren(
    ...[1, 2, 3, 4, 5].map((value) => button(String(value), "", () => sure(value))));
  mark("choices", chosen);
  mark("confidence", (confidence ?? 0) - 1);
  $("known").hidden = !state.known || state.place === null;
  if (state.known) {
    const { patient, grade, choice } = state.known;
    listed($("known").querySelector("ul"), [
      `${word("by_patient")}: ${patient || word("no_patient")}`,
      `${word("recorded")}: ${grade ? answerWord(grade) : word("no_grade")}`,
      `${word("by_decision")}: ${choice ? answerWord(choice) : word("undecided")}`,
    ]);
  }
  $("shown").hidden = !state.shown.length;
  listed($("shown").querySelector("ul"), state.shown.map((other, place) => {
    const told = [answerWord(other.grade ?? other.excluded)];
    if (other.confidence) told.push(`${word("confidence")} ${other.confidence}`);
    if (other.comment) told.push(other.comment);
    return `${word("other", { letter: String.fromCharCode(65 + place) })}: ${told.join(", ")}`;
  }));
  finished = state.place === null;
  $("panel").classList.toggle("finished", finished);
  if (finished) {
    view.hide();
    cover(word("finished"));
  }
}

/* What is needed to show an image: its bytes, or the size of a slide. Fetched one ahead, so that the next one is
   there at once. */
function load(place) {
  if (ahead?.place === place) return ahead.loaded;
  const loaded = state.slides ? ask(`/slide/${place}`) : fetch(`/image/${place}`).then(async (answer) => {
    if (!answer.ok) throw Object.assign(new Error((await answer.json()).error), { final: answer.status < 500 });
    return URL.createObjectURL(await answer.blob());
  });
  loaded.catch(() => {});
  ahead = { place, loaded };
  return loaded;
}

async function showImage(place) {
  const loaded = await patiently(() => load(place));
  view = views[Number(state.slides)];
  if (state.slides) return view.show(place, loaded, state.mpp);
  await view.show(loaded, state.mpp);
  URL.revokeObjectURL(loaded);
}

/* Show the image at a place of the reader's order, or the next one that is to be read. */
async function open(at = null) {
  const mine = ++openings; // another one may be opened, or the contact sheet, while this one loads
  state = await patiently(() => ask(at === null ? "/state" : `/state/${at}`));
  chosen = confidence = null;
  revealing = false;
  $("panel").classList.remove("revealing");
  $("revealed").hidden = true;
  $("comment").querySelector("textarea").value = "";
  watched = 0;
  since = null;
  unseen = word("loading");
  show();
  if (finished) return;
  cover();
  const place = state.place;
  try {
    await showImage(place);
  } catch (error) {
    if (mine === openings) cover(error.message);
    throw error;
  } finally {
    ahead = null;
  }
  if (mine !== openings) return;
  cover(null);
  clock(true);
  if (at === null && place + 1 < state.total) load(place + 1);
}

/* Show the contact sheet in the place of one image, or the other way round. */
function turn(toSheet) {
  $("one").hidden = $("pause").hidden = toSheet;
  sheet.root.hidden = !toSheet;
  openings += 1;
  clock(false);
  view.hide();
  $("to-sheet").textContent = word(toSheet ? "one_by_one" : "sheet");
}

async function showSheet() {
  turn(true);
  await sheet.load();
  sheet.active?.focus();
}

function showOne(place = null) {
  fromSheet = place !== null;
  ahead = null;
  turn(false);
  say("");
  return open(place);
}

const goOn = () => (fromSheet ? showSheet() : open());

async function patiently(wanted) {
  for (let pause = 500; ; pause = Math.min(5000, pause * 2)) {
    try {
      return await wanted();
    } catch (error) {
      if (error.final) throw error;
      ahead = null;
      await wait(pause);
    }
  }
}

/* ── what is done ─────────────────────────────────────────────────────────────────────── */

async function once(work) {
  if (busy) return;
  busy = true;
  try {
    await work();
  } catch (error) {
    say(error.message);
  } finally {
    busy = false;
    $("undo").disabled = !state?.last;
  }
}

const next = () => once(async () => {
  if (paused || finished) return;
  if (revealing) return open();
  if (chosen === null) return say(word("choose"));
  clock(false);
  say(word("saving"));
  const { choice, excluded } = state.choices[chosen];
  const comment = $("comment").querySelector("textarea").value;
  const seconds = Math.round(watched) / 1000;
  const sent = { id: number(), place: state.place, choice, excluded, confidence, seconds, comment };
  const answer = await send("/reading", sent);
  say("");
  state.last = sent.id;
  if (answer.revealed) return reveal(answer.revealed);
  return goOn();
});

function reveal({ predicted, probabilities, recorded }) {
  revealing = true;
  $("panel").classList.add("revealing");
  const shares = state.classes.map((grade, at) => `${answerWord(grade)} ${Math.round(100 * probabilities[at])} %`);
  listed($("revealed").querySelector("ul"), [
    `${word("network")}: ${answerWord(predicted)} (${shares.join(", ")})`,
    `${word("recorded")}: ${answerWord(recorded)}`,
  ]);
  $("revealed").hidden = false;
  say(word("no_answer"));
}

const undo = () => once(async () => {
  if (paused || !state.last) return;
  await send("/undo", { id: number(), reading: state.last });
  say("");
  ahead = null;
  return goOn();
});

function key(event) {
  if (event.ctrlKey || event.metaKey || event.altKey || !state) return;
  if (sheet?.visible) return sheet.key(event);
  if (event.target.matches("textarea, select")) {
    if (event.key === "Escape") event.target.blur();
    return;
  }
  const at = "123456789".indexOf(event.key);
  const step = 60;
  const keys = {
    " ": next, u: undo, U: undo, Backspace: undo, p: () => pause(!paused), P: () => pause(!paused),
    "+": () => view.zoom(1.5), "=": () => view.zoom(1.5), "-": () => view.zoom(1 / 1.5),
    0: () => view.reset(), ArrowLeft: () => view.pan(step, 0), ArrowRight: () => view.pan(-step, 0),
    ArrowUp: () => view.pan(0, step), ArrowDown: () => view.pan(0, -step),
  };
  if (sheet) keys.Escape = () => { pause(false); once(showSheet); };
  if (at >= 0) choose(at);
  else if (Object.hasOwn(keys, event.key)) keys[event.key]();
  else return;
  event.preventDefault();
}

async function start() {
  words = await patiently(() => ask("/words.json"));
  $("language").replaceChildren(...Object.entries(words).map(([name, of]) => new Option(of.language, name)));
  $("language").value = language();
  $("language").addEventListener("change", () => {
    store(localStorage, LANGUAGE, $("language").value);
    say("");
    translate();
  });
  translate();
  const token = location.hash.slice(1);
  if (token) {
    history.replaceState(null, "", "/");
    await patiently(() => ask("/session", { token })).catch(async (error) => {
      await ask("/state").catch(() => { throw error; }); // a used link of a reader who is in already
    });
  }
  const pending = stored(sessionStorage, PENDING);
  if (pending) await send(...JSON.parse(pending)).catch(() => {});
  $("panel").addEventListener("submit", (event) => { event.preventDefault(); next(); });
  $("undo").addEventListener("click", undo);
  $("pause").addEventListener("click", () => pause(!paused));
  $("zoom-in").addEventListener("click", () => view.zoom(1.5));
  $("zoom-out").addEventListener("click", () => view.zoom(1 / 1.5));
  $("fit").addEventListener("click", () => view.reset());
  document.addEventListener("keydown", key);
  document.addEventListener("visibilitychange", () =>
    clock(!document.hidden && !busy && !finished && !revealing && !sheet?.visible));
  state = await patiently(() => ask("/state"));
  review = state.review;
  if (state.mode !== "confirm") return open();
  show();
  sheet = new Sheet($("sheet"));
  $("to-sheet").hidden = false;
  $("to-sheet").addEventListener("click", () => {
    pause(false);
    once(sheet.visible ? showOne : showSheet);
  });
  return showSheet();
}

start().catch((error) => { cover(error.message); say(error.message); });

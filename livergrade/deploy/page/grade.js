"use strict";
/* The page: files are chosen, graded one after the other, and shown. What is shown is set as text, never as HTML. */

const $ = (id) => document.getElementById(id);
const facts = JSON.parse($("facts").textContent), words = JSON.parse($("words").textContent), { rules } = facts;
let language = navigator.languages.map((name) => name.slice(0, 2)).find((name) => name in words) ?? "en";
let session, runtime, waiting = [], graded = [], refused = [], shown = null, busy = false, told = ["loading", {}];
let aim = null, pressed = { x: 0, y: 0 }; // where the frame's corner is on the slide; where a pointer went down

function word(name, values = {}) {
  return (words[language][name] ?? name).replace(/\{(\w+)\}/g, (_, key) => values[key] ?? "");
}

function element(name, content = "", attributes = {}) {
  const made = document.createElement(name);
  if (content instanceof Node) made.append(content);
  else made.textContent = content;
  for (const [key, value] of Object.entries(attributes)) made.setAttribute(key, value);
  return made;
}

/* A grade or an answer in the page's language. */
function named(answer) {
  if (answer === rules.unlike) return word("unlike");
  if (answer === rules.unsure) return word("unsure");
  return ["poor", "moderate", "well"].includes(answer) ? word(answer) : answer;
}

const digits = (value, count = 3) => Number(value.toPrecision(count)).toString();

/* ── the network ─────────────────────────────────────────────────────────────────────────────────────── */

const paint = () => new Promise((resolve) => requestAnimationFrame(() => setTimeout(resolve)));

/* The bytes that script elements hold as base64. They leave the page, which needs the memory. */
function embedded(name) {
  const parts = [...document.querySelectorAll(`script[data-part="${name}"]`)].map((part) => {
    const base64 = part.textContent;
    part.remove();
    if (Uint8Array.fromBase64) return Uint8Array.fromBase64(base64);
    const binary = atob(base64), bytes = new Uint8Array(binary.length);
    for (let at = 0; at < bytes.length; at++) bytes[at] = binary.charCodeAt(at);
    return bytes;
  });
  const bytes = new Uint8Array(parts.reduce((sum, part) => sum + part.length, 0));
  parts.reduce((at, part) => (bytes.set(part, at), at + part.length), 0);
  return bytes;
}

async function start() {
  const module = document.querySelector('script[data-part="module"]');
  runtime = await import(`data:text/javascript;base64,${module.textContent}`);
  module.remove();
  runtime.env.wasm.numThreads = 1;
  runtime.env.wasm.wasmBinary = embedded("wasm");
  if (facts.embedded) return open(embedded("model"));
  $("ask").hidden = false;
  say("ask_model", { size: Math.round(facts.bytes / 1e6) });
}

async function open(bytes) {
  session = await runtime.InferenceSession.create(bytes, { executionProviders: ["wasm"] });
  $("ask").hidden = true;
  say("ready");
  work();
}

async function openChosen(file) {
  say("loading");
  await paint();
  const bytes = new Uint8Array(await file.arrayBuffer());
  if ((await sha256(bytes)) === facts.sha256) return open(bytes);
  say("other_model");
}

async function sha256(bytes) {
  const digest = new Uint8Array(await crypto.subtle.digest("SHA-256", bytes));
  return [...digest].map((byte) => byte.toString(16).padStart(2, "0")).join("");
}

const failed = (error) => say("no_start", { reason: String(error.message ?? error).split("\n")[0].slice(0, 300) });

/* ── grading ─────────────────────────────────────────────────────────────────────────────────────────── */

async function grade(file) {
  if (kindOf(new Uint8Array(await file.slice(0, 512).arrayBuffer())) === "tiff") return gradeSlide(await Slide.open(file, facts.icc));
  const image = await decoded(file, facts.icc);
  const square = centralSquare(image.data, image.width, image.height, rules.square, facts.tall_first);
  return { ...(await answer(file.name, square)), picture: file, mapped: { x: 0, y: 0, side: Math.min(image.width, image.height) } };
}

async function answer(name, square) {
  const outputs = await session.run({ image: new runtime.Tensor("uint8", square, [1, rules.square, rules.square, 3]) });
  const distance = outputs.distance ? Number(outputs.distance.data[0]) : null;
  const row = { image: name, ...answered(outputs.per_view.data, distance, rules) };
  return { row, map: outputs.map && mapOf(outputs.map, row.predicted), pixels: await sha256(square) };
}

/* The middle of a slide. */
async function gradeSlide(slide) {
  const image = await slide.overview(), canvas = new OffscreenCanvas(image.width, image.height);
  canvas.getContext("2d").putImageData(image, 0, 0);
  const fine = slide.levels[0].width / image.width;
  Object.assign(slide, { fine, side: facts.tile_um / slide.mpp, picture: await canvas.convertToBlob() });
  return gradeRegion(slide, (slide.levels[0].width - slide.side) / 2, (slide.levels[0].height - slide.side) / 2);
}

/* A region of a slide, as `predict` grades a tile: such a row has no set, which is of images. */
async function gradeRegion(slide, x, y) {
  const [first] = slide.levels, { side, fine } = slide;
  const graded = await answer(`${slide.file.name} x=${Math.round(x)} y=${Math.round(y)}`, await slide.square(x, y, side, rules.square));
  graded.row.set = "";
  const mapped = { x: (x + side / 2 - first.width / 2) / fine, y: (y + side / 2 - first.height / 2) / fine, side: side / fine };
  return { ...graded, slide, picture: slide.picture, mapped };
}

/* The map of the predicted grade: its values, sides, and largest value. */
function mapOf(output, predicted) {
  const [, , height, width] = output.dims, place = rules.classes.indexOf(predicted) * height * width;
  const values = output.data.slice(place, place + height * width);
  return { values, height, width, most: Math.max(...values), strongest: Math.max(...values.map(Math.abs)) };
}

/* What the person is told of an error. A browser names a dropped folder as a file, which it then can't read. */
function refusalOf(error) {
  if (error instanceof Refusal) return error;
  if (["NotFoundError", "NotReadableError"].includes(error.name)) return new Refusal("gone");
  return new Refusal("failed", { reason: String(error.message ?? error).split("\n")[0] });
}

async function work() {
  if (busy || !session || !waiting.length) return;
  busy = true;
  for (let job; (job = waiting.shift()); ) {
    const of = graded;
    const total = graded.length + refused.length + waiting.length + 1;
    say("working", { n: total - waiting.length, total, name: job.name });
    $("progress").max = total;
    $("progress").value = total - waiting.length - 1;
    $("progress").hidden = total === 1;
    await paint();
    try {
      const result = await job.grade();
      if (of !== graded) continue; // it was cleared meanwhile
      result.like = graded.find((one) => one.pixels === result.pixels)?.row.image;
      graded.push(result);
      addRow(result);
      if (graded.length === 1 || result.slide) show(result);
    } catch (error) {
      if (of !== graded) continue;
      refused.push([job.name, refusalOf(error)]);
      listRefused();
    }
  }
  busy = false;
  $("progress").hidden = true;
  const total = graded.length + refused.length;
  say(total ? "done" : "ready", { n: graded.length, total });
}

function add(files) {
  waiting.push(...[...files].map((file) => ({ name: file.name, grade: () => grade(file) })));
  work();
}

function addRegion() {
  const { slide } = shown, { x, y } = aim;
  waiting.push({ name: slide.file.name, grade: () => gradeRegion(slide, x, y) });
  work();
}

function clear() {
  waiting = [];
  graded = [];
  refused = [];
  shown = null;
  $("rows").replaceChildren();
  $("results").hidden = true;
  $("save").disabled = true;
  listRefused();
  say("ready");
  $("files").focus();
}

function save() {
  const address = URL.createObjectURL(new Blob([csv(graded.map((result) => result.row))], { type: "text/csv" }));
  const link = element("a", "", { href: address, download: "images.csv" });
  link.click();
  setTimeout(() => URL.revokeObjectURL(address), 60000);
}

/* ── what is shown ───────────────────────────────────────────────────────────────────────────────────── */

function say(name, values = {}) {
  told = [name, values];
  $("status").textContent = word(name, values);
}

function addRow(result) {
  const { row } = result, withheld = row.answer !== row.predicted;
  const open = element("button", row.image, { type: "button" });
  open.addEventListener("click", () => show(result));
  const image = element("td", open);
  if (result.like !== undefined) image.append(element("p", word("like", { name: result.like }), { class: "quiet" }));
  const cells = [image, element("td", named(row.answer), withheld ? { class: "withheld" } : {}), element("td", bars(row))];
  cells.push(element("td", row.set.split("|").map(named).join(", "), { "data-name": `${word("set")}: ` }));
  const distance = row.distance === null ? "" : digits(row.distance);
  cells.push(element("td", distance, { class: "number", "data-name": `${word("distance")}: ` }));
  result.line = element("tr");
  result.line.append(...cells);
  $("rows").append(result.line);
  $("results").hidden = false;
  $("save").disabled = false;
}

function bars(row) {
  const list = element("dl", "", { class: "bars" });
  for (const name of rules.classes) {
    const share = row[`p_${name}`], bar = element("span");
    bar.style.width = `${100 * share}%`;
    bar.style.background = name === row.predicted ? "var(--main)" : "var(--muted)";
    const middle = element("i", bar);
    middle.setAttribute("aria-hidden", "true");
    const cells = [element("dt", named(name)), element("dd", middle), element("dd", share.toFixed(3), { class: "number" })];
    list.append(...cells);
  }
  return list;
}

function listRefused() {
  $("problems").hidden = !refused.length;
  const lines = refused.map(([name, problem]) => element("li", `${name}: ${word(problem.word, problem.values)}`));
  $("problems").lastElementChild.replaceChildren(...lines);
}

const picture = new MappedPicture($("stage"), $("picture"), $("scale"));

async function show(result) {
  shown?.line.removeAttribute("aria-current");
  shown = result;
  result.line.setAttribute("aria-current", "true");
  const address = URL.createObjectURL(result.picture), { slide } = result;
  if (slide) {
    const [{ width, height }] = slide.levels, { x, y } = result.mapped;
    aim = { x: x * slide.fine + (width - slide.side) / 2, y: y * slide.fine + (height - slide.side) / 2 };
  }
  $("frame").hidden = $("region").hidden = !slide;
  try {
    describe();
    await picture.show(address, slide ? slide.mpp * slide.fine : null);
    drawMap();
  } catch { /* the browser decoded it once: it is too large to be shown as well */
    picture.hide();
  } finally {
    URL.revokeObjectURL(address);
  }
}

function describe() {
  if (!shown) return;
  const { row } = shown, lines = [];
  if (row.unlike) lines.push(word("unlike_told", { distance: digits(row.distance), limit: digits(rules.distance_limit) }));
  else if (row.answer === rules.unsure) lines.push(word("unsure_told", { abstain: rules.abstain }));
  $("map").disabled = !shown.map;
  if (shown.slide) lines.push(word("aim", { side: digits(facts.tile_um) }), ...(facts.scale_known ? [] : [word("scale_unknown")]));
  const mapped = !shown.map ? word("no_map") : $("map").ariaPressed === "true" &&
    word("map_told", { grade: named(row.predicted), most: digits(shown.map.most) });
  $("shown").textContent = `${row.image}: ${named(row.answer)}`;
  $("why").textContent = [...lines, mapped].filter(Boolean).join("\n");
  $("stage").setAttribute("aria-label", word("picture", { name: row.image }));
}

function card() {
  const lines = { ...facts.card, fact_grades: rules.classes.map(named).join(", "), fact_file: facts.sha256 };
  $("facts-list").replaceChildren(...Object.entries(lines).flatMap(([name, value]) => [element("dt", word(name)), element("dd", value)]));
  $("limits").replaceChildren(...facts.limits.map((sentence) => element("li", sentence)));
  $("notice").textContent = facts.notice;
  const coverage = digits(100 * rules.coverage);
  $("sets").textContent = rules.set_limits.image ? word("set_told", { coverage }) : word("no_sets");
}

function translate() {
  document.documentElement.lang = language;
  document.title = `livergrade: ${word("title")}`;
  for (const one of document.querySelectorAll("[data-word]")) one.textContent = word(one.dataset.word);
  for (const [id, name] of Object.entries({ "zoom-in": "zoom_in", "zoom-out": "zoom_out", fit: "fit" })) $(id).ariaLabel = word(name);
  $("ask-text").textContent = word("ask_model", { size: Math.round(facts.bytes / 1e6) });
  $("language").value = language;
  say(...told);
  card();
  $("rows").replaceChildren();
  graded.forEach(addRow);
  shown?.line.setAttribute("aria-current", "true");
  listRefused();
  describe();
}

/* ── what a person does ──────────────────────────────────────────────────────────────────────────────── */

function keyed(event) {
  const step = { ArrowLeft: [-0.5, 0], ArrowRight: [0.5, 0], ArrowUp: [0, -0.5], ArrowDown: [0, 0.5] }[event.key];
  if (step && event.shiftKey && shown?.slide) {
    const { side } = shown.slide;
    moveAim(aim.x + (0.5 + step[0]) * side, aim.y + (0.5 + step[1]) * side);
    return event.preventDefault();
  }
  const pan = { ArrowLeft: [60, 0], ArrowRight: [-60, 0], ArrowUp: [0, 60], ArrowDown: [0, -60] }[event.key];
  if (pan) picture.pan(...pan);
  else if (event.key === "+" || event.key === "=") picture.zoom(1.5);
  else if (event.key === "-") picture.zoom(1 / 1.5);
  else if (event.key === "0") picture.reset();
  else return;
  event.preventDefault();
}

function dropped(event) {
  event.preventDefault();
  $("drop").classList.toggle("over", event.type === "dragover");
  if (event.type === "drop") add(event.dataTransfer.files);
}

for (const [name, { language: own }] of Object.entries(words)) $("language").append(element("option", own, { value: name, lang: name }));
$("language").addEventListener("change", () => { language = $("language").value; translate(); });
$("files").addEventListener("change", () => { add($("files").files); $("files").value = ""; });
$("model").addEventListener("change", () => openChosen($("model").files[0]).catch(failed));
$("save").addEventListener("click", save);
$("clear").addEventListener("click", clear);
$("zoom-in").addEventListener("click", () => picture.zoom(1.5));
$("zoom-out").addEventListener("click", () => picture.zoom(1 / 1.5));
$("fit").addEventListener("click", () => picture.reset());
$("map").addEventListener("click", () => {
  $("map").ariaPressed = String($("map").ariaPressed !== "true");
  drawMap();
  describe();
});
$("stage").addEventListener("keydown", keyed);
$("stage").addEventListener("pointerdown", (event) => { pressed = { x: event.clientX, y: event.clientY }; });
$("stage").addEventListener("pointerup", tapped);
$("region").addEventListener("click", addRegion);
for (const name of ["dragover", "dragleave", "drop"]) document.addEventListener(name, dropped);
translate();
paint().then(start).catch(failed);

"use strict";
/* All images of a review at once, as small pictures: chosen by key, mouse or finger, kept or left out several at a
   time. It uses the words, the sending and the opening of review.js. */

const SIDES = [112, 168, 248]; // of a small picture, CSS pixels
const TWICE = 400; // ms within which a second tap opens an image
const MOST = 5000; // images of one decision, whose message the server still takes

class Sheet {
  constructor(root) {
    Object.assign(this, { root, list: root.querySelector("[role=listbox]"), tiles: [], shown: [], chosen: new Set() });
    Object.assign(this, { last: null, active: null, anchor: null, tapped: null, side: matchMedia("(max-width: 599px)").matches ? 0 : 1, line: Promise.resolve() });
    this.list.addEventListener("click", (event) => this.tap(event));
    this.list.addEventListener("focusin", (event) => this.reach(event.target.closest("[role=option]"), false));
    for (const filter of this.filters()) filter.addEventListener("change", () => this.filter());
    const does = {
      smaller: () => this.resize(-1), larger: () => this.resize(1), all: () => this.chooseAll(), "sheet-undo": () => this.undo(),
      "open-large": () => this.open(), "take-back": () => this.decide(null),
    };
    for (const [id, work] of Object.entries(does)) $(id).addEventListener("click", work);
    this.resize(0);
  }

  get visible() { return !this.root.hidden; }

  filters() { return ["by-patient", "by-grade", "by-decision"].map($); }

  /* Fetch what is known of each image, and show it. */
  async load() {
    const told = await patiently(() => ask("/sheet"));
    this.last = told.last;
    if (!this.tiles.length) {
      this.tiles = told.images.map((image, at) => this.made(image, at));
      this.list.replaceChildren(...this.tiles);
      this.active = this.tiles[0];
    }
    told.images.forEach((image, at) => { this.tiles[at].known = image; });
    for (const lost of this.list.querySelectorAll(".lost")) lost.firstElementChild.src = `/small/${lost.known.place}?${number()}`; // it may be there again
    this.translate();
  }

  made(image, at) {
    const tile = document.createElement("div");
    tile.role = "option";
    tile.id = `tile-${at}`;
    tile.tabIndex = at ? -1 : 0;
    const picture = document.createElement("img");
    picture.alt = "";
    picture.loading = "lazy";
    picture.draggable = false;
    let left = 5; // tries, while the server is away
    picture.addEventListener("load", () => tile.classList.remove("lost"));
    picture.addEventListener("error", () => {
      if (left <= 0) {
        picture.loading = "eager"; // a hidden picture is never near enough to be loaded
        return tile.classList.add("lost");
      }
      left -= 1;
      setTimeout(() => { picture.src = `/small/${image.place}?${left}`; }, 1000);
    });
    picture.src = `/small/${image.place}`;
    const names = ["lost-word", "about", "decided"].map((name) => {
      const line = document.createElement("span");
      line.className = name;
      return line;
    });
    tile.append(picture, ...names);
    return tile;
  }

  translate() {
    if (!this.tiles.length) return;
    this.list.ariaLabel = word("sheet");
    const texts = {
      all: "choose_all", "open-large": "open_large", "take-back": "take_back", "sheet-undo": "undo_last", nothing: "none_fits",
      "sheet-research": "research",
    };
    for (const [id, name] of Object.entries(texts)) $(id).textContent = word(name);
    for (const [id, name] of [["smaller", "smaller"], ["larger", "larger"]]) $(id).ariaLabel = $(id).title = word(name);
    $("sheet-hint").textContent = word("sheet_hint", { keys: state.choices.map((_, at) => at + 1).join(" ") });
    $("decisions").replaceChildren(...state.choices.map((choice, at) => {
      const made = button(answerWord(choice.choice), String(at + 1), () => this.decide(at));
      made.removeAttribute("aria-pressed"); // it acts at once
      made.classList.toggle("excludes", choice.excluded);
      return made;
    }));
    this.fill();
    this.tiles.forEach((tile, at) => this.label(tile, at));
    this.filter();
  }

  grade(name) { return name ? answerWord(name) : word("no_grade"); }

  label(tile, at) {
    const { patient, grade, choice } = tile.known;
    const told = [patient || word("no_patient"), this.grade(grade)];
    tile.querySelector(".lost-word").textContent = word("cant_show");
    tile.querySelector(".about").textContent = told.join(" · ");
    tile.querySelector(".decided").textContent = choice ? answerWord(choice) : "";
    tile.dataset.choice = choice === null ? "" : choice === "keep" ? "kept" : "left_out";
    tile.ariaLabel = [at + 1, ...told, choice ? answerWord(choice) : word("undecided")].join(", ");
  }

  /* What the filters offer: all patients and grades that there are. */
  fill() {
    const own = (key) => [...new Set(this.tiles.map((tile) => tile.known[key]))];
    const grades = own("grade").sort((a, b) => state.classes.indexOf(a) - state.classes.indexOf(b));
    const offered = [
      own("patient").map((name) => [name || word("no_patient"), name]),
      grades.map((name) => [this.grade(name), name]),
      ["undecided", "kept", "left_out"].map((name) => [word(name), name === "undecided" ? "" : name]),
    ];
    this.filters().forEach((filter, at) => {
      const before = filter.selectedIndex;
      filter.previousElementSibling.textContent = word(filter.id.replace("-", "_"));
      // The number of an offer is its value, since a patient may have any name.
      filter.replaceChildren(new Option(word("every"), "-1"), ...offered[at].map(([text], number) => new Option(text, number)));
      filter.selectedIndex = Math.max(0, before);
      filter.offered = offered[at].map(([, value]) => value);
    });
  }

  /* Show the images that fit; one that is not shown is not chosen either, as nothing is decided unseen. */
  filter() {
    const wanted = this.filters().map((filter) => filter.offered[Number(filter.value)]);
    for (const tile of this.tiles) {
      const own = [tile.known.patient, tile.known.grade, tile.dataset.choice];
      tile.hidden = wanted.some((value, at) => value !== undefined && value !== own[at]);
      if (tile.hidden) this.chosen.delete(tile);
    }
    this.shown = this.tiles.filter((tile) => !tile.hidden);
    if (this.active?.hidden) {
      const after = this.tiles.indexOf(this.active);
      this.reach(this.shown.find((tile) => this.tiles.indexOf(tile) > after) ?? this.shown.at(-1), false);
    }
    $("nothing").hidden = this.shown.length > 0;
    this.draw();
  }

  draw() {
    for (const tile of this.tiles) tile.ariaSelected = String(this.chosen.has(tile));
    const decided = this.tiles.filter((tile) => tile.known.choice !== null).length;
    $("progress").textContent = word("decided_of", { n: decided, total: this.tiles.length });
    $("counted").textContent = word("counted", { shown: this.shown.length, n: this.chosen.size });
    const every = this.shown.length > 0 && this.chosen.size === this.shown.length;
    $("all").textContent = word(every ? "choose_none" : "choose_all");
    for (const made of [...$("decisions").children, $("take-back")]) made.disabled = !this.chosen.size;
    $("open-large").disabled = this.chosen.size !== 1;
    $("all").disabled = !this.shown.length;
    $("sheet-undo").disabled = !this.last;
  }

  resize(step) {
    this.side = Math.min(SIDES.length - 1, Math.max(0, this.side + step));
    this.list.style.setProperty("--side", `${SIDES[this.side]}px`);
    $("smaller").disabled = this.side === 0;
    $("larger").disabled = this.side === SIDES.length - 1;
  }

  /* ── which images ─────────────────────────────────────────────────────────────────────── */

  reach(tile, focus = true) {
    if (!tile) return;
    if (this.active) this.active.tabIndex = -1;
    this.active = tile;
    tile.tabIndex = 0;
    if (focus) tile.focus();
  }

  toggle(tile) {
    this.anchor = tile;
    if (!this.chosen.delete(tile)) this.chosen.add(tile);
    this.draw();
  }

  range(tile) {
    const ends = [this.anchor ?? tile, tile].map((end) => this.shown.indexOf(end));
    for (const one of this.shown.slice(Math.max(0, Math.min(...ends)), Math.max(...ends) + 1)) this.chosen.add(one);
    this.draw();
  }

  chooseAll() {
    this.chosen = new Set(this.chosen.size === this.shown.length ? [] : this.shown);
    this.draw();
  }

  tap(event) {
    const tile = event.target.closest("[role=option]");
    if (!tile) return;
    this.reach(tile);
    if (event.shiftKey) return this.range(tile);
    this.toggle(tile); // the second time as it was before
    const before = this.tapped;
    this.tapped = { tile, at: event.timeStamp };
    if (before?.tile === tile && event.timeStamp - before.at < TWICE) this.open(tile);
  }

  move(event, by) {
    const at = this.shown.indexOf(this.active);
    const tile = this.shown[Math.min(this.shown.length - 1, Math.max(0, at + by))];
    if (event.shiftKey) this.anchor ??= this.active;
    this.reach(tile);
    if (event.shiftKey && tile) this.range(tile);
    else this.anchor = null;
  }

  columns() {
    const other = this.shown.findIndex((tile) => tile.offsetTop !== this.shown[0].offsetTop);
    return other < 0 ? this.shown.length : other;
  }

  /* ── what is done ─────────────────────────────────────────────────────────────────────── */

  open(tile = [...this.chosen][0] ?? this.active) {
    this.tapped = null;
    if (tile) once(() => showOne(tile.known.place));
  }

  /* Keep or leave out what is chosen, or take it back; by key what is reached, if nothing is chosen. */
  decide(at, byKey = false) {
    const alone = byKey && !this.chosen.size && this.active && !this.active.hidden;
    const wanted = alone ? [this.active] : [...this.chosen];
    if (!wanted.length) return say(word("choose_images"));
    const choice = at === null ? null : state.choices[at];
    if (choice === undefined) return;
    const keeps = choice !== null && !choice.excluded;
    const tiles = wanted.filter((tile) => !keeps || !tile.classList.contains("lost")); // kept is only what can be seen
    if (!tiles.length) return say(word("not_seen"));
    return once(async () => {
      say(word("saving"));
      try {
        for (let from = 0; from < tiles.length; from += MOST) {
          const places = tiles.slice(from, from + MOST).map((tile) => tile.known.place);
          const own = { choice: choice?.choice ?? null, excluded: choice?.excluded ?? false };
          await send("/decision", { id: number(), places, ...own });
        }
        this.chosen.clear();
      } finally {
        await this.after(alone ? 1 : 0);
      }
      say(word(choice ? "decided_n" : "taken_back_n", { n: tiles.length, choice: choice && answerWord(choice.choice) }));
    });
  }

  undo() {
    if (!this.last) return;
    return once(async () => {
      const before = this.tiles.map((tile) => tile.known.choice);
      try {
        await send("/undo", { id: number(), reading: this.last });
      } finally {
        await this.after(0);
      }
      say(word("undone_n", { n: this.tiles.filter((tile, at) => tile.known.choice !== before[at]).length }));
    });
  }

  /* Show what is stored now; the keyboard goes on with the next image, or stays. */
  async after(step) {
    const focused = this.list.contains(document.activeElement);
    const next = this.shown[this.shown.indexOf(this.active) + step];
    await this.load();
    if (next && !next.hidden) this.reach(next, false);
    if (focused) this.active?.focus();
  }

  key(event) {
    if (event.target.matches("select")) return;
    const onButton = event.target.matches("button");
    const at = "123456789".indexOf(event.key);
    const row = this.shown.length ? this.columns() : 1;
    const keys = {
      u: () => this.undo(), U: () => this.undo(), a: () => this.chooseAll(), A: () => this.chooseAll(),
      "+": () => this.resize(1), "=": () => this.resize(1), "-": () => this.resize(-1),
      Escape: () => { this.chosen.clear(); this.draw(); },
      Backspace: () => this.decide(null, true), Delete: () => this.decide(null, true),
      ArrowLeft: () => this.move(event, -1), ArrowRight: () => this.move(event, 1),
      ArrowUp: () => this.move(event, -row), ArrowDown: () => this.move(event, row),
      Home: () => this.move(event, -this.shown.length), End: () => this.move(event, this.shown.length),
    };
    if (!onButton) Object.assign(keys, { " ": () => this.active && !this.active.hidden && this.toggle(this.active), Enter: () => this.open(this.active) });
    const work = at >= 0 ? () => this.decide(at, true) : Object.hasOwn(keys, event.key) ? keys[event.key] : null;
    if (!work) return;
    event.preventDefault();
    this.line = this.line.then(work).catch((error) => say(error.message)); // a key that comes while one is stored waits
  }
}

"use strict";
/* Slides: TIFF files of JPEG tiles in several levels, as scanners write them. Only the tiles of a region are read.
   The browser's own decoder makes them pixels, so that they are those of libjpeg, as in `livergrade predict`. */

const BYTES = { 1: 1, 2: 1, 3: 2, 4: 4, 5: 8, 7: 1, 13: 4, 16: 8 }, MOST_PLACES = 4e6, MOST_DIRECTORIES = 1000;
const LIKELY_UM = [0.05, 20], OVERVIEW = 2000, MOST_OVERVIEW = 40e6;

class Slide {
  /* A slide, or a Refusal with the reason. */
  static async open(file, icc) {
    const slide = new Slide();
    slide.file = file;
    try {
      await slide.readDirectories();
    } catch (error) {
      throw error instanceof RangeError ? new Refusal("cut") : error;
    }
    const [first] = slide.levels;
    if (icc === "apply" && first.profile) throw new Refusal("profile");
    const told = /\|\s*MPP\s*=\s*([\d.]+)/.exec(first.description);
    slide.mpp = told ? Number(told[1]) : first.resolved;
    if (!(slide.mpp >= LIKELY_UM[0] && slide.mpp <= LIKELY_UM[1])) throw new Refusal("no_mpp");
    for (const level of slide.levels) level.fine = (first.width / level.width + first.height / level.height) / 2;
    return slide;
  }

  async bytes(at, length) {
    if (at + length > this.file.size) throw new Refusal("cut");
    return new DataView(await this.file.slice(at, at + length).arrayBuffer());
  }

  async readDirectories() {
    const head = await this.bytes(0, 16), little = head.getUint16(0) === 0x4949, big = head.getUint16(2, little) === 43;
    this.little = little;
    this.big = big;
    const all = [];
    let next = big ? Number(head.getBigUint64(8, little)) : head.getUint32(4, little);
    for (; next && all.length < MOST_DIRECTORIES; ) {
      const counted = await this.bytes(next, big ? 8 : 2), step = big ? 20 : 12;
      const count = big ? Number(counted.getBigUint64(0, little)) : counted.getUint16(0, little);
      if (count > MOST_PLACES / step) throw new Refusal("cut");
      const view = await this.bytes(next + (big ? 8 : 2), count * step + (big ? 8 : 4)), entries = new Map();
      for (let place = 0; place < count; place++)
        entries.set(view.getUint16(place * step, little), new DataView(view.buffer, place * step, step));
      all.push(entries);
      next = big ? Number(view.getBigUint64(count * step, little)) : view.getUint32(count * step, little);
    }
    this.levels = [];
    for (const entries of all) if (entries.has(322)) await this.addLevel(entries);
    if (!this.levels.length) throw new Refusal("tiff");
  }

  async values(entries, tag) {
    const entry = entries.get(tag);
    if (!entry) return [];
    const kind = entry.getUint16(2, this.little), size = BYTES[kind];
    const count = this.big ? Number(entry.getBigUint64(4, this.little)) : entry.getUint32(4, this.little);
    if (!size || count > MOST_PLACES) throw new Refusal("cut");
    const room = this.big ? 8 : 4, start = this.big ? 12 : 8;
    let view = new DataView(entry.buffer, entry.byteOffset + start, room);
    if (count * size > room) {
      const at = this.big ? Number(view.getBigUint64(0, this.little)) : view.getUint32(0, this.little);
      view = await this.bytes(at, count * size);
    }
    const step = kind === 5 ? 4 : size; // a fraction is two numbers
    const read = { 1: "getUint8", 2: "getUint16", 4: "getUint32", 8: "getBigUint64" }[step];
    return Array.from({ length: (count * size) / step }, (_, place) => Number(view[read](place * step, this.little)));
  }

  /* A directory of tiles is a level where it has the shape of the first. */
  async addLevel(entries) {
    const one = async (tag) => (await this.values(entries, tag))[0];
    const level = { width: await one(256), height: await one(257), across: await one(322), down: await one(323) };
    const [first] = this.levels;
    if (!(Math.min(level.width, level.height, level.across, level.down) >= 1)) throw new Refusal("cut");
    const alike = first && Math.abs((level.width / level.height) * (first.height / first.width) - 1) <= 0.05;
    if (first && (level.width >= first.width || !alike)) return;
    const compression = await one(259);
    if (compression === 33003 || compression === 33005 || compression === 34712) throw new Refusal("jpeg2000");
    const photometric = await one(262), samples = await one(277);
    if (compression !== 7 || samples !== 3 || ![2, 6].includes(photometric)) throw new Refusal("tiff");
    const latin = (bytes) => bytes.map((byte) => String.fromCharCode(byte)).join("");
    const resolution = await this.values(entries, 282), unit = { 2: 25400, 3: 10000 }[await one(296)];
    Object.assign(level, {
      transform: photometric === 6 ? 1 : 0,
      tables: Uint8Array.from(await this.values(entries, 347)),
      offsets: await this.values(entries, 324),
      lengths: await this.values(entries, 325),
      description: first ? "" : latin(await this.values(entries, 270)),
      resolved: resolution[0] && unit ? (unit * resolution[1]) / resolution[0] : NaN,
      profile: entries.has(34675),
    });
    if (level.offsets.length < Math.ceil(level.width / level.across) * Math.ceil(level.height / level.down)) throw new Refusal("cut");
    this.levels.push(level);
  }

  /* One tile as a bitmap. A marker of Adobe says whether its colours are RGB or YCbCr, as the TIFF has it. */
  async tile(level, number) {
    if (!level.lengths[number]) throw new Refusal("cut");
    const view = await this.bytes(level.offsets[number], level.lengths[number]), own = new Uint8Array(view.buffer);
    const adobe = Uint8Array.from([0xff, 0xd8, 0xff, 0xee, 0, 14, 0x41, 0x64, 0x6f, 0x62, 0x65, 0, 100, 0, 0, 0, 0, level.transform]);
    const parts = [adobe, ...(level.tables.length ? [level.tables.subarray(2, -2)] : []), own.subarray(2)];
    const asStored = { colorSpaceConversion: "none", premultiplyAlpha: "none" };
    return createImageBitmap(new Blob(parts, { type: "image/jpeg" }), asStored).catch(() => { throw new Refusal("tile"); });
  }

  /* Pixels of a level, RGBA; what lies beyond it is white. */
  async pixels(level, left, top, width, height) {
    const context = new OffscreenCanvas(width, height).getContext("2d", { willReadFrequently: true });
    context.fillStyle = "#fff";
    context.fillRect(0, 0, width, height);
    const columns = Math.ceil(level.width / level.across);
    const from = (at, side) => Math.max(0, Math.floor(at / side)), to = (at, end, side) => Math.ceil(Math.min(at, end) / side);
    for (let row = from(top, level.down); row < to(top + height, level.height, level.down); row++)
      for (let column = from(left, level.across); column < to(left + width, level.width, level.across); column++) {
        const bitmap = await this.tile(level, row * columns + column), x = column * level.across, y = row * level.down;
        const seen = [Math.min(level.across, level.width - x), Math.min(level.down, level.height - y)];
        context.drawImage(bitmap, 0, 0, ...seen, x - left, y - top, ...seen);
        bitmap.close();
      }
    return context.getImageData(0, 0, width, height);
  }

  /* A square region of the slide, RGB of size × size, read as `predict` reads a tile. */
  async square(x, y, side, size) {
    const finest = (1.001 * side) / size, level = this.levels.findLast((one) => one.fine <= finest) ?? this.levels[0], { fine } = level;
    const plain = side === size * fine && Number.isInteger(x / fine) && Number.isInteger(y / fine);
    const margin = plain ? 0 : 2 + 2 * Math.ceil(side / fine / size);
    const first = [x, y].map((at) => Math.floor(at / fine) - margin), last = [x, y].map((at) => Math.ceil((at + side) / fine) + margin);
    const image = await this.pixels(level, ...first, last[0] - first[0], last[1] - first[1]);
    const [left, top] = [x / fine - first[0], y / fine - first[1]], picture = whole(image.data, image.width, image.height);
    return reducedTo(picture, [left, top, left + side / fine, top + side / fine], [size, size], [0, 0, size, size], false);
  }

  /* A picture of the whole slide, from its smallest level that has enough detail. */
  async overview() {
    const level = this.levels.findLast((one) => Math.max(one.width, one.height) >= OVERVIEW) ?? this.levels[0];
    if (level.width * level.height > MOST_OVERVIEW) throw new Refusal("no_overview");
    return this.pixels(level, 0, 0, level.width, level.height);
  }
}

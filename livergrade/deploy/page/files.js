"use strict";
/* What a file is, by its own bytes: a browser fills up pictures that are cut short and says nothing of what it
   changes. A Refusal is one line for the person; nothing is graded that `livergrade predict` would read otherwise. */

const LEAST_SIDE = 16, MOST_PIXELS = 64e6, MOST_BYTES = 2 ** 30;

class Refusal extends Error {
  constructor(name, values = {}) {
    super(name);
    Object.assign(this, { name: "Refusal", word: name, values });
  }
}

const text = (bytes, from, length) => String.fromCharCode(...bytes.subarray(from, from + length));
const starts = (bytes, mark) => text(bytes, 0, mark.length) === mark;

/* Refuse a file that is not a whole PNG, JPEG, BMP or WebP of 8 bits, or that says more than a browser heeds. */
function refuseFile(bytes, icc) {
  if (!bytes.length) throw new Refusal("empty");
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const found = { profile: false, gamma: false, turned: false };
  try {
    if (starts(bytes, "\x89PNG\r\n\x1a\n")) readPng(bytes, view, found);
    else if (starts(bytes, "\xff\xd8\xff")) readJpeg(bytes, view, found);
    else if (starts(bytes, "BM")) readBmp(view);
    else if (starts(bytes, "RIFF") && text(bytes, 8, 4) === "WEBP") readWebp(bytes, view, found);
    else throw new Refusal(kindOf(bytes));
  } catch (error) {
    throw error instanceof RangeError ? new Refusal("cut") : error;
  }
  if (icc === "apply" && found.profile) throw new Refusal("profile");
  if (icc === "apply" && found.gamma) throw new Refusal("gamma");
  if (found.turned) throw new Refusal("turned");
}

function kindOf(bytes) {
  if (starts(bytes, "II*\0") || starts(bytes, "MM\0*") || starts(bytes, "II+\0") || starts(bytes, "MM\0+")) return "tiff";
  return bytes.subarray(0, 512).every((byte) => !byte) ? "zeros" : "foreign";
}

const CRC = Uint32Array.from({ length: 256 }, (_, value) => {
  for (let bit = 0; bit < 8; bit++) value = value & 1 ? 0xedb88320 ^ (value >>> 1) : value >>> 1;
  return value;
});

function checksum(bytes, from, to) {
  let value = ~0;
  for (let at = from; at < to; at++) value = CRC[(value ^ bytes[at]) & 255] ^ (value >>> 8);
  return ~value >>> 0;
}

function readPng(bytes, view, found) {
  let standard = false, gamma = false;
  if (view.getUint8(24) === 16) throw new Refusal("deep");
  checkSize(view.getUint32(16), view.getUint32(20));
  for (let at = 8; ; ) {
    const length = view.getUint32(at), kind = text(bytes, at + 4, 4), body = at + 8;
    if (view.getUint32(body + length) !== checksum(bytes, at + 4, body + length)) throw new Refusal("checksum");
    if (kind === "acTL" && view.getUint32(body) > 1) throw new Refusal("pages");
    found.profile ||= kind === "iCCP";
    standard ||= kind === "sRGB";
    gamma ||= kind === "cHRM" || (kind === "gAMA" && Math.abs(view.getUint32(body) / 1e5 - 1 / 2.2) >= 0.01);
    if (kind === "eXIf") found.turned ||= orientation(bytes.subarray(body, body + length)) > 1;
    if (["tEXt", "zTXt", "iTXt"].includes(kind)) found.turned ||= noteTurns(bytes.subarray(body, body + length));
    if (kind === "IEND") break;
    at = body + length + 4;
  }
  found.gamma = gamma && !standard && !found.profile;
}

/* Whether a note beside the pixels turns the picture: browsers heed it only in JPEG's EXIF. */
function noteTurns(bytes) {
  const told = new TextDecoder("latin1").decode(bytes.subarray(0, 2 ** 20));
  return told.startsWith("Raw profile type exif") || /tiff:Orientation(="|>)[2-8]/.test(told);
}

function readJpeg(bytes, view, found) {
  let exif = 0, note = false;
  for (let at = 2, scanned = false; ; ) {
    if (scanned) at = nextMarker(bytes, at);
    if (view.getUint8(at) !== 0xff) throw new Refusal("cut");
    const marker = view.getUint8(at + 1);
    if (marker === 0xd9) break;
    if (marker === 0xff) { at += 1; continue; }
    if (marker === 0x01) { at += 2; continue; }
    const length = view.getUint16(at + 2), body = at + 4;
    if (marker >= 0xc0 && marker <= 0xcf && ![0xc4, 0xc8, 0xcc].includes(marker)) {
      if (view.getUint8(body) !== 8 || marker === 0xc3) throw new Refusal("jpeg_kind");
      if (view.getUint8(body + 5) === 4) throw new Refusal("cmyk");
      checkSize(view.getUint16(body + 3), view.getUint16(body + 1));
    }
    if (marker === 0xe1 && text(bytes, body, 6) === "Exif\0\0" && !exif)
      exif = orientation(bytes.subarray(body + 6, at + 2 + length));
    if (marker === 0xe1 && text(bytes, body, 4) === "http") note ||= noteTurns(bytes.subarray(body, at + 2 + length));
    if (marker === 0xe2 && text(bytes, body, 12) === "ICC_PROFILE\0") found.profile = true;
    scanned ||= marker === 0xda;
    at += 2 + length;
  }
  found.turned = !exif && note;
}

/* In the compressed data of a JPEG: the first marker that ends it. */
function nextMarker(bytes, at) {
  for (; at + 1 < bytes.length; at++) {
    if (bytes[at] !== 0xff) continue;
    const next = bytes[at + 1];
    if (next !== 0 && next !== 0xff && (next < 0xd0 || next > 0xd7)) return at;
  }
  throw new Refusal("cut");
}

/* The orientation that EXIF tells, 1 to 8; 0 where it tells none. */
function orientation(bytes) {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  try {
    const little = view.getUint16(0) === 0x4949, first = view.getUint32(4, little);
    for (let place = 0; place < view.getUint16(first, little); place++) {
      const entry = first + 2 + 12 * place;
      if (view.getUint16(entry, little) === 0x0112) return view.getUint16(entry + 8, little);
    }
  } catch { /* damaged: it tells nothing */ }
  return 0;
}

function readBmp(view) {
  const start = view.getUint32(10, true), width = view.getInt32(18, true), height = Math.abs(view.getInt32(22, true));
  if (view.getUint32(14, true) < 40 || view.getUint16(28, true) !== 24 || view.getUint32(30, true)) throw new Refusal("bmp");
  checkSize(width, height);
  if (start + Math.ceil((width * 3) / 4) * 4 * height > view.byteLength) throw new Refusal("cut");
}

function readWebp(bytes, view, found) {
  const end = 8 + view.getUint32(4, true);
  if (end > bytes.length) throw new Refusal("cut");
  for (let at = 12; at + 8 <= end; ) {
    const kind = text(bytes, at, 4), length = view.getUint32(at + 4, true), body = bytes.subarray(at + 8, at + 8 + length);
    if (kind === "ANIM") throw new Refusal("pages");
    if (kind === "VP8X") checkSize(1 + (view.getUint32(at + 12, true) & 0xffffff), 1 + (view.getUint32(at + 14, true) >>> 8 & 0xffffff));
    found.profile ||= kind === "ICCP";
    if (kind === "EXIF") found.turned ||= orientation(starts(body, "Exif\0\0") ? body.subarray(6) : body) > 1;
    if (kind === "XMP ") found.turned ||= noteTurns(body);
    at += 8 + length + (length % 2);
  }
}

function checkSize(width, height) {
  if (Math.min(width, height) < LEAST_SIDE) throw new Refusal("small", { width, height, least: LEAST_SIDE });
  if (width * height > MOST_PIXELS) throw new Refusal("large", { width, height, most: MOST_PIXELS / 1e6 });
}

/* The pixels of a file, RGBA, as they are stored but for the orientation. */
async function decoded(file, icc) {
  if (file.size > MOST_BYTES) throw new Refusal("big", { gigabytes: (file.size / 1e9).toFixed(1) });
  refuseFile(new Uint8Array(await file.arrayBuffer()), icc);
  const asStored = { colorSpaceConversion: "none", imageOrientation: "from-image", premultiplyAlpha: "none" };
  const bitmap = await createImageBitmap(file, asStored).catch(() => { throw new Refusal("damaged"); });
  const { width, height } = bitmap;
  checkSize(width, height);
  let image;
  try {
    const context = new OffscreenCanvas(width, height).getContext("2d", { willReadFrequently: true });
    context.drawImage(bitmap, 0, 0);
    image = context.getImageData(0, 0, width, height);
  } catch {
    throw new Refusal("memory");
  } finally {
    bitmap.close();
  }
  for (let at = 3; at < image.data.length; at += 4) if (image.data[at] !== 255) throw new Refusal("transparent");
  return image;
}

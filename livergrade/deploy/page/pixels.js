"use strict";
/* The central square of a picture, reduced as Pillow reduces it for the network: to the same levels. */

const LONGEST = 8; // longer side by the shorter, beyond which the middle is taken
const REDUCING_GAP = 3, SUPPORT = 2, FRACTION = 22; // Pillow's: of resize(), its bicubic filter, its fixed point
const HALF = 2 ** (FRACTION - 1), WHOLE = [2 ** FRACTION]; // a level that is left as it is

/* Python's round(): halves go to the even neighbour. */
function roundEven(value) {
  const low = Math.floor(value), rest = value - low;
  return rest < 0.5 || (rest === 0.5 && low % 2 === 0) ? low : low + 1;
}

const whole = (data, width, height) => ({ data, width, height, left: 0, top: 0, step: 4, stride: width });

/* pixels: RGBA; tallFirst: of Pillow from 13 on, which shrinks columns first where they lose the most; result: RGB
   of side × side, Uint8Array. */
function centralSquare(pixels, width, height, side, tallFirst) {
  const most = LONGEST * Math.min(width, height), picture = whole(pixels, width, height);
  if (Math.max(width, height) > most) {
    picture.left = Math.max(0, Math.floor((width - most) / 2));
    picture.top = Math.max(0, Math.floor((height - most) / 2));
    picture.width = Math.min(width, most);
    picture.height = Math.min(height, most);
  }
  const factor = side / Math.min(picture.width, picture.height);
  const size = [picture.width, picture.height].map((length) => Math.max(side, roundEven(length * factor)));
  const corner = size.map((length) => Math.floor((length - side) / 2));
  return reducedTo(picture, [0, 0, picture.width, picture.height], size, [...corner, side, side], tallFirst);
}

/* Pillow's resize(size, BICUBIC, box, reducing_gap=3), of which only a part is computed: left, top, width, height. */
function reducedTo(picture, box, size, part, tallFirst) {
  const gaps = [0, 1].map((axis) => Math.trunc((box[axis + 2] - box[axis]) / size[axis] / REDUCING_GAP) || 1);
  if (gaps[0] > 1 || gaps[1] > 1) {
    const reach = [0, 1].map((axis) => ((SUPPORT - 0.5) * (box[axis + 2] - box[axis])) / size[axis]);
    const left = Math.max(0, Math.trunc(box[0] - reach[0])), top = Math.max(0, Math.trunc(box[1] - reach[1]));
    const right = Math.min(picture.width, Math.ceil(box[2] + reach[0])), below = Math.min(picture.height, Math.ceil(box[3] + reach[1]));
    const inside = { ...picture, left: picture.left + left, top: picture.top + top, width: right - left, height: below - top };
    picture = blocks(inside, ...gaps);
    box = [(box[0] - left) / gaps[0], (box[1] - top) / gaps[1], (box[2] - left) / gaps[0], (box[3] - top) / gaps[1]];
  }
  const across = filter(picture.width, box[0], box[2], size[0], part[0], part[2]);
  const down = filter(picture.height, box[1], box[3], size[1], part[1], part[3]);
  const lost = picture.height - size[1];
  if (tallFirst && lost > 0 && lost > 2 * (picture.width - size[0]))
    return alongRows(alongColumns(cut(picture), down), across).data;
  return alongColumns(alongRows(cut(picture, down), across), down).data;
}

/* Means of blocks of pixels, as Pillow's reduce() rounds them. Blocks at the edge may be smaller. */
function blocks(picture, wide, high) {
  const width = Math.ceil(picture.width / wide), height = Math.ceil(picture.height / high);
  const data = new Uint8Array(width * height * 3);
  for (let y = 0, to = 0; y < height; y++) {
    const rows = Math.min(high, picture.height - y * high);
    for (let x = 0; x < width; x++, to += 3) {
      const columns = Math.min(wide, picture.width - x * wide), count = rows * columns;
      const times = Math.floor(2 ** 24 / count), half = count >> 1;
      let red = half, green = half, blue = half;
      for (let row = 0; row < rows; row++) {
        let from = ((picture.top + y * high + row) * picture.stride + picture.left + x * wide) * picture.step;
        for (let column = 0; column < columns; column++, from += picture.step) {
          red += picture.data[from];
          green += picture.data[from + 1];
          blue += picture.data[from + 2];
        }
      }
      data[to] = (red * times) >>> 24;
      data[to + 1] = (green * times) >>> 24;
      data[to + 2] = (blue * times) >>> 24;
    }
  }
  return { data, width, height, left: 0, top: 0, step: 3, stride: width };
}

const level = (sum) => Math.min(255, Math.max(0, sum >> FRACTION));

const bicubic = (distance) => {
  const x = Math.abs(distance), a = -0.5;
  if (x < 1) return ((a + 2) * x - (a + 3)) * x * x + 1;
  return x < 2 ? (((x - 5) * x + 8) * x - 4) * a : 0;
};

/* Of `count` results from `first` on: where their pixels begin and what each of them weighs; null: 1 to 1. */
function filter(length, from, to, size, first, count) {
  const begin = Math.fround(from), end = Math.fround(to); // Pillow keeps the box in single precision
  if (size === length && !begin && end === size) return { first, count, taps: null };
  const scale = Math.fround(end - begin) / size, wide = Math.max(1, scale), support = SUPPORT * wide, taps = [];
  for (let place = first; place < first + count; place++) {
    const centre = begin + (place + 0.5) * scale;
    const low = Math.max(0, Math.trunc(centre - support + 0.5));
    const high = Math.min(length, Math.trunc(centre + support + 0.5));
    const weights = [];
    let total = 0;
    for (let at = low; at < high; at++) {
      const weight = bicubic((at - centre + 0.5) * (1 / wide));
      weights.push(weight);
      total += weight;
    }
    const fixed = weights.map((weight) => {
      const share = (total === 0 ? weight : weight / total) * 2 ** FRACTION;
      return Math.trunc(share < 0 ? share - 0.5 : share + 0.5);
    });
    taps.push({ low, weights: Int32Array.from(fixed) });
  }
  return { first, count, taps };
}

/* A copy as RGB, of the rows alone that a filter needs. */
function cut(picture, down = null) {
  const first = down?.taps ? Math.min(...down.taps.map((tap) => tap.low)) : 0;
  const last = down?.taps ? Math.max(...down.taps.map((tap) => tap.low + tap.weights.length)) : picture.height;
  const { width } = picture, data = new Uint8Array(width * (last - first) * 3);
  for (let y = first, to = 0; y < last; y++) {
    let from = ((picture.top + y) * picture.stride + picture.left) * picture.step;
    for (let x = 0; x < width; x++, from += picture.step, to += 3) {
      data[to] = picture.data[from];
      data[to + 1] = picture.data[from + 1];
      data[to + 2] = picture.data[from + 2];
    }
  }
  return { data, width, height: last - first, top: first };
}

function alongRows(picture, across) {
  const side = across.count, { height } = picture, data = new Uint8Array(side * height * 3);
  for (let y = 0, to = 0; y < height; y++)
    for (let x = 0; x < side; x++, to += 3) {
      const { low, weights } = across.taps ? across.taps[x] : { low: across.first + x, weights: WHOLE };
      let red = HALF, green = HALF, blue = HALF, from = (y * picture.width + low) * 3;
      for (let tap = 0; tap < weights.length; tap++, from += 3) {
        red += picture.data[from] * weights[tap];
        green += picture.data[from + 1] * weights[tap];
        blue += picture.data[from + 2] * weights[tap];
      }
      data[to] = level(red);
      data[to + 1] = level(green);
      data[to + 2] = level(blue);
    }
  return { data, width: side, height, top: picture.top };
}

function alongColumns(picture, down) {
  const side = down.count, stride = picture.width * 3, data = new Uint8Array(side * stride);
  for (let y = 0; y < side; y++) {
    const { low, weights } = down.taps ? down.taps[y] : { low: down.first + y, weights: WHOLE };
    for (let at = 0; at < stride; at++) {
      let sum = HALF, from = (low - picture.top) * stride + at;
      for (let tap = 0; tap < weights.length; tap++, from += stride) sum += picture.data[from] * weights[tap];
      data[y * stride + at] = level(sum);
    }
  }
  return { data, width: picture.width, height: side, top: 0 };
}

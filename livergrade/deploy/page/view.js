"use strict";
/* What lies above the picture: the map of what was graded, and over a slide the frame of what may be graded. */

/* The picture that moves them along. */
class MappedPicture extends Picture {
  draw() {
    super.draw();
    if (!shown || !this.image.naturalWidth) return;
    const { x, y, side } = shown.mapped;
    this.put($("overlay"), x, y, side * facts.view_share);
    if (!shown.slide) return;
    const [{ width, height }] = shown.slide.levels, half = shown.slide.side / 2;
    this.put($("frame"), (aim.x + half - width / 2) / shown.slide.fine, (aim.y + half - height / 2) / shown.slide.fine, side);
  }

  /* A square element at a point of the picture, from its middle, in its own pixels. */
  put(square, x, y, side) {
    const scale = this.fits() * this.zoomed;
    square.style.width = square.style.height = `${side * scale}px`;
    square.style.transform = `translate(-50%, -50%) translate(${this.x + x * scale}px, ${this.y + y * scale}px)`;
  }
}

/* Move the frame so that its middle is at a point of the slide. */
function moveAim(x, y) {
  const [{ width, height }] = shown.slide.levels, half = shown.slide.side / 2;
  const within = (at, length) => Math.min(Math.max(at - half, 0), Math.max(0, length - 2 * half));
  aim = { x: within(x, width), y: within(y, height) };
  picture.draw();
}

/* A tap that moved nothing puts the frame there. */
function tapped(event) {
  if (!shown?.slide || Math.hypot(event.clientX - pressed.x, event.clientY - pressed.y) > 5) return;
  const box = $("stage").getBoundingClientRect(), scale = picture.fits() * picture.zoomed, [{ width, height }] = shown.slide.levels;
  const at = (client, first, length, moved) => (client - first - length / 2 - moved) / scale;
  const x = at(event.clientX, box.left, box.width, picture.x), y = at(event.clientY, box.top, box.height, picture.y);
  moveAim(x * shown.slide.fine + width / 2, y * shown.slide.fine + height / 2);
}

/* Red for the grade, blue against it, the more opaque the stronger, as in reports of `livergrade explain`. */
function drawMap() {
  const overlay = $("overlay"), map = shown?.map;
  overlay.hidden = !map || $("map").ariaPressed !== "true";
  if (!map) return;
  overlay.width = map.width;
  overlay.height = map.height;
  const pixels = new ImageData(map.width, map.height);
  map.values.forEach((value, place) => {
    const share = value / (map.strongest || 1);
    pixels.data.set([...(share > 0 ? [178, 24, 43] : [33, 102, 172]), 255 * 0.75 * Math.abs(share) ** 0.7], 4 * place);
  });
  overlay.getContext("2d").putImageData(pixels, 0, 0);
}

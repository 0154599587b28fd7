"use strict";
/* The image on the page: zoom with wheel, pinch and keys, move by dragging, and a bar of its scale. */

class Picture {
  constructor(stage, image, scale) {
    Object.assign(this, { stage, image, scale, pointers: new Map(), mpp: null });
    this.reset();
    stage.addEventListener("wheel", (event) => this.wheel(event), { passive: false });
    stage.addEventListener("pointerdown", (event) => this.down(event));
    stage.addEventListener("pointermove", (event) => this.move(event));
    for (const name of ["pointerup", "pointercancel", "lostpointercapture"])
      stage.addEventListener(name, (event) => this.pointers.delete(event.pointerId));
    stage.addEventListener("dblclick", (event) => {
      if (event.target === stage || event.target === image) this.zoom(2, event);
    });
    new ResizeObserver(() => this.draw()).observe(stage);
  }

  reset() {
    this.zoomed = 1; // times the size at which the whole image fits
    this.x = this.y = 0; // of the image's middle from the stage's, CSS pixels
    this.draw();
  }

  show(address, mpp) {
    this.mpp = mpp;
    return new Promise((resolve, reject) => {
      this.image.onload = () => { this.reset(); resolve(); };
      this.image.onerror = () => reject(new Error("image"));
      this.image.src = address;
    });
  }

  hide() {
    this.image.removeAttribute("src");
    this.scale.hidden = true;
  }

  fits() {
    const { naturalWidth: width, naturalHeight: height } = this.image;
    return width ? Math.min(this.stage.clientWidth / width, this.stage.clientHeight / height) : 1;
  }

  wheel(event) {
    event.preventDefault();
    const lines = event.deltaMode === 1 ? 16 : 1;
    this.zoom(Math.exp(-event.deltaY * lines * 0.0016), event);
  }

  /* Zoom so that the point below the pointer stays where it is. */
  zoom(factor, at) {
    const box = this.stage.getBoundingClientRect();
    const dx = at ? at.clientX - box.left - box.width / 2 : 0;
    const dy = at ? at.clientY - box.top - box.height / 2 : 0;
    const most = Math.max(1, 8 / this.fits()); // eight CSS pixels for one of the image
    const zoomed = Math.min(most, Math.max(1, this.zoomed * factor));
    const real = zoomed / this.zoomed;
    this.x = dx + (this.x - dx) * real;
    this.y = dy + (this.y - dy) * real;
    this.zoomed = zoomed;
    this.draw();
  }

  pan(dx, dy) {
    this.x += dx;
    this.y += dy;
    this.draw();
  }

  down(event) {
    if (event.target.closest("button") || !this.image.naturalWidth) return; // a slide has fingers of its own
    this.stage.setPointerCapture(event.pointerId);
    this.pointers.set(event.pointerId, { x: event.clientX, y: event.clientY });
  }

  move(event) {
    const before = this.pointers.get(event.pointerId);
    if (!before) return;
    const now = { x: event.clientX, y: event.clientY };
    const other = [...this.pointers].find(([id]) => id !== event.pointerId);
    this.pointers.set(event.pointerId, now);
    const share = other ? 0.5 : 1; // two fingers move it together
    this.x += share * (now.x - before.x);
    this.y += share * (now.y - before.y);
    if (other) {
      const away = (point) => Math.hypot(point.x - other[1].x, point.y - other[1].y) || 1;
      const middle = { clientX: (now.x + other[1].x) / 2, clientY: (now.y + other[1].y) / 2 };
      this.zoom(away(now) / away(before), middle);
    }
    this.draw();
  }

  draw() {
    const { naturalWidth: width, naturalHeight: height } = this.image;
    if (!width || !this.stage.clientWidth) return; // nothing is chosen, or the stage is hidden
    const scale = this.fits() * this.zoomed;
    const free = (side, shown) => Math.max(0, (side - shown) / 2);
    const mostX = free(width * scale, this.stage.clientWidth);
    const mostY = free(height * scale, this.stage.clientHeight);
    this.x = Math.min(mostX, Math.max(-mostX, this.x));
    this.y = Math.min(mostY, Math.max(-mostY, this.y));
    this.image.style.width = `${width * scale}px`;
    this.image.style.height = `${height * scale}px`;
    this.image.style.transform = `translate(-50%, -50%) translate(${this.x}px, ${this.y}px)`;
    this.image.style.imageRendering = scale > 2 ? "pixelated" : "auto";
    drawScale(this.scale, this.stage, this.mpp, scale);
  }
}

/* A bar of a round length; where the size of a pixel is not known, this is said in its place. "scale": CSS pixels
   for one of the image. */
function drawScale(bar, stage, mpp, scale) {
  bar.hidden = false;
  bar.lastElementChild.hidden = !mpp;
  if (!mpp) {
    bar.firstElementChild.textContent = word("no_scale");
    return;
  }
  const longest = (0.3 * stage.clientWidth * mpp) / scale; // µm
  const power = 10 ** Math.floor(Math.log10(longest));
  const length = [5, 2, 1].map((step) => step * power).find((step) => step <= longest);
  bar.lastElementChild.style.width = `${(length / mpp) * scale}px`;
  bar.firstElementChild.textContent =
    length >= 1000 ? `${length / 1000} mm` : `${Number(length.toPrecision(3))} µm`;
}

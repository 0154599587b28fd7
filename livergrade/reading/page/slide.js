"use strict";
/* A slide on the page, by OpenSeadragon: tiles down to full resolution. As Picture, but for show(). */

class SlideView {
  constructor(stage, element, scale) {
    Object.assign(this, { stage, element, scale, viewer: null, mpp: null });
  }

  /* Load OpenSeadragon, once. */
  loaded() {
    this.loading ??= new Promise((resolve, reject) => {
      const script = document.createElement("script");
      script.src = "/openseadragon.js";
      script.onload = resolve;
      script.onerror = () => { this.loading = null; reject(new Error("openseadragon")); };
      document.head.append(script);
    });
    return this.loading;
  }

  made() {
    const viewer = OpenSeadragon({
      element: this.element, drawer: "canvas", showNavigationControl: false, imageLoaderLimit: 6,
      maxZoomPixelRatio: 8, visibilityRatio: 0.5, animationTime: 0.4, immediateRender: true, tabIndex: "-1",
      gestureSettingsMouse: { clickToZoom: false, dblClickToZoom: true },
      gestureSettingsTouch: { clickToZoom: false, dblClickToZoom: true, pinchRotate: false },
    });
    viewer.innerTracker.keyDownHandler = viewer.innerTracker.keyHandler = null; // the page has keys of its own
    for (const name of ["animation", "open", "resize"]) viewer.addHandler(name, () => this.draw());
    return viewer;
  }

  /* Show the slide at a place of the reader's order; resolves when there is something to be seen. */
  async show(place, size, mpp) {
    await this.loaded();
    this.element.hidden = false;
    this.mpp = mpp;
    this.viewer ??= this.made();
    const seen = new Promise((resolve, reject) => {
      this.viewer.addOnceHandler("tile-drawn", resolve);
      this.viewer.addOnceHandler("open-failed", () => reject(new Error("slide")));
    });
    this.viewer.open({ ...size, getTileUrl: (level, x, y) => `/tile/${place}/${level}/${x}/${y}` });
    await seen;
  }

  hide() {
    this.viewer?.close();
    this.element.hidden = true;
    this.scale.hidden = true;
  }

  zoom(factor) {
    this.viewer?.viewport?.zoomBy(factor).applyConstraints();
  }

  pan(dx, dy) {
    const view = this.viewer?.viewport;
    view?.panBy(view.deltaPointsFromPixels(new OpenSeadragon.Point(-dx, -dy))).applyConstraints();
  }

  reset() {
    this.viewer?.viewport?.goHome();
  }

  draw() {
    if (!this.viewer?.isOpen()) return;
    const view = this.viewer.viewport;
    drawScale(this.scale, this.stage, this.mpp, view.viewportToImageZoom(view.getZoom(true)));
  }
}

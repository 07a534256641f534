/** The photo before and after, with a slider between them. */

import { $ } from "./dom.js";
import { take } from "./gestures.js";
import { basis } from "./looks.js";
import { fitPhoto, panBy, pans, toScreen } from "./zoom.js";

const REACH = 28; // CSS pixels beside the divider that are still its handle
const [view, slider] = [$("view"), $("slider")];
const ARROWS = { ArrowLeft: [1, 0], ArrowRight: [-1, 0], ArrowUp: [0, 1], ArrowDown: [0, -1] };

/** @type {import("./picture.js").Picture?} */
let shown = null;
let hadResult = false;
let shape = "";

/** Shows a photo, and its result once there is one. @param {import("./picture.js").Picture} picture */
export function showPhoto(picture) {
  const { result } = picture;
  view.classList.toggle("compares", Boolean(result));
  source($("before"), picture.url, `${picture.name}, as it was`);
  source($("after"), basis(picture)?.src ?? "", `${picture.name}, in colour`);
  $("unshown").hidden = Boolean(picture.url);
  $("unshown").textContent = picture.name;
  const now = `${picture.width} ${picture.height}`;
  if (picture !== shown || now !== shape) fitPhoto(picture);
  slider.disabled = !result;
  if (!result) move(50);
  else if (shown === picture && !hadResult) reveal();
  shown = picture;
  shape = now;
  hadResult = Boolean(result);
}

function source(image, url, text) {
  image.hidden = !url;
  image.alt = text;
  if (!url) image.removeAttribute("src");
  else if (image.getAttribute("src") !== url) image.src = url;
}

/** The colours come in from the right, up to the middle. */
function reveal() {
  move(100);
  view.getBoundingClientRect(); // the browser must have seen where it starts
  view.classList.add("reveals");
  move(50);
}

/** @param {number} percent of the width that shows the photo as it was */
function move(percent) {
  slider.value = percent;
  follow();
}

function follow() {
  view.style.setProperty("--position", `${slider.value}%`);
  slider.setAttribute("aria-valuetext", `${Math.round(slider.value)} % as it was`);
}

/** The handle stays in sight where the divider is not. */
function holdsHandle({ clientX }) {
  const { left, right } = view.getBoundingClientRect();
  const at = toScreen({ x: slider.value / 100, y: 0 }).clientX;
  return Math.abs(clientX - Math.max(left, Math.min(right, at))) < REACH;
}

const slides = (event) => !slider.disabled && (!pans() || holdsHandle(event));

function drag({ x }) {
  if (slider.disabled) return;
  view.classList.remove("reveals");
  move(100 * Math.max(0, Math.min(1, x)));
}

/** Comparing is what the photo is for, unless colours are corrected. */
export function compare() {
  take({
    grabs(event) {
      if (slider.disabled) return false;
      slider.focus({ preventScroll: true, focusVisible: false });
      return event.pointerType !== "touch" && slides(event); // a finger may be about to scroll
    },
    slides,
    drag,
    tap: drag,
  });
}

slider.addEventListener("input", () => {
  view.classList.remove("reveals");
  follow();
});
slider.addEventListener("keydown", (event) => {
  const arrow = ARROWS[event.key];
  if (!arrow || !event.shiftKey || !pans()) return;
  event.preventDefault();
  panBy(60 * arrow[0], 60 * arrow[1]);
});
compare();

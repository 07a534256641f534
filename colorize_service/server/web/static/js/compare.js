/** The photo before and after, with a slider between them. */

import { $ } from "./dom.js";
import { basis } from "./looks.js";

const frame = $("frame");
const slider = $("slider");

/** @type {import("./picture.js").Picture?} */
let shown = null;
let hadResult = false;

/** Shows a photo, and its result once there is one. @param {import("./picture.js").Picture} picture */
export function showPhoto(picture) {
  const { result } = picture;
  frame.style.setProperty("--ratio", picture.width / picture.height);
  frame.classList.toggle("compares", Boolean(result));
  source($("before"), picture.url, `${picture.name}, as it was`);
  source($("after"), basis(picture)?.src ?? "", `${picture.name}, in colour`);
  $("unshown").hidden = Boolean(picture.url);
  $("unshown").textContent = picture.name;
  slider.disabled = !result;
  if (!result) move(50);
  else if (shown === picture && !hadResult) reveal();
  shown = picture;
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
  frame.getBoundingClientRect(); // the browser must have seen where it starts
  frame.classList.add("reveals");
  move(50);
}

/** @param {number} percent of the width that shows the photo as it was */
function move(percent) {
  slider.value = percent;
  follow();
}

function follow() {
  frame.style.setProperty("--position", `${slider.value}%`);
  slider.setAttribute("aria-valuetext", `${Math.round(slider.value)} % as it was`);
}

function drag(event) {
  const box = frame.getBoundingClientRect();
  frame.classList.remove("reveals");
  move(100 * Math.min(1, Math.max(0, (event.clientX - box.left) / box.width)));
}

slider.addEventListener("input", () => {
  frame.classList.remove("reveals");
  follow();
});
frame.addEventListener("pointerdown", (event) => {
  if (event.button || slider.disabled || frame.classList.contains("corrects")) return;
  event.preventDefault(); // no dragging of the image itself
  slider.focus({ preventScroll: true, focusVisible: false });
  frame.setPointerCapture(event.pointerId);
  drag(event);
});
frame.addEventListener("pointermove", (event) => {
  if (frame.hasPointerCapture(event.pointerId)) drag(event);
});

/**
 * How large the photo is shown, and which part of it. What lies on the photo is a child of its frame, so that divider,
 * markers and crosshair share its coordinates: from 0 to 1 of its width and height.
 */

import { $ } from "./dom.js";

const STEP = 1.5; // of one press of a button or key
const MOST = 8; // screen pixels for each of the photo's
const GLIDE = 160; // milliseconds
const [view, frame] = [$("view"), $("frame")];

let size = { width: 4, height: 3 };
let scale = 1; // CSS pixels for each of the photo's
let [left, top] = [0, 0]; // of the photo in the view, CSS pixels
let fits = true; // and goes on to fit when the view changes

const inside = (value, low, high) => Math.max(low, Math.min(high, value));
const whole = () => Math.min(view.clientWidth / size.width, view.clientHeight / size.height);
/** The view has the photo's shape, but for one so long that it would be a thread: that one fills the view. */
const filling = () => Math.max(view.clientWidth / size.width, view.clientHeight / size.height);
const actual = () => 1 / devicePixelRatio;

/** Shows all of a photo that is new. @param {{width: number, height: number}} photo in pixels */
export function fitPhoto({ width, height }) {
  size = { width, height };
  const ratio = width / height;
  view.parentElement.style.setProperty("--ratio", ratio < 0.4 ? 0.6 : ratio > 3.5 ? 3 : ratio);
  fits = true;
  [left, top] = [(view.clientWidth - width * filling()) / 2, 0]; // the divider is in the middle
  place(filling());
}

/** Where in the photo a place on the screen is; beyond 0 to 1 outside of it. */
export function toPhoto({ clientX, clientY }) {
  const box = frame.getBoundingClientRect();
  return { x: (clientX - box.left) / box.width, y: (clientY - box.top) / box.height };
}

/** Where on the screen a place in the photo is. */
export function toScreen({ x, y }) {
  const box = frame.getBoundingClientRect();
  return { clientX: box.left + x * box.width, clientY: box.top + y * box.height };
}

/** CSS pixels for each of the photo's. */
export const magnification = () => scale;

/** Whether there is more of the photo than is seen. */
export const pans = () => view.classList.contains("pans");

/** Zooms by a factor, and leaves what is at a place of the screen where it is; without one, the middle. */
export function zoomBy(factor, at = middle()) {
  const box = view.getBoundingClientRect();
  const [x, y] = [at.clientX - box.left, at.clientY - box.top];
  const next = inside(scale * factor, Math.min(whole(), actual()), Math.max(MOST * actual(), 4 * whole()));
  left = x - (x - left) * next / scale;
  top = y - (y - top) * next / scale;
  fits = Math.abs(next / filling() - 1) < 0.005;
  place(fits ? filling() : next);
}

/** Moves the photo by CSS pixels. @returns {number} how many of `dy` were not there */
export function panBy(dx, dy) {
  const before = top;
  left += dx;
  top += dy;
  place(scale);
  return dy - (top - before);
}

/** Moves the photo so that a place in it is seen. */
export function bringIn({ x, y }) {
  const margin = 32;
  const [across, down] = [left + x * size.width * scale, top + y * size.height * scale];
  panBy(inside(across, margin, view.clientWidth - margin) - across, inside(down, margin, view.clientHeight - margin) - down);
}

/** From all of the photo to its own pixels, and back. */
export function toggleZoom(at) {
  if (!fits) glide(filling(), at);
  else glide(actual() > 1.2 * scale ? actual() : 2.5 * scale, at);
}

function middle() {
  const box = view.getBoundingClientRect();
  return { clientX: box.left + box.width / 2, clientY: box.top + box.height / 2 };
}

function glide(target, at) {
  const [from, since] = [scale, performance.now()];
  const still = matchMedia("(prefers-reduced-motion: reduce)").matches;
  const step = (now) => {
    const share = still ? 1 : inside((now - since) / GLIDE, 0, 1);
    zoomBy(from * (target / from) ** share / scale, at);
    if (share < 1) requestAnimationFrame(step);
  };
  step(since);
}

function place(next) {
  scale = next;
  const [width, height] = [size.width * scale, size.height * scale];
  const [seenWidth, seenHeight] = [view.clientWidth, view.clientHeight];
  const along = (offset, full, seen) => full <= seen + 1 ? (seen - full) / 2 : inside(offset, seen - full, 0);
  left = along(left, width, seenWidth);
  top = along(top, height, seenHeight);
  Object.assign(frame.style, { width: `${width}px`, height: `${height}px`, left: `${left}px`, top: `${top}px` });
  for (const [name, value] of [["--seen-left", -left], ["--seen-right", seenWidth - left],
    ["--seen-middle", Math.max(0, -top) + Math.min(seenHeight, height) / 2]]) frame.style.setProperty(name, `${value}px`);
  view.classList.toggle("pans", width > seenWidth + 1 || height > seenHeight + 1);
  view.classList.toggle("pixels", scale >= 3 * actual());
  $("zoom-level").textContent = `${Math.round(100 * scale / actual())} %`;
  $("zoom-fit").setAttribute("aria-pressed", fits);
  $("zoom-actual").setAttribute("aria-pressed", Math.abs(scale / actual() - 1) < 0.005);
}

let scrolled = 0; // when the page was scrolled last: a turn of the wheel goes on with what it began
addEventListener("scroll", () => { scrolled = performance.now(); }, { passive: true });
view.addEventListener("wheel", (event) => {
  const pinches = event.ctrlKey || event.metaKey; // so says a touchpad
  const away = !pans() && (event.deltaY >= 0 || scrollY > 0 || performance.now() - scrolled < 400);
  if (!pinches && away) return;
  event.preventDefault();
  const unit = event.deltaMode ? 30 : 1;
  if (!pinches && Math.abs(event.deltaX) > Math.abs(event.deltaY)) panBy(-unit * event.deltaX, 0);
  else zoomBy(Math.exp(-inside(unit * event.deltaY, -240, 240) / (pinches ? 100 : 400)), event);
}, { passive: false });

const deeds = {
  "zoom-in": () => glide(scale * STEP),
  "zoom-out": () => glide(scale / STEP),
  "zoom-fit": () => glide(filling()),
  "zoom-actual": () => glide(actual()),
};
for (const [id, deed] of Object.entries(deeds)) $(id).addEventListener("click", deed);
const keys = { "+": "zoom-in", "=": "zoom-in", "-": "zoom-out", "0": "zoom-fit" };
document.addEventListener("keydown", (event) => {
  const id = keys[event.key];
  if (!id || $("work").hidden || event.ctrlKey || event.metaKey || event.altKey) return;
  if (event.target.matches("input:not([type=range], [type=radio]), textarea, select")) return;
  event.preventDefault();
  deeds[id]();
});
new ResizeObserver(() => place(fits ? filling() : scale)).observe(view);

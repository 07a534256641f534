/** The corrected places on the photo: a press opens one, a drag moves it, Delete removes it, arrow keys shift it. */

import { $, element } from "./dom.js";
import { showLoupe } from "./loupe.js";

const SLACK = 4; // CSS pixels within which a press is none of a drag
const STEP = 0.005; // of the photo's width or height, for the arrow keys
const STRIDE = 0.05;
const ARROWS = { ArrowLeft: [-1, 0], ArrowRight: [1, 0], ArrowUp: [0, -1], ArrowDown: [0, 1] };

/** @typedef {import("./history.js").Hint} Hint */
const made = new Map(); // elements by hint id
const hints = new Map();
/** @type {{open: (id: number) => void, move: (id: number, x: number, y: number, last: boolean) => void,
 *   remove: (id: number) => void}} */
let deeds = {};

/** What becomes of presses, moves and removals. */
export const onMarkers = (given) => { deeds = given; };

/** @param {Hint[]} all @param {number} open id of the one that the palette is for; 0: none */
export function showMarkers(all, open) {
  hints.clear();
  all.forEach((hint, number) => {
    hints.set(hint.id, hint);
    if (!made.has(hint.id)) made.set(hint.id, make(hint.id));
    const marker = made.get(hint.id);
    marker.textContent = number + 1;
    marker.setAttribute("aria-label", name(hint, number));
    marker.classList.toggle("open", hint.id === open);
    marker.classList.toggle("undecided", !hint.color);
    marker.style.backgroundColor = hint.color ?? "";
    if (!marker.classList.contains("dragged")) put(marker, hint);
    if (!marker.isConnected) $("markers").append(marker);
  });
  for (const [id, marker] of made) {
    if (hints.has(id)) continue;
    marker.remove();
    made.delete(id);
  }
}

/** Gives one the focus. */
export const focusMarker = (id) => made.get(id)?.focus({ preventScroll: true });

/** What people call a place. @param {Hint} hint @param {number} number from 0 */
export const name = (hint, number) => `Place ${number + 1}, ${position(hint)}`;
export const position = ({ x, y }) => `${percent(x)} from the left, ${percent(y)} from the top`;
const percent = (share) => `${Math.round(100 * share)} %`;
const inside = (share) => Math.max(0, Math.min(1, share));

function put(marker, { x, y }) {
  marker.style.left = `${100 * x}%`;
  marker.style.top = `${100 * y}%`;
}

function make(id) {
  const marker = element("button", { type: "button", className: "marker", onclick: () => {
    if (!marker.classList.contains("dragged")) deeds.open(id);
    marker.classList.remove("dragged");
  } });
  drags(marker, id);
  marker.addEventListener("keydown", (event) => {
    const arrow = ARROWS[event.key];
    const { x, y } = hints.get(id);
    const far = event.shiftKey ? STRIDE : STEP;
    if (arrow) deeds.move(id, inside(x + far * arrow[0]), inside(y + far * arrow[1]), false);
    else if (event.key === "Delete" || event.key === "Backspace") deeds.remove(id);
    else return;
    event.preventDefault();
  });
  return marker;
}

function drags(marker, id) {
  let start = null; // where it was taken, and where it was then
  let place = null;
  marker.addEventListener("pointerdown", (event) => {
    if (event.button) return;
    marker.classList.remove("dragged");
    marker.setPointerCapture(event.pointerId);
    [start, place] = [{ event, hint: hints.get(id) }, null];
  });
  marker.addEventListener("pointermove", (event) => {
    if (!start) return;
    const [dx, dy] = [event.clientX - start.event.clientX, event.clientY - start.event.clientY];
    if (!place && Math.hypot(dx, dy) < SLACK) return;
    const box = $("frame").getBoundingClientRect();
    place = { x: inside(start.hint.x + dx / box.width), y: inside(start.hint.y + dy / box.height) };
    marker.classList.add("dragged");
    put(marker, place);
    if (event.pointerType === "touch") showLoupe(place);
  });
  const end = (event) => {
    if (!start) return;
    showLoupe(null);
    start = null;
    if (!place) return;
    if (event.type === "pointerup") deeds.move(id, place.x, place.y, true);
    else put(marker, hints.get(id));
    setTimeout(() => marker.classList.remove("dragged")); // after the click that ends a drag
  };
  marker.addEventListener("pointerup", end);
  marker.addEventListener("pointercancel", end);
}

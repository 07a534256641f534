/**
 * What mouse, pen and fingers do on the photo. Two fingers pinch; one pans a photo of which not all is seen. A vertical
 * swipe on one that fits scrolls the page: that is the browser's. The rest is for the tool in hand.
 */

import { $ } from "./dom.js";
import { panBy, pans, toggleZoom, toPhoto, zoomBy } from "./zoom.js";

const SLACK = 6; // CSS pixels within which a finger rests
const HOLD = 250; // milliseconds that it rests before it aims
const DOUBLE = 350; // milliseconds between two taps that are one gesture

/**
 * @typedef {object} Tool
 * @property {(place: Place, event: MouseEvent) => void} tap a click, or where a finger that has aimed was lifted
 * @property {(event: PointerEvent) => boolean} [grabs] whether a press that begins so is the tool's at once
 * @property {(event: PointerEvent) => boolean} [slides] whether it is once it goes sideways
 * @property {(place: Place) => void} [drag]
 * @property {boolean} [aims] a finger that rests may look for its place before it is lifted
 * @property {(place: Place?) => void} [aim] where it looks now; null at the end
 * @property {(place: Place?) => void} [hover] where the mouse is; null when it has left
 * @typedef {{x: number, y: number}} Place from 0 to 1 of the photo
 */

const view = $("view");
const fingers = new Map(); // those that are down, by pointerId, with their latest places
/** @type {Tool} */
let tool = { tap: () => {} };
/** @type {"tool"|"pan"|"pinch"|"aim"|"none"|null} null: a tap, so far */
let act = null;
let start = null;
let holding = 0;
let lastTap = null;

/** @param {Tool} next */
export function take(next) {
  end();
  tool = next;
}

const apart = (one, other) => Math.hypot(one.clientX - other.clientX, one.clientY - other.clientY);
const between = (one, other) => ({ clientX: (one.clientX + other.clientX) / 2, clientY: (one.clientY + other.clientY) / 2 });

function end() {
  clearTimeout(holding);
  if (act === "aim") tool.aim?.(null);
}

view.addEventListener("pointerdown", (event) => {
  if (event.button || event.target.closest("button")) return;
  if (event.pointerType !== "touch") fingers.clear();
  fingers.set(event.pointerId, event);
  if (fingers.size > 1) {
    end();
    act = "pinch";
    return;
  }
  [act, start] = [null, event];
  if (event.pointerType !== "touch") {
    event.preventDefault(); // nothing is selected, and the focus stays
    view.setPointerCapture(event.pointerId);
  } else if (tool.aims) {
    holding = setTimeout(() => {
      act = "aim";
      tool.aim?.(toPhoto(fingers.get(event.pointerId)));
    }, HOLD);
  }
  if (tool.grabs?.(event)) {
    act = "tool";
    tool.drag(toPhoto(event));
  }
});

view.addEventListener("pointermove", (event) => {
  const last = fingers.get(event.pointerId);
  if (!last) {
    tool.hover?.(toPhoto(event));
    return;
  }
  if (act === null && apart(event, start) > SLACK) {
    end();
    act = decide(event);
  }
  if (act === "tool") tool.drag(toPhoto(event));
  else if (act === "aim") tool.aim(toPhoto(event));
  else if (act === "pinch") pinch(event, last);
  else if (act === "pan") {
    const left = panBy(event.clientX - last.clientX, event.clientY - last.clientY);
    if (event.pointerType === "touch") scrollBy(0, -left);
  }
  fingers.set(event.pointerId, event);
});

/** What a drag is, by its first pixels. */
function decide(event) {
  const sideways = Math.abs(event.clientX - start.clientX) > Math.abs(event.clientY - start.clientY);
  if (sideways && tool.slides?.(start)) return "tool";
  return pans() ? "pan" : "none";
}

function pinch(event, last) {
  const other = [...fingers].find(([id]) => id !== event.pointerId)?.[1];
  if (!other) return;
  const [before, now] = [between(last, other), between(event, other)];
  zoomBy(apart(event, other) / Math.max(1, apart(last, other)), before); // first: what fits has no room to pan
  panBy(now.clientX - before.clientX, now.clientY - before.clientY);
}

function lift(event) {
  if (!fingers.delete(event.pointerId)) return;
  const aimed = act === "aim";
  end();
  if (aimed && event.type === "pointerup") tool.tap(toPhoto(event), event);
  if (aimed) act = "none"; // no click comes after it, or it is not meant
  if (act === "pinch" && fingers.size === 1) act = pans() ? "pan" : "none";
}
view.addEventListener("pointerup", lift);
view.addEventListener("pointercancel", lift);
view.addEventListener("pointerleave", () => tool.hover?.(null));

view.addEventListener("click", (event) => {
  if (act !== null && act !== "tool" || event.target.closest("button") || !event.detail) return;
  const again = event.detail === 2 // by mouse; of fingers not every browser says it
    || lastTap && event.timeStamp - lastTap.timeStamp < DOUBLE && apart(event, lastTap) < 4 * SLACK;
  lastTap = again ? null : event;
  if (again && !tool.aims) toggleZoom(event);
  else if (act === null) tool.tap(toPhoto(event), event);
});

// What touch-action cannot say: two fingers are never the browser's, nor one that aims.
view.addEventListener("touchstart", (event) => event.touches.length > 1 && event.preventDefault(), { passive: false });
view.addEventListener("touchmove", (event) => {
  if (event.cancelable && (act === "aim" || act === "pinch")) event.preventDefault();
}, { passive: false });
view.addEventListener("contextmenu", (event) => event.pointerType === "touch" && event.preventDefault());

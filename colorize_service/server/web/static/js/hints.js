/** Correcting colours: places in the photo, each with the colour that somebody knows better. */

import { colourAt } from "./colours.js";
import { compare } from "./compare.js";
import { $, element } from "./dom.js";
import { take } from "./gestures.js";
import { showLoupe } from "./loupe.js";
import { focusMarker, name, onMarkers, position, showMarkers } from "./markers.js";
import { choose, closePalette, keepClear, onPalette, openPalette, paletteIsOpen, updatePalette } from "./palette.js";
import { bringIn } from "./zoom.js";

export { offerModel } from "./palette.js";

const STEP = 0.02; // of the photo's width or height, for the arrow keys
const STRIDE = 0.1;
const ARROWS = { ArrowLeft: [-1, 0], ArrowRight: [1, 0], ArrowUp: [0, -1], ArrowDown: [0, 1] };

const [view, crosshair, toggle] = [$("view"), $("crosshair"), $("correct")];
const cross = { x: 0.5, y: 0.5 };

/** @typedef {import("./history.js").Hint} Hint */
/** @type {import("./picture.js").Picture?} */
let shown = null;
/** The place that the palette is for; it is no hint before it has a colour. @type {Hint?} */
let open = null;
let lastId = Date.now(); // hints of before a reload have lower ones

/** Shows a photo's hints. @param {import("./picture.js").Picture} picture */
export function showHints(picture) {
  if (picture !== shown) closePalette();
  shown = picture;
  toggle.disabled = !picture.result;
  if (!picture.result) correct(false);
  $("undo").disabled = !picture.canUndo;
  $("redo").disabled = !picture.canRedo;
  render();
}

const saved = (id) => shown.settings.hints.find((hint) => hint.id === id);

function render() {
  const { hints } = shown.settings;
  if (open) {
    open = saved(open.id) ?? { ...open, color: null };
    updatePalette(open);
  }
  showMarkers(open && !open.color ? [...hints, open] : hints, open?.id ?? 0);
  const now = JSON.stringify(hints);
  if ($("hints").dataset.shown === now) return;
  $("hints").dataset.shown = now;
  $("hints").hidden = !hints.length;
  $("hints").replaceChildren(...hints.map(row));
}

function row(hint, number) {
  const dot = element("span", { className: "dot", "aria-hidden": "true" });
  dot.style.backgroundColor = hint.color;
  const change = element("button", { type: "button", className: "place", "aria-label": `${name(hint, number)}: change`,
    onclick: () => edit(hint) }, dot, `Place ${number + 1}`);
  const remove = element("button", { type: "button", className: "icon", textContent: "×",
    "aria-label": `${name(hint, number)}: remove`, onclick: () => discard(hint.id) });
  return element("li", {}, change, remove);
}

const rounded = (share) => Math.round(Math.max(0, Math.min(1, share)) * 1e4) / 1e4;

/** A new place; if no colour is chosen for it, it was none. */
function add({ x, y }) {
  lastId += 1;
  edit({ id: lastId, x: rounded(x), y: rounded(y), color: null });
}

/** Opens the palette for a place. @param {Hint} hint */
function edit(hint) {
  const picture = shown;
  correct(true);
  bringIn(hint);
  openPalette(hint, hint.color ?? colourAt(hint), (signal) => picture.likely(hint, signal));
  open = hint;
  render();
}

/** Changes the hint of an id. @param {Partial<Hint>} changes @param {string} tag of the step for undo */
function change(id, changes, tag) {
  shown.change({ hints: shown.settings.hints.map((hint) => hint.id === id ? { ...hint, ...changes } : hint) }, tag);
  shown.workSoon();
}

function recolour(color) {
  if (saved(open.id)) {
    change(open.id, { color }, `colour ${open.id}`);
    return;
  }
  shown.settle();
  shown.change({ hints: [...shown.settings.hints, { ...open, color }] }, `colour ${open.id}`);
  shown.workSoon();
}

function setReach(name) {
  const reach = name === "surface" ? undefined : name;
  open = { ...open, reach };
  if (!saved(open.id)) return;
  shown.settle();
  change(open.id, { reach }, "reach");
  shown.settle();
}

function move(id, x, y, last) {
  const place = { x: rounded(x), y: rounded(y) };
  if (open?.id === id) open = { ...open, ...place };
  if (saved(id)) change(id, place, `move ${id}`);
  else render();
  if (last) shown.settle();
  if (open?.id === id) keepClear(open);
}

function discard(id) {
  closePalette();
  if (!saved(id)) return;
  const { hints } = shown.settings;
  const next = hints[hints.findIndex((hint) => hint.id === id) + 1] ?? hints.findLast((hint) => hint.id !== id);
  shown.settle();
  shown.change({ hints: hints.filter((hint) => hint.id !== id) }, "removal");
  shown.settle();
  shown.work();
  if (!view.classList.contains("corrects")) toggle.focus({ preventScroll: true });
  else if (next) focusMarker(next.id);
  else crosshair.focus({ preventScroll: true });
}

/** With the palette open a click on the photo closes it, or takes a colour for it. */
function tap(place) {
  if (view.classList.contains("samples")) choose(colourAt(place, 3));
  else if (paletteIsOpen()) closePalette();
  else {
    moveCross(place.x, place.y);
    add(cross);
  }
  showLoupe(null);
}

const samples = () => view.classList.contains("samples");

/** Whether a click places a colour, instead of comparing. */
function correct(on) {
  if (on === view.classList.contains("corrects")) return;
  if (!on) closePalette();
  view.classList.toggle("corrects", on);
  toggle.setAttribute("aria-pressed", on);
  $("markers").hidden = crosshair.hidden = !on;
  $("slider").hidden = on;
  if (!on) {
    compare();
    return;
  }
  take({ tap, aims: true, aim: showLoupe, hover: (place) => samples() && showLoupe(place) });
  moveCross(cross.x, cross.y);
  view.scrollIntoView({ block: "nearest" });
}

function moveCross(x, y) {
  cross.x = Math.max(0, Math.min(1, x));
  cross.y = Math.max(0, Math.min(1, y));
  crosshair.style.left = `${100 * cross.x}%`;
  crosshair.style.top = `${100 * cross.y}%`;
  crosshair.setAttribute("aria-label", `Place of a colour: ${position(cross)}`);
}

crosshair.addEventListener("keydown", (event) => {
  const arrow = ARROWS[event.key];
  if (event.defaultPrevented) return;
  if (arrow) {
    const far = event.shiftKey ? STRIDE : STEP;
    moveCross(cross.x + far * arrow[0], cross.y + far * arrow[1]);
    bringIn(cross);
  } else if (event.key === "Enter" || event.key === " ") {
    if (samples()) choose(colourAt(cross, 3));
    else add(cross);
  } else if (event.key === "Escape" && !paletteIsOpen()) {
    correct(false);
    toggle.focus();
  } else return;
  event.preventDefault();
});
toggle.addEventListener("click", (event) => {
  correct(!view.classList.contains("corrects"));
  if (!crosshair.hidden && event.detail === 0) crosshair.focus({ preventScroll: true }); // came by keyboard
});
onPalette({
  colour: recolour,
  settle: () => shown.settle(),
  reach: setReach,
  remove: () => discard(open.id),
  undo: () => shown.travel(-1),
  sample: (on) => {
    if (on) crosshair.focus({ preventScroll: true, focusVisible: false });
    else showLoupe(null);
  },
  closed: (focused) => {
    open = null;
    shown.settle();
    render();
    if (focused && !crosshair.hidden) crosshair.focus({ preventScroll: true });
  },
});
onMarkers({ open: (id) => id === open?.id ? closePalette() : edit(saved(id)), move, remove: discard });
$("undo").addEventListener("click", () => shown.travel(-1));
$("redo").addEventListener("click", () => shown.travel(1));
document.addEventListener("keydown", (event) => {
  if (!shown || !(event.ctrlKey || event.metaKey) || event.target.type === "text") return;
  const key = event.key.toLowerCase();
  if (key !== "z" && key !== "y") return;
  event.preventDefault();
  shown.travel(key === "y" || event.shiftKey ? 1 : -1);
});

/** Correcting colours: places in the photo, and the palette for each of them. */

import { $, element } from "./dom.js";

const SWATCHES = {
  "Fair skin": "#e0ac8c", "Dark skin": "#8a5a3c", "Blond": "#d9bb7d", "Brown": "#73492a", "Brick": "#b0563a",
  "Red": "#c22f34", "Yellow": "#e6bd37", "Grass": "#6a9a3a", "Dark green": "#2f6b45", "Sky": "#79b4e6",
  "Navy": "#2c4a8f", "Violet": "#7d4fa3",
};
const STEP = 0.02; // of the photo's width or height, for the arrow keys
const STRIDE = 0.1;
const ARROWS = { ArrowLeft: [-1, 0], ArrowRight: [1, 0], ArrowUp: [0, -1], ArrowDown: [0, 1] };

const [frame, crosshair, palette, toggle] = [$("frame"), $("crosshair"), $("palette"), $("correct")];
const cross = { x: 0.5, y: 0.5 };

/** @type {import("./picture.js").Picture?} */
let shown = null;
let chosen = 0; // id of the hint that the palette is for
let lastId = Date.now(); // hints of before a reload have lower ones

/** Shows a photo's hints. @param {import("./picture.js").Picture} picture */
export function showHints(picture) {
  if (picture !== shown) palette.hidePopover();
  shown = picture;
  toggle.disabled = !picture.result;
  if (!picture.result) correct(false);
  const { hints } = picture.settings;
  const old = JSON.stringify(hints);
  if ($("hints").dataset.shown !== old) {
    $("hints").dataset.shown = old;
    $("hints").hidden = !hints.length;
    $("hints").replaceChildren(...hints.map(row));
    $("markers").replaceChildren(...hints.map(marker));
  }
  if (!hints.some(({ id }) => id === chosen)) palette.hidePopover();
  $("undo").disabled = !picture.canUndo;
  $("redo").disabled = !picture.canRedo;
}

const place = (hint, number) => `Place ${number + 1}, ${position(hint)}`;
const position = ({ x, y }) => `${percent(x)} from the left, ${percent(y)} from the top`;
const percent = (share) => `${Math.round(100 * share)} %`;

function row(hint, number) {
  const change = element("button", { type: "button", className: "place", "aria-label": `${place(hint, number)}: change`,
    onclick: () => choose(hint.id) }, dot(hint), `Place ${number + 1}`);
  const remove = element("button", { type: "button", className: "icon", textContent: "×",
    "aria-label": `${place(hint, number)}: remove`, onclick: () => discard(hint.id) });
  return element("li", {}, change, remove);
}

function dot(hint) {
  const made = element("span", { className: "dot", "aria-hidden": "true" });
  made.style.backgroundColor = hint.color;
  return made;
}

function marker(hint, number) {
  // The list has the same for the keyboard and for screen readers.
  const made = element("button", { type: "button", className: "marker", tabIndex: -1, textContent: number + 1,
    "aria-label": place(hint, number), onclick: () => choose(hint.id) });
  made.style.left = `${100 * hint.x}%`;
  made.style.top = `${100 * hint.y}%`;
  made.style.backgroundColor = hint.color;
  return made;
}

/** A new hint with the colour that the place has now. */
function add(x, y) {
  lastId += 1;
  const hint = { id: lastId, x: rounded(x), y: rounded(y), color: colourAt(x, y) };
  shown.settle();
  shown.change({ hints: [...shown.settings.hints, hint] }, `colour ${lastId}`);
  choose(lastId);
}

const rounded = (share) => Math.round(share * 1e4) / 1e4;

function discard(id) {
  palette.hidePopover();
  shown.settle();
  shown.change({ hints: shown.settings.hints.filter((hint) => hint.id !== id) }, "removal");
  shown.settle();
  shown.work();
  (frame.classList.contains("corrects") ? crosshair : toggle).focus({ preventScroll: true });
}

/** Opens the palette beside a hint. */
function choose(id) {
  correct(true);
  chosen = id;
  const hint = shown.settings.hints.find((one) => one.id === id);
  $("colour").value = hint.color;
  palette.hidePopover();
  palette.showPopover();
  const [box, { offsetWidth: width, offsetHeight: height }] = [frame.getBoundingClientRect(), palette];
  const [x, y] = [box.left + hint.x * box.width, box.top + hint.y * box.height];
  const above = y + 24 + height > innerHeight && y - 24 - height > 0;
  palette.style.left = `${scrollX + Math.max(8, Math.min(x - width / 2, document.body.clientWidth - width - 8))}px`;
  palette.style.top = `${scrollY + (above ? y - 24 - height : y + 24)}px`;
  $("swatches").firstChild.focus({ preventScroll: true });
  palette.scrollIntoView({ block: "nearest" });
}

function recolour(color) {
  const hints = shown.settings.hints.map((hint) => hint.id === chosen ? { ...hint, color } : hint);
  shown.change({ hints }, `colour ${chosen}`);
  shown.workSoon();
}

/** The mean colour of the result around a place, as #rrggbb. */
function colourAt(x, y) {
  const image = $("after");
  const canvas = element("canvas", { width: 1, height: 1 });
  const context = canvas.getContext("2d", { willReadFrequently: true });
  const side = Math.max(1, Math.min(image.naturalWidth, image.naturalHeight) / 100);
  context.drawImage(image, x * (image.naturalWidth - side), y * (image.naturalHeight - side), side, side, 0, 0, 1, 1);
  const [red, green, blue] = context.getImageData(0, 0, 1, 1).data;
  return `#${[red, green, blue].map((level) => level.toString(16).padStart(2, "0")).join("")}`;
}

/** Whether a click places a colour, instead of comparing. */
function correct(on) {
  if (on === frame.classList.contains("corrects")) return;
  frame.classList.toggle("corrects", on);
  toggle.setAttribute("aria-pressed", on);
  $("markers").hidden = crosshair.hidden = !on;
  $("slider").hidden = on;
  if (!on) return;
  moveCross(cross.x, cross.y);
  frame.scrollIntoView({ block: "nearest" });
}

function moveCross(x, y) {
  cross.x = Math.max(0, Math.min(1, x));
  cross.y = Math.max(0, Math.min(1, y));
  crosshair.style.left = `${100 * cross.x}%`;
  crosshair.style.top = `${100 * cross.y}%`;
  crosshair.setAttribute("aria-label", `Place of a colour: ${position(cross)}`);
}

frame.addEventListener("click", (event) => {
  if (!frame.classList.contains("corrects") || event.target.closest(".marker")) return;
  const box = frame.getBoundingClientRect();
  const [x, y] = [(event.clientX - box.left) / box.width, (event.clientY - box.top) / box.height];
  moveCross(x, y);
  add(cross.x, cross.y);
});
crosshair.addEventListener("keydown", (event) => {
  const arrow = ARROWS[event.key];
  if (arrow) {
    const far = event.shiftKey ? STRIDE : STEP;
    moveCross(cross.x + far * arrow[0], cross.y + far * arrow[1]);
  } else if (event.key === "Enter" || event.key === " ") add(cross.x, cross.y);
  else if (event.key === "Escape") {
    correct(false);
    toggle.focus();
  } else return;
  event.preventDefault();
});
toggle.addEventListener("click", (event) => {
  correct(!frame.classList.contains("corrects"));
  if (!crosshair.hidden && event.detail === 0) crosshair.focus(); // came by keyboard
});
$("swatches").append(...Object.entries(SWATCHES).map(([name, color]) => {
  const made = element("button", { type: "button", className: "swatch", title: name, "aria-label": name,
    onclick: () => recolour(color) });
  made.style.backgroundColor = color;
  return made;
}));
$("colour").addEventListener("input", (event) => recolour(event.target.value));
$("remove-hint").addEventListener("click", () => discard(chosen));
palette.addEventListener("toggle", (event) => {
  if (event.newState !== "closed") return;
  shown?.settle();
  if (document.activeElement === document.body && !crosshair.hidden) crosshair.focus({ preventScroll: true });
});
$("undo").addEventListener("click", () => shown.travel(-1));
$("redo").addEventListener("click", () => shown.travel(1));
document.addEventListener("keydown", (event) => {
  if (!shown || !(event.ctrlKey || event.metaKey) || event.target.type === "text") return;
  const key = event.key.toLowerCase();
  if (key !== "z" && key !== "y") return;
  event.preventDefault();
  shown.travel(key === "y" || event.shiftKey ? 1 : -1);
});

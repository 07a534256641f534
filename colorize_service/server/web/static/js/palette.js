/** The palette of one place: beside the photo, or a sheet at the bottom of a small screen. */

import { GROUPS, nameOf, noteUsed, PLAIN, usedColours } from "./colours.js";
import { $, element } from "./dom.js";
import { toScreen } from "./zoom.js";

const LIKELY = 6; // one row
const MARGIN = 36; // CSS pixels between the place and a sheet, at least
const REACHES = { surface: "Its surface", spot: "A spot", similar: "All alike" };
const STEPS = { ArrowLeft: [-1, 0], ArrowRight: [1, 0], ArrowUp: [0, -1], ArrowDown: [0, 1] };
const [palette, view] = [$("palette"), $("view")];

/**
 * @type {{colour: (color: string) => void, settle: () => void, reach: (reach: string) => void, remove: () => void,
 *   undo: () => void, closed: () => void, sample: (on: boolean) => void}}
 */
let deeds = {};
let chosen = null; // the colour, once there is one
let present = ""; // the colour of the place as it was when the palette was opened
let fresh = false; // whether it was chosen since the palette was opened
let asking = new AbortController();
let tellsLikely = true; // whether the model tells likely colours

/** What becomes of what is chosen. */
export const onPalette = (given) => { deeds = given; };

export const paletteIsOpen = () => !palette.hidden;

/**
 * @param {import("./history.js").Hint} hint with or without a colour @param {string} now colour of the place
 * @param {(signal: AbortSignal) => Promise<{color: string, share: number}[]>} likely
 */
export function openPalette(hint, now, likely) {
  closePalette();
  present = now;
  palette.hidden = false;
  document.body.classList.add("chooses");
  $("earlier").src = $("after").src;
  $("used").replaceChildren(...usedColours().map((color) => swatch(nameOf(color), color)));
  $("used").parentElement.hidden = !usedColours().length;
  fresh = false;
  updatePalette(hint);
  askLikely(likely);
  keepClear(hint);
  (palette.querySelector(".swatch[aria-pressed=true]") ?? firstSwatch()).focus({ preventScroll: true });
  $("palette-body").scrollTop = 0;
}

/** Shows what was chosen. @param {import("./history.js").Hint} hint */
export function updatePalette({ color, reach }) {
  chosen = color;
  $("colour").value = color ?? present;
  $("colour-name").textContent = color ? nameOf(color) : "As it is";
  $("colour-dot").style.backgroundColor = color ?? present;
  for (const one of palette.querySelectorAll("button.swatch")) one.setAttribute("aria-pressed", one.value === color);
  for (const one of document.getElementsByName("reach")) one.checked = one.value === (reach ?? "surface");
  $("remove-hint").hidden = $("palette-undo").disabled = !color;
}

/** Closes it, if it is open. */
export function closePalette() {
  if (palette.hidden) return;
  asking.abort();
  sample(false);
  look(false);
  if (chosen && fresh) noteUsed(chosen);
  const focused = palette.contains(document.activeElement);
  palette.hidden = true;
  document.body.classList.remove("chooses");
  deeds.closed(focused);
}

/** A colour for the place, from wherever. @param {string} color #rrggbb */
export function choose(color) {
  sample(false);
  fresh = true;
  deeds.settle();
  deeds.colour(color);
  deeds.settle();
}

/** Offers what the model takes and tells. @param {{kind: string, likely_colors: boolean}} model */
export function offerModel({ kind, likely_colors: tells }) {
  tellsLikely = tells;
  $("reaches").replaceChildren(...Object.entries(REACHES).filter(([reach]) => reach !== "similar" || kind === "lite")
    .map(([reach, words]) => element("label", {},
      element("input", { type: "radio", name: "reach", value: reach, onchange: () => deeds.reach(reach) }), words)));
}

/** While the page is small the palette is a sheet: what it is for must stay in sight. */
export function keepClear(place) {
  if (palette.hidden) return;
  if (getComputedStyle(palette).position !== "fixed") {
    palette.scrollIntoView({ block: "nearest" });
    return;
  }
  const box = palette.getBoundingClientRect();
  const bottom = box.top > 0 ? box.top : innerHeight; // or it is at the side
  const { clientY } = toScreen(place);
  scrollBy(0, clientY - Math.max(MARGIN, Math.min(bottom - MARGIN, clientY)));
}

async function askLikely(likely) {
  asking = new AbortController();
  const { signal } = asking;
  const row = $("likely");
  row.parentElement.hidden = !tellsLikely;
  if (!tellsLikely) return;
  row.replaceChildren(...Array.from({ length: LIKELY }, () => element("span", { className: "swatch ghost" })));
  try {
    const found = await likely(signal);
    if (signal.aborted) return;
    row.replaceChildren(...found.slice(0, LIKELY).map(({ color, share }) =>
      swatch(`${color}, likely to ${Math.round(100 * share)} %`, color)));
    row.parentElement.hidden = !found.length;
  } catch {
    if (!signal.aborted) row.parentElement.hidden = true;
  }
}

function swatch(name, color) {
  const made = element("button", { type: "button", className: "swatch", title: name, value: color, tabIndex: -1,
    "aria-label": name, "aria-pressed": color === chosen, onclick: () => choose(color) });
  made.style.backgroundColor = color;
  return made;
}

function row(name, colours) {
  return element("div", { className: "group", role: "group", "aria-label": name },
    element("span", { className: "group-name", "aria-hidden": "true" }, name),
    element("div", { className: "swatches" }, ...Object.entries(colours).map(([one, color]) => swatch(one, color))));
}

/** Among the swatches the arrow keys lead, so that Tab need not pass them all. */
function walk(event) {
  const step = STEPS[event.key];
  if (!step || !event.target.matches(".swatch")) return;
  event.preventDefault();
  const here = event.target.getBoundingClientRect();
  const far = (one) => {
    const box = one.getBoundingClientRect();
    const [dx, dy] = [box.x - here.x, box.y - here.y];
    const [ahead, aside] = step[0] ? [dx * step[0], dy] : [dy * step[1], dx];
    return ahead > 1 ? ahead + 4 * Math.abs(aside) : Infinity;
  };
  const all = [...palette.querySelectorAll("button.swatch")].filter((one) => one.offsetParent);
  const next = all.reduce((best, one) => far(one) < far(best) ? one : best);
  if (far(next) < Infinity) next.focus();
}

const firstSwatch = () => [...palette.querySelectorAll("button.swatch")].find((one) => one.offsetParent);

function sample(on) {
  $("dropper").setAttribute("aria-pressed", on);
  view.classList.toggle("samples", on);
  deeds.sample(on);
}

/** Shows the photo as it was when the palette was opened, as long as the button is held. */
function look(on) {
  view.classList.toggle("was", on);
  $("look").setAttribute("aria-pressed", on);
}

$("groups").append(...Object.entries(GROUPS).map(([name, colours]) => row(name, colours)));
$("plain").append(...Object.entries(PLAIN).map(([name, color]) => {
  const made = swatch(name, color);
  return element("span", { className: "plain" }, made, element("span", { "aria-hidden": "true" }, name));
}));
palette.addEventListener("keydown", walk);
palette.addEventListener("focusin", ({ target }) => {
  if (!target.matches(".swatch")) return;
  for (const one of palette.querySelectorAll(".swatch[tabindex='0']")) one.tabIndex = -1;
  target.tabIndex = 0; // Tab comes back to where it left
});
$("colour").addEventListener("input", ({ target }) => {
  fresh = true;
  deeds.colour(target.value);
});
$("colour").addEventListener("change", () => deeds.settle());
$("dropper").addEventListener("click", () => sample(!view.classList.contains("samples")));
$("remove-hint").addEventListener("click", () => deeds.remove());
$("palette-undo").addEventListener("click", () => deeds.undo());
$("done").addEventListener("click", closePalette);
for (const type of ["pointerdown", "keydown"]) {
  $("look").addEventListener(type, ({ key }) => (!key || key === "Enter" || key === " ") && look(true));
}
for (const type of ["pointerup", "pointercancel", "pointerleave", "keyup", "blur"]) {
  $("look").addEventListener(type, () => look(false));
}
document.addEventListener("keydown", (event) => {
  if (event.key !== "Escape" || palette.hidden) return;
  event.preventDefault();
  if (view.classList.contains("samples")) sample(false);
  else closePalette();
});
document.addEventListener("click", (event) => {
  const own = [palette, view, $("tools"), $("hints")]; // on the photo a click has a meaning of its own
  if (!event.composedPath().some((one) => own.includes(one))) closePalette();
});

/** Strength and warmth of the colours: shown at once by the browser, from a result with others. */

import { $ } from "./dom.js";

// As colorize_service/imaging/chroma.py has it: the strength multiplies Cb and Cr, then the warmth adds so much to them.
const WARMEST = { cb: -19, cr: 10 };
const [RED, GREEN, BLUE] = [0.299, 0.587, 0.114]; // their shares in luma
// By how many levels a warmth of 1 raises red, green and blue over luma.
const WARM = [1.402 * WARMEST.cr, -0.344136 * WARMEST.cb - 0.714136 * WARMEST.cr, 1.772 * WARMEST.cb];
// Strengths of a result of which another can be made: weaker ones lack levels, stronger ones are cut off.
const FAITHFUL = [0.5, 1.5];

/** @typedef {{saturation: number, warmth: number}} Look */

/** @param {Look} one @param {Look} other */
export const sameLook = (one, other) => one.saturation === other.saturation && one.warmth === other.warmth;

/**
 * The result to show for a photo's present settings; where it has another look, showLook changes it.
 * @param {import("./picture.js").Picture} picture
 * @returns {import("./picture.js").Result?}
 */
export function basis(picture) {
  const { result, settings } = picture;
  if (!result || sameLook(result, settings) || faithful(result)) return result;
  return picture.alike(result).find(faithful) ?? result;
}

const faithful = ({ saturation }) => saturation >= FAITHFUL[0] && saturation <= FAITHFUL[1];

/** Gives what is shown the look that a photo's settings ask for. @param {import("./picture.js").Picture} picture */
export function showLook(picture) {
  const shown = basis(picture);
  const changes = shown && shown.saturation > 0 && !sameLook(shown, picture.settings);
  $("after").classList.toggle("changed-look", Boolean(changes));
  if (changes) $("look-chroma").setAttribute("values", matrix(change(shown, picture.settings)).join(" "));
}

/** What leads from one look to another: cb * from + warm * from becomes cb * to + warm * to. */
function change(from, to) {
  const saturation = to.saturation / from.saturation;
  return { saturation, warmth: to.warmth - from.warmth * saturation };
}

/** The chroma at a middle gray, as an feColorMatrix. The filter in index.html brings it to the luma of each pixel. */
function matrix({ saturation, warmth }) {
  return WARM.flatMap((warm, part) => {
    const row = [RED, GREEN, BLUE].map((share, from) => saturation * ((part === from ? 1 : 0) - share));
    return [...row, 0, 0.5 + warmth * warm / 255];
  }).concat(0, 0, 0, 1, 0);
}

/** A magnifying glass over the place that a finger is on, which would hide it. */

import { $ } from "./dom.js";
import { magnification, toScreen } from "./zoom.js";

const SIDE = 116; // CSS pixels, as in the stylesheet
const POWER = 3;
const AWAY = 26; // from the place to the glass's edge: more than half a fingertip
const loupe = $("loupe");

/** Shows the result around a place, which is in the middle; none hides it. @param {{x: number, y: number}?} place */
export function showLoupe(place) {
  loupe.hidden = !place;
  if (!place) return;
  const { clientX, clientY } = toScreen(place);
  const above = clientY - AWAY - SIDE;
  loupe.style.left = `${Math.max(4, Math.min(innerWidth - SIDE - 4, clientX - SIDE / 2))}px`;
  loupe.style.top = `${above > 4 ? above : clientY + AWAY}px`;
  draw(place);
}

function draw({ x, y }) {
  const image = $("after");
  loupe.width = loupe.height = SIDE * devicePixelRatio;
  const context = loupe.getContext("2d");
  const across = SIDE / (POWER * magnification());
  context.imageSmoothingEnabled = across > SIDE / 8;
  context.drawImage(image, x * image.naturalWidth - across / 2, y * image.naturalHeight - across / 2, across, across,
    0, 0, loupe.width, loupe.height);
  context.scale(devicePixelRatio, devicePixelRatio);
  for (const [width, colour] of [[4, "rgb(0 0 0 / 60%)"], [2, "#fff"]]) {
    [context.lineWidth, context.strokeStyle] = [width, colour];
    context.beginPath();
    context.arc(SIDE / 2, SIDE / 2, 9, 0, 2 * Math.PI);
    context.stroke();
  }
}

/** Colours to choose from: common ones by what they are of, those used lately, and those of the photo itself. */

import { $, element } from "./dom.js";

/** Six in a row. @type {Object<string, Object<string, string>>} */
export const GROUPS = {
  "Skin": { "Fair skin": "#edc5ab", "Light skin": "#e0ac8c", "Olive skin": "#c99d6f", "Tanned skin": "#b57f56",
    "Brown skin": "#8a5a3c", "Dark skin": "#5b3a29" },
  "Hair": { "Blond": "#d9bb7d", "Strawberry blond": "#c98f5a", "Red hair": "#a34e28", "Light brown": "#8c6239",
    "Brown": "#5f3d24", "Dark brown": "#3a281d" },
  "Foliage": { "Young leaves": "#a4bf4b", "Grass": "#6a9a3a", "Leaves": "#4a7a3c", "Dark green": "#2f5b3a",
    "Dry grass": "#c4ad62", "Autumn leaves": "#bd6a26" },
  "Sky": { "Pale sky": "#bcd7ee", "Sky": "#79b4e6", "Deep sky": "#3f7fc4", "Water": "#4c8a96", "Evening": "#e9a46c",
    "Dusk": "#8d7ba6" },
  "Stone": { "Limestone": "#d8cbae", "Sandstone": "#c79f6b", "Brick": "#a9523a", "Earth": "#7a5a3d", "Wood": "#96693c",
    "Slate": "#66727d" },
  "Cloth": { "Red": "#c22f34", "Wine": "#7c2338", "Pink": "#e093a6", "Orange": "#dd7a2a", "Yellow": "#e6bd37",
    "Khaki": "#9a8c5c", "Bottle green": "#1f6b4a", "Turquoise": "#3aa5a0", "Light blue": "#8fb8dc", "Navy": "#2c4a8f",
    "Violet": "#7d4fa3", "Leather": "#7b4a2b" },
};
/** Without colour. */
export const PLAIN = { "Gray": "#808080", "White": "#ffffff", "Black": "#000000" };
const NAMES = new Map([...Object.values(GROUPS), PLAIN].flatMap((group) => Object.entries(group).map(([k, v]) => [v, k])));
const MOST = 6; // used ones that are kept
const STORED = "colorize-colours";

/** What a colour is called; its number if it has no name here. @param {string} color #rrggbb */
export const nameOf = (color) => NAMES.get(color) ?? color;

let used = [];
try {
  used = JSON.parse(localStorage.getItem(STORED) ?? "[]").filter((one) => /^#[0-9a-f]{6}$/.test(one)).slice(0, MOST);
} catch { /* the browser keeps nothing for this page, or not what it once stored */ }

/** The colours used last, the latest first. */
export const usedColours = () => used;

/** @param {string} color #rrggbb */
export function noteUsed(color) {
  used = [color, ...used.filter((one) => one !== color)].slice(0, MOST);
  try {
    localStorage.setItem(STORED, JSON.stringify(used));
  } catch { /* then only until the page is left */ }
}

/**
 * The mean colour of the result around a place, as #rrggbb.
 * @param {{x: number, y: number}} place from 0 to 1 @param {number} [side] of a square in the photo's pixels
 */
export function colourAt({ x, y }, side) {
  const image = $("after");
  const [width, height] = [image.naturalWidth, image.naturalHeight];
  const across = Math.max(1, side ?? Math.min(width, height) / 100);
  const canvas = element("canvas", { width: 1, height: 1 });
  const context = canvas.getContext("2d", { willReadFrequently: true });
  const from = (share, full) => Math.max(0, Math.min(full - across, share * full - across / 2));
  context.drawImage(image, from(x, width), from(y, height), across, across, 0, 0, 1, 1);
  const [red, green, blue] = context.getImageData(0, 0, 1, 1).data;
  return `#${[red, green, blue].map((level) => level.toString(16).padStart(2, "0")).join("")}`;
}

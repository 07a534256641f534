/** Whether a photo is one in colour already. Toned prints and yellowed paper do not count: they have one hue. */

const SIDE = 64; // pixels of the small picture that is looked at
const VARIED = 3; // levels; brown fur in colour has 5, faded sepia 2

/** @param {HTMLImageElement} image a decoded one */
export function hasColours(image) {
  const context = new OffscreenCanvas(SIDE, SIDE).getContext("2d", { willReadFrequently: true });
  context.drawImage(image, 0, 0, SIDE, SIDE);
  const { data } = context.getImageData(0, 0, SIDE, SIDE);
  const chroma = [];
  for (let at = 0; at < data.length; at += 4) {
    const luma = 0.299 * data[at] + 0.587 * data[at + 1] + 0.114 * data[at + 2];
    chroma.push([data[at + 2] - luma, data[at] - luma]);
  }
  return besideOneHue(chroma) > VARIED;
}

/** By how much colours differ from shades of their mean hue: root mean square, levels. @param {[number, number][]} chroma */
function besideOneHue(chroma) {
  const mean = [0, 1].map((part) => chroma.reduce((sum, one) => sum + one[part], 0) / chroma.length);
  const length = Math.hypot(...mean) || 1;
  const squares = chroma.map(([blue, red]) => {
    const along = Math.max(0, (blue * mean[0] + red * mean[1]) / length);
    return blue * blue + red * red - along * along;
  });
  return Math.sqrt(squares.reduce((sum, one) => sum + one, 0) / chroma.length);
}

/** Several photos at once: a strip of them, each with its progress. */

import { $, element } from "./dom.js";
import { inWork, words } from "./words.js";

const items = new Map();

/**
 * Shows the photos if there are several.
 * @param {import("./picture.js").Picture[]} pictures
 * @param {import("./picture.js").Picture} selected
 * @param {(picture: import("./picture.js").Picture) => void} select
 */
export function showStrip(pictures, selected, select) {
  for (const [picture, item] of items) {
    if (pictures.includes(picture)) continue;
    item.remove();
    items.delete(picture);
  }
  for (const picture of pictures) {
    if (!items.has(picture)) {
      items.set(picture, make(picture, select));
      $("strip").append(items.get(picture));
    }
    update(items.get(picture), picture, picture === selected);
  }
  $("strip").hidden = pictures.length < 2;
}

function make(picture, select) {
  const button = element("button", { type: "button", onclick: () => select(picture) },
    element("img", { alt: "", width: 72, height: 72 }), element("progress", { "aria-hidden": "true" }),
    element("span", { className: "mark", "aria-hidden": "true" }));
  return element("li", {}, button);
}

function update(item, picture, isSelected) {
  const [button, image, progress, mark] = [item.firstChild, ...item.firstChild.children];
  const { state } = picture;
  const source = picture.result?.src ?? picture.url;
  if (source && image.getAttribute("src") !== source) image.src = source;
  image.hidden = !source;
  progress.hidden = !inWork(state);
  if (state.kind === "sending") progress.value = state.share;
  else progress.removeAttribute("value");
  mark.textContent = { done: "✓", failed: "!", cancelled: "–" }[state.kind] ?? "";
  mark.className = `mark ${state.kind}`;
  button.setAttribute("aria-label", `${picture.name}: ${state.kind === "failed" ? state.detail : words(state)}`);
  if (isSelected) button.setAttribute("aria-current", "true");
  else button.removeAttribute("aria-current");
}

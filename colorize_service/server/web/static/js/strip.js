/** Several photos at once: a strip of them, each with its name and progress, and all results in one file. */

import { $, element, notice } from "./dom.js";
import { download } from "./share.js";
import { inWork, words } from "./words.js";

const items = new Map();

/** @type {import("./picture.js").Picture[]} */
let shown = [];
let saving = false;

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
  shown = pictures;
  $("strip").hidden = $("all").hidden = pictures.length < 2;
  showAll();
}

function make(picture, select) {
  const button = element("button", { type: "button", title: picture.name, onclick: () => select(picture) },
    element("span", { className: "thumb" }, element("img", { alt: "", width: 72, height: 72 }),
      element("progress", { "aria-hidden": "true" }), element("span", { className: "mark", "aria-hidden": "true" })),
    element("span", { className: "name", textContent: picture.name }));
  return element("li", {}, button);
}

function update(item, picture, isSelected) {
  const button = item.firstChild;
  const [image, progress, mark] = button.firstChild.children;
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

/** How many are done, and why others are not. */
function showAll() {
  const count = shown.filter(({ state }) => state.kind === "done").length;
  $("save-all").disabled = saving || !count;
  const all = count === shown.length ? `Save all ${count}` : `Save ${count} of ${shown.length}`;
  if (!saving) $("save-all").textContent = all;
  const failed = shown.filter(({ state }) => state.kind === "failed");
  const failures = failed.map(({ name, state }) => `${name}: ${state.detail}`);
  if ($("failures").dataset.shown === failures.join("\n")) return;
  $("failures").dataset.shown = failures.join("\n");
  $("failures").replaceChildren(...failures.map((textContent) => element("li", { textContent })));
}

async function saveAll() {
  saving = true;
  showAll();
  notice();
  $("all-saved").textContent = "";
  try {
    const { zipped } = await import("./zip.js");
    const { zip, count, missing } = await zipped(shown, (done) => {
      $("save-all").textContent = `Saving, ${done} of ${shown.length}…`;
    });
    if (count) download(zip, "photos-color.zip");
    $("all-saved").textContent = `${count} ${count === 1 ? "photo" : "photos"} saved.` +
      (missing.length ? ` Not in the file: ${missing.join("; ")}.` : "");
  } catch (error) {
    notice(`The photos could not be saved together: ${error.message}. Please try again.`);
  } finally {
    saving = false;
    showAll();
  }
}

$("save-all").addEventListener("click", saveAll);

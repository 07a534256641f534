/** The panel beside the photo: what happens and how long, what can be done with the result, the settings. */

import { $, element, notice } from "./dom.js";
import { inWork, patience, warmthInWords, words } from "./words.js";

/** @type {import("./picture.js").Picture?} */
let shown = null;

/** Shows a photo's state. @param {import("./picture.js").Picture} picture */
export function showPanel(picture) {
  if (picture !== shown) $("link-field").hidden = true;
  shown = picture;
  const { state, result } = picture;
  const busy = inWork(state);
  write($("status"), words(state));
  write($("problem"), state.kind === "failed" ? state.detail : "");
  $("problem").hidden = state.kind !== "failed";
  $("progress").hidden = !busy;
  if (state.kind === "sending") $("progress").value = state.share;
  else $("progress").removeAttribute("value");
  $("own-colours").hidden = !picture.hasColours;
  tick();
  showButtons(busy, result, state);
  showFields(picture.settings);
}

function showButtons(busy, result, state) {
  const focused = document.activeElement;
  $("cancel").hidden = !busy;
  $("retry").hidden = !state.mayPass && state.kind !== "cancelled";
  $("save").hidden = $("copy").hidden = !result || state.kind !== "done";
  if (result) $("save").href = result.src;
  if (focused.hidden) {
    [$("save"), $("retry"), $("cancel"), $("remove")].find((button) => !button.hidden).focus({ preventScroll: true });
  }
}

function showFields({ saturation, warmth, prompt }) {
  showSlider("saturation", saturation, `${Math.round(100 * saturation)} %`);
  showSlider("warmth", warmth, warmthInWords(warmth));
  if (document.activeElement !== $("prompt")) $("prompt").value = prompt;
}

function showSlider(id, value, text) {
  $(id).value = value;
  $(id).setAttribute("aria-valuetext", text);
  $(`${id}-value`).textContent = text;
}

/** Text that has not changed is not set again, or a screen reader would read it again. */
function write(node, text) {
  if (node.textContent !== text) node.textContent = text;
}

function tick() {
  if (!shown) return;
  const { state, since, name, width, height } = shown;
  write($("elapsed"), inWork(state) ? patience(state, (performance.now() - since) / 1000)
    : state.kind === "done" ? `${name}, ${width} × ${height} pixels` : "");
}

/** Saves the stored bytes under the photo's own name, which the service does not know. */
async function save(event) {
  event.preventDefault();
  const picture = shown;
  if (!picture.isCurrent) await picture.work(); // a slider has been moved a moment ago
  if (!picture.isCurrent) return;
  const { src, filename } = picture.result;
  try {
    const response = await fetch(src);
    if (!response.ok) throw new Error(`status ${response.status}`);
    const url = URL.createObjectURL(await response.blob());
    element("a", { href: url, download: filename }).click();
    setTimeout(() => URL.revokeObjectURL(url), 60_000);
  } catch {
    notice("The result could not be loaded; please try again.");
  }
}

async function copy() {
  const { link } = shown.result;
  try {
    await navigator.clipboard.writeText(link);
    write($("status"), "The link is copied.");
  } catch { // the browser gives no clipboard to pages that did not come by https
    $("link-field").hidden = false;
    $("link").value = link;
    $("link").select();
  }
}

function setPrompt() {
  const prompt = $("prompt").value.trim();
  if (!shown || prompt === shown.settings.prompt) return;
  shown.change({ prompt }, "prompt");
  shown.settle();
  shown.work();
}

/** Offers what the model takes. @param {{fields: Object<string, unknown>}} model each field with its default */
export function offerFields({ fields }) {
  $("corrections").hidden = false;
  $("prompt-field").hidden = !("prompt" in fields);
  $("prompt").placeholder = fields.prompt ?? "";
}

setInterval(tick, 500);
$("cancel").addEventListener("click", () => shown.cancel());
$("retry").addEventListener("click", () => {
  notice();
  shown.work();
});
$("save").addEventListener("click", save);
$("copy").addEventListener("click", copy);
for (const name of ["saturation", "warmth"]) {
  $(name).addEventListener("input", (event) => {
    shown.change({ [name]: Number(event.target.value) }, name);
    shown.workLater();
  });
}
$("prompt").addEventListener("change", setPrompt);
$("fields").addEventListener("submit", (event) => {
  event.preventDefault();
  setPrompt();
});

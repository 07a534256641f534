/** The panel beside the photo: what happens and how long, and the settings. */

import { $, notice } from "./dom.js";
import { showResult } from "./share.js";
import { inWork, patience, warmthInWords, words } from "./words.js";

const LOOKS = ["saturation", "warmth"];

/** @type {import("./picture.js").Picture?} */
let shown = null;

/** Shows a photo's state. @param {import("./picture.js").Picture} picture */
export function showPanel(picture) {
  shown = picture;
  const { state } = picture;
  const busy = inWork(state);
  write($("status"), words(state));
  write($("problem"), state.kind === "failed" ? state.detail : "");
  $("problem").hidden = state.kind !== "failed";
  $("progress").hidden = !busy;
  if (state.kind === "sending") $("progress").value = state.share;
  else $("progress").removeAttribute("value");
  $("own-colours").hidden = !picture.hasColours;
  tick();
  showButtons(busy, picture);
  for (const name of LOOKS) $(name).disabled = state.kind === "failed" && !picture.result;
  showFields(picture.settings);
}

function showButtons(busy, picture) {
  const focused = document.activeElement;
  $("cancel").hidden = !busy;
  $("retry").hidden = !picture.state.mayPass && picture.state.kind !== "cancelled";
  showResult(picture);
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
for (const name of LOOKS) {
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

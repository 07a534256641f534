/** Where photos come from: chosen, photographed, dropped, pasted, or the example. */

import { $, notice } from "./dom.js";

/** @param {(files: File[]) => void} take called with the photos, at least one */
export function listen(take) {
  const some = (list) => {
    const files = [...list];
    if (files.length) take(files);
    return files.length > 0;
  };
  for (const [button, input] of [["choose", "files"], ["another", "files"], ["photograph", "camera"]]) {
    $(button).addEventListener("click", () => $(input).click());
  }
  for (const input of [$("files"), $("camera")]) {
    input.addEventListener("change", () => {
      some(input.files);
      input.value = ""; // so that the same file can be chosen again
    });
  }
  document.addEventListener("paste", (event) => some(event.clipboardData.files) && event.preventDefault());
  listenForDrops(some);
  $("example").addEventListener("click", async () => {
    const response = await fetch("page/example.jpg");
    take([new File([await response.blob()], "camera.jpg", { type: "image/jpeg" })]);
  });
}

function listenForDrops(some) {
  let depth = 0; // enter and leave come for each element on the way
  const mark = (change) => {
    depth = Math.max(0, depth + change);
    document.body.classList.toggle("drops", depth > 0);
  };
  document.addEventListener("dragenter", () => mark(1));
  document.addEventListener("dragleave", () => mark(-1));
  document.addEventListener("dragover", (event) => event.preventDefault());
  document.addEventListener("drop", (event) => {
    event.preventDefault();
    mark(-Infinity);
    if (!some(event.dataTransfer.files)) {
      notice("That was not a file. Save the photo on this device first, then drop it here.");
    }
  });
}

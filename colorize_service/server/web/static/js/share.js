/** What becomes of a result: it is saved, it or its link is copied, or another app gets it. */

import { $, element, notice } from "./dom.js";

/** @type {import("./picture.js").Picture?} */
let shown = null;

const NAMELESS = new File([], "photo.jpg", { type: "image/jpeg" });
const copies = Boolean(globalThis.ClipboardItem && navigator.clipboard?.write); // on pages that came by https alone
const shares = Boolean(navigator.canShare?.({ files: [NAMELESS] }));

/** Offers a photo's result, if it is done. @param {import("./picture.js").Picture} picture */
export function showResult(picture) {
  if (picture !== shown) $("link-field").hidden = true;
  shown = picture;
  const { result, state } = picture;
  const none = !result || state.kind !== "done";
  $("save").hidden = $("copy").hidden = none;
  $("copy-picture").hidden = none || !copies;
  $("share").hidden = none || !shares;
  if (result) $("save").href = result.src;
}

/** The stored bytes of a result. @param {{src: string}} result @returns {Promise<Blob>} */
export async function stored({ src }) {
  const response = await fetch(src);
  if (!response.ok) throw new Error(response.status === 404 ? "it is no longer there" : `status ${response.status}`);
  return response.blob();
}

/** Saves a file as a browser does. @param {Blob} file @param {string} name */
export function download(file, name) {
  const url = URL.createObjectURL(file);
  element("a", { href: url, download: name }).click();
  setTimeout(() => URL.revokeObjectURL(url), 60_000);
}

/** The result of a photo's present settings. @param {import("./picture.js").Picture} picture */
export async function present(picture) {
  if (!picture.isCurrent) await picture.work(); // a slider has been moved a moment ago
  if (!picture.isCurrent) throw new Error("it is not done");
  return picture.result;
}

/** Saves the stored bytes under the photo's own name, which the service does not know. */
async function save() {
  const result = await present(shown);
  download(await stored(result), result.filename);
}

async function copyPicture() {
  const png = present(shown).then(stored).then(asPng);
  await navigator.clipboard.write([new ClipboardItem({ "image/png": png })]); // a promise: now is the user's click
  say("The picture is copied.");
}

/** Clipboards take no JPEG. @param {Blob} jpeg */
async function asPng(jpeg) {
  const bitmap = await createImageBitmap(jpeg);
  const canvas = new OffscreenCanvas(bitmap.width, bitmap.height);
  canvas.getContext("2d").drawImage(bitmap, 0, 0);
  return canvas.convertToBlob({ type: "image/png" });
}

async function share() {
  const result = await present(shown);
  const file = new File([await stored(result)], result.filename, { type: "image/jpeg" });
  await navigator.share({ files: [file] }).catch((error) => {
    if (error.name !== "AbortError") throw error; // else the user has thought better of it
  });
}

async function copyLink() {
  const { link } = await present(shown);
  try {
    await navigator.clipboard.writeText(link);
    say("The link is copied.");
  } catch { // the browser gives no clipboard to pages that did not come by https
    $("link-field").hidden = false;
    $("link").value = link;
    $("link").select();
  }
}

const say = (sentence) => { $("status").textContent = sentence; };

for (const [id, act] of Object.entries({ save, copy: copyLink, "copy-picture": copyPicture, share })) {
  $(id).addEventListener("click", async (event) => {
    event.preventDefault();
    notice();
    const { name } = shown;
    await act().catch((error) => notice(`That did not work with ${name}: ${error.message}. Please try again.`));
  });
}

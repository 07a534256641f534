/** The page: which photos there are, and which one is shown. */

import { get } from "./api.js";
import { showPhoto } from "./compare.js";
import { $, notice } from "./dom.js";
import { showLook } from "./looks.js";
import { offerFields, showPanel } from "./panel.js";
import { Picture } from "./picture.js";
import { listen } from "./sources.js";
import { showStrip } from "./strip.js";
import { useAppCheck } from "./tokens.js";
import { kept } from "./words.js";

const UNREACHABLE = "The service cannot be reached. Reload the page to try again.";

/** @type {Picture[]} */
let pictures = [];
/** @type {Picture?} */
let selected = null;
let asksForModel = false; // or knows it
let refused = false;
let model = null;
/** What corrects colours; it is there with the first photo, not before. @type {typeof import("./hints.js")?} */
let corrections = null;
/** What keeps photos over a reload; null in it: it could not be loaded. @type {Promise<typeof import("./keep.js")?>?} */
let keeper = null;

const settings = get("page/settings.json").catch(() => null);
const limit = settings.then((known) => {
  if (!known) notice(UNREACHABLE);
  else if (known.app_check?.missing) refuse(known.app_check.missing);
  else useAppCheck(known.app_check);
  if (known) {
    $("kept").textContent = kept(known.retention_days);
    $("kept").className = "";
  }
  $("recaptcha-terms").hidden = !known?.app_check?.firebase;
  return known?.max_upload_bytes ?? Infinity;
});
learnModel();

/** Asks which model is loaded; while it is still being loaded the service cannot say. */
async function learnModel() {
  if (asksForModel) return;
  asksForModel = true;
  model = await get("model").catch(() => null);
  if (model) offerFields(model);
  else asksForModel = false;
  if (model) corrections?.offerModel(model);
}

async function learnToCorrect() {
  if (corrections) return;
  corrections = await import("./hints.js");
  if (model) corrections.offerModel(model);
  show(selected);
}

/** Says what the operator must set before the page can be used. @param {string[]} missing */
function refuse(missing) {
  refused = true;
  for (const id of ["choose", "photograph", "example"]) $(id).disabled = true;
  notice("This service takes photos only from apps that it knows (Firebase App Check), and this page is not yet one of " +
    `them. Its operator must set ${missing.join(", ")}.`);
}

function take(files) {
  if (refused) return;
  notice();
  add(files.map((file) => new Picture(file, limit)));
}

/** @param {Picture[]} added @param {Picture} first the one to be shown */
async function add(added, first = added[0]) {
  await first.open(); // its size must be known before it is shown, or the page would jump
  for (const picture of added) {
    picture.addEventListener("change", () => {
      show(picture);
      keep(picture);
    });
    pictures.push(picture);
  }
  const welcomed = !$("welcome").hidden;
  select(first);
  if (welcomed) $("cancel").focus({ preventScroll: true }); // what had the focus is gone
  for (const picture of added) {
    if (picture !== first) await picture.open();
    if (!pictures.includes(picture)) continue; // it has been deleted meanwhile
    keep(picture);
    if (picture.state.kind === "new") picture.work();
  }
}

function select(picture) {
  selected = picture;
  learnToCorrect().catch(() => notice("Part of this page could not be loaded; until you reload it, colours cannot be corrected."));
  show(picture);
  keeper?.then((loaded) => loaded?.noteSelected(picture));
}

/** Keeps a photo over a reload. @param {Picture} picture */
async function keep(picture) {
  const loaded = await loadKeeper();
  if (pictures.includes(picture)) loaded?.keep(picture);
}

/** Until it is there the browser asks before photos are left. */
function loadKeeper() {
  const ask = (event) => selected && event.preventDefault();
  const load = async () => {
    const loaded = await import("./keep.js").catch(() => null);
    if (loaded) removeEventListener("beforeunload", ask);
    return loaded;
  };
  if (!keeper) addEventListener("beforeunload", ask);
  return keeper ??= load();
}

/** Loads what the first photo will need, while somebody looks for it. */
function loadRest() {
  loadKeeper();
  import("./hints.js").catch(() => {}); // said with the photo
}

/** Brings back what this tab had before a reload. */
async function restore() {
  try {
    if (!localStorage.getItem("colorize-kept")) return;
    $("welcome").hidden = Boolean(sessionStorage.getItem("colorize-tab"));
    const found = await (await loadKeeper()).restored();
    const old = found.map((one) => Picture.from(one.kept, one.file, limit));
    if (old.length) await add(old, old[Math.max(0, found.findIndex((one) => one.selected))]);
  } catch { // this browser keeps nothing, or gives nothing back
  }
  if (!selected) show(null);
}

/** Shows what has changed of a photo. @param {Picture} picture */
function show(picture) {
  showStrip(pictures, selected, select);
  $("welcome").hidden = selected !== null;
  $("another").hidden = $("work").hidden = selected === null;
  if (!picture || picture !== selected) return;
  showPhoto(picture);
  showLook(picture);
  showPanel(picture);
  corrections?.showHints(picture);
  if (picture.state.kind === "done") learnModel();
}

function remove() {
  notice();
  const removed = selected;
  keeper?.then((loaded) => loaded?.forget(removed));
  removed.discard().catch((error) => {
    notice(`${removed.name} is gone from this page, but not from the service. ${error.message}`);
  });
  const at = pictures.indexOf(selected);
  pictures = pictures.filter((picture) => picture !== selected);
  if (pictures.length) select(pictures[Math.min(at, pictures.length - 1)]);
  else {
    selected = null;
    show(null);
    $("choose").focus();
  }
}

$("remove").addEventListener("click", remove);
for (const event of ["pointerdown", "keydown", "dragenter"]) addEventListener(event, loadRest, { once: true });
listen(take);
restore();

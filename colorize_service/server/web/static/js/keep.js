/**
 * What the browser keeps of the photos, so that a reload or the way back loses nothing: in IndexedDB, for this tab.
 * Where it cannot, it asks before the page is left. Loaded when somebody begins to choose a photo.
 */

import { createStore, delMany, entries, keys, setMany } from "../vendor/idb-keyval.js";
import { newId } from "./dom.js";

const ABANDONED = 24 * 3600_000; // milliseconds after which photos of another tab, closed most likely, are deleted
const [TAB, SELECTED] = ["colorize-tab", "colorize-selected"]; // in sessionStorage, which a reload keeps
const ANY = "colorize-kept"; // in localStorage: whether any tab has kept photos; main.js reads it

const store = createStore(`colorize ${location.pathname}`, "photos");
const keepers = new Map();
const unkept = new Set();
let count = 0;

/** Keeps a photo as it is now. @param {import("./picture.js").Picture} picture */
export function keep(picture) {
  if (!keepers.has(picture)) keepers.set(picture, new Keeper(picture));
  keepers.get(picture).keep();
}

/** Deletes what is kept of a photo. @param {import("./picture.js").Picture} picture */
export function forget(picture) {
  keepers.get(picture)?.forget();
  keepers.delete(picture);
}

/** Notes which photo is shown. @param {import("./picture.js").Picture} picture */
export const noteSelected = ({ id }) => remember(sessionStorage, SELECTED, id);

/**
 * What was kept in this tab, in the order in which it came; what others have abandoned is deleted.
 * @returns {Promise<{kept: object, file: File, selected: boolean}[]>}
 */
export async function restored() {
  const all = await entries(store);
  const mine = all.filter(([key]) => key[0] === tab() && key.length === 2);
  const files = new Map(all.filter(([key]) => key.length === 3).map(([key, file]) => [key[1], file]));
  const old = all.filter(([key, { time }]) => key[0] !== tab() && Date.now() - time > ABANDONED).map(([key]) => key);
  await delMany(old.flatMap(([owner, id]) => both(owner, id)), store);
  await noteWhetherAny();
  const selected = sessionStorage.getItem(SELECTED);
  return mine.filter(([[, id]]) => files.has(id))
    .map(([, { kept, order }]) => ({ kept, order, file: files.get(kept.id), selected: kept.id === selected }))
    .sort((one, other) => one.order - other.order);
}

/** Two keys for a photo: its state, and the file, which is written only once. */
const both = (owner, id) => [[owner, id], [owner, id, "file"]];

class Keeper {
  #picture;
  #order;
  #written = null;
  #writes = false;
  #forgotten = false;

  constructor(picture) {
    this.#picture = picture;
    this.#order = ++count;
  }

  async keep() {
    if (this.#writes) return; // and looks again when it is done
    this.#writes = true;
    try {
      while (!this.#forgotten) {
        const now = JSON.stringify(this.#picture.kept);
        if (now === this.#written) break;
        ask(this.#picture, true);
        await this.#write(JSON.parse(now));
        this.#written = now;
      }
      ask(this.#picture, false);
    } catch { // no room, or none for this site: the next change tries again
      ask(this.#picture, !this.#forgotten);
    }
    this.#writes = false;
    if (this.#forgotten) this.#delete();
  }

  forget() {
    this.#forgotten = true;
    ask(this.#picture, false);
    if (!this.#writes) this.#delete();
  }

  async #write(kept) {
    const [state, file] = both(tab(), kept.id);
    const written = [[state, { kept, order: this.#order, time: Date.now() }]];
    if (this.#written === null) written.push([file, this.#picture.file]);
    await setMany(written, store);
    remember(localStorage, ANY, "yes");
  }

  async #delete() {
    try {
      await delMany(both(tab(), this.#picture.id), store);
      await noteWhetherAny();
    } catch { // then nothing was kept
    }
  }
}

/** Asks before the page is left, or does not, on account of a photo. */
function ask(picture, would) {
  if (would) unkept.add(picture);
  else unkept.delete(picture);
  if (unkept.size) addEventListener("beforeunload", stop);
  else removeEventListener("beforeunload", stop);
}

const stop = (event) => event.preventDefault();

async function noteWhetherAny() {
  if (!(await keys(store)).length) localStorage.removeItem(ANY);
}

/** The id of this tab. */
function tab() {
  const known = sessionStorage.getItem(TAB);
  if (known) return known;
  const made = newId();
  sessionStorage.setItem(TAB, made);
  return made;
}

function remember(storage, name, value) {
  try {
    storage.setItem(name, value);
  } catch { // then it is not restored
  }
}

/** All results in one file. Loaded when it is asked for. */

import { downloadZip } from "../vendor/client-zip.js";
import { present, stored } from "./share.js";

const LONGEST = 120; // characters of a name before "-color.jpg"

/**
 * A ZIP, without compression, of all results that there are.
 * @param {import("./picture.js").Picture[]} pictures
 * @param {(count: number) => void} onEach called with how many are in it
 * @returns {Promise<{zip: Blob, count: number, missing: string[]}>} `missing` says which are not in it
 */
export async function zipped(pictures, onEach) {
  const [names, missing] = [new Set(), []];
  async function* files() {
    for (const picture of pictures) {
      if (picture.state.kind !== "done") {
        missing.push(picture.name); // the strip says why
        continue;
      }
      try {
        const result = await present(picture);
        const input = await stored(result);
        yield { name: unique(safe(result.filename), names), input, lastModified: new Date() };
        onEach(names.size);
      } catch (error) {
        missing.push(`${picture.name} (${error.message})`);
      }
    }
  }
  const zip = await downloadZip(files()).blob();
  return { zip, count: names.size, missing };
}

/** A name that every system takes and that leads to no other folder. @param {string} filename */
function safe(filename) {
  const [stem, end] = [filename.slice(0, -"-color.jpg".length), "-color.jpg"];
  const plain = stem.normalize("NFC").replace(/[\p{Cc}\p{Cf}\p{Cs}<>:"/\\|?*]/gu, "_").replace(/^[.\s]+/, "");
  return ([...plain].slice(0, LONGEST).join("") || "photo") + end;
}

/** Not every system tells capitals from small letters. @param {string} name @param {Set<string>} names the ones before */
function unique(name, names) {
  let [made, number] = [name, 1];
  while (names.has(made.toLowerCase())) made = name.replace(/\.jpg$/, ` (${++number}).jpg`);
  names.add(made.toLowerCase());
  return made;
}

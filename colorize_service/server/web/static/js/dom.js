/** Small helpers around the document. */

/** @param {string} id @returns {any} the element of that id */
export const $ = (id) => document.getElementById(id);

/**
 * An element with properties, and children.
 * @param {string} tag
 * @param {object} properties set as properties; names with a dash as attributes
 * @param {...(Node|string)} children
 */
export function element(tag, properties = {}, ...children) {
  const made = document.createElement(tag);
  for (const [name, value] of Object.entries(properties)) {
    if (name.includes("-")) made.setAttribute(name, value);
    else made[name] = value;
  }
  made.append(...children);
  return made;
}

/** Shows an image at `url` once the browser has decoded it. @param {string} url @returns {Promise<HTMLImageElement>} */
export async function decoded(url) {
  const image = new Image();
  image.src = url;
  await image.decode();
  return image;
}

/** A name that nothing else has. */
export const newId = () => [...crypto.getRandomValues(new Uint32Array(4))].join("-"); // randomUUID is for https alone

/** Says a sentence that belongs to no photo; none hides it. @param {string} [sentence] */
export function notice(sentence = "") {
  $("notice").textContent = sentence;
  $("notice").hidden = !sentence;
}

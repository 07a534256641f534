/** A photo's settings, and the steps that led to them. */

/**
 * @typedef {{id: number, x: number, y: number, color: string, reach?: "spot"|"similar"}} Hint x and y from 0 to 1 of the
 *   upright photo; color is null before one is chosen; reach is missing for the surface
 * @typedef {{hints: Hint[], saturation: number, warmth: number, prompt: string}} Settings
 */

export class History {
  #steps;
  #at;
  #tag = null;

  /** @param {{steps: Settings[], at: number}} [kept] what `kept` was */
  constructor({ steps, at } = { steps: [{ hints: [], saturation: 1, warmth: 0, prompt: "" }], at: 0 }) {
    this.#steps = [...steps];
    this.#at = at;
  }

  /** @returns {Settings} */
  get settings() {
    return this.#steps[this.#at];
  }

  get canUndo() {
    return this.#at > 0;
  }

  get canRedo() {
    return this.#at < this.#steps.length - 1;
  }

  /** Of plain data, to make the same history of. */
  get kept() {
    return { steps: [...this.#steps], at: this.#at };
  }

  /**
   * Changes with the same tag in a row are one step, until {@link settle}.
   * @param {Partial<Settings>} changes @param {string} tag
   */
  change(changes, tag) {
    const next = { ...this.settings, ...changes };
    if (tag === this.#tag) this.#steps[this.#at] = next;
    else this.#steps.splice(++this.#at, Infinity, next);
    this.#tag = tag;
  }

  /** Ends a row of changes that belong together. */
  settle() {
    this.#tag = null;
  }

  /** @param {-1|1} steps back or forth @returns {boolean} whether there was such a step */
  travel(steps) {
    if (!this.#steps[this.#at + steps]) return false;
    this.#at += steps;
    this.settle();
    return true;
  }
}

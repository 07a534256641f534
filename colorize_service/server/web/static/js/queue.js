/** Lets a few pieces of work run at a time; the rest waits, first come first served. */
export class Queue {
  #room;
  #line = [];

  /** @param {number} room how many run at a time */
  constructor(room) {
    this.#room = room;
  }

  /**
   * Runs `work` when its turn comes; not at all if it is aborted before.
   * @template T
   * @param {AbortSignal} signal
   * @param {() => Promise<T>} work
   * @returns {Promise<T>}
   */
  async run(signal, work) {
    if (this.#room > 0) this.#room--;
    else await this.#turn(signal);
    try {
      return await work();
    } finally {
      const next = this.#line.shift();
      if (next) next();
      else this.#room++;
    }
  }

  #turn(signal) {
    return new Promise((resolve, reject) => {
      this.#line.push(resolve);
      signal.addEventListener("abort", () => {
        const place = this.#line.indexOf(resolve);
        if (place < 0) return;
        this.#line.splice(place, 1);
        reject(signal.reason);
      }, { once: true });
    });
  }
}

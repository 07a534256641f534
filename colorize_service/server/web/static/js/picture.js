/** One photo on its way: sent once, coloured as often as its settings change. */

import { DISCARDED, erase, post, ServiceError } from "./api.js";
import { decoded } from "./dom.js";
import { History } from "./history.js";
import { hasColours } from "./own-colours.js";
import { Queue } from "./queue.js";
import { megabytes } from "./words.js";

const PAUSE = 250; // milliseconds between a change and its request, where changes come in rows
const LOOK_PAUSE = 500; // where the browser shows them meanwhile

/** The service works on few photos at a time; more would only be refused. */
const queue = new Queue(2);

/**
 * @typedef {{src: string, link: string, filename: string, rest: string, saturation: number, warmth: number}} Result with
 * the settings that it was made for; `rest` are those that only the service can follow
 */

/** Fires "change" whenever something of it has changed that can be seen. */
export class Picture extends EventTarget {
  /** @type {import("./words.js").State} */
  state = { kind: "new" };
  /** Address to show the photo from; "" while the browser cannot show it. */
  url = "";
  width = 4;
  height = 3;
  /** Whether the photo is one in colour. */
  hasColours = false;
  /** The latest result. @type {Result?} */
  result = null;
  /** When the work on it began, by performance.now(). */
  since = 0;

  #file;
  #most;
  #imageId = null;
  #history = new History();
  #answers = new Map(); // results by settings: the same photo with the same settings gives the same result
  #likely = new Map(); // colours by place, which are the same each time
  #stored = []; // what the service has of it: paths, and the tokens to delete them
  #controller = null;
  #work = null;
  #timer = 0;
  #touched = -Infinity; // when workSoon was called

  /** @param {File} file @param {Promise<number>} most bytes that the service takes */
  constructor(file, most) {
    super();
    this.#file = file;
    this.#most = most;
    this.name = file.name || "photo";
  }

  get settings() {
    return this.#history.settings;
  }

  get canUndo() {
    return this.#history.canUndo;
  }

  get canRedo() {
    return this.#history.canRedo;
  }

  /** Whether the result is that of the present settings. */
  get isCurrent() {
    return this.result !== null && this.result === this.#answers.get(asked(this.settings));
  }

  /** Other results that differ from this one by their look alone. @param {Result} result @returns {Result[]} */
  alike(result) {
    return [...this.#answers.values()].filter((other) => other.rest === result.rest);
  }

  /** Shows the photo from the file itself, as far as the browser knows its format. */
  async open() {
    const url = URL.createObjectURL(this.#file);
    try {
      await this.#show(url);
    } catch {
      URL.revokeObjectURL(url); // shown from the service, once it is there
    }
  }

  async #show(url) {
    const image = await decoded(url);
    [this.url, this.width, this.height] = [url, image.naturalWidth, image.naturalHeight];
    this.hasColours = hasColours(image);
    this.#changed();
  }

  /**
   * Changes settings. Changes with the same tag in a row are one step for undo, until {@link settle}.
   * @param {Partial<import("./history.js").Settings>} changes @param {string} tag
   */
  change(changes, tag) {
    this.#history.change(changes, tag);
    this.#changed();
  }

  /** Ends a row of changes that belong together. */
  settle() {
    this.#history.settle();
  }

  /** @param {-1|1} steps back or forth in the history */
  travel(steps) {
    if (this.#history.travel(steps)) this.work();
  }

  /** Works on it at once, or where changes come in a row, after a short pause without another. */
  workSoon() {
    const rested = performance.now() - this.#touched > PAUSE;
    this.#touched = performance.now();
    if (rested) this.work();
    else this.#workAfter(PAUSE);
  }

  /** Works on it after a pause, which ends the row of changes: the browser shows them meanwhile. */
  workLater() {
    this.#workAfter(LOOK_PAUSE, () => this.settle());
  }

  #workAfter(pause, first) {
    clearTimeout(this.#timer);
    this.#timer = setTimeout(() => {
      first?.();
      this.work();
    }, pause);
  }

  /** Colours it with its present settings; what is under way for older ones is given up. */
  work() {
    return this.#work = this.#attempt();
  }

  async #attempt() {
    clearTimeout(this.#timer);
    this.#controller?.abort();
    const controller = this.#controller = new AbortController();
    const { signal } = controller;
    const say = (state) => this.#controller === controller && this.#is(state);
    const key = asked(this.settings);
    try {
      let seconds;
      if (!this.#answers.has(key)) {
        this.since = performance.now();
        say({ kind: "waiting" });
        this.#answers.set(key, await queue.run(signal, () => this.#coloured(JSON.parse(key), signal, say)));
        seconds = (performance.now() - this.since) / 1000;
      }
      signal.throwIfAborted();
      this.result = this.#answers.get(key);
      say({ kind: "done", seconds });
    } catch (error) {
      say(signal.aborted ? { kind: "cancelled" }
        : { kind: "failed", detail: error.message, mayPass: error.mayPass ?? true });
    }
  }

  /**
   * The colours that the service finds likely at a place, the likeliest first.
   * @param {{x: number, y: number}} place from 0 to 1 @param {AbortSignal} signal
   * @returns {Promise<{color: string, share: number}[]>} shares from 0 to 1
   * @throws {ServiceError}
   */
  async likely({ x, y }, signal) {
    const key = `${x} ${y}`;
    if (!this.#imageId) return [];
    if (!this.#likely.has(key)) {
      this.#likely.set(key, await post("colors", { image_id: this.#imageId, x, y }, { signal }));
    }
    return this.#likely.get(key);
  }

  cancel() {
    clearTimeout(this.#timer);
    this.#controller?.abort();
  }

  /**
   * Frees what the browser keeps for it, and deletes what the service does.
   * @throws {ServiceError} if the service did not do that
   */
  async discard() {
    clearTimeout(this.#timer);
    this.#controller?.abort(DISCARDED);
    this.#controller = null;
    if (this.url.startsWith("blob:")) URL.revokeObjectURL(this.url);
    await this.#work; // what was sent is stored in the end
    await Promise.all(this.#stored.map(({ path, token }) => erase(path, token)));
  }

  #keep(path, token) {
    this.#stored.push({ path, token });
    return path;
  }

  async #coloured(settings, signal, say) {
    const answer = await this.#colorize(settings, signal, say);
    const src = this.#keep(`results/${answer.filename}`, answer.deleteToken);
    signal.throwIfAborted();
    await decoded(src).catch(() => {
      throw new ServiceError("The result is there but could not be loaded.");
    });
    const { saturation, warmth, ...rest } = settings;
    return { src, link: answer.download_url, filename: `${this.name.replace(/\.[^.]*$/, "")}-color.jpg`,
      rest: JSON.stringify(rest), saturation, warmth };
  }

  async #colorize({ hints, saturation, warmth, prompt }, signal, say) {
    for (let again = false; ; again = true) {
      this.#imageId ??= await this.#upload(signal, say);
      say({ kind: "colouring" });
      const fields = { image_id: this.#imageId, saturation: String(saturation), warmth: String(warmth) };
      if (hints.length) fields.hints = JSON.stringify(hints);
      if (prompt) fields.prompt = prompt;
      try {
        return await post("colorize", fields, { signal, onBusy: busy(say) });
      } catch (error) {
        if (error.status !== 404 || again) throw error;
        this.#imageId = null; // the operator has cleared it away meanwhile
      }
    }
  }

  async #upload(signal, say) {
    const [size, most] = [this.#file.size, await unlessAborted(this.#most, signal)];
    if (size > most) {
      throw new ServiceError(`This file has ${megabytes(size)}; the service takes ${megabytes(most)}.`, 413);
    }
    const onSent = (share) => say(share < 1 ? { kind: "sending", share } : { kind: "colouring" });
    onSent(0);
    const answer = await post("upload", { file: this.#file }, { signal, onSent, onBusy: busy(say) });
    const shown = this.#keep(`uploads/${answer.filename}`, answer.deleteToken);
    signal.throwIfAborted();
    if (!this.url) await this.#show(shown);
    return answer.image_id;
  }

  #is(state) {
    this.state = state;
    this.#changed();
  }

  #changed() {
    this.dispatchEvent(new Event("change"));
  }
}

/** What the service is asked, as a text. @param {import("./history.js").Settings} settings */
const asked = ({ hints, ...rest }) => JSON.stringify({ ...rest, hints: hints.map(({ id, ...hint }) => hint) });

/** @template T @param {Promise<T>} promise @param {AbortSignal} signal @returns {Promise<T>} */
const unlessAborted = (promise, signal) => Promise.race([promise, new Promise((_, reject) => {
  signal.addEventListener("abort", () => reject(signal.reason), { once: true });
})]);

const busy = (say) => (detail, seconds) => say({ kind: "busy", detail, seconds });

/** One photo on its way: sent once, coloured as often as its settings change. */

import { DISCARDED, isThere, ServiceError } from "./api.js";
import { decoded, newId } from "./dom.js";
import { History } from "./history.js";
import { hasColours } from "./own-colours.js";
import { Queue } from "./queue.js";
import { Remote } from "./remote.js";

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
  id = newId();

  #remote;
  #history = new History();
  #answers = new Map(); // results by settings: the same photo with the same settings gives the same result
  #likely = new Map(); // colours by place, which are the same each time
  #unsure = new Set(); // those of them from before a reload, which the service may have deleted since
  #controller = null;
  #work = null;
  #timer = 0;
  #touched = -Infinity; // when workSoon was called

  /** @param {File} file @param {Promise<number>} most bytes that the service takes */
  constructor(file, most) {
    super();
    this.file = file;
    this.#remote = new Remote(file, most);
    this.name = file.name || "photo";
  }

  /** One from before a reload. @param {object} kept what its `kept` was @param {File} file @param {Promise<number>} most */
  static from({ id, width, height, state, remote, history, answers }, file, most) {
    const picture = Object.assign(new Picture(file, most), { id, width, height, state });
    picture.#remote = new Remote(file, most, remote);
    picture.#history = new History(history);
    picture.#answers = new Map(answers);
    picture.#unsure = new Set(picture.#answers.keys());
    return picture;
  }

  /** Plain data, to go on with after a reload. */
  get kept() {
    const { id, width, height, state } = this;
    const isOver = state.kind === "cancelled" || (state.kind === "failed" && !state.mayPass);
    return { id, width, height, state: isOver ? state : { kind: "new" }, remote: this.#remote.kept,
      history: this.#history.kept, answers: [...this.#answers] };
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
    const url = URL.createObjectURL(this.file);
    try {
      await this.#show(url);
    } catch {
      URL.revokeObjectURL(url); // shown from the service, once it is there
      if (this.#remote.upload) await this.#show(this.#remote.upload).catch(() => {}); // it has been deleted
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
      if (this.#unsure.has(key)) {
        if (!await isThere(this.#answers.get(key).src)) this.#answers.delete(key);
        this.#unsure.delete(key);
      }
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
    if (!this.#likely.has(key)) this.#likely.set(key, await this.#remote.likely({ x, y }, signal));
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
    await this.#remote.erase();
  }

  async #coloured(settings, signal, say) {
    const onUpload = async () => { if (!this.url) await this.#show(this.#remote.upload); };
    const { src, link } = await this.#remote.colorize(settings, { signal, say, onUpload });
    await decoded(src).catch(() => {
      throw new ServiceError("The result is there but could not be loaded.");
    });
    const { saturation, warmth, ...rest } = settings;
    const filename = `${this.name.replace(/\.[^.]*$/, "")}-color.jpg`;
    return { src, link, filename, rest: JSON.stringify(rest), saturation, warmth };
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

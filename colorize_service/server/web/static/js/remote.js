/** What the service has of a photo: the upload, which is sent once, and the results that were made of it. */

import { erase, post, ServiceError } from "./api.js";
import { newId } from "./dom.js";
import { megabytes } from "./words.js";

export class Remote {
  #file;
  #most;
  #imageId;
  #stored;
  #keys; // of calls whose answers are not here, by what is asked: with them an answer that was lost comes again

  /**
   * @param {File} file
   * @param {Promise<number>} most bytes that the service takes
   * @param {{imageId: string?, stored: {path: string, token: string}[], keys: [string, string][]}} [kept] what it was
   */
  constructor(file, most, { imageId, stored, keys } = { imageId: null, stored: [], keys: [] }) {
    this.#file = file;
    this.#most = most;
    this.#imageId = imageId;
    this.#stored = [...stored];
    this.#keys = new Map(keys);
  }

  /** Plain data, to go on with after a reload. */
  get kept() {
    return { imageId: this.#imageId, stored: this.#stored, keys: [...this.#keys] };
  }

  /** Where the upload can be seen, once it is there. */
  get upload() {
    return this.#stored.findLast(({ path }) => path.startsWith("uploads/"))?.path;
  }

  /**
   * Sends the photo, if it has not been sent, and lets it be coloured.
   * @param {import("./history.js").Settings} settings
   * @param {{signal: AbortSignal, say: (state: import("./words.js").State) => void, onUpload: () => Promise<void>}} how
   * @returns {Promise<{src: string, link: string}>}
   * @throws {ServiceError}
   */
  async colorize({ hints, saturation, warmth, prompt }, { signal, say, onUpload }) {
    for (let again = false; ; again = true) {
      if (!this.#imageId) {
        this.#imageId = await this.#send(signal, say);
        await onUpload();
      }
      const fields = { image_id: this.#imageId, saturation: String(saturation), warmth: String(warmth) };
      if (hints.length) fields.hints = JSON.stringify(hints);
      if (prompt) fields.prompt = prompt;
      try {
        const answer = await this.#call("colorize", fields, JSON.stringify(fields), say, { signal });
        return { src: this.#note(`results/${answer.filename}`, answer, signal), link: answer.download_url };
      } catch (error) {
        if (error.status !== 404 || again) throw error;
        this.#imageId = null; // the operator has cleared it away meanwhile
      }
    }
  }

  /** What the service says of the colours at a place. @param {{x: number, y: number}} place @param {AbortSignal} signal */
  async likely({ x, y }, signal) {
    if (!this.#imageId) throw new ServiceError("The service does not have the photo.", 404);
    return post("colors", { image_id: this.#imageId, x, y }, { signal });
  }

  /** Deletes all of it. @throws {ServiceError} */
  async erase() {
    await Promise.all(this.#stored.map(({ path, token }) => erase(path, token)));
  }

  async #send(signal, say) {
    const [size, most] = [this.#file.size, await unlessAborted(this.#most, signal)];
    if (size > most) {
      throw new ServiceError(`This file has ${megabytes(size)}; the service takes ${megabytes(most)}.`, 413);
    }
    const onSent = (share) => say(share < 1 ? { kind: "sending", share } : { kind: "colouring" });
    const answer = await this.#call("upload", { file: this.#file }, "upload", say, { signal, onSent });
    this.#note(`uploads/${answer.filename}`, answer, signal);
    return answer.image_id;
  }

  async #call(path, fields, asked, say, how) {
    const key = this.#keys.get(asked) ?? newId();
    this.#keys.set(asked, key);
    if (how.onSent) how.onSent(0); // and the key is kept
    else say({ kind: "colouring" });
    try {
      const answer = await post(path, fields, { ...how, key, onBusy: busy(say) });
      this.#keys.delete(asked);
      return answer;
    } catch (error) {
      if (error.status) this.#keys.delete(asked);
      throw error;
    }
  }

  /** Notes what has been stored, also for who has given it up meanwhile. */
  #note(path, { deleteToken }, signal) {
    this.#stored.push({ path, token: deleteToken });
    signal.throwIfAborted();
    return path;
  }
}

/** @template T @param {Promise<T>} promise @param {AbortSignal} signal @returns {Promise<T>} */
const unlessAborted = (promise, signal) => Promise.race([promise, new Promise((_, reject) => {
  signal.addEventListener("abort", () => reject(signal.reason), { once: true });
})]);

const busy = (say) => (detail, seconds) => say({ kind: "busy", detail, seconds });

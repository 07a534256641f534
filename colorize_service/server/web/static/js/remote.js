/** What the service has of a photo: the upload, which is sent once, and the results that were made of it. */

import { erase, post, ServiceError } from "./api.js";
import { megabytes } from "./words.js";

export class Remote {
  #file;
  #most;
  #imageId;
  #stored;

  /**
   * @param {File} file
   * @param {Promise<number>} most bytes that the service takes
   * @param {{imageId: string?, stored: {path: string, token: string}[]}} [kept] what `kept` was
   */
  constructor(file, most, { imageId, stored } = { imageId: null, stored: [] }) {
    this.#file = file;
    this.#most = most;
    this.#imageId = imageId;
    this.#stored = [...stored];
  }

  /** Plain data, to go on with after a reload. */
  get kept() {
    return { imageId: this.#imageId, stored: this.#stored };
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
      say({ kind: "colouring" });
      const fields = { image_id: this.#imageId, saturation: String(saturation), warmth: String(warmth) };
      if (hints.length) fields.hints = JSON.stringify(hints);
      if (prompt) fields.prompt = prompt;
      try {
        const answer = await post("colorize", fields, { signal, onBusy: busy(say) });
        return { src: this.#note(`results/${answer.filename}`, answer, signal), link: answer.download_url };
      } catch (error) {
        if (error.status !== 404 || again) throw error;
        this.#imageId = null; // the operator has cleared it away meanwhile
      }
    }
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
    onSent(0);
    const answer = await post("upload", { file: this.#file }, { signal, onSent, onBusy: busy(say) });
    this.#note(`uploads/${answer.filename}`, answer, signal);
    return answer.image_id;
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

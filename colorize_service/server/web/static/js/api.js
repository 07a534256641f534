/** The service's HTTP API. Addresses are relative to the page, so that it works behind any prefix. */

import { freshToken, token } from "./tokens.js";

/** The reason to abort a request whose answer nobody needs but to delete what it stored: once sent, it goes on to its end. */
export const DISCARDED = new DOMException("The photo was deleted.", "AbortError");

const LONGEST = 5 * 60_000; // milliseconds for which a busy service is asked again

const ASK_AGAIN = new Set([429, 503]); // of these the service says when

/** What the service answered that is no success, or that it did not answer (status 0). */
export class ServiceError extends Error {
  /** @param {string} detail a sentence for people @param {number} status @param {number?} retryAfter seconds */
  constructor(detail, status = 0, retryAfter = null) {
    super(detail);
    this.status = status;
    this.retryAfter = retryAfter;
  }

  /** Whether the same request may succeed later; what is refused for what it is will be refused again. */
  get mayPass() {
    return this.status === 0 || this.status === 401 || this.status === 429 || this.status >= 500;
  }
}

/** Whether the service still has a file. @param {string} path @throws {ServiceError} if it does not say so */
export async function isThere(path) {
  const response = await fetch(path, { method: "HEAD", cache: "no-store" })
    .catch(() => { throw new ServiceError(UNREACHABLE); });
  if (!response.ok && response.status !== 404) throw new ServiceError(unexpected(response.status), response.status);
  return response.ok;
}

/** A JSON document of the service, or null where there is none. @param {string} path */
export async function get(path) {
  const response = await fetch(path);
  return response.ok ? response.json() : null;
}

/**
 * Posts a form and waits for the answer. Where the service has no room it is asked again after the time that it names.
 * @param {string} path
 * @param {Object<string, string|Blob>} fields
 * @param {{signal: AbortSignal, key?: string, onSent?: (share: number) => void,
 *   onBusy?: (detail: string, seconds: number) => void}} how with the same `key` the same is not done twice
 * @returns {Promise<object>} the answer; if it is no list, with the token to delete what it stored as `deleteToken`
 * @throws {ServiceError}
 */
export async function post(path, fields, { signal, key, onSent, onBusy }) {
  const form = new FormData();
  for (const [name, value] of Object.entries(fields)) form.append(name, value);
  const since = performance.now();
  let renewed = false;
  for (;;) {
    try {
      return await send(path, form, { "X-Firebase-AppCheck": await token(signal), "Idempotency-Key": key }, signal, onSent);
    } catch (error) {
      signal.throwIfAborted();
      if (error.status === 401 && !renewed) {
        renewed = true;
        if (!await freshToken(signal)) throw error;
      } else if (ASK_AGAIN.has(error.status) && error.retryAfter
                 && performance.now() - since + 1000 * error.retryAfter < LONGEST) {
        await countDown(error.retryAfter, signal, (seconds) => onBusy?.(error.message, seconds));
      } else throw error;
    }
  }
}

/**
 * Deletes what the service has stored; it may be gone already.
 * @param {string} path @param {string} deleteToken
 * @throws {ServiceError}
 */
export async function erase(path, deleteToken) {
  const since = performance.now();
  for (;;) {
    const response = await fetch(path, { method: "DELETE", headers: { "X-Delete-Token": deleteToken }, keepalive: true })
      .catch(() => { throw new ServiceError(UNREACHABLE); });
    if (response.ok || response.status === 404) return;
    const retryAfter = Number(response.headers.get("Retry-After"));
    if (response.status !== 503 || !retryAfter || performance.now() - since > LONGEST) {
      const answer = await response.json().catch(() => null);
      throw new ServiceError(answer?.detail ?? unexpected(response.status), response.status);
    }
    await pause(1000 * retryAfter);
  }
}

/** One request. XMLHttpRequest, because fetch cannot tell how much of a body has been sent. */
function send(path, form, headers, signal, onSent) {
  return new Promise((resolve, reject) => {
    signal.throwIfAborted();
    const request = new XMLHttpRequest();
    request.open("POST", path);
    request.responseType = "text";
    for (const [name, value] of Object.entries(headers)) if (value) request.setRequestHeader(name, value);
    request.upload.onprogress = (event) => onSent?.(event.loaded / event.total);
    let sent = false;
    request.upload.onload = () => {
      sent = true;
      onSent?.(1);
    };
    request.onload = () => {
      const answer = parsed(request.responseText);
      if (request.status === 200 && Array.isArray(answer)) resolve(answer);
      else if (request.status === 200 && answer) {
        resolve({ ...answer, deleteToken: request.getResponseHeader("X-Delete-Token") });
      } else {
        reject(new ServiceError(answer?.detail ?? unexpected(request.status), request.status,
          Number(request.getResponseHeader("Retry-After"))));
      }
    };
    request.onerror = () => reject(new ServiceError(UNREACHABLE));
    signal.addEventListener("abort", () => {
      if (sent && signal.reason === DISCARDED) return;
      request.abort();
      reject(signal.reason);
    }, { once: true });
    request.send(form);
  });
}

const UNREACHABLE = "The service cannot be reached. Is this device online?";
const unexpected = (status) => `The service answered with the status ${status}.`;

function parsed(text) {
  try {
    return JSON.parse(text);
  } catch {
    return null;
  }
}

/** Waits, and says each second how many are left. */
async function countDown(seconds, signal, say) {
  for (let left = Math.ceil(seconds); left > 0; left--) {
    say(left);
    await pause(1000, signal);
  }
}

/** @param {number} milliseconds @param {AbortSignal} [signal] */
function pause(milliseconds, signal) {
  return new Promise((resolve, reject) => {
    const timer = setTimeout(resolve, milliseconds);
    signal?.addEventListener("abort", () => {
      clearTimeout(timer);
      reject(signal.reason);
    }, { once: true });
  });
}

/** Firebase App Check tokens, where the service asks for them. The SDK is loaded with the first photo, not before. */

const PATIENCE = 30_000; // the SDK waits for ever for a reCAPTCHA that does not load

let settings = null;
let sdk = null;

/**
 * @param {{firebase: object, recaptcha: {kind: string, site_key: string}, single_use: boolean}?} appCheck null: no
 * tokens needed; single_use: each is good for one request
 */
export function useAppCheck(appCheck) {
  settings = appCheck;
}

/** A token, or null where none is needed. @param {AbortSignal} signal @returns {Promise<string?>} */
export function token(signal) {
  return settings ? asked(settings.single_use, signal) : null;
}

/** Replaces a token that was refused; whether there is any. @param {AbortSignal} signal @returns {Promise<boolean>} */
export async function freshToken(signal) {
  return settings ? Boolean(await asked(true, signal)) : false;
}

async function asked(renew, signal) {
  sdk ??= start().catch((error) => {
    sdk = null; // another try loads it again
    throw error;
  });
  const limit = AbortSignal.any([signal, AbortSignal.timeout(PATIENCE)]);
  const stopped = new Promise((_, reject) => {
    limit.addEventListener("abort", () => reject(limit.reason), { once: true });
  });
  try {
    const { getToken, appCheck } = await Promise.race([sdk, stopped]);
    return (await Promise.race([getToken(appCheck, renew), stopped])).token;
  } catch (error) {
    signal.throwIfAborted();
    const why = limit.aborted ? `no answer in ${PATIENCE / 1000} s` : error.message;
    throw new Error(`Firebase App Check gave this page no token: ${why}.`, { cause: error });
  }
}

async function start() {
  const firebase = await import("../vendor/firebase-app-check.js");
  const { kind, site_key: key } = settings.recaptcha;
  const provider = kind === "enterprise" ? new firebase.ReCaptchaEnterpriseProvider(key)
    : new firebase.ReCaptchaV3Provider(key);
  const app = firebase.initializeApp(settings.firebase);
  return { getToken: firebase.getToken,
    appCheck: firebase.initializeAppCheck(app, { provider, isTokenAutoRefreshEnabled: true }) };
}

/** What the page says of a photo's state. */

/** @typedef {{kind: "new"|"waiting"|"sending"|"colouring"|"busy"|"done"|"cancelled"|"failed",
 *   share?: number, detail?: string, seconds?: number, mayPass?: boolean}} State
 *   `mayPass`: whether to try again can help */

/** States in which somebody waits for the service. */
const IN_WORK = new Set(["new", "waiting", "sending", "colouring", "busy"]);

/** @param {State} state */
export const inWork = (state) => IN_WORK.has(state.kind);

/** The sentence for a state. @param {State} state */
export function words(state) {
  switch (state.kind) {
    case "new": return "Opening the photo…";
    case "waiting": return "Waiting for its turn…";
    case "sending": return "Sending the photo…";
    case "colouring": return "Adding the colours…";
    case "busy": return `${state.detail} The page tries again by itself.`;
    case "done": return state.seconds === undefined ? "Coloured." : `Coloured in ${duration(state.seconds)}.`;
    case "cancelled": return "Cancelled.";
    default: return "";
  }
}

/** How long it takes, beside the sentence. @param {State} state @param {number} seconds since the work began */
export function patience(state, seconds) {
  if (state.kind === "busy") return `Again in ${state.seconds} s`;
  if (state.kind === "sending") return `${Math.round(state.share * 100)} % sent`;
  if (seconds < 1) return "A moment";
  return `${duration(seconds)} so far${seconds > 5 ? "; a large model takes up to half a minute without a GPU" : ""}`;
}

/** @param {number} seconds */
function duration(seconds) {
  return seconds < 10 ? `${seconds.toFixed(1)} s` : `${Math.round(seconds)} s`;
}

/** @param {number} warmth from -1 to 1 */
export function warmthInWords(warmth) {
  return warmth ? `${Math.round(100 * Math.abs(warmth))} % ${warmth > 0 ? "warmer" : "cooler"}` : "As they are";
}

/** How long the service keeps photos. @param {number?} days null: for ever */
export function kept(days) {
  const unless = "unless you delete it before you close this tab.";
  if (days === null) return `On the service it is kept without a limit in time, ${unless}`;
  const [count, unit] = days < 2 ? [days * 24, "hour"] : [days, "day"];
  const number = Number(count.toFixed(count < 2 ? 1 : 0));
  return `On the service it is kept for ${number} ${unit}${number === 1 ? "" : "s"}, ${unless}`;
}

/** @param {number} bytes */
export function megabytes(bytes) {
  return `${(bytes / 2 ** 20).toFixed(bytes < 10 * 2 ** 20 ? 1 : 0)} MB`;
}

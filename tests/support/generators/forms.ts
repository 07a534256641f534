// Compiles only if the types that openapi-typescript made say what the forms and the pictures are.
import type { paths } from "./types";

type Form<Path extends "/colorize" | "/upload"> =
  paths[Path]["post"]["requestBody"]["content"]["multipart/form-data"];

const photo = new Blob([]);
export const uploaded: Form<"/upload"> = { file: photo };
export const colorized: Form<"/colorize">[] = [{ file: photo, saturation: 1.5 }, { image_id: "any", warmth: -0.5 }];
// @ts-expect-error: a text is no file
export const text: Form<"/upload"> = { file: "text" };
// @ts-expect-error: an upload needs one
export const nothing: Form<"/upload"> = {};

export const picture: paths["/results/{filename}"]["get"]["responses"][200]["content"]["image/jpeg"] = photo;
export const success: paths["/upload"]["post"]["responses"][200]["content"]["application/json"]["success"] = true;

// Types of an OpenAPI document, binary data as Blob: node types.mjs DOCUMENT > types.ts
// It is the transform that openapi-typescript's own documentation has for it; without one, all data is string to it.
import { pathToFileURL } from "node:url";
import openapiTS, { astToString } from "openapi-typescript";
import ts from "typescript";

const BLOB = ts.factory.createTypeReferenceNode("Blob");
const tree = await openapiTS(pathToFileURL(process.argv[2]), {
  transform: (schema) => (schema.format === "binary" ? BLOB : undefined),
});
console.log(astToString(tree));

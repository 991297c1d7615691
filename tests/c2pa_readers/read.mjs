// Reads the Content Credentials of files with two other readers, and prints what each finds, as JSON:
// the one of the web (c2pa-rs as WebAssembly) and an independent one (c2pa-ts, which reads no WAV).
import { readFileSync } from "node:fs";
import { createRequire } from "node:module";
import { BMFF } from "@trustnxt/c2pa-ts/asset";
import { SuperBox } from "@trustnxt/c2pa-ts/jumbf";
import { ManifestStore } from "@trustnxt/c2pa-ts/manifest";
import init, { WasmReader } from "@contentauth/c2pa-wasm";

const KINDS = { wav: "audio/wav", mov: "video/quicktime", mp4: "video/mp4" };

// Node has no synchronous reader of blobs, which the reader of the web asks for.
class Bytes extends Blob {
  constructor(bytes) {
    super([bytes]);
    this.bytes = bytes;
  }
  slice(from = 0, to = this.bytes.length) {
    return new Bytes(this.bytes.subarray(from, to));
  }
}
globalThis.FileReaderSync = class {
  readAsArrayBuffer(blob) {
    return new Uint8Array(blob.bytes).buffer;
  }
};
// Movies are BMFF too, though it expects the brands of pictures alone.
BMFF.canRead = () => true;

async function ofTheWeb(bytes, kind) {
  const offline = JSON.stringify({ verify: { remote_manifest_fetch: false } });
  const reader = await WasmReader.fromBlob(kind, new Bytes(bytes), offline);
  const told = JSON.parse(reader.json());
  const failures = told.validation_results?.activeManifest?.failure ?? [];
  return { state: told.validation_state, failures: failures.map((failure) => failure.code) };
}

async function independent(bytes) {
  const asset = new BMFF(bytes);
  const store = ManifestStore.read(SuperBox.fromBuffer(asset.getManifestJUMBF()));
  const result = await store.validate(asset);
  const failures = result.statusEntries.filter((entry) => !entry.success);
  return { state: result.isValid ? "Valid" : "Invalid", failures: failures.map((entry) => entry.code) };
}

const entry = createRequire(import.meta.url).resolve("@contentauth/c2pa-wasm");
await init({ module_or_path: readFileSync(entry.replace(/[^/]*$/, "c2pa_bg.wasm")) });
const found = {};
for (const path of process.argv.slice(2)) {
  const bytes = new Uint8Array(readFileSync(path));
  const kind = KINDS[path.split(".").pop()];
  found[path] = { web: await ofTheWeb(bytes, kind) };
  if (kind !== KINDS.wav) found[path].independent = await independent(bytes);
}
console.log(JSON.stringify(found));

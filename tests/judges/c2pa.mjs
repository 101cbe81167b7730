#!/usr/bin/env node
// c2pa: asks c2pa-ts, which shares no code with the library Colophon signs with, whether files are valid.
//
//   node c2pa.mjs FILE…                      every file must be valid, without a single failure
//   node c2pa.mjs --expect-invalid FILE…     flips one byte of the picture in memory: each must be refused, for that alone
//
// Reads PNG and JPEG; c2pa-ts does not read WebP. Exits 1 if any file is judged otherwise than expected.
import { readFileSync } from "node:fs";
import { JPEG, PNG } from "@trustnxt/c2pa-ts/asset";
import { SuperBox } from "@trustnxt/c2pa-ts/jumbf";
import { ManifestStore } from "@trustnxt/c2pa-ts/manifest";
import * as pkijs from "pkijs";

// A time stamp of a version 2 claim is the token alone (C2PA 2.1, "Storing the time-stamp": `sigTst2`); c2pa-ts 0.9.4 reads a whole response there, as
// version 1 had it. The token is put into one for it; everything in it is still checked by c2pa-ts.
const response = pkijs.TimeStampResp.fromBER.bind(pkijs.TimeStampResp);
pkijs.TimeStampResp.fromBER = (bytes) => {
  try {
    return response(bytes);
  } catch {
    const status = new pkijs.PKIStatusInfo({ status: pkijs.PKIStatus.granted });
    return new pkijs.TimeStampResp({ status, timeStampToken: pkijs.ContentInfo.fromBER(bytes) });
  }
};

const ALTERED = "assertion.dataHash.mismatch";
const args = process.argv.slice(2);
const flip = args[0] === "--expect-invalid";
const files = flip ? args.slice(1) : args;
if (files.length === 0) {
  console.error("usage: node c2pa.mjs [--expect-invalid] FILE…");
  process.exit(2);
}

/** Where a byte in the middle of the picture's own data lies: in PNG's IDAT, in JPEG's scan. */
function contentByte(bytes) {
  if (PNG.canRead(bytes)) {
    for (let at = 8; at + 12 <= bytes.length; at += 12 + bytes.readUInt32BE(at)) {
      if (bytes.toString("latin1", at + 4, at + 8) === "IDAT") return at + 8 + (bytes.readUInt32BE(at) >> 1);
    }
  } else {
    for (let at = 2; at + 4 <= bytes.length; at += 2 + bytes.readUInt16BE(at + 2)) {
      if (bytes[at] !== 0xff) break;
      if (bytes[at + 1] !== 0xda) continue;
      let middle = (at + bytes.length) >> 1;
      // Neither a marker nor what follows one may change, nor become one.
      while ([bytes[middle - 1], bytes[middle], bytes[middle] ^ 1].includes(0xff)) middle += 1;
      return middle;
    }
  }
  throw new Error("no picture data was found to change");
}

async function judge(file) {
  const bytes = readFileSync(file);
  if (!PNG.canRead(bytes) && !JPEG.canRead(bytes)) throw new Error("neither PNG nor JPEG");
  if (flip) bytes[contentByte(bytes)] ^= 1;
  const asset = PNG.canRead(bytes) ? new PNG(bytes) : new JPEG(bytes);
  const boxes = asset.getManifestJUMBF();
  if (!boxes) throw new Error("holds no manifest");
  const verdict = await ManifestStore.read(SuperBox.fromBuffer(boxes)).validate(asset);
  const failures = verdict.statusEntries.filter((entry) => !entry.success);
  if (verdict.isValid === (failures.length > 0)) throw new Error("the verdict and its entries disagree");
  return { entries: verdict.statusEntries.length, failures };
}

let wrong = 0;
for (const file of files) {
  let found;
  try {
    const { entries, failures } = await judge(file);
    const list = failures.map((f) => [f.code, f.url, f.explanation].filter(Boolean).join(" ")).join("; ");
    const altered = failures.length > 0 && failures.every((f) => f.code === ALTERED);
    const expected = flip ? altered : failures.length === 0 && entries > 0;
    if (!expected) wrong += 1;
    found = (expected ? "as expected: " : "NOT as expected: ") + (list ? `invalid, ${list}` : `valid, ${entries} checks`);
  } catch (error) {
    wrong += 1;
    found = `NOT as expected: ${error.message}`;
  }
  console.log(`${file}: ${found}`);
}
process.exit(wrong ? 1 : 0);

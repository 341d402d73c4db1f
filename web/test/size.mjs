/** Prints what a first visit costs, and fails when it costs more than it may. */
import { readdir, readFile } from "node:fs/promises";
import { gzipSync } from "node:zlib";

const LIMIT = 60 * 1024;
const dist = new URL("../dist/", import.meta.url);

let sum = 0;
for (const name of ["index.html", ...(await readdir(new URL("assets/", dist))).map((file) => `assets/${file}`)]) {
  const body = await readFile(new URL(name, dist));
  const packed = gzipSync(body, { level: 9 }).length;
  sum += packed;
  console.log(`${String(packed).padStart(7)} B gzip  ${String(body.length).padStart(7)} B  ${name}`);
}
console.log(`${String(sum).padStart(7)} B gzip of ${LIMIT} B allowed`);
process.exitCode = sum <= LIMIT ? 0 : 1;

// Runs a WASI program under Node: node wasm-replay.mjs PROGRAM.wasm <input >output
import { readFileSync } from "node:fs";
import { argv, exit } from "node:process";
import { WASI } from "node:wasi";

const [, , program] = argv;
const wasi = new WASI({ version: "preview1", args: [program], returnOnExit: true });
const { instance } = await WebAssembly.instantiate(readFileSync(program), wasi.getImportObject());
exit(wasi.start(instance));

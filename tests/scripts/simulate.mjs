// Prints the log of a scenario, as the wasm package simulates it: node simulate.mjs SCENARIO.json [log|summary] [PACKAGE]
import { readFileSync, writeSync } from "node:fs";
import { argv } from "node:process";
import { pathToFileURL } from "node:url";

const [, , file, part = "log", folder = "host-wasm/pkg"] = argv;
const { Simulation } = await import(pathToFileURL(`${folder}/node.js`).href);
const simulation = new Simulation(readFileSync(file, "utf8"));
const print = (text) => {
  const bytes = Buffer.from(text);
  for (let at = 0; at < bytes.length; ) at += writeSync(1, bytes, at);
};
while (!simulation.done) {
  const log = simulation.run(10_000);
  if (part === "log") print(log);
}
if (part === "summary") print(`${simulation.summary()}\n`);

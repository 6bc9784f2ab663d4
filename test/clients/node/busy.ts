import Pyroscope from "@pyroscope/nodejs";

/*
 * A small program that works and allocates for some seconds while Grafana's Node SDK profiles it and pushes.
 * Arguments: server URL, application name, seconds. Prints how often it went round as a line of JSON.
 */
const [serverAddress = "http://127.0.0.1:4040", appName = "sdk-node", seconds = "5"] = process.argv.slice(2);

Pyroscope.init({
  serverAddress,
  appName,
  tags: { region: "eu" },
  flushIntervalMs: 2000,
  wall: { samplingDurationMs: 2000, samplingIntervalMicros: 10_000, collectCpuTime: true },
  heap: { samplingIntervalBytes: 64 * 1024, stackDepth: 64 },
});
Pyroscope.start();

const hoard: number[][] = [];
let rounds = 0;
const endMs = performance.now() + Number(seconds) * 1000;
while (performance.now() < endMs) {
  burnHotLoop(400_000);
  if (rounds++ % 20 === 0) hoardBuffers();
  // The SDK's timers and uploads run between the rounds.
  await new Promise((resolve) => setImmediate(resolve));
}
await Pyroscope.stop();
console.log(JSON.stringify({ rounds, hoarded: hoard.length }));
process.exit(0);

function burnHotLoop(steps: number): number {
  let value = 88172645;
  for (let i = 0; i < steps; i++) {
    value ^= value << 13;
    value ^= value >>> 17;
    value ^= value << 5;
  }
  return value;
}

function hoardBuffers(): void {
  for (let i = 0; i < 64; i++) hoard.push(Array.from({ length: 512 }, (_, index) => index));
}

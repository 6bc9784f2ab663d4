import { SingleProcess } from "./single-process.ts";
import { MANY, World } from "./world.ts";

/*
 * `npm run sim -- SEED [COUNT]`: runs the seed, or COUNT seeds from it on, and says what happened. A failure names its seed; the same seed
 * fails the same way again.
 */
const [seedText = "1", countText = "1"] = process.argv.slice(2);
const [first, count] = [Number(seedText), Number(countText)];
if (!Number.isSafeInteger(first) || !Number.isSafeInteger(count) || count < 1) {
  console.error("usage: npm run sim -- SEED [COUNT], both whole numbers");
  process.exit(2);
}
for (let seed = first; seed < first + count; seed++) {
  try {
    console.log(JSON.stringify(await new World(seed).run()));
    console.log(JSON.stringify(await new World(seed, MANY).run()));
    console.log(JSON.stringify(await new SingleProcess(seed).run()));
  } catch (error) {
    console.error(`seed ${seed} failed: npm run sim -- ${seed}`);
    console.error(error);
    process.exit(1);
  }
}

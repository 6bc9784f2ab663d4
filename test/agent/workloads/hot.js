// Burns CPU in one function that the compiler optimizes.
let sink = 1;

function hotNode(rounds) {
  let sum = sink;
  for (let i = 0; i < rounds; i++) sum = (sum * 31 + i) % 1000003;
  return sum;
}

for (;;) sink = hotNode(1_000_000);

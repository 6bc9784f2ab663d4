/* Burns CPU in one function, for ever. Compiled with and without frame pointers, stripped, and statically for a root of its own. */
volatile unsigned long sink;

__attribute__((noinline)) void hot_c(unsigned long rounds) {
  for (unsigned long i = 0; i < rounds; i++) sink += i * sink;
}

__attribute__((noinline)) void outer_c(void) {
  hot_c(200000);
  sink++; /* no tail call: this function stays on the stack */
}

int main(void) {
  for (;;) outer_c();
}

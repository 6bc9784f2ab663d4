/* Two functions with the same body; one gets three times the rounds of the other, in turns of about a millisecond. */
volatile unsigned long sink;

__attribute__((noinline)) void share_three(unsigned long rounds) {
  for (unsigned long i = 0; i < rounds; i++) sink += i * sink;
}

__attribute__((noinline)) void share_one(unsigned long rounds) {
  for (unsigned long i = 0; i < rounds; i++) sink += i * sink;
}

int main(void) {
  for (;;) {
    share_three(300000);
    share_one(100000);
  }
}

/* Lives for 300 ms and is busy all that time. */
#include <time.h>
volatile unsigned long sink;

static double now_ms(void) {
  struct timespec t;
  clock_gettime(CLOCK_MONOTONIC, &t);
  return t.tv_sec * 1e3 + t.tv_nsec / 1e6;
}

__attribute__((noinline)) void brief_work(unsigned long rounds) {
  for (unsigned long i = 0; i < rounds; i++) sink += i * sink;
}

int main(void) {
  double end = now_ms() + 300;
  while (now_ms() < end) {
    brief_work(100000);
    sink++;
  }
}

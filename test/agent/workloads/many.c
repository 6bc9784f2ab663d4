/* Many processes that each wake up often and do a little: the argument says how many. */
#include <signal.h>
#include <stdlib.h>
#include <sys/prctl.h>
#include <time.h>
#include <unistd.h>
volatile unsigned long sink;

__attribute__((noinline)) void many_work(unsigned long rounds) {
  for (unsigned long i = 0; i < rounds; i++) sink += i * sink;
}

int main(int argc, char **argv) {
  int count = argc > 1 ? atoi(argv[1]) : 100;
  for (int i = 0; i < count; i++) {
    if (fork() == 0) {
      prctl(PR_SET_PDEATHSIG, SIGKILL);
      struct timespec pause = {0, 200000000 + (i % 100) * 1000000};
      for (;;) {
        many_work(100000);
        nanosleep(&pause, 0);
      }
    }
  }
  for (;;) pause();
}

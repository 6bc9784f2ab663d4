/* Forks one child after the other, for ever; each works for a moment and ends. An argument gives the CPU time of a child in ms. */
#include <signal.h>
#include <stdlib.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>
volatile unsigned long sink;

static double cpu_ms(void) {
  struct timespec t;
  clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &t);
  return t.tv_sec * 1e3 + t.tv_nsec / 1e6;
}

__attribute__((noinline)) void forked_work(double ms) {
  while (cpu_ms() < ms)
    for (unsigned long i = 0; i < 20000; i++) sink += i * sink;
}

int main(int argc, char **argv) {
  double ms = argc > 1 ? atof(argv[1]) : 100;
  for (;;) {
    pid_t child = fork();
    if (child == 0) {
      forked_work(ms);
      _exit(0);
    }
    if (child < 0) usleep(10000);
    else waitpid(child, 0, 0);
  }
}

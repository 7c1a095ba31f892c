/*
 * The limit of the pipe bench: ping_pong ROUND_TRIPS
 *
 * A byte goes through one pipe and back through another, in one thread; before each read epoll
 * (level-triggered, both pipes registered once) tells that there is something to read. Prints the
 * nanoseconds per round trip.
 */
#define _GNU_SOURCE
#include <fcntl.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/epoll.h>
#include <time.h>
#include <unistd.h>

static void must(int ok, const char *what) {
  if (ok) return;
  perror(what);
  exit(1);
}

static uint64_t now(void) {
  struct timespec t;
  clock_gettime(CLOCK_MONOTONIC, &t);
  return t.tv_sec * 1000000000ull + t.tv_nsec;
}

static void hop(int epoll, int to, int from) {
  struct epoll_event events[64];
  char byte = 1;
  must(write(to, &byte, 1) == 1, "write");
  must(epoll_wait(epoll, events, 64, -1) == 1 && events[0].data.fd == from, "epoll_wait");
  must(read(from, &byte, 1) == 1, "read");
}

int main(int argc, char **argv) {
  int round_trips = argc > 1 ? atoi(argv[1]) : 100000, there[2], back[2];
  int epoll = epoll_create1(EPOLL_CLOEXEC);
  must(pipe2(there, O_NONBLOCK) == 0 && pipe2(back, O_NONBLOCK) == 0, "pipe2");
  for (int i = 0; i < 2; i++) {
    int fd = i ? back[0] : there[0];
    struct epoll_event event = {.events = EPOLLIN, .data.fd = fd};
    must(epoll_ctl(epoll, EPOLL_CTL_ADD, fd, &event) == 0, "epoll_ctl");
  }
  uint64_t begin = 0;
  for (int i = -1000; i < round_trips; i++) {
    if (i == 0) begin = now();
    hop(epoll, there[1], there[0]);
    hop(epoll, back[1], back[0]);
  }
  printf("%.2f\n", (double)(now() - begin) / round_trips);
  return 0;
}

/*
 * The load of the echo bench: load PORT PID CONNECTIONS WARM_MS MEASURE_MS PAUSE_US
 *
 * A closed loop: each connection sends 64 bytes, waits for all of them to come back the same, and
 * sends the next; with PAUSE_US the whole loop rests so long before each (one connection only).
 * Both sides get a processor of their own, as the kernel sometimes keeps them on one for seconds:
 * this one the first, the main thread of the server, PID, the last.
 *
 * Prints {"requests", "seconds", "p50", "p99"} of the measured part, latencies in microseconds, and
 * "all" requests, those of the warm-up too; exits 1 when the peer answers wrong, hangs up, or says nothing for 5 s.
 */
#define _GNU_SOURCE
#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sched.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

enum { MESSAGE = 64, BATCH = 256, MOST_LATENCIES = 1 << 21, SILENCE_MS = 5000 };

struct connection {
  int fd, received;
  uint64_t sent_at, sequence;
  char message[MESSAGE];
};

static uint32_t latencies[MOST_LATENCIES];

static void must(int ok, const char *what) {
  if (ok) return;
  if (errno) perror(what);
  else fprintf(stderr, "%s\n", what);
  exit(1);
}

static uint64_t now(void) {
  struct timespec t;
  clock_gettime(CLOCK_MONOTONIC, &t);
  return t.tv_sec * 1000000000ull + t.tv_nsec;
}

static void send_next(struct connection *c, uint64_t time) {
  c->sequence++;
  for (int i = 0; i < MESSAGE; i += 8) memcpy(c->message + i, &c->sequence, 8);
  c->received = 0;
  c->sent_at = time;
  errno = 0;
  must(write(c->fd, c->message, MESSAGE) == MESSAGE, "write");
}

/* Whether the whole answer is there. */
static int receive(struct connection *c) {
  char answer[MESSAGE];
  errno = 0;
  ssize_t n = read(c->fd, answer, MESSAGE - c->received);
  if (n < 0 && errno == EAGAIN) return 0;
  must(n > 0, "the server hung up");
  errno = 0;
  must(memcmp(answer, c->message + c->received, n) == 0, "wrong echo");
  return (c->received += n) == MESSAGE;
}

static void open_connection(struct connection *c, int port, int epoll, uint32_t id) {
  struct sockaddr_in to = {.sin_family = AF_INET, .sin_port = htons(port)};
  to.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  int one = 1;
  c->fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
  must(connect(c->fd, (struct sockaddr *)&to, sizeof to) == 0, "connect");
  setsockopt(c->fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof one);
  c->sequence = (uint64_t)id << 40;
  struct epoll_event event = {.events = EPOLLIN, .data.ptr = c};
  must(epoll_ctl(epoll, EPOLL_CTL_ADD, c->fd, &event) == 0, "epoll_ctl");
}

static int by_size(const void *a, const void *b) {
  uint32_t x = *(const uint32_t *)a, y = *(const uint32_t *)b;
  return (x > y) - (x < y);
}

static void pin(int pid, int processor) {
  cpu_set_t set;
  CPU_ZERO(&set);
  CPU_SET(processor, &set);
  must(sched_setaffinity(pid, sizeof set, &set) == 0, "sched_setaffinity");
}

int main(int argc, char **argv) {
  must(argc == 7, "load PORT PID CONNECTIONS WARM_MS MEASURE_MS PAUSE_US");
  int port = atoi(argv[1]), pid = atoi(argv[2]), count = atoi(argv[3]), pause_us = atoi(argv[6]);
  uint64_t warm = atoi(argv[4]) * 1000000ull, measure = atoi(argv[5]) * 1000000ull;
  int processors = sysconf(_SC_NPROCESSORS_ONLN);
  if (processors > 1) pin(0, 0), pin(pid, processors - 1);
  struct connection *connections = calloc(count, sizeof *connections);
  int epoll = epoll_create1(EPOLL_CLOEXEC);
  for (int i = 0; i < count; i++) open_connection(&connections[i], port, epoll, i);

  uint64_t begin = now() + warm, time = now(), requests = 0, all = 0;
  struct timespec pause = {.tv_nsec = pause_us * 1000l};
  for (int i = 0; i < count; i++) send_next(&connections[i], time);
  while (time < begin + measure) {
    struct epoll_event events[BATCH];
    errno = 0;
    int n = epoll_wait(epoll, events, BATCH, SILENCE_MS);
    must(n > 0 || errno == EINTR, "the server is silent");
    for (int i = 0; i < n; i++) {
      struct connection *c = events[i].data.ptr;
      if (!receive(c)) continue;
      all++;
      time = now();
      if (time >= begin && time < begin + measure) {
        uint64_t ns = time - c->sent_at;
        latencies[requests++ % MOST_LATENCIES] = ns > UINT32_MAX ? UINT32_MAX : ns;
      }
      if (pause_us > 0) {
        nanosleep(&pause, NULL);
        time = now();
      }
      send_next(c, time);
    }
  }
  must(requests > 0, "no request was answered in time");
  uint64_t kept = requests < MOST_LATENCIES ? requests : MOST_LATENCIES;
  qsort(latencies, kept, sizeof *latencies, by_size);
  printf("{\"requests\":%llu,\"seconds\":%.6f,\"all\":%llu,\"p50\":%.2f,\"p99\":%.2f}\n",
         (unsigned long long)requests, measure / 1e9, (unsigned long long)all,
         latencies[kept / 2] / 1e3, latencies[kept * 99 / 100] / 1e3);
  return 0;
}

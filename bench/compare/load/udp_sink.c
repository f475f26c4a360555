/*
 * The sink of datagrams: receives on one port or many, checks the size of every datagram, and
 * counts. Prints "listening P1,P2,...", and for every line on its standard input one line of JSON.
 *
 *   udp_sink --bytes B [--ports 1] [--lifetime 120]
 *
 * With UDP_GRO it keeps up with whatever one core sends; what the kernel still dropped because a
 * socket was full is counted (SO_MEMINFO): a message of many datagrams counts once there.
 */
#include "../udp.h"
#include <linux/sock_diag.h>
#include <sys/epoll.h>

#ifndef SO_MEMINFO
#define SO_MEMINFO 55
#endif

enum { PORTS_MAX = 1024, EVENTS = 64, ROUNDS = 16, QUIET_MILLISECONDS = 50 };

static struct receiver receiver;
static int sockets[PORTS_MAX];
static int socket_count;
static uint64_t first, last, cpu;

static uint64_t dropped_messages(void) {
  uint64_t sum = 0;
  for (int i = 0; i < socket_count; i++) {
    uint32_t values[SK_MEMINFO_VARS];
    socklen_t length = sizeof values;
    if (getsockopt(sockets[i], SOL_SOCKET, SO_MEMINFO, values, &length)) fail("SO_MEMINFO");
    sum += values[SK_MEMINFO_DROPS];
  }
  return sum;
}

static void report(void) {
  double active = (double)(last - first) / 1e9;
  printf(
    "{\"arrived\":%llu,\"droppedMessages\":%llu,\"loadBusy\":%.3f}\n",
    (unsigned long long)receiver.datagrams, (unsigned long long)dropped_messages(),
    active > 0 ? (double)cpu / 1e9 / active : 0.0
  );
  fflush(stdout);
}

/* Takes what a socket has, but not for ever: there are others. */
static void take(int fd) {
  for (int round = 0; round < ROUNDS; round++) {
    int taken = receiver_take(&receiver, fd, MSG_DONTWAIT);
    if (taken == -EAGAIN || taken == -EINTR) return;
    if (taken < 0) fail("recvmmsg");
    if (taken < (int)receiver.batch) return;
  }
}

static void watch(int poller, int fd, int index) {
  struct epoll_event event = { .events = EPOLLIN, .data.u32 = (uint32_t)index };
  if (epoll_ctl(poller, EPOLL_CTL_ADD, fd, &event)) fail("epoll_ctl");
}

static int open_sockets(int count) {
  int poller = epoll_create1(EPOLL_CLOEXEC);
  if (poller < 0) fail("epoll_create1");
  printf("listening ");
  for (int i = 0; i < count; i++) {
    sockets[i] = udp_socket(0, SO_RCVBUF, 4 << 20);
    udp_set(sockets[i], UDP_GRO, 1, "UDP_GRO");
    watch(poller, sockets[i], i);
    printf("%s%d", i > 0 ? "," : "", udp_port(sockets[i]));
  }
  socket_count = count;
  watch(poller, STDIN_FILENO, count);
  printf("\n");
  fflush(stdout);
  return poller;
}

int main(int count, char **values) {
  int ports = (int)option(count, values, "--ports", 1);
  if (ports < 1 || ports > PORTS_MAX) {
    errno = EINVAL;
    fail("--ports");
  }
  live_at_most(option(count, values, "--lifetime", 120));
  receiver_create(&receiver, 16, (uint32_t)option(count, values, "--bytes", 64), 1);
  int poller = open_sockets(ports), asked = 0;
  for (;;) {
    struct epoll_event events[EVENTS];
    int ready = epoll_wait(poller, events, EVENTS, asked ? QUIET_MILLISECONDS : -1);
    if (ready < 0 && errno != EINTR) fail("epoll_wait");
    if (ready == 0) {
      report();
      asked = 0;
    }
    for (int i = 0; i < ready; i++) {
      int index = (int)events[i].data.u32;
      if (index < socket_count) {
        take(sockets[index]);
        continue;
      }
      char ignored[64];
      if (read(STDIN_FILENO, ignored, sizeof ignored) <= 0) return 0;
      asked = 1;
    }
    if (ready > 0 && !asked) {
      last = clock_nanoseconds(CLOCK_MONOTONIC);
      if (first == 0) first = last;
      cpu = clock_nanoseconds(CLOCK_PROCESS_CPUTIME_ID);
    }
  }
}

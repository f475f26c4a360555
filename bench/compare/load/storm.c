/*
 * Accept storm: connect, send one byte, receive it back, reset the connection, and again, in
 * `parallel` cycles at once. Prints one line of JSON.
 *
 *   storm --port P [--parallel 64] [--seconds 2] [--warmup 0.5]
 *
 * Latency runs from the making of a socket, which is the start of a cycle, to the byte that came
 * back. Every cycle has a socket of its own, as every client has, closed with zero linger.
 */
#include "../program.h"
#include "../uring.h"
#include "histogram.h"

enum { ENTRIES = 4096, COMPLETIONS = 16384, PARALLEL_MAX = 1024, DRAIN_SECONDS = 10 };
static const uint64_t STEP_TAG = 1ull << 32;

struct cycle {
  uint64_t since;
  int fd;
  char sent, received;
};

static struct ring ring;
static struct histogram latencies;
static struct cycle cycles[PARALLEL_MAX];
static struct sockaddr_in server;
static int outstanding;

static void stuck(int signal) {
  (void)signal;
  fprintf(stderr, "the server stopped answering: %d connections waiting\n", outstanding);
  _exit(1);
}

static struct io_uring_sqe *step(uint8_t opcode, int index, const void *address, unsigned flags) {
  struct io_uring_sqe *sqe = ring_sqe(&ring, opcode, cycles[index].fd);
  sqe->addr = (uint64_t)(uintptr_t)address;
  sqe->flags = (uint8_t)flags;
  sqe->user_data = STEP_TAG | (uint32_t)index;
  return sqe;
}

static void start_cycle(int index, uint64_t now) {
  const unsigned linked = IOSQE_IO_LINK | IOSQE_CQE_SKIP_SUCCESS;
  struct cycle *cycle = &cycles[index];
  cycle->since = now;
  cycle->sent = (char)('a' + now % 26);
  cycle->received = 0;
  cycle->fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
  if (cycle->fd < 0) fail("socket");
  set_no_delay(cycle->fd);
  set_reset_on_close(cycle->fd);
  ring_reserve(&ring, 3);
  step(IORING_OP_CONNECT, index, &server, linked)->off = sizeof server;
  struct io_uring_sqe *sqe = step(IORING_OP_SEND, index, &cycle->sent, linked);
  sqe->len = 1;
  sqe->msg_flags = MSG_NOSIGNAL;
  sqe = step(IORING_OP_RECV, index, &cycle->received, 0);
  sqe->len = 1;
  sqe->user_data = (uint32_t)index;
}

int main(int count, char **values) {
  double seconds = option(count, values, "--seconds", 2);
  double warmup = option(count, values, "--warmup", 0.5);
  int parallel = (int)option(count, values, "--parallel", 64);
  if (parallel < 1 || parallel > PARALLEL_MAX) die("--parallel", EINVAL);
  server = loopback((int)option(count, values, "--port", 0));
  signal(SIGALRM, stuck);
  live_at_most(warmup + seconds + DRAIN_SECONDS);
  ring_create(&ring, ENTRIES, COMPLETIONS);
  ring_register_itself(&ring);
  uint64_t begin = clock_nanoseconds(CLOCK_MONOTONIC), start = begin + (uint64_t)(warmup * 1e9);
  uint64_t end = start + (uint64_t)(seconds * 1e9), all = 0, counted = 0, failed = 0;
  for (outstanding = 0; outstanding < parallel; outstanding++) start_cycle(outstanding, begin);
  while (outstanding > 0) {
    ring_enter(&ring, 1);
    uint64_t now = clock_nanoseconds(CLOCK_MONOTONIC);
    unsigned head, tail = ring_ready(&ring, &head);
    for (; head != tail; head++) {
      struct io_uring_cqe *cqe = ring_cqe(&ring, head);
      if (cqe->user_data & STEP_TAG) continue;
      struct cycle *cycle = &cycles[cqe->user_data];
      int good = cqe->res == 1 && cycle->sent == cycle->received;
      failed += !good;
      all += good;
      counted += good && now >= start && now < end;
      close(cycle->fd);
      if (good && cycle->since >= start) histogram_add(&latencies, now - cycle->since);
      if (now < end) start_cycle((int)cqe->user_data, now);
      else outstanding--;
    }
    ring_seen(&ring, head);
  }
  if (failed * 1000 > counted) {
    fprintf(stderr, "%llu connections failed\n", (unsigned long long)failed);
    return 1;
  }
  double active = (double)(clock_nanoseconds(CLOCK_MONOTONIC) - begin) / 1e9;
  double busy = (double)clock_nanoseconds(CLOCK_PROCESS_CPUTIME_ID) / 1e9 / active;
  printf(
    "{\"connectionsPerSecond\":%.1f,\"p50Microseconds\":%.2f,\"p99Microseconds\":%.2f,"
    "\"p999Microseconds\":%.2f,\"failed\":%llu,\"allConnections\":%llu,\"activeSeconds\":%.4f,"
    "\"loadBusy\":%.3f}\n",
    (double)counted / seconds, histogram_quantile(&latencies, 0.5) / 1e3,
    histogram_quantile(&latencies, 0.99) / 1e3, histogram_quantile(&latencies, 0.999) / 1e3,
    (unsigned long long)failed, (unsigned long long)all, active, busy < 1 ? busy : 1
  );
  return 0;
}

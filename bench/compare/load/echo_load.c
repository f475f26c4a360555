/*
 * Echo load: every connection has one message under way; its reply is counted, checked, and
 * answered with the next message. Prints one line of JSON.
 *
 *   echo_load --port P | --path P [--connections 64] [--bytes 64] [--seconds 2] [--warmup 0.5]
 *     [--spin 0]
 *
 * Latency runs from one reply to the next on the same connection, so the time a message waits
 * inside this program counts too. With --spin the program never sleeps: what is measured is then
 * the server alone and not the time this core takes to wake. The bytes come from one pattern at
 * an offset that differs by connection and message: a reply that is short, long, late or from
 * another connection fails the run. Lengths are always checked; contents of one in CHECK_EVERY
 * messages above CHECK_BYTES, of every message below.
 */
#include "../program.h"
#include "../uring.h"
#include "histogram.h"

enum { ENTRIES = 4096, COMPLETIONS = 16384, CONNECTIONS_MAX = 16384 };
enum { BUFFER_BYTES_MAX = 16384, OFFSETS = 4096, CHECK_EVERY = 32, CHECK_BYTES = 1024 };
enum { DRAIN_SECONDS = 10 };
static const uint64_t SEND_TAG = 1ull << 32;

struct connection {
  uint64_t since;
  uint32_t received, offset, messages;
};

static struct ring ring;
static struct buffer_ring buffers;
static struct histogram latencies;
static struct connection connections[CONNECTIONS_MAX];
static char *pattern;
static uint32_t message_bytes;
static int connection_count, outstanding;

static void wrong(int index, const char *what, long value) {
  fprintf(stderr, "connection %d: %s (%ld)\n", index, what, value);
  exit(1);
}

static void stuck(int signal) {
  (void)signal;
  fprintf(stderr, "the server stopped answering: %d replies missing\n", outstanding);
  _exit(1);
}

static void send_next(int index) {
  struct connection *connection = &connections[index];
  connection->offset = ((uint32_t)index * 61 + connection->messages * 17) % OFFSETS;
  connection->received = 0;
  struct io_uring_sqe *sqe = ring_sqe(&ring, IORING_OP_SEND, index);
  sqe->flags = IOSQE_FIXED_FILE | IOSQE_CQE_SKIP_SUCCESS;
  sqe->addr = (uint64_t)(uintptr_t)(pattern + connection->offset);
  sqe->len = message_bytes;
  sqe->msg_flags = MSG_WAITALL | MSG_NOSIGNAL;
  sqe->user_data = SEND_TAG | (uint32_t)index;
}

static void arm_receive(int index) {
  ring_receive_multishot(&ring, index, (uint32_t)index);
  ring.sqes[(ring.sq_next - 1) & ring.sq_mask].flags |= IOSQE_FIXED_FILE;
}

/* Returns whether the whole reply of this connection is in. */
static int take(int index, const struct io_uring_cqe *cqe) {
  struct connection *connection = &connections[index];
  if (!(cqe->flags & IORING_CQE_F_MORE)) {
    if (cqe->res <= 0 && cqe->res != -ENOBUFS) wrong(index, "closed by the server", cqe->res);
    arm_receive(index);
    if (cqe->res <= 0) return 0;
  }
  unsigned id = cqe->flags >> 16;
  uint32_t length = (uint32_t)cqe->res, after = connection->received + length;
  if (after > message_bytes) wrong(index, "more bytes than were sent", (long)after);
  int checked = message_bytes <= CHECK_BYTES || connection->messages % CHECK_EVERY == 0;
  const char *expected = pattern + connection->offset + connection->received;
  if (checked && memcmp(buffer_at(&buffers, id), expected, length) != 0) {
    wrong(index, "other bytes than were sent, in message", connection->messages);
  }
  buffers_give(&buffers, id);
  connection->received = after;
  return after == message_bytes;
}

static void open_connections(int port, const char *path) {
  static int32_t fds[CONNECTIONS_MAX];
  for (int i = 0; i < connection_count; i++) {
    fds[i] = path ? connect_unix(path) : connect_loopback(port);
  }
  int result = ring_register(&ring, RING_REGISTER_FILES, fds, (unsigned)connection_count);
  if (result < 0) die("IORING_REGISTER_FILES", -result);
}

static void make_pattern(void) {
  uint32_t state = 2463534242u;
  pattern = malloc(message_bytes + OFFSETS);
  if (!pattern) fail("malloc");
  for (uint32_t i = 0; i < message_bytes + OFFSETS; i++) {
    state ^= state << 13;
    state ^= state >> 17;
    state ^= state << 5;
    pattern[i] = (char)state;
  }
}

/* Runs to `end` and drains; messages begun from `start` on give latencies. Returns the count. */
static uint64_t run(uint64_t start, uint64_t end, int spin, uint64_t *cpu) {
  uint64_t counted = 0;
  int counting = 0;
  outstanding = connection_count;
  while (outstanding > 0) {
    ring_enter(&ring, spin ? 0 : 1);
    unsigned head, tail = ring_ready(&ring, &head);
    if (head == tail) continue;
    uint64_t now = clock_nanoseconds(CLOCK_MONOTONIC);
    if (counting == 0 && now >= start) {
      *cpu = clock_nanoseconds(CLOCK_PROCESS_CPUTIME_ID);
      counting = 1;
    } else if (counting == 1 && now >= end) {
      *cpu = clock_nanoseconds(CLOCK_PROCESS_CPUTIME_ID) - *cpu;
      counting = 2;
    }
    for (; head != tail; head++) {
      struct io_uring_cqe *cqe = ring_cqe(&ring, head);
      int index = (int)(uint32_t)cqe->user_data;
      if (cqe->user_data & SEND_TAG) wrong(index, "send failed", cqe->res);
      if (!take(index, cqe)) continue;
      struct connection *connection = &connections[index];
      connection->messages++;
      if (connection->since >= start) histogram_add(&latencies, now - connection->since);
      counted += counting == 1;
      connection->since = now;
      if (now < end) send_next(index);
      else outstanding--;
    }
    buffers_publish(&buffers);
    ring_seen(&ring, head);
  }
  return counted;
}

int main(int count, char **values) {
  double seconds = option(count, values, "--seconds", 2);
  double warmup = option(count, values, "--warmup", 0.5);
  connection_count = (int)option(count, values, "--connections", 64);
  message_bytes = (uint32_t)option(count, values, "--bytes", 64);
  if (connection_count < 1 || connection_count > CONNECTIONS_MAX) die("--connections", EINVAL);
  signal(SIGALRM, stuck);
  live_at_most(warmup + seconds + DRAIN_SECONDS);
  raise_file_limit();
  make_pattern();
  ring_create(&ring, ENTRIES, COMPLETIONS);
  uint32_t bytes = message_bytes < BUFFER_BYTES_MAX ? message_bytes : BUFFER_BYTES_MAX;
  uint32_t buffer_count = 64;
  while (buffer_count < (uint32_t)connection_count * 2) buffer_count *= 2;
  buffers_create(&buffers, &ring, buffer_count, bytes);
  const char *path = option_text(count, values, "--path", NULL);
  open_connections((int)option(count, values, "--port", 0), path);
  ring_register_itself(&ring);
  uint64_t now = clock_nanoseconds(CLOCK_MONOTONIC), cpu = 0;
  uint64_t start = now + (uint64_t)(warmup * 1e9), end = start + (uint64_t)(seconds * 1e9);
  for (int i = 0; i < connection_count; i++) {
    connections[i].since = now;
    arm_receive(i);
    send_next(i);
  }
  uint64_t messages = run(start, end, option(count, values, "--spin", 0) != 0, &cpu);
  double active = (double)(clock_nanoseconds(CLOCK_MONOTONIC) - now) / 1e9;
  uint64_t all = 0;
  for (int i = 0; i < connection_count; i++) all += connections[i].messages;
  printf(
    "{\"messagesPerSecond\":%.1f,\"p50Microseconds\":%.2f,\"p99Microseconds\":%.2f,"
    "\"p999Microseconds\":%.2f,\"allMessages\":%llu,\"activeSeconds\":%.4f,"
    "\"loadBusy\":%.3f}\n",
    (double)messages / seconds, histogram_quantile(&latencies, 0.5) / 1e3,
    histogram_quantile(&latencies, 0.99) / 1e3, histogram_quantile(&latencies, 0.999) / 1e3,
    (unsigned long long)all, active, (double)cpu / 1e9 / seconds
  );
  return 0;
}

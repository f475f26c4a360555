/*
 * The sink of a file: connects, reads to the end of the stream, checks the number of bytes, and
 * again. Prints one line of JSON.
 *
 *   file_sink --port P --bytes N [--verify PATH] [--buffer 1048576] [--seconds 2] [--warmup 0.5]
 *
 * Only whole transfers count, each from before its connect to the end of the stream. After the
 * counted time one more is compared with the file, byte for byte.
 */
#include "../program.h"
#include <fcntl.h>
#include <sys/mman.h>

static char *buffer;
static size_t buffer_bytes;
static int port;

/* Reads one transfer to its end; compares with `expected` unless it is NULL. */
static void transfer(size_t bytes, const char *expected) {
  int fd = connect_loopback(port);
  size_t received = 0;
  for (;;) {
    ssize_t n = recv(fd, buffer, buffer_bytes, 0);
    if (n < 0) fail("recv");
    if (n == 0) break;
    if (received + (size_t)n > bytes) received = SIZE_MAX - (size_t)n;
    else if (expected && memcmp(expected + received, buffer, (size_t)n) != 0) {
      fprintf(stderr, "other bytes than the file has, after %zu\n", received);
      exit(1);
    }
    received += (size_t)n;
  }
  if (received != bytes) {
    fprintf(stderr, "%zu bytes arrived instead of %zu\n", received, bytes);
    exit(1);
  }
  close(fd);
}

static const char *map_file(const char *path, size_t bytes) {
  int fd = open(path, O_RDONLY | O_CLOEXEC);
  if (fd < 0) fail(path);
  const char *memory = mmap(NULL, bytes, PROT_READ, MAP_SHARED | MAP_POPULATE, fd, 0);
  if (memory == MAP_FAILED) fail("mmap");
  return memory;
}

int main(int count, char **values) {
  double seconds = option(count, values, "--seconds", 2);
  double warmup = option(count, values, "--warmup", 0.5);
  size_t bytes = (size_t)option(count, values, "--bytes", 0);
  const char *path = option_text(count, values, "--verify", NULL);
  buffer_bytes = (size_t)option(count, values, "--buffer", 1 << 20);
  buffer = malloc(buffer_bytes);
  if (!buffer) fail("malloc");
  memset(buffer, 1, buffer_bytes);
  port = (int)option(count, values, "--port", 0);
  live_at_most(warmup + seconds + 20);
  uint64_t first = clock_nanoseconds(CLOCK_MONOTONIC), now = first, begun = 0, cpu = 0;
  uint64_t transfers = 0, counted = 0;
  while (begun == 0 || now < begun + (uint64_t)(seconds * 1e9)) {
    if (begun == 0 && now >= first + (uint64_t)(warmup * 1e9)) {
      begun = now;
      cpu = clock_nanoseconds(CLOCK_PROCESS_CPUTIME_ID);
    }
    transfer(bytes, NULL);
    transfers++;
    counted += begun != 0;
    now = clock_nanoseconds(CLOCK_MONOTONIC);
  }
  cpu = clock_nanoseconds(CLOCK_PROCESS_CPUTIME_ID) - cpu;
  double active = (double)(now - begun) / 1e9;
  if (path) transfer(bytes, map_file(path, bytes));
  double whole = (double)(clock_nanoseconds(CLOCK_MONOTONIC) - first) / 1e9;
  printf(
    "{\"megabytesPerSecond\":%.1f,\"allTransfers\":%llu,\"activeSeconds\":%.4f,"
    "\"loadBusy\":%.3f}\n",
    (double)counted * (double)bytes / active / 1e6,
    (unsigned long long)(transfers + (path != NULL)), whole, (double)cpu / 1e9 / active
  );
  return 0;
}

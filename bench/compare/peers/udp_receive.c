/*
 * The C reference for receiving datagrams: recvmmsg, with UDP_GRO unless told otherwise (where
 * nothing comes joined it is faster without). Counts datagrams, checks the size and takes the
 * sender of each.
 *
 *   udp_receive --bytes B [--gro 1] [--batch 64] [--receive-buffer 4194304] [--warmup 0.5]
 *     [--seconds 2] [--lifetime 600]
 *
 * The first datagram begins the warm-up. After the counted seconds it prints one line of JSON and
 * goes on receiving, so that nothing the load still sends meets a closed port.
 */
#include "../udp.h"

int main(int count, char **values) {
  live_at_most(option(count, values, "--lifetime", 600));
  double warmup = option(count, values, "--warmup", 0.5);
  double seconds = option(count, values, "--seconds", 2);
  uint32_t bytes = (uint32_t)option(count, values, "--bytes", 64);
  int offload = option(count, values, "--gro", 1) != 0;
  int fd = udp_socket(0, SO_RCVBUF, (int)option(count, values, "--receive-buffer", 4 << 20));
  if (offload) udp_set(fd, UDP_GRO, 1, "UDP_GRO");
  static struct receiver receiver;
  receiver_create(&receiver, (uint32_t)option(count, values, "--batch", 64), bytes, offload);
  printf("listening %d\n", udp_port(fd));
  fflush(stdout);
  uint64_t first = 0, start = 0, begun = 0, before = 0;
  int done = 0;
  for (;;) {
    int taken = receiver_take(&receiver, fd, MSG_WAITFORONE);
    if (taken < 0) fail("recvmmsg");
    if (done) continue;
    uint64_t now = clock_nanoseconds(CLOCK_MONOTONIC);
    if (first == 0) {
      first = now;
      start = now + (uint64_t)(warmup * 1e9);
    } else if (begun == 0 && now >= start) {
      begun = now;
      before = receiver.datagrams;
    } else if (begun != 0 && now >= begun + (uint64_t)(seconds * 1e9)) {
      double datagrams = (double)(receiver.datagrams - before);
      printf(
        "{\"datagramsPerSecond\":%.1f,\"datagrams\":%.0f,\"bytes\":%.0f}\n",
        datagrams / ((double)(now - begun) / 1e9), datagrams, datagrams * bytes
      );
      fflush(stdout);
      done = 1;
    }
  }
}

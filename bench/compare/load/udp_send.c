/*
 * Datagram load: sends to one port without asking whether anybody keeps up. Prints one line of
 * JSON.
 *
 *   udp_send --port P [--bytes 64] [--mode joined|single|cut] [--sockets 1] [--run 16]
 *     [--seconds 2]
 *
 * joined: as many datagrams in one message (UDP_SEGMENT) as the kernel takes, which a receiver
 * with UDP_GRO gets whole.
 * single: sendmmsg of `run` datagrams from each socket in turn; one core cannot offer what another
 * can take in this way.
 * cut: messages of UDP_SEGMENT that are too large for the loopback interface to take whole (65 536
 * bytes with their headers), so that it cuts them before they arrive: every datagram comes by
 * itself, and up to twice as many of them as with `single`. Where a trial shows that the interface
 * does take them whole, it is `single` instead.
 */
#include "../udp.h"

enum { SOCKETS_MAX = 1024, RUN_MAX = 64, HEADER_BYTES = 14 + 20 + 8, TRIAL_MILLISECONDS = 1000 };

static char payload[SUPER_BYTES];
static int sockets[SOCKETS_MAX];

static void open_sockets(int count, int port, int segment) {
  struct sockaddr_in server = loopback(port);
  for (int i = 0; i < count; i++) {
    sockets[i] = udp_socket(0, SO_SNDBUF, 4 << 20);
    if (connect(sockets[i], (struct sockaddr *)&server, sizeof server)) fail("connect");
    if (segment) udp_set(sockets[i], UDP_SEGMENT, segment, "UDP_SEGMENT");
  }
}

/* Whether a message of `segments` datagrams comes to a receiver with UDP_GRO in pieces. */
static int is_cut(int bytes, int segments) {
  if (bytes * segments + HEADER_BYTES < SUPER_BYTES) return 0;
  int receiver = udp_socket(0, SO_RCVBUF, 4 << 20), sender = udp_socket(0, SO_SNDBUF, 4 << 20);
  struct timeval limit = { .tv_usec = TRIAL_MILLISECONDS * 1000 - 1 };
  struct sockaddr_in address = loopback(udp_port(receiver));
  if (setsockopt(receiver, SOL_SOCKET, SO_RCVTIMEO, &limit, sizeof limit)) fail("SO_RCVTIMEO");
  udp_set(receiver, UDP_GRO, 1, "UDP_GRO");
  udp_set(sender, UDP_SEGMENT, bytes, "UDP_SEGMENT");
  socklen_t length = sizeof address;
  size_t whole = (size_t)(bytes * segments);
  if (sendto(sender, payload, whole, 0, (struct sockaddr *)&address, length) < 0) fail("sendto");
  ssize_t received = recv(receiver, payload, sizeof payload, 0);
  close(receiver);
  close(sender);
  return received == bytes;
}

int main(int count, char **values) {
  double seconds = option(count, values, "--seconds", 2);
  int bytes = (int)option(count, values, "--bytes", 64);
  const char *mode = option_text(count, values, "--mode", "joined");
  int socket_count = (int)option(count, values, "--sockets", 1);
  int run = (int)option(count, values, "--run", 16);
  if (socket_count < 1 || socket_count > SOCKETS_MAX || run < 1 || run > RUN_MAX || bytes < 1) {
    errno = EINVAL;
    fail("udp_send");
  }
  live_at_most(seconds + 10);
  int segments = gso_segments(bytes);
  int cut = strcmp(mode, "cut") == 0 && is_cut(bytes, segments);
  if (cut) run = 1;
  else if (strcmp(mode, "joined") != 0) segments = 1;
  int port = (int)option(count, values, "--port", 0);
  open_sockets(socket_count, port, segments > 1 ? bytes : 0);
  struct iovec part = { payload, (size_t)(bytes * segments) };
  struct mmsghdr messages[RUN_MAX];
  for (int i = 0; i < run; i++) {
    messages[i].msg_hdr = (struct msghdr){ .msg_iov = &part, .msg_iovlen = 1 };
  }
  uint64_t sent = 0, cpu = clock_nanoseconds(CLOCK_PROCESS_CPUTIME_ID);
  uint64_t begun = clock_nanoseconds(CLOCK_MONOTONIC), now = begun;
  uint64_t end = begun + (uint64_t)(seconds * 1e9);
  for (int turn = 0; now < end; turn = (turn + 1) % socket_count) {
    int taken = sendmmsg(sockets[turn], messages, (unsigned)run, 0);
    if (taken < 0 && errno != ENOBUFS) fail("sendmmsg");
    if (taken > 0) sent += (uint64_t)taken * (uint64_t)segments;
    now = clock_nanoseconds(CLOCK_MONOTONIC);
  }
  cpu = clock_nanoseconds(CLOCK_PROCESS_CPUTIME_ID) - cpu;
  double active = (double)(now - begun) / 1e9;
  printf(
    "{\"offeredPerSecond\":%.1f,\"allMessages\":%llu,\"activeSeconds\":%.4f,\"loadBusy\":%.3f,"
    "\"cut\":%d}\n",
    (double)sent / active, (unsigned long long)sent, active, (double)cpu / 1e9 / active, cut
  );
  return 0;
}

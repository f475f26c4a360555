/*
 * The C reference for sending datagrams: bursts of 1024 from as many buffers of the program.
 *
 *   udp_batch --ports P1,P2,... --bytes B [--gso 1] [--copy 0|1] [--memory apart] [--warmup 0.5]
 *     [--seconds 2] [--lifetime 600]
 *
 * To one port it uses UDP_SEGMENT: as many datagrams in one message as the kernel takes, all
 * messages of a burst in one sendmmsg. Below COPY_BYTES a message is copied together from its
 * buffers (64 B: 1.4 times as fast as an iovec with an element each), above it names them in an
 * iovec (1200 B: 1.2 times as fast as copying twice); --copy decides otherwise. With another
 * --memory the datagrams lie behind one another in one buffer, and a message is one piece of it. To
 * many ports in turn nothing can be joined: sendmmsg with a destination each, as with --gso 0.
 */
#include "../udp.h"

enum { BURST = 1024, PORTS_MAX = 1024, COPY_BYTES = 512 };

static char *buffers[BURST];
static struct sockaddr_in destinations[PORTS_MAX];
static struct mmsghdr messages[BURST];
static struct iovec parts[BURST];
static char *joined[BURST];
static int port_count;
static size_t datagram_bytes;

static void parse_ports(const char *text) {
  while (*text && port_count < PORTS_MAX) {
    char *end;
    destinations[port_count++] = loopback((int)strtol(text, &end, 10));
    text = *end == ',' ? end + 1 : end;
  }
}

/* Every datagram has memory of its own, as those of a program do that made them one by one, or
   all of them are parts of one buffer. */
static void make_buffers(int whole) {
  char *memory = malloc(whole ? BURST * datagram_bytes : 1);
  if (!memory) fail("malloc");
  for (int i = 0; i < BURST; i++) {
    buffers[i] = whole ? memory + (size_t)i * datagram_bytes : malloc(datagram_bytes);
    if (!buffers[i]) fail("malloc");
    memset(buffers[i], i, datagram_bytes);
  }
}

/* Sends `count` messages in as many system calls as that takes. */
static void send_all(int fd, unsigned count) {
  for (unsigned sent = 0; sent < count;) {
    int taken = sendmmsg(fd, messages + sent, count - sent, 0);
    if (taken < 0 && errno != EINTR && errno != ENOBUFS) fail("sendmmsg");
    if (taken > 0) sent += (unsigned)taken;
  }
}

static void send_joined(int fd, int segments, int copy, int whole) {
  unsigned count = 0;
  for (int i = 0; i < BURST; i += segments, count++) {
    int length = BURST - i < segments ? BURST - i : segments;
    struct msghdr *header = &messages[count].msg_hdr;
    *header = (struct msghdr){
      .msg_name = &destinations[0], .msg_namelen = sizeof destinations[0],
      .msg_iov = &parts[i], .msg_iovlen = copy || whole ? 1 : (size_t)length
    };
    if (whole) {
      parts[i] = (struct iovec){ buffers[i], datagram_bytes * (size_t)length };
      continue;
    }
    if (!copy) {
      for (int k = i; k < i + length; k++) parts[k] = (struct iovec){ buffers[k], datagram_bytes };
      continue;
    }
    char *into = joined[count];
    for (int k = i; k < i + length; k++, into += datagram_bytes) {
      memcpy(into, buffers[k], datagram_bytes);
    }
    parts[i] = (struct iovec){ joined[count], datagram_bytes * (size_t)length };
  }
  send_all(fd, count);
}

static void send_singly(int fd) {
  for (int i = 0; i < BURST; i++) {
    parts[i] = (struct iovec){ buffers[i], datagram_bytes };
    messages[i].msg_hdr = (struct msghdr){
      .msg_name = &destinations[i % port_count], .msg_namelen = sizeof destinations[0],
      .msg_iov = &parts[i], .msg_iovlen = 1
    };
  }
  send_all(fd, BURST);
}

int main(int count, char **values) {
  live_at_most(option(count, values, "--lifetime", 600));
  uint64_t warmup = (uint64_t)(option(count, values, "--warmup", 0.5) * 1e9);
  uint64_t counted = (uint64_t)(option(count, values, "--seconds", 2) * 1e9);
  datagram_bytes = (size_t)option(count, values, "--bytes", 64);
  parse_ports(option_text(count, values, "--ports", ""));
  int gso = port_count == 1 && option(count, values, "--gso", 1) != 0;
  int whole = strcmp(option_text(count, values, "--memory", "apart"), "apart") != 0;
  int copy = !whole && option(count, values, "--copy", datagram_bytes < COPY_BYTES) != 0;
  if (port_count < 1) {
    errno = EINVAL;
    fail("--ports");
  }
  make_buffers(whole);
  int fd = udp_socket(0, SO_SNDBUF, 4 << 20);
  int segments = gso_segments((int)datagram_bytes);
  if (gso) {
    udp_set(fd, UDP_SEGMENT, (int)datagram_bytes, "UDP_SEGMENT");
    for (int i = 0; i < BURST / segments + 1; i++) {
      joined[i] = malloc(datagram_bytes * (size_t)segments);
      if (!joined[i]) fail("malloc");
    }
  }
  printf("sending\n");
  fflush(stdout);
  uint64_t first = clock_nanoseconds(CLOCK_MONOTONIC), now = first, begun = 0, sent = 0, before = 0;
  while (begun == 0 || now < begun + counted) {
    if (begun == 0 && now >= first + warmup) {
      begun = now;
      before = sent;
    }
    if (gso) send_joined(fd, segments, copy, whole);
    else send_singly(fd);
    sent += BURST;
    now = clock_nanoseconds(CLOCK_MONOTONIC);
  }
  printf(
    "{\"datagramsPerSecond\":%.1f,\"allMessages\":%llu,\"activeSeconds\":%.4f}\n",
    (double)(sent - before) / ((double)(now - begun) / 1e9), (unsigned long long)sent,
    (double)(now - first) / 1e9
  );
  fflush(stdout);
  for (;;) pause();
}

/* What the UDP programs of the comparison share: offloads, buffers, and receiving in batches. */
#ifndef COMPARE_UDP_H
#define COMPARE_UDP_H

#include "program.h"
#include <netinet/udp.h>

#ifndef UDP_SEGMENT
#define UDP_SEGMENT 103
#endif
#ifndef UDP_GRO
#define UDP_GRO 104
#endif

/* The kernel's limits on one GSO message: bytes of payload, datagrams, and those before 6.9. */
enum { GSO_BYTES_MAX = 65507, GSO_SEGMENTS_MAX = 128, GSO_SEGMENTS_BEFORE = 64 };
enum { RECEIVE_BATCH_MAX = 64, RECEIVE_CONTROL_BYTES = 64 };
enum { SUPER_BYTES = 65536, PLAIN_BYTES = 2048 };

/* Receives into the same buffers again and again, and counts. */
struct receiver {
  struct mmsghdr messages[RECEIVE_BATCH_MAX];
  struct iovec parts[RECEIVE_BATCH_MAX];
  struct sockaddr_in senders[RECEIVE_BATCH_MAX];
  _Alignas(8) char controls[RECEIVE_BATCH_MAX][RECEIVE_CONTROL_BYTES];
  uint32_t batch, datagram_bytes;
  int offload;
  uint64_t datagrams;
};

/* A socket on 127.0.0.1 with a buffer of `bytes`, or what the system allows; port 0 for any. */
static inline int udp_socket(int port, int buffer_option, int bytes) {
  struct sockaddr_in address = loopback(port);
  int fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
  if (fd < 0) fail("socket");
  if (setsockopt(fd, SOL_SOCKET, buffer_option, &bytes, sizeof bytes)) fail("SO_RCVBUF, SO_SNDBUF");
  if (bind(fd, (struct sockaddr *)&address, sizeof address)) fail("bind");
  return fd;
}

static inline int udp_port(int fd) {
  struct sockaddr_in address;
  socklen_t length = sizeof address;
  if (getsockname(fd, (struct sockaddr *)&address, &length)) fail("getsockname");
  return ntohs(address.sin_port);
}

static inline void udp_set(int fd, int option, int value, const char *name) {
  if (setsockopt(fd, IPPROTO_UDP, option, &value, sizeof value)) fail(name);
}

/* How many datagrams of `bytes` one message may hold, found out by sending to ourselves. */
static inline int gso_segments(int bytes) {
  char probe[GSO_SEGMENTS_MAX] = { 0 };
  int fd = udp_socket(0, SO_SNDBUF, 1 << 16);
  struct sockaddr_in itself = loopback(udp_port(fd));
  udp_set(fd, UDP_SEGMENT, 1, "UDP_SEGMENT");
  ssize_t sent = sendto(fd, probe, sizeof probe, 0, (struct sockaddr *)&itself, sizeof itself);
  int most = sent == sizeof probe ? GSO_SEGMENTS_MAX : GSO_SEGMENTS_BEFORE;
  close(fd);
  return GSO_BYTES_MAX / bytes < most ? GSO_BYTES_MAX / bytes : most;
}

static inline void receiver_create(
  struct receiver *receiver, uint32_t batch, uint32_t datagram_bytes, int offload
) {
  size_t bytes = offload ? SUPER_BYTES : PLAIN_BYTES;
  char *memory = aligned_alloc(4096, bytes * batch);
  if (!memory || batch > RECEIVE_BATCH_MAX || datagram_bytes > PLAIN_BYTES) fail("receiver");
  *receiver = (struct receiver){
    .batch = batch, .datagram_bytes = datagram_bytes, .offload = offload
  };
  for (uint32_t i = 0; i < batch; i++) {
    receiver->parts[i] = (struct iovec){ memory + bytes * i, bytes };
    receiver->messages[i].msg_hdr = (struct msghdr){
      .msg_name = &receiver->senders[i], .msg_iov = &receiver->parts[i], .msg_iovlen = 1
    };
  }
}

/* The size of the datagrams that the kernel has joined to this message, or 0 if it has not. */
static inline uint32_t segment_bytes(struct msghdr *message) {
  struct cmsghdr *control = CMSG_FIRSTHDR(message);
  for (; control; control = CMSG_NXTHDR(message, control)) {
    if (control->cmsg_level != IPPROTO_UDP || control->cmsg_type != UDP_GRO) continue;
    int bytes;
    memcpy(&bytes, CMSG_DATA(control), sizeof bytes);
    return (uint32_t)bytes;
  }
  return 0;
}

/* Receives what is there, at most one batch; returns the number of messages or -errno. */
static inline int receiver_take(struct receiver *receiver, int fd, int flags) {
  for (uint32_t i = 0; i < receiver->batch; i++) {
    struct msghdr *message = &receiver->messages[i].msg_hdr;
    message->msg_namelen = sizeof receiver->senders[i];
    message->msg_control = receiver->offload ? receiver->controls[i] : NULL;
    message->msg_controllen = receiver->offload ? RECEIVE_CONTROL_BYTES : 0;
  }
  int count = recvmmsg(fd, receiver->messages, receiver->batch, flags, NULL);
  if (count < 0) return -errno;
  for (int i = 0; i < count; i++) {
    struct mmsghdr *message = &receiver->messages[i];
    uint32_t segment = receiver->offload ? segment_bytes(&message->msg_hdr) : 0;
    uint32_t bytes = segment ? segment : message->msg_len;
    if (bytes != receiver->datagram_bytes || message->msg_len % bytes != 0) {
      fprintf(stderr, "a datagram of %u B in %u B\n", bytes, message->msg_len);
      exit(1);
    }
    receiver->datagrams += message->msg_len / bytes;
  }
  return count;
}

#endif

/*
 * The C reference on io_uring: multishot accept, multishot receive into provided buffers, and
 * replies sent from the buffer they arrived in.
 *
 *   echo_uring [--port 0 | --path P] [--to PORT] [--buffers 1024] [--buffer-bytes 16384]
 *     [--lifetime 600]
 *
 * With --to it is a proxy of the same make: what a client sends goes to that port on 127.0.0.1, and
 * what comes from there to the client.
 *
 * 1024 buffers: 4096 leave the cache (16 KB messages lose 15 %), fewer than the messages under way
 * end receives with ENOBUFS.
 *
 * A connection has at most one send in flight, so its bytes keep their order; chunks that arrive
 * meanwhile wait in a list threaded through the buffers. It is closed once its receive has ended
 * and nothing is left to send, and with --to so has its other side's: no completion can reach a
 * descriptor that was used again.
 */
#include "../program.h"
#include "../uring.h"

enum { ENTRIES = 4096, COMPLETIONS = 16384, CONNECTIONS = 65536, BUFFERS_MAX = 32768 };
enum { NONE = 0xffff };
enum operation { ACCEPT = 1, RECEIVE = 2, SEND = 3 };

struct connection {
  /* Where what is received here goes: back, or to the other side of the proxy. */
  int to;
  uint16_t first, last;
  uint8_t sending, ended, over;
};

struct chunk {
  uint32_t offset, length;
  uint16_t next;
};

static int to_port;
static struct ring ring;
static struct buffer_ring buffers;
static struct connection connections[CONNECTIONS];
static struct chunk chunks[BUFFERS_MAX];

static uint64_t tag(enum operation operation, int fd) {
  return (uint64_t)operation << 32 | (uint32_t)fd;
}

static void arm_accept(int listener) {
  struct io_uring_sqe *sqe = ring_sqe(&ring, IORING_OP_ACCEPT, listener);
  sqe->ioprio = IORING_ACCEPT_MULTISHOT;
  sqe->accept_flags = SOCK_CLOEXEC;
  sqe->user_data = tag(ACCEPT, listener);
}

static void send_first(int fd) {
  struct connection *connection = &connections[fd];
  struct chunk *chunk = &chunks[connection->first];
  struct io_uring_sqe *sqe = ring_sqe(&ring, IORING_OP_SEND, connection->to);
  sqe->addr = (uint64_t)(uintptr_t)(buffer_at(&buffers, connection->first) + chunk->offset);
  sqe->len = chunk->length;
  sqe->msg_flags = MSG_NOSIGNAL | MSG_WAITALL;
  sqe->user_data = tag(SEND, fd);
  connection->sending = 1;
}

static void give_first(struct connection *connection) {
  uint16_t id = connection->first;
  connection->first = chunks[id].next;
  buffers_give(&buffers, id);
}

static void end_if_done(int fd) {
  struct connection *connection = &connections[fd];
  if (!connection->ended || connection->sending || connection->over) return;
  int to = connection->to;
  connection->over = 1;
  if (!connections[to].over) {
    shutdown(to, SHUT_WR);
    return;
  }
  if (to != fd) close(to);
  close(fd);
}

static int connect_to(int port) {
  struct sockaddr_in address = loopback(port);
  int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
  if (fd < 0) return fd;
  if (fd < CONNECTIONS && !connect(fd, (struct sockaddr *)&address, sizeof address)) return fd;
  close(fd);
  return -1;
}

static void start(int fd, int to) {
  set_no_delay(fd);
  connections[fd] = (struct connection){ .to = to, .first = NONE };
  ring_receive_multishot(&ring, fd, tag(RECEIVE, fd));
}

static void accepted(int listener, int result, unsigned flags) {
  if (!(flags & IORING_CQE_F_MORE)) arm_accept(listener);
  if (result < 0) return;
  int to = result >= CONNECTIONS ? -1 : to_port > 0 ? connect_to(to_port) : result;
  if (to < 0) {
    close(result);
    return;
  }
  start(result, to);
  if (to != result) start(to, result);
}

static void received(int fd, int result, unsigned flags) {
  struct connection *connection = &connections[fd];
  if (result > 0) {
    uint16_t id = (uint16_t)(flags >> 16);
    chunks[id] = (struct chunk){ .length = (uint32_t)result, .next = NONE };
    if (connection->first == NONE) connection->first = id;
    else chunks[connection->last].next = id;
    connection->last = id;
    if (!connection->sending) send_first(fd);
  }
  if (flags & IORING_CQE_F_MORE) return;
  if (result > 0 || result == -ENOBUFS) {
    ring_receive_multishot(&ring, fd, tag(RECEIVE, fd));
    return;
  }
  connection->ended = 1;
  end_if_done(fd);
}

static void sent(int fd, int result) {
  struct connection *connection = &connections[fd];
  struct chunk *chunk = &chunks[connection->first];
  connection->sending = 0;
  if (result < 0) {
    shutdown(fd, SHUT_RDWR);
    shutdown(connection->to, SHUT_RDWR);
    while (connection->first != NONE) give_first(connection);
  } else if ((uint32_t)result < chunk->length) {
    chunk->offset += (uint32_t)result;
    chunk->length -= (uint32_t)result;
  } else {
    give_first(connection);
  }
  if (connection->first != NONE) send_first(fd);
  else end_if_done(fd);
}

int main(int count, char **values) {
  live_at_most(option(count, values, "--lifetime", 600));
  raise_file_limit();
  to_port = (int)option(count, values, "--to", 0);
  uint32_t buffer_count = (uint32_t)option(count, values, "--buffers", 1024);
  if (buffer_count > BUFFERS_MAX) die("--buffers", EINVAL);
  ring_create(&ring, ENTRIES, COMPLETIONS);
  buffers_create(
    &buffers, &ring, buffer_count, (uint32_t)option(count, values, "--buffer-bytes", 16384)
  );
  ring_register_itself(&ring);
  arm_accept(listen_local(count, values, 0));
  for (;;) {
    ring_enter(&ring, 1);
    unsigned head, tail = ring_ready(&ring, &head);
    for (; head != tail; head++) {
      struct io_uring_cqe *cqe = ring_cqe(&ring, head);
      int fd = (int)(uint32_t)cqe->user_data;
      switch (cqe->user_data >> 32) {
        case ACCEPT: accepted(fd, cqe->res, cqe->flags); break;
        case RECEIVE: received(fd, cqe->res, cqe->flags); break;
        case SEND: sent(fd, cqe->res); break;
      }
    }
    buffers_publish(&buffers);
    ring_seen(&ring, head);
  }
}

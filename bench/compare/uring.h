/*
 * A small face of io_uring for the reference server and the load generators: raw system calls,
 * one ring per thread, no library. Constants a distribution's header may lack are defined here.
 *
 * Memory order: the kernel and this thread share four words. A tail is stored with release after
 * the entries before it are written; the other side's word is loaded with acquire before its
 * entries are read.
 */
#ifndef COMPARE_URING_H
#define COMPARE_URING_H

#include <errno.h>
#include <linux/io_uring.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <unistd.h>

#ifndef __NR_io_uring_setup
#define __NR_io_uring_setup 425
#define __NR_io_uring_enter 426
#define __NR_io_uring_register 427
#endif
#ifndef IORING_SETUP_SINGLE_ISSUER
#define IORING_SETUP_SINGLE_ISSUER (1U << 12)
#endif
#ifndef IORING_SETUP_DEFER_TASKRUN
#define IORING_SETUP_DEFER_TASKRUN (1U << 13)
#endif
#ifndef IORING_ACCEPT_MULTISHOT
#define IORING_ACCEPT_MULTISHOT (1U << 0)
#endif
#ifndef IORING_RECV_MULTISHOT
#define IORING_RECV_MULTISHOT (1U << 1)
#endif
#ifndef IOSQE_CQE_SKIP_SUCCESS
#define IOSQE_CQE_SKIP_SUCCESS (1U << 6)
#endif
#ifndef IORING_ENTER_REGISTERED_RING
#define IORING_ENTER_REGISTERED_RING (1U << 4)
#endif

/* Enumerators of newer headers, which the preprocessor cannot ask for, under names of our own. */
enum { RING_REGISTER_FILES = 2, RING_REGISTER_RING_FDS = 20, RING_REGISTER_PBUF_RING = 22 };

struct ring {
  int fd;
  unsigned enter_flags;
  unsigned *sq_head, *sq_tail, sq_mask, sq_entries, sq_next, sq_submitted;
  struct io_uring_sqe *sqes;
  unsigned *cq_head, *cq_tail, cq_mask;
  struct io_uring_cqe *cqes;
};

/* One entry of a provided-buffer ring; the tail overlays `tail` of entry 0. */
struct buffer_entry {
  uint64_t address;
  uint32_t length;
  uint16_t id;
  uint16_t tail;
};

struct buffer_ring {
  struct buffer_entry *entries;
  char *memory;
  uint32_t count, bytes;
  uint16_t tail;
};

static inline void die(const char *operation, int error) {
  fprintf(stderr, "%s: %s\n", operation, strerror(error));
  exit(1);
}

static inline void *ring_map(size_t bytes, int fd, off_t offset) {
  int kind = fd < 0 ? MAP_PRIVATE | MAP_ANONYMOUS : MAP_SHARED | MAP_POPULATE;
  void *memory = mmap(NULL, bytes, PROT_READ | PROT_WRITE, kind, fd, offset);
  if (memory == MAP_FAILED) die("mmap", errno);
  return memory;
}

static inline int ring_register(struct ring *ring, unsigned code, void *argument, unsigned count) {
  int result = (int)syscall(__NR_io_uring_register, ring->fd, code, argument, count);
  return result < 0 ? -errno : result;
}

/* Entering through a registered ring saves the kernel looking the descriptor up each time. */
static inline void ring_register_itself(struct ring *ring) {
  struct {
    uint32_t offset, reserved;
    uint64_t data;
  } update = { .offset = UINT32_MAX, .data = (uint64_t)ring->fd };
  if (ring_register(ring, RING_REGISTER_RING_FDS, &update, 1) != 1) return;
  ring->enter_flags = IORING_ENTER_REGISTERED_RING;
  ring->fd = (int)update.offset;
}

static inline void ring_create(struct ring *ring, unsigned entries, unsigned completions) {
  struct io_uring_params p = { .cq_entries = completions };
  p.flags = IORING_SETUP_SINGLE_ISSUER | IORING_SETUP_DEFER_TASKRUN | IORING_SETUP_CQSIZE;
  memset(ring, 0, sizeof *ring);
  ring->fd = (int)syscall(__NR_io_uring_setup, entries, &p);
  if (ring->fd < 0) die("io_uring_setup", errno);
  size_t sq_bytes = p.sq_off.array + p.sq_entries * sizeof(unsigned);
  size_t cq_bytes = p.cq_off.cqes + p.cq_entries * sizeof(struct io_uring_cqe);
  char *rings = ring_map(sq_bytes > cq_bytes ? sq_bytes : cq_bytes, ring->fd, IORING_OFF_SQ_RING);
  ring->sqes = ring_map(p.sq_entries * sizeof(struct io_uring_sqe), ring->fd, IORING_OFF_SQES);
  ring->sq_head = (unsigned *)(rings + p.sq_off.head);
  ring->sq_tail = (unsigned *)(rings + p.sq_off.tail);
  ring->sq_mask = p.sq_entries - 1;
  ring->sq_entries = p.sq_entries;
  ring->cq_head = (unsigned *)(rings + p.cq_off.head);
  ring->cq_tail = (unsigned *)(rings + p.cq_off.tail);
  ring->cq_mask = p.cq_entries - 1;
  ring->cqes = (struct io_uring_cqe *)(rings + p.cq_off.cqes);
  unsigned *array = (unsigned *)(rings + p.sq_off.array);
  for (unsigned i = 0; i < p.sq_entries; i++) array[i] = i;
}

/* Submits what is queued and waits for `minimum` completions; runs deferred work in any case. */
static inline void ring_enter(struct ring *ring, unsigned minimum) {
  unsigned flags = IORING_ENTER_GETEVENTS | ring->enter_flags;
  __atomic_store_n(ring->sq_tail, ring->sq_next, __ATOMIC_RELEASE);
  unsigned count = ring->sq_next - ring->sq_submitted;
  long result = syscall(__NR_io_uring_enter, ring->fd, count, minimum, flags, NULL, 0);
  if (result < 0 && errno != EINTR && errno != EAGAIN && errno != EBUSY) {
    die("io_uring_enter", errno);
  }
  ring->sq_submitted = __atomic_load_n(ring->sq_head, __ATOMIC_ACQUIRE);
}

/* Makes room for `count` entries, so that a linked chain is never cut by a submission. */
static inline void ring_reserve(struct ring *ring, unsigned count) {
  while (ring->sq_next - ring->sq_submitted + count > ring->sq_entries) ring_enter(ring, 0);
}

static inline struct io_uring_sqe *ring_sqe(struct ring *ring, uint8_t opcode, int fd) {
  ring_reserve(ring, 1);
  struct io_uring_sqe *sqe = &ring->sqes[ring->sq_next++ & ring->sq_mask];
  memset(sqe, 0, sizeof *sqe);
  sqe->opcode = opcode;
  sqe->fd = fd;
  return sqe;
}

/* The completions that are there now: walk from `*head` to the returned tail, then ring_seen. */
static inline unsigned ring_ready(struct ring *ring, unsigned *head) {
  *head = *ring->cq_head;
  return __atomic_load_n(ring->cq_tail, __ATOMIC_ACQUIRE);
}

static inline struct io_uring_cqe *ring_cqe(struct ring *ring, unsigned position) {
  return &ring->cqes[position & ring->cq_mask];
}

static inline void ring_seen(struct ring *ring, unsigned head) {
  __atomic_store_n(ring->cq_head, head, __ATOMIC_RELEASE);
}

static inline char *buffer_at(struct buffer_ring *buffers, unsigned id) {
  return buffers->memory + (size_t)id * buffers->bytes;
}

static inline void buffers_give(struct buffer_ring *buffers, unsigned id) {
  struct buffer_entry *entry = &buffers->entries[buffers->tail++ & (buffers->count - 1)];
  entry->address = (uint64_t)(uintptr_t)buffer_at(buffers, id);
  entry->length = buffers->bytes;
  entry->id = (uint16_t)id;
}

static inline void buffers_publish(struct buffer_ring *buffers) {
  __atomic_store_n(&buffers->entries[0].tail, buffers->tail, __ATOMIC_RELEASE);
}

/* Provides `count` buffers (a power of two, at most 32768) as buffer group 0. */
static inline void buffers_create(
  struct buffer_ring *buffers, struct ring *ring, uint32_t count, uint32_t bytes
) {
  buffers->count = count;
  buffers->bytes = bytes;
  buffers->tail = 0;
  buffers->entries = ring_map(count * sizeof(struct buffer_entry), -1, 0);
  buffers->memory = ring_map((size_t)count * bytes, -1, 0);
  struct {
    uint64_t address;
    uint32_t entries;
    uint16_t group, flags;
    uint64_t reserved[3];
  } registration = { .address = (uint64_t)(uintptr_t)buffers->entries, .entries = count };
  int result = ring_register(ring, RING_REGISTER_PBUF_RING, &registration, 1);
  if (result < 0) die("IORING_REGISTER_PBUF_RING", -result);
  for (uint32_t id = 0; id < count; id++) buffers_give(buffers, id);
  buffers_publish(buffers);
}

static inline void ring_receive_multishot(struct ring *ring, int fd, uint64_t user_data) {
  struct io_uring_sqe *sqe = ring_sqe(ring, IORING_OP_RECV, fd);
  sqe->ioprio = IORING_RECV_MULTISHOT;
  sqe->flags = IOSQE_BUFFER_SELECT;
  sqe->user_data = user_data;
}

#endif

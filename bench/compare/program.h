/* What every C program of the comparison shares: options, limits, local sockets, the clock. */
#ifndef COMPARE_PROGRAM_H
#define COMPARE_PROGRAM_H

#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <time.h>
#include <unistd.h>

static inline void fail(const char *operation) {
  perror(operation);
  exit(1);
}

/* The number after `--name`, or `otherwise`. */
static inline double option(int count, char **values, const char *name, double otherwise) {
  for (int i = 1; i + 1 < count; i++) {
    if (strcmp(values[i], name) == 0) return atof(values[i + 1]);
  }
  return otherwise;
}

/* The word after `--name`, or `otherwise`. */
static inline const char *option_text(
  int count, char **values, const char *name, const char *otherwise
) {
  for (int i = 1; i + 1 < count; i++) {
    if (strcmp(values[i], name) == 0) return values[i + 1];
  }
  return otherwise;
}

/* A program that lost its parent must not outlive its purpose. */
static inline void live_at_most(double seconds) {
  alarm((unsigned)seconds + 1);
}

static inline void raise_file_limit(void) {
  struct rlimit limit;
  if (getrlimit(RLIMIT_NOFILE, &limit)) fail("getrlimit");
  limit.rlim_cur = limit.rlim_max;
  if (setrlimit(RLIMIT_NOFILE, &limit)) fail("setrlimit");
}

static inline uint64_t clock_nanoseconds(clockid_t clock) {
  struct timespec now;
  clock_gettime(clock, &now);
  return (uint64_t)now.tv_sec * 1000000000u + (uint64_t)now.tv_nsec;
}

/* A Unix socket delays nothing and has no such option. */
static inline void set_no_delay(int fd) {
  int on = 1;
  if (setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on) && errno != EOPNOTSUPP) {
    perror("TCP_NODELAY");
  }
}

/* Closing sends a reset, so that no run leaves TIME_WAIT entries to the next one. */
static inline void set_reset_on_close(int fd) {
  struct linger linger = { .l_onoff = 1, .l_linger = 0 };
  if (setsockopt(fd, SOL_SOCKET, SO_LINGER, &linger, sizeof linger)) fail("SO_LINGER");
}

/* The plainest congestion control costs the load's core least; it governs only what that sends. */
static inline void set_reno(int fd) {
  if (setsockopt(fd, IPPROTO_TCP, TCP_CONGESTION, "reno", 4)) perror("TCP_CONGESTION");
}

static inline struct sockaddr_in loopback(int port) {
  struct sockaddr_in address = { .sin_family = AF_INET, .sin_port = htons((uint16_t)port) };
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  return address;
}

static inline int connect_loopback(int port) {
  struct sockaddr_in address = loopback(port);
  int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
  if (fd < 0) fail("socket");
  if (connect(fd, (struct sockaddr *)&address, sizeof address)) fail("connect");
  set_no_delay(fd);
  set_reno(fd);
  set_reset_on_close(fd);
  return fd;
}

static inline struct sockaddr_un unix_address(const char *path) {
  struct sockaddr_un address = { .sun_family = AF_UNIX };
  if (strlen(path) >= sizeof address.sun_path) {
    errno = ENAMETOOLONG;
    fail(path);
  }
  strcpy(address.sun_path, path);
  return address;
}

static inline int connect_unix(const char *path) {
  struct sockaddr_un address = unix_address(path);
  int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
  if (fd < 0) fail("socket");
  if (connect(fd, (struct sockaddr *)&address, sizeof address)) fail(path);
  return fd;
}

/* Listens on a path that nothing has yet, and announces it as every peer does. */
static inline int listen_unix(const char *path, int flags) {
  struct sockaddr_un address = unix_address(path);
  int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | flags, 0);
  if (fd < 0) fail("socket");
  if (bind(fd, (struct sockaddr *)&address, sizeof address)) fail(path);
  if (listen(fd, 4096)) fail("listen");
  printf("listening %s\n", path);
  fflush(stdout);
  return fd;
}

/* Listens on 127.0.0.1 and announces the port as every peer does: "listening PORT". */
static inline int listen_loopback(int port, int flags) {
  struct sockaddr_in address = loopback(port);
  socklen_t length = sizeof address;
  int on = 1, fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC | flags, 0);
  if (fd < 0) fail("socket");
  setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof on);
  if (bind(fd, (struct sockaddr *)&address, length)) fail("bind");
  if (listen(fd, 4096)) fail("listen");
  if (getsockname(fd, (struct sockaddr *)&address, &length)) fail("getsockname");
  printf("listening %d\n", ntohs(address.sin_port));
  fflush(stdout);
  return fd;
}

/* Listens where the options say: `--path` for a Unix socket, else `--port`. */
static inline int listen_local(int count, char **values, int flags) {
  const char *path = option_text(count, values, "--path", NULL);
  if (path) return listen_unix(path, flags);
  return listen_loopback((int)option(count, values, "--port", 0), flags);
}

#endif

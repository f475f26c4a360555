/*
 * Idle connections: opens them, has one byte echoed on each, prints "ready N", and holds them
 * until its standard input closes.
 *
 *   idle --port P [--connections 100] [--lifetime 120]
 */
#include "../program.h"

int main(int count, char **values) {
  int connections = (int)option(count, values, "--connections", 100);
  int port = (int)option(count, values, "--port", 0);
  live_at_most(option(count, values, "--lifetime", 120));
  raise_file_limit();
  for (int i = 0; i < connections; i++) {
    char sent = (char)i, received = 0;
    int fd = connect_loopback(port);
    if (send(fd, &sent, 1, MSG_NOSIGNAL) != 1) fail("send");
    if (recv(fd, &received, 1, 0) != 1 || received != sent) fail("recv");
  }
  printf("ready %d\n", connections);
  fflush(stdout);
  char ignored[64];
  while (read(STDIN_FILENO, ignored, sizeof ignored) > 0) continue;
  return 0;
}

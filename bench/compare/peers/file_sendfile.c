/*
 * The C reference for a file to a socket: sendfile, a connection at a time.
 *
 *   file_sendfile --file PATH [--port 0] [--lifetime 600]
 */
#include "../program.h"
#include <fcntl.h>
#include <sys/sendfile.h>
#include <sys/stat.h>

/* Sends all of the file unless the peer goes away. */
static void send_file(int connection, const char *path) {
  struct stat status;
  int file = open(path, O_RDONLY | O_CLOEXEC);
  if (file < 0 || fstat(file, &status)) fail(path);
  off_t offset = 0;
  while (offset < status.st_size) {
    ssize_t sent = sendfile(connection, file, &offset, (size_t)(status.st_size - offset));
    if (sent < 0 && errno == EINTR) continue;
    if (sent <= 0) break;
  }
  close(file);
}

int main(int count, char **values) {
  live_at_most(option(count, values, "--lifetime", 600));
  signal(SIGPIPE, SIG_IGN);
  const char *path = option_text(count, values, "--file", "");
  int listener = listen_loopback((int)option(count, values, "--port", 0), 0);
  for (;;) {
    int connection = accept4(listener, NULL, NULL, SOCK_CLOEXEC);
    if (connection < 0) continue;
    send_file(connection, path);
    close(connection);
  }
}

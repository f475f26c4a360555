/**
 * Blocking echo for one connection at a time on libc's own calls, by FFI: what a Deno program can
 * do at best with a thread that blocks.
 *
 * `deno run --allow-ffi libc_ffi.ts [--port 0] [--lifetime 600]`
 */
import { announce, argument, endByAlarm } from "./arguments.ts";

const BUFFER_BYTES = 64 * 1024;
const [AF_INET, SOCK_STREAM, IPPROTO_TCP, TCP_NODELAY, MSG_NOSIGNAL] = [2, 1, 6, 1, 0x4000];

const { symbols: libc } = Deno.dlopen("libc.so.6", {
  // int socket(int domain, int type, int protocol)
  socket: { parameters: ["i32", "i32", "i32"], result: "i32" },
  // int bind(int fd, const struct sockaddr *address, socklen_t length)
  bind: { parameters: ["i32", "buffer", "u32"], result: "i32" },
  // int listen(int fd, int backlog)
  listen: { parameters: ["i32", "i32"], result: "i32" },
  // int getsockname(int fd, struct sockaddr *address, socklen_t *length)
  getsockname: { parameters: ["i32", "buffer", "buffer"], result: "i32" },
  // int accept(int fd, struct sockaddr *address, socklen_t *length)
  accept: { parameters: ["i32", "buffer", "buffer"], result: "i32" },
  // int setsockopt(int fd, int level, int name, const void *value, socklen_t length)
  setsockopt: { parameters: ["i32", "i32", "i32", "buffer", "u32"], result: "i32" },
  // ssize_t recv(int fd, void *buffer, size_t length, int flags)
  recv: { parameters: ["i32", "buffer", "u32", "i32"], result: "i32" },
  // ssize_t send(int fd, const void *buffer, size_t length, int flags)
  send: { parameters: ["i32", "buffer", "u32", "i32"], result: "i32" },
  // int close(int fd)
  close: { parameters: ["i32"], result: "i32" },
});

endByAlarm();
const address = new Uint8Array(new ArrayBuffer(16));
const view = new DataView(address.buffer);
view.setUint16(0, AF_INET, true);
view.setUint16(2, Number(argument("port", "0")));
address.set([127, 0, 0, 1], 4);
const listener = libc.socket(AF_INET, SOCK_STREAM, 0);
if (libc.bind(listener, address, 16) !== 0) throw new Error("bind failed");
if (libc.listen(listener, 128) !== 0) throw new Error("listen failed");
const length = new Uint8Array(new Uint32Array([16]).buffer);
libc.getsockname(listener, address, length);
announce(view.getUint16(2));

const on = new Uint8Array(new Int32Array([1]).buffer);
const buffer = new Uint8Array(new ArrayBuffer(BUFFER_BYTES));
while (true) {
  const fd = libc.accept(listener, null, null);
  libc.setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, on, 4);
  serve(fd);
  libc.close(fd);
}

function serve(fd: number): void {
  while (true) {
    const count = libc.recv(fd, buffer, BUFFER_BYTES, 0);
    if (count <= 0) return;
    let sent = libc.send(fd, buffer, count, MSG_NOSIGNAL);
    while (sent >= 0 && sent < count) {
      const more = libc.send(fd, buffer.subarray(sent), count - sent, MSG_NOSIGNAL);
      sent = more < 0 ? more : sent + more;
    }
    if (sent < 0) return;
  }
}

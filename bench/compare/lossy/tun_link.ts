/**
 * Two TUN devices joined by a simulated link, in real time: what the Linux kernel sends into one of
 * them comes out of the other as the link's bandwidth, delay and losses say. It is a process of its
 * own, since it waits in poll(2); it ends with its standard input's other end, or when its time is up.
 *
 * `deno run -A tun_link.ts first second seconds seed '{"bandwidth": ...}'`
 */
import type { FrameQueue } from "../../../stack/frame_queue.ts";
import { VirtualNetwork } from "../../../stack/sim/network.ts";
import type { SimNode } from "../../../stack/sim/node.ts";
import type { PacketArena } from "../../../stack/memory/mod.ts";

const O_RDWR = 2;
const O_NONBLOCK = 0x800;
const TUNSETIFF = 0x400454ca;
const IFF_TUN_NO_PI = 0x1001;
const IFREQ_BYTES = 40;
const IFNAMSIZ = 16;
const POLLIN = 1;
const POLLFD_BYTES = 8;
const LONGEST = 2048;
/** The longest wait, so that the end is noticed. */
const PATIENCE_MS = 50;

const { symbols: libc } = Deno.dlopen("libc.so.6", {
  // int open(const char *path, int flags)
  open: { parameters: ["buffer", "i32"], result: "i32" },
  // int ioctl(int fd, unsigned long request, void *argument)
  ioctl: { parameters: ["i32", "u32", "buffer"], result: "i32" },
  // ssize_t read(int fd, void *buffer, size_t count)
  read: { parameters: ["i32", "buffer", "usize"], result: "isize" },
  // ssize_t write(int fd, const void *buffer, size_t count)
  write: { parameters: ["i32", "buffer", "usize"], result: "isize" },
  // int poll(struct pollfd *fds, nfds_t count, int timeout)
  poll: { parameters: ["buffer", "u32", "i32"], result: "i32" },
});

/** The end of the link that a device is. */
class TunNode implements SimNode {
  readonly fd: number;
  readonly #arena: PacketArena;
  readonly #buffer = new Uint8Array(new ArrayBuffer(LONGEST));

  constructor(name: string, arena: PacketArena) {
    this.#arena = arena;
    this.fd = libc.open(new TextEncoder().encode("/dev/net/tun\0"), O_RDWR | O_NONBLOCK);
    const request = new Uint8Array(new ArrayBuffer(IFREQ_BYTES));
    new TextEncoder().encodeInto(name, request);
    new DataView(request.buffer).setInt16(IFNAMSIZ, IFF_TUN_NO_PI, true);
    if (this.fd < 0 || libc.ioctl(this.fd, TUNSETIFF, request) < 0) {
      throw new Error(`${name}: /dev/net/tun cannot be used`);
    }
  }

  /** Writes what has arrived, and sends what there is to read. */
  step(_now: number, received: FrameQueue, sent: FrameQueue): void {
    const arena = this.#arena;
    for (let packet = received.shift(); packet >= 0; packet = received.shift()) {
      const [at, bytes] = [arena.start(packet), arena.length(packet)];
      this.#buffer.set(arena.memory.bytes.subarray(at, at + bytes));
      // What the device does not take is lost, as on any other link.
      libc.write(this.fd, this.#buffer, BigInt(bytes));
      arena.release(packet);
    }
    for (;;) {
      const bytes = Number(libc.read(this.fd, this.#buffer, BigInt(LONGEST)));
      if (bytes <= 0) return;
      const packet = arena.take(bytes);
      if (packet < 0) return;
      arena.memory.bytes.set(this.#buffer.subarray(0, bytes), arena.start(packet));
      if (!sent.push(0, packet)) arena.release(packet);
    }
  }

  nextDeadline(): number {
    return Infinity;
  }
}

const [first, second, seconds, seed, options] = Deno.args;
const network = new VirtualNetwork({ seed: Number(seed), traceBytes: false });
const nodes = [first, second].map((name) => {
  const node = new TunNode(name, network.frames.arena);
  network.add(name, node);
  return node;
});
network.link(first, second, JSON.parse(options));
console.log("ready");

const polled = new Uint8Array(new ArrayBuffer(2 * POLLFD_BYTES));
const view = new DataView(polled.buffer);
const start = performance.now();
const end = start + Number(seconds) * 1000;
for (let now = start; now < end; now = performance.now()) {
  network.runUntil(Math.floor((now - start) * 1000));
  const next = (network.nextTime - (performance.now() - start) * 1000) / 1000;
  for (const [index, { fd }] of nodes.entries()) {
    view.setInt32(index * POLLFD_BYTES, fd, true);
    view.setInt32(index * POLLFD_BYTES + 4, POLLIN, true);
  }
  // Rounded down: the last part of a millisecond is spent looking, so that delays are exact.
  libc.poll(polled, 2, Math.max(0, Math.min(PATIENCE_MS, Math.floor(next))));
  for (const [index] of nodes.entries()) {
    if (view.getInt16(index * POLLFD_BYTES + 6, true) !== 0) network.wake(index);
  }
}

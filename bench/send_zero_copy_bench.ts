/**
 * SEND against SEND_ZC: from which size on it pays to let the system send from the program's own
 * memory. `deno run -A bench/send_zero_copy_bench.ts` as root prints a table; it needs the kernel
 * backend `ip` and `nft`, and removes the network namespaces that it makes.
 *
 * Three ways out of the machine, of which two never leave it:
 *
 * - TCP over loopback, and over a pair of virtual interfaces between two namespaces: there a packet
 *   is copied at the latest when it is received, so that SEND_ZC can only add to the cost;
 * - UDP to an interface that drops everything: nothing is ever copied, as with a network card.
 *
 * Small pieces show something else over TCP: the other side acknowledges them late, and who has only
 * four buffers waits for that.
 *
 * What is compared is the processor time of the sender for a megabyte; the rounds of the modes take
 * turns. Four buffers take turns, too, and wait for their notification before they are used again.
 *
 * @module
 */

import process from "node:process";
import { printMachine } from "./support.ts";
import { IoUring, NetworkCapability, type RingBuffer, SocketAddress } from "../mod.ts";
import { encodeSockaddr } from "../ring/abi/sockaddr.ts";
import { CqeFlag, IoPrio, Msg, Op } from "../ring/abi/opcodes.ts";

const KILO = 1024;
const SIZES_TCP = [4, 16, 32, 64, 128, 256, 512, 1024];
const SIZES_UDP = [2, 4, 6, 8, 12, 16, 24, 32, 48, 60];
/** Megabytes that one round of one mode sends: enough for the clock, and not too long. */
const ROUND_MEGABYTES = 64;
/** The same where every fourth piece waits for an acknowledgement that comes late. */
const ROUND_MEGABYTES_LATE = 2;
/** Pieces from this size on are acknowledged at once. */
const PROMPT_KILOBYTES = 64;
const ROUNDS = 5;
const BUFFERS = 4;
const DRAIN_BYTES = KILO * KILO;
/** `IORING_NOTIF_USAGE_ZC_COPIED`, as a signed word. */
const COPIED = -0x80000000;

const MODES = ["SEND", "SEND_ZC", "SEND_ZC, registered"] as const;
type Mode = typeof MODES[number];

/** What a sender found: by size in KiB and mode, the medians of its rounds. */
interface Row {
  readonly kilobytes: number;
  readonly mode: Mode;
  /** Processor time of the sending process for a megabyte, in microseconds. */
  readonly processor: number;
  /** The same by the clock on the wall. */
  readonly wall: number;
  /** The share of notifications which said that the bytes were copied after all. */
  readonly copied: number;
}

const RIGHTS = { tcp: true, listen: true, connect: true, ring: true };

async function openRing(): Promise<IoUring> {
  const capability = await NetworkCapability.request({ backend: "kernel", rights: RIGHTS });
  return await IoUring.create(16, { capability });
}

function median(values: number[]): number {
  return values.sort((a, b) => a - b)[values.length >> 1];
}

/** Takes everything and looks at nothing: with MSG_TRUNC the kernel does not even copy it. */
async function sink(host: string): Promise<void> {
  const ring = await openRing();
  const capability = await NetworkCapability.request({ backend: "kernel", rights: RIGHTS });
  const endpoint = await capability.listen(`${host}:0`);
  console.log(endpoint.addr.port);
  ring.submitMultishotAccept(endpoint.fd, 0);
  const buffer = ring.allocBuffer(DRAIN_BYTES);
  const receive = (fd: number) => {
    const entry = ring.prepare()!;
    entry.opcode = Op.RECV;
    entry.fd = fd;
    entry.address = ring.addressOf(buffer);
    entry.length = DRAIN_BYTES;
    entry.operationFlags = Msg.TRUNC;
    entry.userData = fd;
  };
  for (;;) {
    for (const { userData, result } of await ring.waitCqes(1)) {
      if (userData === 0) receive(result);
      else if (result > 0) receive(userData);
    }
  }
}

class Sender {
  readonly #ring: IoUring;
  readonly #fd: number;
  readonly #pool: RingBuffer[];
  readonly #isStream: boolean;
  #copies = 0;
  #notifications = 0;

  private constructor(ring: IoUring, fd: number, pool: RingBuffer[], isStream: boolean) {
    this.#ring = ring;
    this.#fd = fd;
    this.#pool = pool;
    this.#isStream = isStream;
  }

  static async open(isStream: boolean, address: SocketAddress): Promise<Sender> {
    const ring = await openRing();
    const buffers = ring.registerBuffers(BUFFERS, KILO * KILO);
    if (!buffers.isRegistered) throw new Error("the buffers cannot be registered");
    const pool = Array.from({ length: BUFFERS }, () => buffers.take()!);
    for (const buffer of pool) buffer.bytes.fill(7);
    const socket = ring.prepare()!;
    socket.opcode = Op.SOCKET;
    socket.fd = 2; // AF_INET
    socket.offset = isStream ? 1 : 2; // SOCK_STREAM, SOCK_DGRAM
    const [{ result: fd }] = await ring.waitCqes(1);
    const name = ring.allocBuffer(32);
    const connect = ring.prepare()!;
    connect.opcode = Op.CONNECT;
    connect.fd = fd;
    connect.address = ring.addressOf(name);
    connect.offset = encodeSockaddr(address, name.bytes, 0);
    const [{ result }] = await ring.waitCqes(1);
    if (fd < 0 || result < 0) throw new Error(`no connection: errno ${-result}`);
    return new Sender(ring, fd, pool, isStream);
  }

  async measure(kilobytes: number): Promise<Row[]> {
    const rounds = MODES.map(() => ({ processor: [] as number[], wall: [] as number[] }));
    const copied = MODES.map(() => 0);
    const isLate = this.#isStream && kilobytes < PROMPT_KILOBYTES;
    const megabytes = isLate ? ROUND_MEGABYTES_LATE : ROUND_MEGABYTES;
    for (let round = 0; round < ROUNDS; round++) {
      for (const [place, mode] of MODES.entries()) {
        this.#copies = this.#notifications = 0;
        const wall = performance.now();
        const before = process.cpuUsage();
        await this.#sendAll(mode, kilobytes * KILO, megabytes);
        const { user, system } = process.cpuUsage(before);
        rounds[place].processor.push((user + system) / megabytes);
        rounds[place].wall.push((performance.now() - wall) * 1000 / megabytes);
        copied[place] = this.#notifications === 0 ? 0 : this.#copies / this.#notifications;
      }
    }
    return MODES.map((mode, place) => ({
      kilobytes,
      mode,
      processor: median(rounds[place].processor),
      wall: median(rounds[place].wall),
      copied: copied[place],
    }));
  }

  /** One operation at a time, as a stream has; notifications come when they come. */
  async #sendAll(mode: Mode, bytes: number, megabytes: number): Promise<void> {
    const free = this.#pool.map((_, place) => place);
    let inFlight = 0;
    let isBusy = false;
    for (let left = megabytes * KILO * KILO; left > 0 || inFlight > 0;) {
      if (!isBusy && left > 0 && free.length > 0) {
        this.#prepare(mode, free.shift()!, bytes);
        left -= bytes;
        inFlight++;
        isBusy = true;
      }
      for (const { userData, result, flags } of await this.#ring.waitCqes(1)) {
        if ((flags & CqeFlag.NOTIF) !== 0) {
          this.#notifications++;
          if (result === COPIED) this.#copies++;
        } else {
          if (result !== bytes) throw new Error(`${mode}: ${result} of ${bytes} bytes`);
          isBusy = false;
        }
        if ((flags & CqeFlag.MORE) !== 0) continue;
        free.push(userData);
        inFlight--;
      }
    }
  }

  #prepare(mode: Mode, place: number, bytes: number): void {
    const buffer = this.#pool[place];
    const entry = this.#ring.prepare()!;
    entry.opcode = mode === "SEND" ? Op.SEND : Op.SEND_ZC;
    entry.fd = this.#fd;
    entry.address = this.#ring.addressOf(buffer);
    entry.length = bytes;
    entry.operationFlags = Msg.WAITALL | Msg.NOSIGNAL;
    entry.userData = place;
    if (mode === "SEND") return;
    entry.ioprio = IoPrio.ZC_REPORT_USAGE;
    if (mode === "SEND_ZC") return;
    entry.ioprio |= IoPrio.FIXED_BUF;
    entry.bufferIndex = buffer.index;
  }
}

async function send(protocol: string, to: string): Promise<void> {
  const isStream = protocol === "tcp";
  const sender = await Sender.open(isStream, SocketAddress.parse(to));
  for (const kilobytes of isStream ? SIZES_TCP : SIZES_UDP) {
    for (const row of await sender.measure(kilobytes)) console.log(JSON.stringify(row));
  }
  Deno.exit(0);
}

async function run(command: string): Promise<void> {
  const [program, ...args] = command.split(" ");
  const { success, stderr } = await new Deno.Command(program, { args, stdout: "null" }).output();
  if (!success) throw new Error(`${command}: ${new TextDecoder().decode(stderr).trim()}`);
}

function startSelf(namespace: string, role: string[]): Deno.ChildProcess {
  const self = [Deno.execPath(), "run", "-A", import.meta.filename!, ...role];
  const args = ["netns", "exec", namespace, ...self];
  return new Deno.Command("ip", { args, stdout: "piped" }).spawn();
}

async function firstLine(child: Deno.ChildProcess): Promise<string> {
  const reader = child.stdout.pipeThrough(new TextDecoderStream()).getReader();
  let text = "";
  while (!text.includes("\n")) text += (await reader.read()).value ?? "\n";
  await reader.cancel();
  return text.split("\n")[0];
}

/** Runs a sender, and a sink where it needs one. */
async function compare(
  sender: string,
  receiver: string,
  protocol: "tcp" | "udp",
  host: string,
): Promise<Row[]> {
  const draining = protocol === "tcp" ? startSelf(receiver, ["--sink", host]) : null;
  try {
    const port = draining === null ? "9" : await firstLine(draining);
    const child = startSelf(sender, ["--send", protocol, `${host}:${port}`]);
    const { stdout } = await child.output();
    const lines = new TextDecoder().decode(stdout).trim().split("\n");
    return lines.map((line) => JSON.parse(line));
  } finally {
    draining?.kill("SIGKILL");
    await draining?.status;
  }
}

function print(title: string, rows: Row[]): void {
  console.log(`\n${title}: SEND divided by each, processor time of the sender (wall); copied`);
  for (const kilobytes of new Set(rows.map((row) => row.kilobytes))) {
    const [plain, ...others] = rows.filter((row) => row.kilobytes === kilobytes);
    const cells = others.map((row) => {
      const [processor, wall] = [plain.processor / row.processor, plain.wall / row.wall];
      const share = `${Math.round(row.copied * 100)} % copied`;
      return `${row.mode} ${processor.toFixed(2)} (${wall.toFixed(2)}) ${share}`;
    });
    console.log(`${String(kilobytes).padStart(5)} KiB  ${cells.join("   ")}`);
  }
}

async function main(): Promise<void> {
  printMachine();
  const [near, far] = [`millrace-${Deno.pid}-a`, `millrace-${Deno.pid}-b`];
  const names = [`mr${Deno.pid}a`, `mr${Deno.pid}b`];
  try {
    for (const namespace of [near, far]) {
      await run(`ip netns add ${namespace}`);
      await run(`ip -n ${namespace} link set lo up`);
      // Pacing, as of BBR, would measure timers.
      const setting = "net.ipv4.tcp_congestion_control=cubic";
      await run(`ip netns exec ${namespace} sysctl -w ${setting}`);
    }
    print("TCP over loopback", await compare(near, near, "tcp", "127.0.0.1"));
    await run(
      `ip link add ${names[0]} netns ${near} type veth peer name ${names[1]} netns ${far}`,
    );
    for (const [place, namespace] of [near, far].entries()) {
      await run(`ip -n ${namespace} addr add 10.77.0.${place + 1}/24 dev ${names[place]}`);
      await run(`ip -n ${namespace} link set ${names[place]} up`);
    }
    print("TCP over a pair of interfaces", await compare(near, far, "tcp", "10.77.0.2"));
    // The far end drops all packets before anybody looks at them, questions for its address too.
    await run(`ip -n ${near} link set ${names[0]} mtu 65535`);
    await run(`ip -n ${far} link set ${names[1]} mtu 65535`);
    await run(`ip -n ${near} neigh replace 10.77.0.2 lladdr 2:0:0:0:0:1 dev ${names[0]}`);
    const nft = `ip netns exec ${far} nft add`;
    await run(`${nft} table netdev sink`);
    const hook = `type filter hook ingress device ${names[1]} priority 0 ; policy drop ;`;
    await run(`${nft} chain netdev sink drain { ${hook} }`);
    print("UDP, nothing copied", await compare(near, far, "udp", "10.77.0.2"));
  } finally {
    for (const namespace of [near, far]) await run(`ip netns delete ${namespace}`).catch(() => {});
  }
}

if (import.meta.main) {
  const [role, ...args] = Deno.args;
  if (role === "--sink") await sink(args[0]);
  else if (role === "--send") await send(args[0], args[1]);
  else await main();
}

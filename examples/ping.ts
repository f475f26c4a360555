/**
 * Asks a host whether it is there, as ping(8) does.
 *
 * ```sh
 * sudo deno run --allow-net --allow-ffi examples/ping.ts [options] host
 * ```
 *
 * - `-c COUNT` stops after so many requests; otherwise Ctrl-C does
 * - `-i SECONDS` from one request to the next, 1 unless given
 * - `-s BYTES` of data in a request, 56 unless given
 * - `-t HOPS` routers that a request may pass: one after the other, from 1 on, they tell the way
 * - `-W SECONDS` to wait for each reply, 1 unless given
 *
 * It needs io_uring and CAP_NET_RAW, which root has. The status is 0 when the host has answered, 1
 * when it has not, 2 when it could not be asked.
 *
 * @module
 */

import { NetError, NetworkCapability, ping, type PingOptions, type PingResult } from "../mod.ts";

const USAGE = "usage: ping.ts [-c COUNT] [-i SECONDS] [-s BYTES] [-t HOPS] [-W SECONDS] HOST";
/** Numbers of requests have 16 bits. */
const COUNT_MOST = 65536;

/** What options mean to `ping`. */
const OPTIONS: Readonly<Record<string, (value: number) => PingOptions>> = {
  "-c": (count) => ({ count }),
  "-i": (seconds) => ({ intervalMs: Math.round(seconds * 1000) }),
  "-s": (bytes) => ({ bytes }),
  "-t": (timeToLive) => ({ timeToLive }),
  "-W": (seconds) => ({ timeoutMs: Math.round(seconds * 1000) }),
};

function readArguments(args: readonly string[]): { host: string; options: PingOptions } {
  let options: PingOptions = { count: COUNT_MOST };
  const hosts: string[] = [];
  for (let index = 0; index < args.length; index++) {
    const option = OPTIONS[args[index]];
    if (option !== undefined) options = { ...options, ...option(Number(args[++index] || NaN)) };
    else if (args[index].startsWith("-")) fail(USAGE);
    else hosts.push(args[index]);
  }
  if (hosts.length !== 1) fail(USAGE);
  return { host: hosts[0], options };
}

function fail(text: string): never {
  console.error(text);
  Deno.exit(2);
}

/** The numbers at the end. */
class Statistics {
  readonly #times: number[] = [];
  readonly #began = performance.now();
  #sent = 0;
  #errors = 0;

  add({ error, from, roundTripMs }: PingResult): void {
    this.#sent++;
    if (error === undefined) this.#times.push(roundTripMs);
    else if (from !== "") this.#errors++;
  }

  get isAnswered(): boolean {
    return this.#times.length > 0;
  }

  print(host: string): void {
    const times = this.#times;
    const lost = this.#sent === 0 ? 0 : 100 * (1 - times.length / this.#sent);
    const errors = this.#errors === 0 ? "" : `, ${this.#errors} errors`;
    const elapsedMs = Math.round(performance.now() - this.#began);
    console.log(`\n--- ${host} ping statistics ---`);
    console.log(
      `${this.#sent} packets transmitted, ${times.length} received${errors}, ` +
        `${Number(lost.toFixed(1))}% packet loss, time ${elapsedMs}ms`,
    );
    if (times.length === 0) return;
    const average = times.reduce((sum, time) => sum + time, 0) / times.length;
    const squares = times.reduce((sum, time) => sum + time * time, 0) / times.length;
    const deviation = Math.sqrt(Math.max(0, squares - average * average));
    const numbers = [Math.min(...times), average, Math.max(...times), deviation];
    const text = numbers.map((time) => time.toFixed(3)).join("/");
    console.log(`rtt min/avg/max/mdev = ${text} ms`);
  }
}

/** One line for each request, numbered from 1 as ping(8) does. */
function describe({ sequence, from, bytes, timeToLive, roundTripMs, error }: PingResult): string {
  const number = `icmp_seq=${sequence + 1}`;
  if (error !== undefined) {
    return from === "" ? `${number} ${error}` : `From ${from} ${number} ${error}`;
  }
  const time = roundTripMs < 100 ? roundTripMs.toPrecision(3) : roundTripMs.toFixed(0);
  return `${bytes + 8} bytes from ${from}: ${number} ttl=${timeToLive} time=${time} ms`;
}

const { host, options } = readArguments(Deno.args);
const interrupt = new AbortController();
Deno.addSignalListener("SIGINT", () => interrupt.abort("interrupted"));
const statistics = new Statistics();
try {
  // It asks for no more than it needs: to send anywhere, and to hear what comes to this host.
  await using capability = await NetworkCapability.request({
    rights: {
      raw: true,
      connect: ["raw://*"],
      listen: ["raw://0.0.0.0", "raw://[::]"],
      resolve: true,
    },
  });
  console.log(`PING ${host}: ${options.bytes ?? 56} bytes of data`);
  for await (const result of ping(host, capability, { ...options, signal: interrupt.signal })) {
    statistics.add(result);
    console.log(describe(result));
  }
} catch (error) {
  const isExpected = error instanceof NetError || error instanceof TypeError ||
    error instanceof RangeError;
  if (isExpected) fail(`ping: ${error.message}`);
  if (error !== interrupt.signal.reason) throw error;
}
statistics.print(host);
Deno.exit(statistics.isAnswered ? 0 : 1);

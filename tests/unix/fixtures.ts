/**
 * What tests of Unix sockets have in common: a folder for socket files, a capability that may adopt
 * descriptors, peers in Python, and the proof that no descriptor of any kind is left.
 *
 * @module
 */

import { assertEquals } from "@std/assert";
import { delay } from "@std/async";
import {
  type NetError,
  NetworkCapability,
  type NetworkRights,
  type RingOptions,
  type UnixListenOptions,
  type UnixSocketType,
  type UnixStream,
} from "../../mod.ts";
import { kernelRefusal } from "../support/kernel.ts";
import { assertNoLeaks, settleBaseline } from "../support/leaks.ts";
import { hasProgram, skipUnless } from "../support/skip.ts";

const REFUSAL = kernelRefusal();
const SETTLE_LIMIT_MS = 2_000;
const POLL_MS = 10;

/** All that these tests need, and `adopt`, which nobody has unasked. */
export const RIGHTS: NetworkRights = {
  tcp: true,
  udp: true,
  unix: true,
  connect: true,
  listen: true,
  adopt: true,
};

/** Both types of connected sockets. */
export const TYPES: readonly UnixSocketType[] = ["stream", "seqpacket"];

/** Python, where peers are written in it. */
export const PYTHON = { condition: hasProgram("python3"), reason: "needs python3" };

/** What a test is given. */
export interface UnixSite {
  readonly capability: NetworkCapability;
  /** A folder of its own. */
  readonly folder: string;
  /** A path in it that nobody has used. */
  readonly path: string;
}

/** What a test needs of the machine, and how it is set up. */
export interface UnixNeeds {
  readonly condition?: boolean;
  readonly reason?: string;
  readonly rights?: NetworkRights;
  readonly ring?: RingOptions;
}

/** Every descriptor of this process, whatever it is of. */
export function allDescriptors(): string[] {
  return [...Deno.readDirSync("/proc/self/fd")].map(({ name }) => name);
}

/**
 * Registers a test on the kernel backend. After it no descriptor of any kind, no operation and no
 * lease may be left.
 */
export function unixTest(
  name: string,
  body: (site: UnixSite) => Promise<void>,
  { condition = true, reason = "", rights = RIGHTS, ring }: UnixNeeds = {},
): void {
  const canRun = REFUSAL === undefined && condition;
  Deno.test(skipUnless(name, canRun, REFUSAL ?? reason), async () => {
    await settleBaseline();
    const before = allDescriptors().length;
    let capability: NetworkCapability | undefined;
    const folder = await Deno.makeTempDir();
    await assertNoLeaks(async () => {
      capability = await NetworkCapability.request({ backend: "kernel", rights, ring });
      try {
        await body({ capability, folder, path: `${folder}/socket` });
      } finally {
        await capability[Symbol.asyncDispose]();
        await Deno.remove(folder, { recursive: true });
      }
      assertEquals(capability.stats().bufferBytes, 0, "ring memory is still held");
    }, () => capability!.stats());
    const deadline = performance.now() + SETTLE_LIMIT_MS;
    while (allDescriptors().length > before && performance.now() < deadline) await delay(POLL_MS);
    assertEquals(allDescriptors().length <= before, true, "descriptors are still open");
  });
}

/** Both ends of a connection. */
export interface UnixPair extends AsyncDisposable {
  readonly client: UnixStream;
  readonly server: UnixStream;
}

/** Connects two streams over a socket file that is gone when they are. */
export async function connectUnix(
  { capability, path }: UnixSite,
  options: UnixListenOptions = {},
): Promise<UnixPair> {
  const { type } = options;
  await using endpoint = await capability.listen(`unix:${path}`, options);
  const accepting = endpoint.accept();
  const client = await capability.connect(
    endpoint.addr.path.startsWith("@") ? `unix:${endpoint.addr.path}` : `unix:${path}`,
    { type },
  );
  const server = await accepting;
  return {
    client,
    server,
    async [Symbol.asyncDispose](): Promise<void> {
      await Promise.all([client.close(), server.close()]);
    },
  };
}

/** A program of other people that talks in lines. */
export class LinePeer implements AsyncDisposable {
  readonly #child: Deno.ChildProcess;
  readonly #reader: ReadableStreamDefaultReader<string>;
  readonly #writer: WritableStreamDefaultWriter<Uint8Array>;
  #text = "";
  #isEnded = false;

  constructor(child: Deno.ChildProcess) {
    this.#child = child;
    this.#reader = child.stdout.pipeThrough(new TextDecoderStream()).getReader();
    this.#writer = child.stdin.getWriter();
  }

  /** Runs Python source; `sys.argv` has the arguments. */
  static python(source: string, ...args: string[]): LinePeer {
    return LinePeer.start(["python3", "-u", "-c", source, ...args]);
  }

  /** Runs a command. */
  static start([command, ...args]: readonly string[], env: Record<string, string> = {}): LinePeer {
    const child = new Deno.Command(command, {
      args: [...args],
      env,
      stdin: "piped",
      stdout: "piped",
    });
    return new LinePeer(child.spawn());
  }

  get pid(): number {
    return this.#child.pid;
  }

  get status(): Promise<Deno.CommandStatus> {
    return this.#child.status;
  }

  /** The next line that it prints, `""` when it has ended. */
  async line(): Promise<string> {
    while (!this.#text.includes("\n")) {
      const { value } = await this.#reader.read();
      if (value === undefined) return "";
      this.#text += value;
    }
    const end = this.#text.indexOf("\n");
    const line = this.#text.slice(0, end);
    this.#text = this.#text.slice(end + 1);
    return line;
  }

  /** Writes a line to its standard input. */
  async say(line: string): Promise<void> {
    await this.#writer.write(new TextEncoder().encode(`${line}\n`));
  }

  /** Ends its standard input. */
  async end(): Promise<void> {
    if (this.#isEnded) return;
    this.#isEnded = true;
    await this.#writer.close().catch(() => {});
  }

  /** Ends its standard input, and the program if that does not. */
  async [Symbol.asyncDispose](): Promise<void> {
    await this.end();
    try {
      this.#child.kill("SIGKILL");
    } catch {
      // It has ended by itself.
    }
    await this.#reader.cancel();
    await this.#child.status;
  }
}

/** @returns Text as bytes. */
export function utf8(text: string): Uint8Array<ArrayBuffer> {
  return new TextEncoder().encode(text);
}

/** @returns Bytes as text. */
export function textOf(bytes: Uint8Array): string {
  return new TextDecoder().decode(bytes.slice());
}

/** @returns The code of the error that a promise rejects with, `"none"` without one. */
export async function codeOf(promise: Promise<unknown>): Promise<string> {
  try {
    await promise;
    return "none";
  } catch (error) {
    return (error as NetError).code ?? String(error);
  }
}

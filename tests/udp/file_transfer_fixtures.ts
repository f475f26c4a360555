/**
 * What tests of the file transfer begin with: files, folders, and receivers that report.
 *
 * @module
 */

import { assertEquals } from "@std/assert";
import { bindWithRoom } from "../../examples/udp_file_transfer/endpoint.ts";
import {
  receiveFiles,
  type ReceiveFilesOptions,
  type ReceiveReport,
} from "../../examples/udp_file_transfer/receiver.ts";
import type { NetworkCapability, UdpEndpoint } from "../../mod.ts";

/** Folders for what is sent and what is received, gone at the end. */
export class Workplace implements AsyncDisposable {
  /** The folder of all. */
  readonly root: string;
  /** Where received files go. */
  readonly inbox: string;

  private constructor(root: string) {
    this.root = root;
    this.inbox = `${root}/inbox`;
  }

  /** Makes one. */
  static async create(): Promise<Workplace> {
    const workplace = new Workplace(await Deno.makeTempDir({ prefix: "millrace-transfer-" }));
    await Deno.mkdir(workplace.inbox);
    return workplace;
  }

  /** Makes a file of random bytes. @returns Its path. */
  async file(name: string, bytes: number): Promise<string> {
    const path = `${this.root}/${name}`;
    using file = await Deno.open(path, { write: true, createNew: true });
    const block = new Uint8Array(65_536);
    for (let left = bytes; left > 0; left -= block.length) {
      crypto.getRandomValues(block);
      const piece = block.subarray(0, Math.min(left, block.length));
      for (let done = 0; done < piece.length;) done += await file.write(piece.subarray(done));
    }
    return path;
  }

  /** Makes a file of zeros, which take no room. @returns Its path. */
  async sparse(name: string, bytes: number): Promise<string> {
    const path = `${this.root}/${name}`;
    await Deno.writeFile(path, new Uint8Array());
    await Deno.truncate(path, bytes);
    return path;
  }

  /** Names in the inbox, hidden ones too. */
  received(): string[] {
    return [...Deno.readDirSync(this.inbox)].map(({ name }) => name).sort();
  }

  /** Proves that a file arrived as it is. */
  async assertArrived(name: string): Promise<void> {
    const [sent, arrived] = await Promise.all([`${this.root}/${name}`, `${this.inbox}/${name}`]
      .map(async (path) => new Uint8Array(await digest(path))));
    assertEquals(arrived, sent, `${name} is another file`);
  }

  /** Removes it all. */
  async [Symbol.asyncDispose](): Promise<void> {
    await Deno.remove(this.root, { recursive: true });
  }
}

async function digest(path: string): Promise<ArrayBuffer> {
  return await crypto.subtle.digest("SHA-256", await Deno.readFile(path));
}

/** A receiver in this process. */
export class Reception implements AsyncDisposable {
  /** Where to send. */
  readonly address: Deno.NetAddr;
  /** What has come, and what has failed. */
  readonly reports: ReceiveReport[] = [];
  readonly #endpoint: UdpEndpoint;
  readonly #stop = new AbortController();
  #done: Promise<void> = Promise.resolve();
  #wake: () => void = () => {};

  private constructor(endpoint: UdpEndpoint) {
    this.#endpoint = endpoint;
    this.address = endpoint.addr;
  }

  /** Starts one on a free port. */
  static async start(
    capability: NetworkCapability,
    folder: string,
    options: ReceiveFilesOptions = {},
    address = "127.0.0.1:0",
  ): Promise<Reception> {
    const reception = new Reception(await bindWithRoom(address, capability));
    reception.#run(folder, options);
    return reception;
  }

  /** The address, as text. */
  get name(): string {
    return this.#endpoint.localName;
  }

  #run(folder: string, options: ReceiveFilesOptions): void {
    const { signal } = this.#stop;
    const onReport = (report: ReceiveReport) => {
      this.reports.push(report);
      this.#wake();
    };
    this.#done = receiveFiles(this.#endpoint, folder, { signal, ...options, onReport })
      .catch((error) => {
        if (error !== this.#stop.signal.reason) throw error;
      });
  }

  /** Waits for so many reports. */
  async reported(count: number): Promise<readonly ReceiveReport[]> {
    while (this.reports.length < count) {
      await new Promise<void>((resolve) => this.#wake = resolve);
    }
    return this.reports;
  }

  /** Waits until it ends by itself. */
  async ended(): Promise<void> {
    await this.#done;
  }

  /** Stops it as Ctrl-C would. */
  async stop(): Promise<void> {
    this.#stop.abort(new Error("stopped by the test"));
    await this.#done;
  }

  /** Stops it and closes its endpoint. */
  async [Symbol.asyncDispose](): Promise<void> {
    await this.stop();
    await this.#endpoint.close();
  }
}

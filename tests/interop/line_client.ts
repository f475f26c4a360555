/**
 * A client that speaks lines of text, over Deno's own sockets.
 *
 * @module
 */

import { deadline } from "@std/async";

/** A line that does not come within this time fails the test. */
const LINE_LIMIT_MS = 10_000;

/** One connection. */
export class LineClient implements Disposable {
  /** The connection itself. */
  readonly connection: Deno.TcpConn;
  #rest = "";
  readonly #decoder = new TextDecoder();
  readonly #buffer = new Uint8Array(64 * 1024);

  private constructor(connection: Deno.TcpConn) {
    this.connection = connection;
  }

  /** Connects to a port of loopback. */
  static async connect(port: number): Promise<LineClient> {
    return new LineClient(await Deno.connect({ hostname: "127.0.0.1", port }));
  }

  /** Sends text as it is. */
  async send(text: string): Promise<void> {
    const bytes = new TextEncoder().encode(text);
    for (let sent = 0; sent < bytes.length;) {
      sent += await this.connection.write(bytes.subarray(sent));
    }
  }

  /** @returns The next line, null at the end. */
  line(): Promise<string | null> {
    return deadline(this.#line(), LINE_LIMIT_MS);
  }

  /** Reads until a line matches. @returns That line. */
  async until(pattern: RegExp): Promise<string> {
    while (true) {
      const line = await this.line();
      if (line === null) throw new Error(`the connection ended before ${pattern}`);
      if (pattern.test(line)) return line;
    }
  }

  /** @returns What comes until the end, as text. */
  async text(): Promise<string> {
    let text = this.#rest;
    while (true) {
      const count = await this.connection.read(this.#buffer);
      if (count === null) return text;
      text += this.#decoder.decode(this.#buffer.subarray(0, count), { stream: true });
    }
  }

  /** Closes the connection. */
  [Symbol.dispose](): void {
    this.connection.close();
  }

  async #line(): Promise<string | null> {
    while (!this.#rest.includes("\n")) {
      const count = await this.connection.read(this.#buffer);
      if (count === null) return null;
      this.#rest += this.#decoder.decode(this.#buffer.subarray(0, count), { stream: true });
    }
    const end = this.#rest.indexOf("\n");
    const line = this.#rest.slice(0, end);
    this.#rest = this.#rest.slice(end + 1);
    return line;
  }
}

/**
 * A peer in Python that does what it is told with one plain socket, resets included.
 *
 * @module
 */

/** A command that takes longer fails the test. */
const COMMAND_LIMIT_MS = 10_000;

/** Reads commands, one a line, and answers each with a line. */
const PROGRAM = `
import socket, struct, sys
peer = None
for line in sys.stdin:
    command, argument = (line.split() + ["0"])[:2]
    try:
        if command == "connect":
            peer = socket.create_connection(("127.0.0.1", int(argument)))
            answer = peer.getsockname()[1]
        elif command == "listen":
            listener = socket.create_server(("127.0.0.1", 0))
            answer = listener.getsockname()[1]
        elif command == "accept":
            peer, _ = listener.accept()
            listener.close()
            answer = 0
        elif command == "send":
            peer.sendall(b"x" * int(argument))
            answer = argument
        elif command == "receive":
            left = int(argument)
            while left > 0:
                data = peer.recv(left)
                if not data:
                    break
                left -= len(data)
            answer = int(argument) - left
        elif command == "end":
            peer.shutdown(socket.SHUT_WR)
            answer = 0
        elif command == "reset":
            peer.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
            peer.close()
            answer = 0
        print(answer, flush=True)
    except OSError as error:
        print(error, flush=True)
`;

/** One Python process with one socket. */
export class RawPeer implements AsyncDisposable {
  readonly #child: Deno.ChildProcess;
  readonly #writer: WritableStreamDefaultWriter<Uint8Array>;
  readonly #reader: ReadableStreamDefaultReader<string>;
  #rest = "";

  private constructor(child: Deno.ChildProcess) {
    this.#child = child;
    this.#writer = child.stdin.getWriter();
    this.#reader = child.stdout.pipeThrough(new TextDecoderStream()).getReader();
  }

  /** Starts the process. */
  static start(): RawPeer {
    return new RawPeer(
      new Deno.Command("python3", {
        args: ["-c", PROGRAM],
        stdin: "piped",
        stdout: "piped",
        stderr: "inherit",
      }).spawn(),
    );
  }

  /** Starts the process and has it connect to a port of loopback. */
  static async connect(port: number): Promise<RawPeer> {
    const peer = RawPeer.start();
    await peer.do("connect", port);
    return peer;
  }

  /** Has something done. @returns What came of it: a port, or how many bytes. */
  async do(
    command: "connect" | "listen" | "accept" | "send" | "receive" | "end" | "reset",
    argument = 0,
  ): Promise<number> {
    const limit = setTimeout(() => this.#child.kill("SIGKILL"), COMMAND_LIMIT_MS);
    try {
      await this.#writer.write(new TextEncoder().encode(`${command} ${argument}\n`));
      const answer = await this.#line();
      if (!/^\d+$/.test(answer)) throw new Error(`the peer's ${command}: ${answer}`);
      return Number(answer);
    } finally {
      clearTimeout(limit);
    }
  }

  /** Ends the process, and so its socket. */
  async [Symbol.asyncDispose](): Promise<void> {
    this.#child.kill("SIGKILL");
    await this.#writer.close().catch(() => {});
    await this.#reader.cancel().catch(() => {});
    await this.#child.status;
  }

  async #line(): Promise<string> {
    while (!this.#rest.includes("\n")) {
      const { done, value } = await this.#reader.read();
      if (done) return "the process has ended";
      this.#rest += value;
    }
    const end = this.#rest.indexOf("\n");
    const line = this.#rest.slice(0, end);
    this.#rest = this.#rest.slice(end + 1);
    return line;
  }
}

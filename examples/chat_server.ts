/**
 * A chat server for many clients, by lines of text.
 *
 * ```sh
 * deno run --allow-net --allow-ffi examples/chat_server.ts [address]
 * ```
 *
 * The address is `127.0.0.1:7778` unless given. Join with `nc 127.0.0.1 7778`; `/who`, `/nick NAME`
 * and `/quit` are the commands. Without `--allow-ffi` it runs on plain Deno.
 *
 * @module
 */

import { NetError, NetworkCapability, TcpEndpoint, type TcpStream } from "../mod.ts";

/** Clients at one time; more are turned away. */
const CLIENTS_MAX = 1_000;
/** Bytes that may wait for one client: who reads more slowly than the others talk is dropped. */
const QUEUE_BYTES_MAX = 256 * 1024;
/** How long one client may take no byte at all of what it was sent. */
const SEND_LIMIT_MS = 30_000;
/** Bytes of one line. */
const LINE_BYTES_MAX = 1_000;
/** How long a guest may think about a name. */
const NAME_LIMIT_MS = 60_000;

const NAME = /^[\p{L}\p{N}_-]{1,20}$/u;
const NEWLINE = 10;

/** Somebody with a name. */
class Client {
  name = "";
  /** Why the server ended the connection, if it did. */
  droppedFor: string | null = null;
  #waitingBytes = 0;
  readonly #stream: TcpStream;

  constructor(stream: TcpStream) {
    this.#stream = stream;
  }

  /** Queues a line, and never waits: one slow reader must not hold up the room. */
  tell(line: string): void {
    const bytes = new TextEncoder().encode(`${line}\n`);
    if (this.#waitingBytes + bytes.length > QUEUE_BYTES_MAX) {
      this.#drop();
      return;
    }
    this.#waitingBytes += bytes.length;
    this.#stream.send(bytes, { timeoutMs: SEND_LIMIT_MS }).then(
      () => this.#waitingBytes -= bytes.length,
      (error) => error instanceof Deno.errors.TimedOut ? this.#drop() : this.#stream.close(),
    );
  }

  #drop(): void {
    this.droppedFor ??= "reads too slowly and was dropped";
    this.#stream.close();
  }

  /** The lines that this client sends. */
  async *lines(limitMs: number | undefined): AsyncGenerator<string> {
    const line = new Uint8Array(LINE_BYTES_MAX);
    let length = 0;
    while (true) {
      const timeoutMs = this.name === "" ? limitMs : undefined;
      // A copy: the loop below suspends, and may hold on to the bytes for long.
      const bytes = await receive(this.#stream, timeoutMs);
      if (bytes === null) return;
      for (const byte of bytes) {
        if (byte !== NEWLINE) {
          if (length === LINE_BYTES_MAX) throw new Error("sent a line that is too long");
          line[length++] = byte;
          continue;
        }
        yield textOf(line.subarray(0, length));
        length = 0;
      }
    }
  }
}

async function receive(
  stream: TcpStream,
  timeoutMs: number | undefined,
): Promise<Uint8Array | null> {
  using lease = await stream.receive({ timeoutMs });
  return lease === null ? null : lease.copy();
}

/** A line as text, without what would let one client play with the terminals of the others. */
function textOf(line: Uint8Array): string {
  return new TextDecoder().decode(line).replace(/[\p{Cc}\p{Cf}\u2028\u2029]/gu, "").trim();
}

/** Everybody with a name, by that name in lower case. */
class Room {
  readonly #clients = new Map<string, Client>();

  /** @returns why the client cannot have the name, or null when it now has it */
  enter(client: Client, name: string): string | null {
    if (!NAME.test(name)) return "A name has 1 to 20 letters, digits, _ or -. Another one?";
    const key = name.toLowerCase();
    if (this.#clients.has(key)) return `${name} is here already. Another name?`;
    const before = client.name;
    if (before !== "") this.#clients.delete(before.toLowerCase());
    client.name = name;
    this.#clients.set(key, client);
    this.say(before === "" ? `* ${name} has joined` : `* ${before} is now ${name}`);
    return null;
  }

  leave(client: Client, why: string): void {
    if (!this.#clients.delete(client.name.toLowerCase())) return;
    this.say(`* ${client.name} ${why}`);
  }

  say(line: string, except?: Client): void {
    for (const client of this.#clients.values()) {
      if (client !== except) client.tell(line);
    }
  }

  get names(): string {
    return [...this.#clients.values()].map(({ name }) => name).join(", ");
  }
}

async function serve(stream: TcpStream, room: Room): Promise<void> {
  const client = new Client(stream);
  let why = "has left";
  try {
    client.tell("Welcome! What is your name?");
    for await (const line of client.lines(NAME_LIMIT_MS)) {
      if (line === "/quit") break;
      if (client.name === "") {
        const refusal = room.enter(client, line);
        client.tell(refusal ?? `* here are: ${room.names}`);
      } else if (line === "/who") {
        client.tell(`* here are: ${room.names}`);
      } else if (line.startsWith("/nick ")) {
        const refusal = room.enter(client, line.slice("/nick ".length).trim());
        if (refusal !== null) client.tell(refusal);
      } else if (line.startsWith("/")) {
        client.tell("* the commands are /who, /nick NAME and /quit");
      } else if (line !== "") {
        room.say(`${client.name}: ${line}`, client);
      }
    }
  } catch (error) {
    // A reset, a deadline, a line without end: it concerns this client only.
    const { code, message } = error as NetError;
    why = client.droppedFor ?? (error instanceof NetError ? `was lost (${code})` : message);
  }
  room.leave(client, why);
  // What was said to the client until now still reaches it, or its deadline passes.
  await stream.closeWrite().catch(() => {});
  await stream.close();
}

// The program asks for no more than it needs: to listen, for so many clients.
await using capability = await NetworkCapability.request({
  rights: { tcp: true, listen: true, resolve: true, limits: { sockets: CLIENTS_MAX + 1 } },
});
await using endpoint = await TcpEndpoint.create(
  Deno.args[0] ?? "127.0.0.1:7778",
  capability,
  // A client whose machine went away without a word is noticed after some hours.
  { keepAlive: true },
);
console.log(`chat server on ${endpoint.localName}, ${capability.backend.kind} backend`);

const room = new Room();
for await (const stream of endpoint) serve(stream, room);

/**
 * What small writes cost: how long they wait for each other, and how many segments there are for
 * them, with programs that read at once.
 *
 * @module
 */

import { assert, assertEquals } from "@std/assert";
import { Ready } from "../../stack/socket.ts";
import type { TcpSocket } from "../../stack/tcp/socket.ts";
import { type TestHost, TestNetwork } from "../support/stack/tcp/network.ts";

const MILLISECOND = 1000;
const DELAY = MILLISECOND;
const ROUNDS = 100;
const MESSAGE = "a small message";

/** Two hosts with a connection, and what the program of each does with what it reads. */
class Conversation {
  readonly network = new TestNetwork({ delay: DELAY });
  readonly client: TestHost = this.network.addHost();
  readonly server: TestHost = this.network.addHost();
  readonly socket: TcpSocket;
  readonly accepted: TcpSocket;

  constructor() {
    const listener = this.server.listen(80);
    this.socket = this.client.connect(this.server, 80);
    this.network.run(10 * DELAY);
    const accepted = listener.accept();
    assert(typeof accepted !== "number");
    this.accepted = accepted;
    this.network.sent.length = 0;
  }

  /** Segments since it began. */
  get segments(): number {
    return this.network.sent.length;
  }

  /** Has each message that a host reads dealt with. */
  read(host: TestHost, socket: TcpSocket, onMessage: () => void): void {
    let rest = "";
    socket.owner = {
      onReady: (ready) => {
        if ((ready & Ready.IN) === 0) return;
        for (let part = host.read(socket); typeof part === "string"; part = host.read(socket)) {
          if (part === "") return;
          rest += part;
        }
        while (rest.length >= MESSAGE.length) {
          assertEquals(rest.slice(0, MESSAGE.length), MESSAGE);
          rest = rest.slice(MESSAGE.length);
          onMessage();
        }
      },
    };
  }
}

Deno.test("small writes one way do not wait for each other, with Nagle's algorithm or without", () => {
  for (const noDelay of [false, true]) {
    for (const pause of [3 * MILLISECOND, 60 * MILLISECOND]) {
      const conversation = new Conversation();
      const { network, client, server, socket, accepted } = conversation;
      assert(socket.connection !== null);
      socket.connection.sender.noDelay = noDelay;
      let arrived = 0;
      conversation.read(server, accepted, () => arrived++);
      for (let round = 1; round <= ROUNDS; round++) {
        assertEquals(client.write(socket, MESSAGE), MESSAGE.length);
        network.run(DELAY);
        assertEquals(arrived, round);
        network.run(pause - DELAY);
      }
      // One acknowledgment for each, as on Linux.
      assertEquals(conversation.segments, 2 * ROUNDS);
    }
  }
});

Deno.test("requests and responses carry each other's acknowledgments", () => {
  for (const thinking of [0, 100, 20 * MILLISECOND]) {
    const conversation = new Conversation();
    const { network, client, server, socket, accepted } = conversation;
    let [requests, responses] = [0, 0];
    conversation.read(server, accepted, () => requests++);
    conversation.read(client, socket, () => responses++);
    for (let round = 1; round <= ROUNDS; round++) {
      client.write(socket, MESSAGE);
      network.run(DELAY);
      assertEquals(requests, round);
      network.run(thinking);
      server.write(accepted, MESSAGE);
      network.run(DELAY);
      assertEquals(responses, round);
    }
    network.run(500 * MILLISECOND);
    // The first ones are acknowledged for themselves: nobody knows yet that there are answers.
    const most = 2 * ROUNDS + 3;
    assert(conversation.segments <= most, `${conversation.segments} segments`);
  }
});

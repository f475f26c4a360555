import { assert, assertEquals } from "@std/assert";
import { State } from "./states.ts";
import type { TcpSocket } from "./socket.ts";
import { TestNetwork } from "../../tests/support/stack/tcp/network.ts";

Deno.test("two stacks connect, echo and close", () => {
  const network = new TestNetwork();
  const [client, server] = [network.addHost(), network.addHost()];
  const listener = server.listen(80);
  const socket = client.connect(server, 80);
  network.run(100_000);
  assertEquals(socket.state, State.ESTABLISHED);
  const accepted = listener.accept();
  assert(typeof accepted !== "number");
  assertEquals(client.write(socket, "hello"), 5);
  network.run(100_000);
  assertEquals(server.read(accepted), "hello");
  assertEquals(server.write(accepted, "world!"), 6);
  network.run(100_000);
  assertEquals(client.read(socket), "world!");
  assertEquals(client.read(socket), -11);
  socket.close();
  network.run(100_000);
  assertEquals(server.read(accepted), 0);
  accepted.close();
  network.run(100_000);
  assertEquals(client.tcp.timeWaits.size, 1);
  assertEquals(server.tcp.table.size, 0);
  network.run();
  assertEquals(client.tcp.table.size, 0);
  listener.close();
  assertEquals([client.tcp.connections, server.tcp.connections], [0, 0]);
  assertEquals([client.tcp.ports.size, server.tcp.ports.size], [0, 0]);
  network.assertNoPackets();
});

Deno.test("a megabyte arrives whole over IPv6, in order, whatever is lost", () => {
  const network = new TestNetwork({ seed: 3 });
  const [client, server] = [network.addHost(), network.addHost()];
  const listener = server.listen(80, 16, true);
  const socket = client.connect(server, 80, true);
  network.run(100_000);
  const accepted = listener.accept() as TcpSocket;
  const data = Uint8Array.from({ length: 1 << 20 }, (_, at) => at * 7 + (at >> 8));
  let count = 0;
  network.rule = () => ++count % 50 === 0 ? Infinity : network.delay;
  const received: Uint8Array[] = [];
  let [sent, got] = [0, 0];
  for (let turn = 0; turn < 20000 && got < data.length; turn++) {
    const taken = client.write(socket, data.subarray(sent, sent + 65536));
    if (taken > 0) sent += taken;
    network.run(5000);
    for (;;) {
      const bytes = server.readBytes(accepted);
      if (typeof bytes === "number") break;
      received.push(bytes);
      got += bytes.length;
    }
  }
  assertEquals(got, data.length);
  const whole = new Uint8Array(got);
  let at = 0;
  for (const bytes of received) {
    whole.set(bytes, at);
    at += bytes.length;
  }
  assertEquals(whole, data);
  socket.close();
  accepted.close();
  listener.close();
  network.run();
  network.assertNoPackets();
});

/**
 * A TCP proxy on `node:net`, in front of one backend.
 *
 * `node balancer_node.mjs --to PORT [--port 0] [--lifetime 600]`
 */
import { connect, createServer } from "node:net";
import process from "node:process";

const argument = (name, otherwise) => {
  const position = process.argv.indexOf(`--${name}`);
  return position >= 0 ? process.argv[position + 1] : otherwise;
};

setTimeout(() => process.exit(3), Number(argument("lifetime", "600")) * 1000).unref();

const to = { host: "127.0.0.1", port: Number(argument("to")), noDelay: true, allowHalfOpen: true };
const server = createServer({ noDelay: true, allowHalfOpen: true }, (client) => {
  const backend = connect(to);
  client.pipe(backend);
  backend.pipe(client);
  client.on("error", () => backend.destroy());
  backend.on("error", () => client.destroy());
});

server.listen({ host: "127.0.0.1", port: Number(argument("port", "0")), backlog: 4096 }, () => {
  console.log(`listening ${server.address().port}`);
});

/**
 * Echo on `node:net`.
 *
 * `node node_net.mjs [--port 0] [--lifetime 600]`
 */
import { createServer } from "node:net";
import process from "node:process";

const argument = (name, otherwise) => {
  const position = process.argv.indexOf(`--${name}`);
  return position >= 0 ? process.argv[position + 1] : otherwise;
};

setTimeout(() => process.exit(3), Number(argument("lifetime", "600")) * 1000).unref();

const server = createServer({ noDelay: true }, (socket) => {
  socket.on("data", (chunk) => {
    if (!socket.write(chunk)) socket.pause();
  });
  socket.on("drain", () => socket.resume());
  socket.on("error", () => socket.destroy());
});

server.listen({ host: "127.0.0.1", port: Number(argument("port", "0")), backlog: 4096 }, () => {
  console.log(`listening ${server.address().port}`);
});

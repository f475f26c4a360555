/**
 * A file to every connection of `node:net`, by `pipe`.
 *
 * `node node_file.mjs --file PATH [--port 0] [--lifetime 600]`
 */
import { createReadStream } from "node:fs";
import { createServer } from "node:net";
import process from "node:process";

const argument = (name, otherwise) => {
  const position = process.argv.indexOf(`--${name}`);
  return position >= 0 ? process.argv[position + 1] : otherwise;
};

setTimeout(() => process.exit(3), Number(argument("lifetime", "600")) * 1000).unref();

const path = argument("file", "");
const server = createServer((socket) => {
  socket.on("error", () => socket.destroy());
  createReadStream(path).pipe(socket);
});

server.listen({ host: "127.0.0.1", port: Number(argument("port", "0")) }, () => {
  console.log(`listening ${server.address().port}`);
});

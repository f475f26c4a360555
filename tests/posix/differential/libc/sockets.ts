/**
 * The oracle's calls on sockets and their names.
 *
 * @module
 */

import { LibcBase } from "./base.ts";
import { optionBytes } from "./structs.ts";
import type { Bytes } from "../../../../posix/calls.ts";
import type { Accepted, OptionValue, Sockaddr } from "../../../../posix/types.ts";

/** What C programs pass as the length of an address that they have not got. */
const NO_ADDRESS_LENGTH = 16;

/** Sockets and names. */
export class SocketCalls extends LibcBase {
  /** `socket(2)`. */
  socket(domain: number, type: number, protocol = 0): number {
    return this.number(this.check("socket", this.call.socket(domain | 0, type | 0, protocol | 0)));
  }

  /** `bind(2)`. */
  bind(fd: number, address: Sockaddr | null, addrlen?: number): void {
    this.memory.reset();
    const name = this.name(address, addrlen, NO_ADDRESS_LENGTH);
    this.check("bind", this.call.bind(this.kernelFd(fd), name.address, name.length));
  }

  /** `listen(2)`. */
  listen(fd: number, backlog = 4096): void {
    this.check("listen", this.call.listen(this.kernelFd(fd), backlog | 0));
  }

  /** `accept(2)`. */
  accept(fd: number): Accepted {
    this.memory.reset();
    const { storage, length, read } = this.nameRoom();
    const result = this.call.accept(this.kernelFd(fd), storage.address, length.address);
    return { fd: this.number(this.check("accept", result)), address: read()! };
  }

  /** `accept4(2)`. */
  accept4(fd: number, flags: number): Accepted {
    this.memory.reset();
    const { storage, length, read } = this.nameRoom();
    const result = this.call.accept4(this.kernelFd(fd), storage.address, length.address, flags | 0);
    return { fd: this.number(this.check("accept4", result)), address: read()! };
  }

  /** `connect(2)`. */
  connect(fd: number, address: Sockaddr | null, addrlen?: number): void {
    this.memory.reset();
    const name = this.name(address, addrlen, NO_ADDRESS_LENGTH);
    this.check("connect", this.call.connect(this.kernelFd(fd), name.address, name.length));
  }

  /** `shutdown(2)`. */
  shutdown(fd: number, how: number): void {
    this.check("shutdown", this.call.shutdown(this.kernelFd(fd), how | 0));
  }

  /** `close(2)`. */
  close(fd: number): void {
    this.check("close", this.closeNumber(fd));
  }

  /** `getsockopt(2)`. */
  getsockopt(fd: number, level: number, name: number, value?: Bytes, length?: number): number {
    this.memory.reset();
    const wanted = length ?? (value === undefined ? 4 : value?.length ?? 0);
    const asInt = this.memory.room(4);
    const { address, copyBack } = value === undefined
      ? { address: asInt.address, copyBack() {} }
      : this.point(value, wanted);
    const size = this.memory.int(wanted);
    const kernelFd = this.kernelFd(fd);
    const result = this.call.getsockopt(kernelFd, level | 0, name | 0, address, size.address);
    this.check("getsockopt", result);
    copyBack();
    return value === undefined ? asInt.view.getInt32(0, true) : size.view.getInt32(0, true);
  }

  /** `setsockopt(2)`. */
  setsockopt(
    fd: number,
    level: number,
    name: number,
    value: OptionValue | null,
    length?: number,
  ): void {
    this.memory.reset();
    const { address, length: size } = this.point(
      value === null ? null : optionBytes(value),
      length,
    );
    const optlen = Number(BigInt.asUintN(32, size));
    const kernelFd = this.kernelFd(fd);
    this.check("setsockopt", this.call.setsockopt(kernelFd, level | 0, name | 0, address, optlen));
  }

  /** `getsockname(2)`. */
  getsockname(fd: number): Sockaddr {
    this.memory.reset();
    const { storage, length, read } = this.nameRoom();
    const result = this.call.getsockname(this.kernelFd(fd), storage.address, length.address);
    this.check("getsockname", result);
    return read()!;
  }

  /** `getpeername(2)`. */
  getpeername(fd: number): Sockaddr {
    this.memory.reset();
    const { storage, length, read } = this.nameRoom();
    const result = this.call.getpeername(this.kernelFd(fd), storage.address, length.address);
    this.check("getpeername", result);
    return read()!;
  }

  /** `socketpair(2)`. */
  socketpair(domain: number, type: number, protocol = 0): [number, number] {
    this.memory.reset();
    const pair = this.memory.room(8);
    const result = this.call.socketpair(domain | 0, type | 0, protocol | 0, pair.address);
    this.check("socketpair", result);
    return this.#numbers(pair.view);
  }

  /** `pipe2(2)`. */
  pipe2(flags = 0): [number, number] {
    this.memory.reset();
    const pair = this.memory.room(8);
    this.check("pipe2", this.call.pipe2(pair.address, flags | 0));
    return this.#numbers(pair.view);
  }

  #numbers(pair: DataView): [number, number] {
    return [this.number(pair.getInt32(0, true)), this.number(pair.getInt32(4, true))];
  }
}

/**
 * The oracle: every call as libc makes it, by FFI.
 *
 * @module
 */

import { LOWEST_DESCRIPTOR } from "./libc/base.ts";
import { ResolverCalls } from "./libc/resolver.ts";
import type { PosixCalls } from "../../../posix/calls.ts";
import {
  F_DUPFD,
  F_DUPFD_CLOEXEC,
  FIONBIO,
  FIONREAD,
  O_CLOEXEC,
  SIOCATMARK,
  SIOCOUTQ,
} from "../../../posix/constants/mod.ts";

/** Requests of `ioctl` that write an int. */
const ANSWERING = [FIONREAD, SIOCATMARK, SIOCOUTQ];

/**
 * libc's calls with the arguments and results of `posix/`. Descriptors have numbers of a table of
 * their own, lowest free first from 3, so that they are the same as on the other side. A call that
 * blocks blocks the thread.
 */
export class LibcCalls extends ResolverCalls implements PosixCalls {
  /** `dup(2)`. */
  dup(fd: number): number {
    return this.number(this.check("dup", this.call.dup(this.kernelFd(fd))));
  }

  /** `dup2(2)`. */
  dup2(fd: number, newfd: number): number {
    if (fd === newfd || this.isOpen(newfd) || !this.#isNumber(newfd)) {
      this.check("dup2", this.call.dup2(this.kernelFd(fd), this.#target(fd, newfd)));
    } else {
      this.numberAs(newfd, this.check("dup2", this.call.dup(this.kernelFd(fd))));
    }
    return newfd;
  }

  /** `dup3(2)`. */
  dup3(fd: number, newfd: number, flags: number): number {
    const legal = (flags & ~O_CLOEXEC) === 0;
    if (fd === newfd || this.isOpen(newfd) || !this.#isNumber(newfd) || !legal) {
      this.check("dup3", this.call.dup3(this.kernelFd(fd), this.#target(fd, newfd), flags | 0));
    } else {
      const command = flags === 0 ? F_DUPFD : F_DUPFD_CLOEXEC;
      const result = this.call.fcntl(this.kernelFd(fd), command, 0);
      this.numberAs(newfd, this.check("dup3", result));
    }
    return newfd;
  }

  /** Two numbers without a descriptor are not the same number. */
  #target(fd: number, newfd: number): number {
    return fd === newfd || this.isOpen(newfd) ? this.kernelFd(newfd) : -1;
  }

  #isNumber(fd: number): boolean {
    return fd >= LOWEST_DESCRIPTOR && fd < this.descriptorsMax;
  }

  /** `fcntl(2)`. */
  fcntl(fd: number, command: number, argument = 0): number {
    const duplicates = command === F_DUPFD || command === F_DUPFD_CLOEXEC;
    // The number to begin at is one of this table, as long as it could be one.
    const isStart = duplicates && argument >= 0 && argument < this.descriptorsMax;
    const kernelArgument = isStart ? 0 : argument | 0;
    const result = this.call.fcntl(this.kernelFd(fd), command | 0, kernelArgument);
    const value = this.check("fcntl", result);
    return duplicates ? this.number(value, argument) : value;
  }

  /** `ioctl(2)`. */
  ioctl(fd: number, request: number, argument = 0): number {
    this.memory.reset();
    const value = this.memory.room(64);
    if (request === FIONBIO) value.view.setInt32(0, argument, true);
    const result = this.call.ioctl(this.kernelFd(fd), BigInt(request >>> 0), value.address);
    this.check("ioctl", result);
    return ANSWERING.includes(request) ? value.view.getInt32(0, true) : 0;
  }
}

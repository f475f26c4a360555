/**
 * The oracle's calls that wait for readiness.
 *
 * @module
 */

import { MessageCalls } from "./messages.ts";
import { NULL } from "./memory.ts";
import { FD_SETSIZE } from "../../../../posix/constants/mod.ts";
import { PosixError } from "../../../../posix/errors.ts";
import type { FdSet } from "../../../../posix/fd_set.ts";
import type { EpollEvent, Pollfd, Timespec, Timeval } from "../../../../posix/types.ts";
import { Errno } from "../../../../ring/abi/errno.ts";

const POLLFD_BYTES = 8;
/** x86-64 packs `struct epoll_event`, no other machine does. */
const PACKED = Deno.build.arch === "x86_64";
const EPOLL_EVENT_BYTES = PACKED ? 12 : 16;
const EPOLL_DATA_AT = PACKED ? 4 : 8;

/** poll, select and epoll. */
export class ReadinessCalls extends MessageCalls {
  /** `poll(2)`. */
  poll(fds: Pollfd[], timeout: number): number {
    return this.#poll(
      "poll",
      fds,
      (address) => this.call.poll(address, BigInt(fds.length), timeout | 0),
    );
  }

  /** `ppoll(2)`. */
  ppoll(fds: Pollfd[], timeout: Timespec | null): number {
    return this.#poll("ppoll", fds, (address) => {
      return this.call.ppoll(address, BigInt(fds.length), this.timespec(timeout), NULL);
    });
  }

  #poll(name: string, fds: Pollfd[], call: (address: bigint) => number): number {
    this.memory.reset();
    const table = this.memory.room(fds.length * POLLFD_BYTES);
    fds.forEach(({ fd, events }, index) => {
      table.view.setInt32(index * POLLFD_BYTES, this.kernelFd(fd), true);
      table.view.setUint16(index * POLLFD_BYTES + 4, events, true);
    });
    const count = this.check(name, call(table.address));
    fds.forEach((entry, index) => {
      entry.revents = table.view.getUint16(index * POLLFD_BYTES + 6, true);
    });
    return count;
  }

  /** `select(2)`. */
  select(
    nfds: number,
    readfds: FdSet | null,
    writefds: FdSet | null,
    exceptfds: FdSet | null,
    timeout: Timeval | null = null,
  ): number {
    this.memory.reset();
    const sets = [readfds, writefds, exceptfds].map((set) => set && this.#kernelSet(set, nfds));
    const time = this.memory.room(16);
    if (timeout !== null) {
      time.view.setBigInt64(0, BigInt(timeout.sec), true);
      time.view.setBigInt64(8, BigInt(timeout.usec), true);
    }
    const highest = Math.max(-1, ...sets.map((set) => set?.highest ?? -1));
    const [reads, writes, excepts] = sets.map((set) => set?.room.address ?? NULL);
    const time0 = timeout === null ? NULL : time.address;
    const isBadTime = timeout !== null && (timeout.sec < 0 || timeout.usec < 0);
    if (nfds >= 0 && !isBadTime && sets.some((set) => set?.hasClosed)) {
      throw new PosixError(Errno.EBADF, "select");
    }
    const kernelNfds = nfds < 0 ? nfds : highest + 1;
    const result = this.call.select(kernelNfds, reads, writes, excepts, time0);
    const count = this.check("select", result);
    [readfds, writefds, exceptfds].forEach((set, at) => set && sets[at]!.readInto(set));
    if (timeout !== null) {
      timeout.sec = Number(time.view.getBigInt64(0, true));
      timeout.usec = Number(time.view.getBigInt64(8, true));
    }
    return count;
  }

  #kernelSet(set: FdSet, nfds: number) {
    const room = this.memory.room(FD_SETSIZE >> 3);
    const numbers = [...set].filter((fd) => fd < nfds);
    const open = numbers.filter((fd) => this.isOpen(fd));
    const kernelFds = open.map((fd) => this.kernelFd(fd));
    for (const kernelFd of kernelFds) {
      if (kernelFd >= FD_SETSIZE) throw new RangeError(`descriptor ${kernelFd} has no bit`);
      room.bytes[kernelFd >> 3] |= 1 << (kernelFd & 7);
    }
    return {
      room,
      highest: Math.max(-1, ...kernelFds),
      // The kernel looks only as far as its own table reaches, which is no program's business.
      hasClosed: open.length < numbers.length,
      readInto(into: FdSet): void {
        open.forEach((fd, index) => {
          const kernelFd = kernelFds[index];
          if ((room.bytes[kernelFd >> 3] & 1 << (kernelFd & 7)) === 0) into.clear(fd);
        });
      },
    };
  }

  /** `epoll_create1(2)`. */
  epoll_create1(flags = 0): number {
    return this.number(this.check("epoll_create1", this.call.epoll_create1(flags | 0)));
  }

  /** `epoll_ctl(2)`. */
  epoll_ctl(epfd: number, operation: number, fd: number, event: EpollEvent | null = null): void {
    this.memory.reset();
    const room = this.memory.room(EPOLL_EVENT_BYTES);
    if (event !== null) {
      room.view.setUint32(0, event.events >>> 0, true);
      room.view.setBigUint64(EPOLL_DATA_AT, BigInt(event.data), true);
    }
    const result = this.call.epoll_ctl(
      this.kernelFd(epfd),
      operation | 0,
      this.kernelFd(fd),
      event === null ? NULL : room.address,
    );
    this.check("epoll_ctl", result);
  }

  /** `epoll_wait(2)`. */
  epoll_wait(epfd: number, events: EpollEvent[], maxevents: number, timeout: number): number {
    this.memory.reset();
    const room = this.memory.room(Math.max(0, Math.min(maxevents, 1024)) * EPOLL_EVENT_BYTES);
    const kernelFd = this.kernelFd(epfd);
    const result = this.call.epoll_wait(kernelFd, room.address, maxevents | 0, timeout | 0);
    const count = this.check("epoll_wait", result);
    for (let index = 0; index < count; index++) {
      events[index] = {
        events: room.view.getUint32(index * EPOLL_EVENT_BYTES, true),
        data: Number(room.view.getBigUint64(index * EPOLL_EVENT_BYTES + EPOLL_DATA_AT, true)),
      };
    }
    return count;
  }
}

/**
 * Open file descriptions: what descriptors name, several of them after `dup`. Each kind of file
 * overrides the calls that it has; what is here is what the others answer.
 *
 * @module
 */

import type { Name, Outcome, RawMessage } from "../engine.ts";
import type { Watch, WatchMode, WatchSink } from "./watch.ts";
import {
  F_GETFL,
  F_GETPIPE_SZ,
  F_SETFL,
  F_SETPIPE_SZ,
  FIONBIO,
  O_ACCMODE,
  O_APPEND,
  O_NONBLOCK,
  O_RDONLY,
  O_WRONLY,
} from "../constants/mod.ts";
import { Errno } from "../../ring/abi/errno.ts";

/** Memory that a call reads or writes. */
export type Bytes = Uint8Array<ArrayBufferLike>;

/** Flags that `F_SETFL` changes. Source: fcntl(2), `SETFL_MASK` of `linux/fs.h`. */
const CHANGEABLE: number = O_APPEND | O_NONBLOCK;

/** Whoever wants to know that a file was closed for good. */
export interface ReleaseListener {
  /** Called once, when the last descriptor of the file is closed. */
  onRelease(file: OpenFile): void;
}

/** One open file, and what it answers to calls that it does not have. */
export abstract class OpenFile {
  /** Descriptors that name it. */
  references = 1;
  /** Access mode and status flags. */
  flags: number;
  /** Whether `epoll` takes it; what is always ready it does not. */
  readonly isPollable: boolean = true;
  /** Who has it in an interest list. */
  readonly listeners: Set<ReleaseListener> = new Set();

  /** @param flags access mode and status flags */
  constructor(flags: number) {
    this.flags = flags;
  }

  /** Whether its calls must not wait. */
  get isNonBlocking(): boolean {
    return (this.flags & O_NONBLOCK) !== 0;
  }

  /** Whether it can be read. */
  get isReadable(): boolean {
    return (this.flags & O_ACCMODE) !== O_WRONLY;
  }

  /** Whether it can be written. */
  get isWritable(): boolean {
    return (this.flags & O_ACCMODE) !== O_RDONLY;
  }

  /** Whether it is the other side's to know what is ready, so that it takes a while to find out. */
  get isRemote(): boolean {
    return false;
  }

  /** Begins to watch for events. @returns null when there is no memory for it */
  abstract watch(mode: WatchMode, events: number, sink: WatchSink): Watch | null;

  /** Ends it; nobody refers to it any more. */
  protected abstract end(): Outcome;

  /** Drops a reference. @returns what the end of the file comes to, 0 while others refer to it */
  release(): Outcome {
    if (--this.references > 0) return 0;
    for (const listener of [...this.listeners]) listener.onRelease(this);
    return this.end();
  }

  /** `bind(2)`. */
  bind(_name: Name): Outcome {
    return -Errno.ENOTSOCK;
  }

  /** `listen(2)`. */
  listen(_backlog: number): Outcome {
    return -Errno.ENOTSOCK;
  }

  /** `accept4(2)`. */
  accept(_flags: number, _name: Name): Outcome {
    return -Errno.ENOTSOCK;
  }

  /** `connect(2)`. */
  connect(_name: Name): Outcome {
    return -Errno.ENOTSOCK;
  }

  /** `sendmsg(2)`, and what comes down to it. */
  sendMessage(_message: RawMessage, _flags: number): Outcome {
    return -Errno.ENOTSOCK;
  }

  /** `recvmsg(2)`, and what comes down to it. */
  receiveMessage(_message: RawMessage, _flags: number): Outcome {
    return -Errno.ENOTSOCK;
  }

  /** `readv(2)`. */
  read(_iov: readonly Bytes[]): Outcome {
    return -Errno.EINVAL;
  }

  /** `writev(2)`. */
  write(_iov: readonly Bytes[]): Outcome {
    return -Errno.EINVAL;
  }

  /** `shutdown(2)`. */
  shutdown(_how: number): Outcome {
    return -Errno.ENOTSOCK;
  }

  /** `getsockopt(2)`. */
  getOption(_level: number, _name: number, _value: Bytes, _length: number): Outcome {
    return -Errno.ENOTSOCK;
  }

  /** `setsockopt(2)`. */
  setOption(_level: number, _name: number, _value: Bytes | null, _length: number): Outcome {
    return -Errno.ENOTSOCK;
  }

  /** `getsockname(2)`. */
  localName(_name: Name): Outcome {
    return -Errno.ENOTSOCK;
  }

  /** `getpeername(2)`. */
  peerName(_name: Name): Outcome {
    return -Errno.ENOTSOCK;
  }

  /** `fcntl(2)`. */
  control(command: number, argument: number): Outcome {
    switch (command) {
      case F_GETFL:
        return this.flags;
      case F_SETFL:
        this.flags = (this.flags & ~CHANGEABLE) | (argument & CHANGEABLE);
        return 0;
      case F_SETPIPE_SZ:
      case F_GETPIPE_SZ:
        return -Errno.EBADF;
      default:
        return -Errno.EINVAL;
    }
  }

  /** `ioctl(2)`. */
  ioctl(request: number, argument: number): Outcome {
    if (request !== FIONBIO) return -Errno.ENOTTY;
    this.flags = argument === 0 ? this.flags & ~O_NONBLOCK : this.flags | O_NONBLOCK;
    return 0;
  }
}

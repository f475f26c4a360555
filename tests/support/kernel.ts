/**
 * Whether this machine's kernel gives io_uring to this process, asked without the runtime:
 * tests that expect the kernel backend must not believe the code they test.
 *
 * @module
 */

/** x86-64 and arm64 share this system call number. */
const SYS_IO_URING_SETUP = 425;

/** `sizeof(struct io_uring_params)`. */
const PARAMS_BYTES = 120;

/** The kernel backend's oldest release. */
const OLDEST_KERNEL: readonly [number, number] = [6, 1];

/**
 * @returns Why the kernel backend cannot start here, or undefined where it can.
 */
export function kernelRefusal(): string | undefined {
  if (Deno.build.os !== "linux") return `io_uring is Linux, this is ${Deno.build.os}`;
  const [major, minor] = Deno.osRelease().split(".").map(Number);
  const [oldestMajor, oldestMinor] = OLDEST_KERNEL;
  if (major < oldestMajor || (major === oldestMajor && minor < oldestMinor)) {
    return `Linux ${major}.${minor} is older than ${OLDEST_KERNEL.join(".")}`;
  }
  const libc = Deno.dlopen("libc.so.6", {
    // long syscall(long number, unsigned entries, struct io_uring_params *params)
    syscall: { parameters: ["i32", "u32", "buffer"], result: "i32" },
    // int close(int fd)
    close: { parameters: ["i32"], result: "i32" },
  });
  try {
    const params = new Uint8Array(new ArrayBuffer(PARAMS_BYTES));
    const fd = libc.symbols.syscall(SYS_IO_URING_SETUP, 1, params);
    if (fd < 0) return "io_uring_setup is refused here (seccomp or kernel.io_uring_disabled)";
    libc.symbols.close(fd);
    return undefined;
  } finally {
    libc.close();
  }
}

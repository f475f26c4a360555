/**
 * Deno's permissions, asked before anything is done that needs them: Deno would prompt on a
 * terminal, and a driver must not.
 *
 * @module
 */

/** What this process may do on the network. */
export class Permissions {
  readonly #hasNet: boolean;

  constructor() {
    this.#hasNet = isGranted({ name: "net" });
  }

  /** Whether TCP to or from an address is allowed. @param host such as `127.0.0.1` or `::1` */
  mayUse(host: string, port: number): boolean {
    if (this.#hasNet) return true;
    const literal = host.includes(":") ? `[${host}]` : host;
    return isGranted({ name: "net", host: `${literal}:${port}` });
  }

  /** Whether a unix socket is allowed. @param path an absolute path; abstract names have none */
  mayUseUnix(path: string, writes: boolean): boolean {
    if (path.includes("\0")) {
      return isGranted({ name: "read" }) && (!writes || isGranted({ name: "write" }));
    }
    return isGranted({ name: "read", path }) && (!writes || isGranted({ name: "write", path }));
  }
}

function isGranted(descriptor: Deno.PermissionDescriptor): boolean {
  return Deno.permissions.querySync(descriptor).state === "granted";
}

/**
 * HAProxy and nginx as peers that speak the PROXY protocol, in the foreground and out of the way.
 *
 * @module
 */

import { hasProgram } from "../support/skip.ts";

/** A proxy that does not take connections within this time is broken. */
const START_LIMIT_MS = 10_000;
const POLL_MS = 10;
const NGINX_STREAM = "/usr/lib/nginx/modules/ngx_stream_module.so";

/** What is missing for HAProxy, undefined when nothing is. */
export const HAPROXY_MISSING: string | undefined = hasProgram("haproxy")
  ? undefined
  : "needs haproxy";
/** What is missing for nginx with its stream module. */
export const NGINX_MISSING: string | undefined = hasNginx()
  ? undefined
  : "needs nginx with its stream module";

function hasNginx(): boolean {
  try {
    return hasProgram("nginx") && Deno.statSync(NGINX_STREAM).isFile;
  } catch {
    return false;
  }
}

/** A running proxy; disposing of it ends the process. */
export interface ProxyProgram extends AsyncDisposable {
  /** Where it listens: once for each `{port}` in its configuration. */
  readonly ports: readonly number[];
}

/**
 * Starts HAProxy.
 *
 * @param configuration what follows `global` and `defaults`; each `{port}` becomes a free one, and
 * the last of them must take connections without a server behind it
 */
export async function startHaproxy(configuration: string): Promise<ProxyProgram> {
  const head = `
defaults
  timeout connect 5s
  timeout client 10s
  timeout server 10s
`;
  return await start(head + configuration, (file) => ["haproxy", "-db", "-q", "-f", file]);
}

/**
 * Starts nginx.
 *
 * @param configuration the blocks beside `events`; see {@linkcode startHaproxy}
 */
export async function startNginx(configuration: string): Promise<ProxyProgram> {
  const head = (folder: string) => `
load_module ${NGINX_STREAM};
daemon off;
master_process off;
error_log stderr error;
pid ${folder}/pid;
events {}
`;
  const text = (folder: string) => head(folder) + configuration.replaceAll("{folder}", folder);
  return await start(text, (file, folder) => ["nginx", "-p", folder, "-c", file]);
}

async function start(
  configuration: string | ((folder: string) => string),
  commandOf: (file: string, folder: string) => string[],
): Promise<ProxyProgram> {
  const folder = await Deno.makeTempDir();
  const file = `${folder}/configuration`;
  const ports: number[] = [];
  const text = typeof configuration === "string" ? configuration : configuration(folder);
  await Deno.writeTextFile(
    file,
    text.replaceAll("{port}", () => {
      ports.push(freePort());
      return String(ports.at(-1));
    }),
  );
  const [command, ...args] = commandOf(file, folder);
  const child = new Deno.Command(command, {
    args,
    stdin: "null",
    stdout: "null",
    stderr: "piped",
  }).spawn();
  const errors = new Response(child.stderr).text();
  const end = async () => {
    try {
      child.kill("SIGKILL");
    } catch {
      // It has ended.
    }
    await child.status;
    await Deno.remove(folder, { recursive: true });
    return await errors;
  };
  if (!await isUp(ports.at(-1)!)) throw new Error(`${command} did not start: ${await end()}`);
  return { ports, [Symbol.asyncDispose]: async () => void await end() };
}

/** A port that was free a moment ago. */
function freePort(): number {
  using listener = Deno.listen({ hostname: "127.0.0.1", port: 0 });
  return listener.addr.port;
}

async function isUp(port: number): Promise<boolean> {
  const deadline = performance.now() + START_LIMIT_MS;
  while (performance.now() < deadline) {
    try {
      (await Deno.connect({ hostname: "127.0.0.1", port })).close();
      return true;
    } catch {
      await new Promise((resolve) => setTimeout(resolve, POLL_MS));
    }
  }
  return false;
}

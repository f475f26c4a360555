/**
 * A load balancer on Millrace, in front of one backend.
 *
 * `deno run --allow-ffi --allow-net=127.0.0.1 balancer_millrace.ts --to PORT [--backend kernel|host]
 * [--port 0] [--lifetime 600]`
 */
import { LoadBalancer, NetworkCapability } from "../../../mod.ts";
import { announce, argument, liveAtMost } from "./arguments.ts";

liveAtMost();
const backend = argument("backend", "kernel") as "kernel" | "host";
const capability = await NetworkCapability.request({ backend });
console.error(`backend ${capability.backend.kind}: ${capability.backend.why}`);
const balancer = new LoadBalancer({ capability, backends: [`127.0.0.1:${argument("to", "")}`] });
const endpoint = await capability.listen(`127.0.0.1:${argument("port", "0")}`, { backlog: 4096 });
announce(endpoint.addr.port);
await balancer.serve(endpoint);

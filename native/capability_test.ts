import { assertRejects } from "@std/assert";
import { type CapabilityRequest, NetworkCapability } from "./capability.ts";

const CONTRADICTIONS: readonly (readonly [string, CapabilityRequest])[] = [
  ["stack is for the backend", { backend: "host", stack: {} }],
  ["stack is for the backend", { stack: {} }],
  ["worker is true", { backend: "stack", worker: true, stack: { worker: false } }],
  ["worker is false", { backend: "stack", worker: false, stack: { worker: true } }],
];

Deno.test("a request that contradicts itself opens nothing, and says where", async () => {
  for (const [words, request] of CONTRADICTIONS) {
    await assertRejects(() => NetworkCapability.request(request), TypeError, words);
  }
});

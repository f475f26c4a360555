/**
 * Runs one effect, by its name, in the namespace that it was started in.
 *
 * @module
 */

import { effects, Inside } from "./effect.ts";
import "./effects/all.ts";
import { NetworkCapability } from "../../mod.ts";

const [name] = Deno.args;
const chosen = effects.find((effect) => effect.name === name);
if (chosen === undefined) throw new Error(`no effect is called ${JSON.stringify(name)}`);
const capability = await NetworkCapability.request({ backend: "kernel" });
try {
  await chosen.body(new Inside(capability));
} catch (error) {
  // Said before anything is closed: what that ends would be told instead.
  console.error(error);
  Deno.exit(1);
}
await capability[Symbol.asyncDispose]();
console.log("shown");
Deno.exit(0);

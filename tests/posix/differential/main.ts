/**
 * Shows what is different: `deno run -A main.ts [--on kernel] ["part of a script's name" ...]`.
 * Without a subject libc is compared with itself; scripts that are named are shown whole.
 *
 * @module
 */

import { LibcCalls } from "./libc.ts";
import { complaintsOf, differenceOf, runScript } from "./run.ts";
import { SCRIPTS } from "./scripts/all.ts";
import { type OpenSubject, type Subject, SUBJECTS } from "./subjects.ts";
import { startWatchdog, stopWatchdog } from "./watchdog.ts";

function openLibc(): OpenSubject {
  return { calls: new LibcCalls(), close: () => Promise.resolve() };
}

function subjectOf(name: string): Subject {
  const found = SUBJECTS.find((subject) => subject.name === name);
  if (found === undefined) throw new Error(`no subject is called "${name}"`);
  return found;
}

if (import.meta.main) {
  const args = [...Deno.args];
  const name = args[0] === "--on" ? args.splice(0, 2)[1] : undefined;
  const subject = name === undefined ? openLibc() : await subjectOf(name).open();
  await startWatchdog();
  let wrongs = 0;
  for (const script of SCRIPTS) {
    const isNamed = args.some((part) => script.name.includes(part));
    if (args.length > 0 && !isNamed) continue;
    const expected = runScript(script, new LibcCalls());
    const actual = runScript(script, subject.calls, expected);
    const wrong = [...complaintsOf(expected), differenceOf(expected, actual) ?? ""].join("\n");
    if (isNamed) console.log(`${script.name}\n  ${expected.join("\n  ")}`);
    if (wrong.trim() === "") continue;
    console.log(`DIFFERENT ${script.name}\n${wrong}\n`);
    wrongs++;
  }
  console.log(`${wrongs} of ${SCRIPTS.length} scripts`);
  stopWatchdog();
  await subject.close();
}

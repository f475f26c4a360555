/**
 * All scripts, in the order they run.
 *
 * @module
 */

import type { Script, Scripts } from "../script.ts";
import { creation } from "./creation.ts";
import { datagrams } from "./datagrams.ts";
import { messages } from "./messages.ts";
import { names } from "./names.ts";
import { options } from "./options.ts";
import { shutdown } from "./shutdown.ts";
import { connecting } from "./connecting.ts";
import { optionTable } from "./option_table.ts";
import { poll } from "./poll.ts";
import { select } from "./select.ts";
import { epoll } from "./epoll.ts";
import { pipes } from "./pipes.ts";
import { descriptors } from "./descriptors.ts";
import { files } from "./files.ts";
import { urgent } from "./urgent.ts";
import { timeouts } from "./timeouts.ts";
import { args } from "./arguments.ts";
import { flags } from "./flags.ts";
import { control } from "./control.ts";
import { resolver } from "./resolver.ts";
import { epollControl } from "./epoll_control.ts";
import { streamEnds } from "./stream_ends.ts";
import { unixDatagrams } from "./unix_datagrams.ts";
import { streams } from "./streams.ts";
import { unix } from "./unix.ts";
import { vectors } from "./vectors.ts";

/** Scripts by what they are about. */
export const GROUPS: Readonly<Record<string, Scripts>> = {
  creation,
  names,
  streams,
  "ends of streams": streamEnds,
  datagrams,
  unix,
  "Unix datagrams": unixDatagrams,
  messages,
  vectors,
  options,
  "every option": optionTable,
  shutdown,
  connecting,
  poll,
  select,
  epoll,
  "control of epoll": epollControl,
  pipes,
  descriptors,
  files,
  urgent,
  timeouts,
  arguments: args,
  flags,
  control,
  resolver,
};

/** The scripts of one group; the name of each begins with the group's. */
export function scriptsOf(group: string): Script[] {
  return Object.entries(GROUPS[group]).map(([name, body]) => ({ name: `${group}: ${name}`, body }));
}

/** Every script. */
export const SCRIPTS: readonly Script[] = Object.keys(GROUPS).flatMap(scriptsOf);

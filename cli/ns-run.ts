#!/usr/bin/env node
import { main } from './ns-run/main.ts';
import { ownIo } from './ns-run/own-io.ts';
import { leaveTerminal } from './ns-run/terminal.ts';

const code = await main(process.argv.slice(2), ownIo());
leaveTerminal();
process.exit(code);

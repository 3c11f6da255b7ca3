#!/usr/bin/env node
import { main } from './ns-ls/main.ts';
import { ownIo } from './ns-run/own-io.ts';

process.exitCode = main(process.argv.slice(2), { ...ownIo(), columns: process.stdout.columns ?? null });

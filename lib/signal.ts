import { constants } from 'node:os';

/** A signal's name, as in signal(7). */
export type SignalName = NodeJS.Signals;

const NUMBERS: Readonly<Record<string, number>> = constants.signals;
const NAMES = new Map<number, SignalName>();
// The first name of a number is the usual one (SIGABRT, not SIGIOT; SIGIO, not SIGPOLL).
for (const [name, number] of Object.entries(NUMBERS)) {
  if (!NAMES.has(number)) NAMES.set(number, name as SignalName);
}

/** The number of a signal on this architecture; undefined for a name that is none. */
export const signalNumber = (name: string): number | undefined =>
  Object.hasOwn(NUMBERS, name) ? NUMBERS[name] : undefined;

/** The name of a signal number; real-time signals have none and read `SIG34`. */
export const signalName = (number: number): SignalName => NAMES.get(number) ?? (`SIG${number}` as SignalName);

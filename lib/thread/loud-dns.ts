import dns, { type LookupAddress, type LookupOptions } from 'node:dns';
import { isIP } from 'node:net';
import { type Loudness, outsideError, warnOutside } from './loud.ts';

type Callback = (error: NodeJS.ErrnoException | null, address?: string | LookupAddress[], family?: number) => void;
/** The functions as JavaScript calls them: with fewer arguments, and any of them wrong. */
type Lookup = (hostname: string, options: unknown, callback?: Callback) => unknown;
type LookupPromise = (hostname: string, options?: unknown) => Promise<unknown>;

const INSTEAD =
  'use dns.resolve4() or dns.resolve6(), which ask the servers of /etc/resolv.conf from here, or an address';

/** The address that answers for a name without anybody being asked; null where somebody would be. */
const literal = (hostname: unknown, options: unknown): string | null => {
  if (typeof hostname !== 'string' || hostname === '' || isIP(hostname) !== 0) return hostname as string;
  if (!/^(?:[^.]+\.)*localhost\.?$/i.test(hostname)) return null;
  // RFC 6761: the name is the loopback address, wherever it is asked for.
  const family = typeof options === 'object' && options !== null ? (options as LookupOptions).family : options;
  return family === 6 || family === 'IPv6' ? '::1' : '127.0.0.1';
};

/**
 * Makes `dns.lookup`, which asks getaddrinfo(3) on a pool thread, loud for everything but addresses and `localhost`. All
 * that connects and listens by name goes through it.
 */
export const loudDns = (loudness: Loudness): void => {
  if (loudness === 'allow') return;
  const { lookup, lookupService } = dns as unknown as {
    lookup: Lookup;
    lookupService: (...args: unknown[]) => unknown;
  };
  const promises = dns.promises as unknown as { lookup: LookupPromise; lookupService: (...args: unknown[]) => unknown };
  const { lookup: lookupPromise } = promises;
  const refuse = (what: string): NodeJS.ErrnoException | null => {
    if (loudness === 'fail') return outsideError(what, INSTEAD);
    warnOutside(what, INSTEAD);
    return null;
  };
  const loudLookup: Lookup = (hostname, options, callback) => {
    const done = typeof options === 'function' ? (options as Callback) : callback;
    const address = literal(hostname, options);
    if (address !== null) return lookup(address, options, callback);
    const error = refuse(`dns.lookup(${JSON.stringify(hostname)})`);
    if (error === null) return lookup(hostname, options, callback);
    if (typeof done !== 'function') throw new TypeError('dns.lookup() takes a callback');
    process.nextTick(done, error);
    return {};
  };
  const loudPromise: LookupPromise = async (hostname, options) => {
    const address = literal(hostname, options);
    const error = address === null ? refuse(`dns.lookup(${JSON.stringify(hostname)})`) : null;
    if (error !== null) throw error;
    return lookupPromise.call(promises, address ?? hostname, options);
  };
  const loudService = (...args: unknown[]): unknown => {
    const error = refuse('dns.lookupService()');
    const done = args.at(-1);
    if (error === null || typeof done !== 'function') return lookupService.apply(dns, args);
    process.nextTick(done as Callback, error);
    return {};
  };
  const { lookupService: servicePromise } = promises;
  const loudServicePromise = async (...args: unknown[]): Promise<unknown> => {
    const error = refuse('dns.lookupService()');
    if (error !== null) throw error;
    return servicePromise.apply(promises, args);
  };
  Object.assign(dns, { lookup: loudLookup, lookupService: loudService });
  Object.assign(promises, { lookup: loudPromise, lookupService: loudServicePromise });
};

import { spawn } from 'node:child_process';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Readable, Writable } from 'node:stream';

type Message = {
  id?: number;
  method?: string;
  params?: Record<string, unknown>;
  result?: Record<string, unknown>;
  error?: { message: string };
};

/** A page of a real browser, spoken to through the DevTools protocol on two pipes. */
export interface Page {
  readonly call: (method: string, params?: object) => Promise<Record<string, unknown>>;
  /** Everything that the page asked for. */
  readonly requests: readonly string[];
  /** What it said on its console, and what went wrong. */
  readonly complaints: readonly string[];
  /** Evaluates an expression in the page and gives its value. */
  readonly evaluate: (expression: string) => Promise<unknown>;
  readonly close: () => Promise<void>;
}

/** Starts a headless Chromium with one page. */
export const openPage = async (browser: string): Promise<Page> => {
  const profile = await mkdtemp(join(tmpdir(), 'ns-bench-chromium-'));
  const args = ['--headless=new', '--no-sandbox', '--disable-gpu', '--disable-dev-shm-usage', '--no-first-run'];
  const child = spawn(browser, [...args, '--remote-debugging-pipe', `--user-data-dir=${profile}`, 'about:blank'], {
    stdio: ['ignore', 'ignore', 'ignore', 'pipe', 'pipe'],
  });
  const gone = new Promise<void>((resolve) => {
    child.once('close', () => resolve());
    child.once('error', () => resolve());
  });
  const [to, from] = [child.stdio[3] as Writable, child.stdio[4] as Readable];
  to.on('error', () => undefined);
  const waiting = new Map<
    number,
    { resolve: (value: Record<string, unknown>) => void; reject: (error: Error) => void }
  >();
  const [requests, complaints]: [string[], string[]] = [[], []];
  const loaded: (() => void)[] = [];
  const hear = ({ id, method, params = {}, result, error }: Message): void => {
    if (id !== undefined) {
      const waiter = waiting.get(id);
      waiting.delete(id);
      if (error === undefined) waiter?.resolve(result ?? {});
      else waiter?.reject(new Error(error.message));
    }
    if (method === 'Network.requestWillBeSent') requests.push((params as { request: { url: string } }).request.url);
    if (method === 'Log.entryAdded') complaints.push(JSON.stringify(params));
    if (method === 'Runtime.exceptionThrown') complaints.push(JSON.stringify(params));
    if (method === 'Page.loadEventFired') for (const done of loaded.splice(0)) done();
  };
  let rest = '';
  from.on('data', (chunk) => {
    const parts = (rest + String(chunk)).split('\0');
    rest = parts.pop() ?? '';
    for (const part of parts) hear(JSON.parse(part) as Message);
  });
  let count = 0;
  const send = (method: string, params: object, sessionId?: string): Promise<Record<string, unknown>> =>
    new Promise((resolve, reject) => {
      count += 1;
      waiting.set(count, { resolve, reject });
      to.write(`${JSON.stringify({ id: count, method, params, ...(sessionId === undefined ? {} : { sessionId }) })}\0`);
    });
  void gone.then(() => {
    for (const { reject } of waiting.values()) reject(new Error('The browser has ended'));
  });
  const { targetId } = await send('Target.createTarget', { url: 'about:blank' });
  const { sessionId } = await send('Target.attachToTarget', { targetId, flatten: true });
  const call: Page['call'] = async (method, params = {}) => {
    const done = method === 'Page.navigate' ? new Promise<void>((resolve) => loaded.push(resolve)) : undefined;
    const answer = await send(method, params, sessionId as string);
    await done;
    return answer;
  };
  for (const domain of ['Network', 'Log', 'Runtime', 'Page']) await call(`${domain}.enable`);
  return {
    ...{ call, requests, complaints },
    evaluate: async (expression) => {
      const answer = await call('Runtime.evaluate', { expression, returnByValue: true });
      return (answer['result'] as { value?: unknown }).value;
    },
    close: async () => {
      child.kill('SIGKILL');
      await gone;
      await rm(profile, { recursive: true, force: true, maxRetries: 5 });
    },
  };
};

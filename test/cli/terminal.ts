import { type ChildProcess, execFileSync, spawn } from 'node:child_process';
import { toolPath } from '../contract/caller.ts';
import { plainEnv } from './running.ts';

const isUtilLinux = (): boolean => {
  try {
    return execFileSync('script', ['--version'], { encoding: 'utf8' }).includes('util-linux');
  } catch {
    return false;
  }
};

/** Why there is no terminal to test on, or false. */
export const noTerminal: string | false =
  toolPath('script') === null
    ? 'there is no script in PATH'
    : !isUtilLinux() && 'script is not the one of util-linux, which makes a terminal of a pipe';

const PROMPT = '>>> ';

/** What terminals are told beside text: escape sequences. */
// biome-ignore lint/suspicious/noControlCharactersInRegex: they are what it is about
const ESCAPES = /\u001b(?:\[[0-9;?>]*[a-zA-Z]|[=>])/g;

/** A text that does not come is reported after this, with what came instead; nothing waits so long otherwise. */
const PATIENCE_MS = 60_000;

const patternOf = (wanted: RegExp | string): RegExp =>
  typeof wanted === 'string' ? new RegExp(wanted.replace(/[[\]()+?.*^$|]/g, '\\$&')) : wanted;

/**
 * An interactive shell on a terminal of its own, typed at from here.
 *
 * @remarks A text that is waited for must not stand so in what is typed, which the terminal shows as well.
 */
export class Terminal {
  readonly #script: ChildProcess;
  readonly #ended: Promise<unknown>;
  #screen = '';
  #changed: () => void = () => {};

  constructor() {
    // Without line editing: a shell that has it draws the line again and again.
    this.#script = spawn('script', ['-qfc', `env PS1='${PROMPT}' sh +o emacs -i`, '/dev/null'], {
      env: { ...plainEnv(), SHELL: '/bin/sh', TERM: 'dumb', LC_ALL: 'C', ENV: '', HISTFILE: '' },
      stdio: ['pipe', 'pipe', 'inherit'],
    });
    this.#script.stdout?.on('data', (chunk) => {
      this.#screen = `${this.#screen}${chunk}`.replaceAll(ESCAPES, '').replaceAll('\r', '');
      this.#changed();
    });
    this.#ended = new Promise((resolve) => this.#script.on('close', resolve));
  }

  /** Waits for a text, and forgets everything up to its end. */
  async shows(wanted: RegExp | string): Promise<RegExpExecArray> {
    const pattern = patternOf(wanted);
    const deadline = Date.now() + PATIENCE_MS;
    for (;;) {
      const found = pattern.exec(this.#screen);
      if (found !== null) {
        this.#screen = this.#screen.slice(found.index + found[0].length);
        return found;
      }
      if (Date.now() > deadline) {
        throw new Error(`Waited for ${pattern}, the terminal shows ${JSON.stringify(this.#screen)}`);
      }
      await new Promise<void>((resolve) => {
        const look = setTimeout(resolve, 1_000);
        this.#changed = () => {
          clearTimeout(look);
          resolve();
        };
      });
    }
  }

  /** Types keys, and nothing after them. */
  type(keys: string): void {
    this.#script.stdin?.write(keys);
  }

  /** Types a line when the shell is ready for one. */
  async enter(line: string): Promise<void> {
    await this.shows(PROMPT);
    this.type(`${line}\n`);
    await this.shows(`${line}\n`);
  }

  /** What stands on the terminal before the shell is ready for the next line. */
  async rest(): Promise<string> {
    return (await this.shows(new RegExp(`[^]*?(?=${PROMPT})`)))[0].trim();
  }

  /** What a command line prints. */
  async prints(line: string): Promise<string> {
    await this.enter(line);
    return this.rest();
  }

  /** Ends the shell, and what hangs on its terminal. */
  async close(): Promise<void> {
    // With it goes the terminal: whoever is in its foreground, and the shell, get SIGHUP.
    this.#script.kill('SIGKILL');
    await this.#ended;
  }
}

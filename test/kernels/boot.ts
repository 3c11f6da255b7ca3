import { spawn } from 'node:child_process';
import { createWriteStream } from 'node:fs';
import type { Arch, Guest } from './guests.ts';

const QEMU: Readonly<Record<Arch, readonly string[]>> = {
  amd64: ['qemu-system-x86_64', '-accel', 'tcg', '-cpu', 'max'],
  arm64: ['qemu-system-aarch64', '-M', 'virt', '-cpu', 'max,pauth-impdef=on'],
};

const CONSOLE: Readonly<Record<Arch, string>> = { amd64: 'ttyS0', arm64: 'ttyAMA0' };

/**
 * Boots a guest; everything that it wrote. qemu ends with 0 even when the guest panics: only what it wrote counts.
 *
 * @param words - for the kernel's command line, where the guest's init reads them
 * @param log - a file that gets it as it is written
 */
const boot = (
  { arch, append = '' }: Guest,
  { kernel, initramfs }: { readonly kernel: string; readonly initramfs: string },
  words: string,
  timeoutMs: number,
  log: string,
): Promise<string> =>
  new Promise((done) => {
    const line = `console=${CONSOLE[arch]} quiet panic=-1 mitigations=off ${append} ${words}`;
    const [command = '', ...machine] = QEMU[arch];
    const devices = ['-m', '3072', '-smp', '2', '-nographic', '-no-reboot', '-nic', 'none'];
    const args = [...machine, ...devices, '-kernel', kernel, '-initrd', initramfs, '-append', line];
    const child = spawn(command, args, { stdio: ['ignore', 'pipe', 'inherit'] });
    const timer = setTimeout(() => child.kill('SIGKILL'), timeoutMs);
    let text = '';
    const file = createWriteStream(log);
    child.stdout.on('data', (chunk) => {
      text += chunk;
      file.write(chunk);
    });
    child.on('error', (error) => {
      text += error.message;
    });
    child.on('close', () => {
      clearTimeout(timer);
      file.end();
      done(text.replaceAll('\r', ''));
    });
  });

/** How often a guest is booted whose kernel dies before its first program has said anything. */
const BOOTS = 3;

/**
 * Boots a guest, and boots it again when its kernel dies by itself: of two emulated processors one sees now and then code that
 * the other is just patching, and meets the breakpoint of a patch that is done (an oops of the kind int3).
 */
export const bootUntilItSpeaks = async (...guest: Parameters<typeof boot>): Promise<string> => {
  for (let boots = 1; ; boots += 1) {
    const text = await boot(...guest);
    if (boots === BOOTS || /^NS /m.test(text) || !text.includes('Kernel panic')) return text;
    console.error(`${guest[0].name}: its kernel died before the first program, and is booted again`);
  }
};

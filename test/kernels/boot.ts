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
export const boot = (
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

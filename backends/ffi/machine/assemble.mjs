// Assembles the runners and prints or writes what stands in code.ts.
//   node backends/ffi/machine/assemble.mjs          writes code.ts
// The test test/ffi/machine.test.ts imports `assemble` and compares.
import { execFileSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';

const here = fileURLToPath(new URL('.', import.meta.url));

const TARGETS = [
  { arch: 'x64', source: 'x86_64.S', prefixes: ['x86_64-linux-gnu-', ''], machine: 'elf64-x86-64' },
  { arch: 'arm64', source: 'aarch64.S', prefixes: ['aarch64-linux-gnu-', ''], machine: 'elf64-littleaarch64' },
];

const run = (tool, args) => execFileSync(tool, args, { encoding: 'utf8', stdio: ['ignore', 'pipe', 'pipe'] });

const toolsFor = ({ prefixes, machine }) =>
  prefixes.find((prefix) => {
    try {
      return run(`${prefix}objdump`, ['-i']).split('\n').includes(machine) && run(`${prefix}as`, ['--version']);
    } catch {
      return false;
    }
  });

/** The machine code of one architecture; null where no assembler for it is installed. */
export const assemble = (arch, sources = here) => {
  const target = TARGETS.find((candidate) => candidate.arch === arch);
  const prefix = toolsFor(target);
  if (prefix === undefined) return null;
  const dir = mkdtempSync(join(tmpdir(), 'ns-assemble-'));
  try {
    const [object, binary] = [join(dir, 'runner.o'), join(dir, 'runner.bin')];
    run(`${prefix}as`, ['-o', object, join(sources, target.source)]);
    run(`${prefix}objcopy`, ['-O', 'binary', '-j', '.text', object, binary]);
    const start = /^([0-9a-f]+) \S+ ns_start$/m.exec(run(`${prefix}nm`, [object]));
    return { hex: readFileSync(binary).toString('hex'), startOffset: Number.parseInt(start[1], 16) };
  } finally {
    rmSync(dir, { recursive: true });
  }
};

const entry = (arch) => {
  const { hex, startOffset } = assemble(arch) ?? { hex: null };
  if (hex === null) throw new Error(`No assembler for ${arch} is installed`);
  const lines = hex.match(/.{1,64}/g).map((line) => `      '${line}'`);
  return `  ${arch}: {\n    startOffset: ${startOffset},\n    hex:\n${lines.join(' +\n')},\n  },`;
};

if (process.argv[1] === fileURLToPath(import.meta.url)) {
  const text = `// Made by assemble.mjs from x86_64.S and aarch64.S; not to be edited.

/** The runner's machine code: its first byte is \`ns_run\`; \`startOffset\` is where \`ns_start\` stands. */
export const MACHINE_CODE = {
${TARGETS.map(({ arch }) => entry(arch)).join('\n')}
} as const;
`;
  writeFileSync(join(here, 'code.ts'), text);
}

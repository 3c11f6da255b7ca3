import { fileURLToPath } from 'node:url';
import t from 'tap';
import { MACHINE_CODE } from '../../backends/ffi/machine/code.ts';

const folder = new URL('../../../backends/ffi/machine/', import.meta.url);
const { assemble } = (await import(new URL('assemble.mjs', folder).href)) as {
  assemble: (arch: string, sources: string) => { hex: string; startOffset: number } | null;
};

for (const arch of ['x64', 'arm64'] as const) {
  t.test(`MACHINE_CODE.${arch} is what its source assembles to`, async (t) => {
    const assembled = assemble(arch, fileURLToPath(folder));
    if (assembled === null) t.pass('assembled', { skip: `no assembler for ${arch} is installed` });
    else t.same(assembled, MACHINE_CODE[arch]);
  });

  t.test(`MACHINE_CODE.${arch} fits its place in the carrier`, async (t) => {
    t.ok(MACHINE_CODE[arch].hex.length / 2 <= 0x300, 'shorter than the room before the program');
    t.ok(MACHINE_CODE[arch].startOffset < MACHINE_CODE[arch].hex.length / 2);
  });
}

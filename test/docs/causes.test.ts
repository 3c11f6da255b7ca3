import { readdirSync, readFileSync } from 'node:fs';
import t from 'tap';
import { diagnoseAll } from '../../lib/host/diagnose.ts';
import { snapshotEvidence } from '../../lib/host/evidence.ts';
import { NOTES } from '../../lib/host/notes.ts';
import { evidenceOf, MACHINES } from '../host/machines.ts';
import { causePages } from './cause-pages.ts';

t.test('docs/causes is what the table says: npm run docs:causes', async (t) => {
  const pages = causePages();
  t.same(readdirSync('docs/causes').sort(), [...pages.keys()].sort());
  for (const [name, text] of pages) t.equal(readFileSync(`docs/causes/${name}`, 'utf8'), text, name);
});

t.test('NOTES have the words of five tools where a user namespace is refused', async (t) => {
  for (const id of [
    'el7-max-userns-zero',
    'el7-userns-unusable-7.0-7.1',
    'el7-userns-param-off',
    'config-user-ns-off',
    'max-userns-zero',
    'userns-limit-exhausted',
    'chroot-caller',
    'unprivileged-userns-clone-off',
    'userns-restrict-on',
    'apparmor-no-transition-profile',
    'selinux-userns-create-denied',
    'seccomp-container-default',
    'outer-sandbox-blocks',
  ]) {
    const tools = new Set(NOTES[id]?.symptoms.map((line) => line.split(':')[0]));
    for (const tool of ['unshare', 'bwrap', 'podman', 'dockerd-rootless', 'chrome'])
      t.ok(tools.has(tool), `${id}: ${tool}`);
  }
});

t.test('NOTES say what a remedy opens that changes a setting', async (t) => {
  for (const machine of MACHINES) {
    const found = diagnoseAll(machine.failure, snapshotEvidence(evidenceOf(machine)));
    const remedy = found.find(({ cause }) => cause === machine.cause)?.remedy.join('\n') ?? '';
    if (!/sysctl -w|setcap|modprobe|unconfined|--cap-add|chmod|grubby --args|semodule|apparmor_parser/.test(remedy))
      continue;
    // The bit that is too much opens nothing when it goes.
    if (/chmod u-s/.test(remedy)) continue;
    t.not(NOTES[machine.cause]?.opens, null, machine.cause);
  }
});

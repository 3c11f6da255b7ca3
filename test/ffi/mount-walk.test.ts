import t from 'tap';
import { MOUNT } from '../../backends/ffi/abi/constants.ts';
import { mountsBelow } from '../../backends/ffi/spawn/mount-walk.ts';

const line = (point: string, options: string): string => `36 35 98:0 / ${point} ${options} - ext4 /dev/vda rw\n`;

const MOUNTINFO = [
  line('/', 'rw,relatime'),
  line('/srv', 'ro,nosuid,nodev,noexec,noatime'),
  line('/srv/a\\040b', 'rw,nodiratime'),
  line('/srv/a\\040b/c', 'rw'),
  line('/srvother', 'rw'),
].join('');

const { MS_RDONLY, MS_NOSUID, MS_NODEV, MS_NOEXEC, MS_NOATIME, MS_NODIRATIME, MS_RELATIME } = MOUNT;

t.test('mountsBelow() gives the mount of a directory, and those below it by their path from there', async (t) => {
  const own = { path: '.', flags: MS_RDONLY | MS_NOSUID | MS_NODEV | MS_NOEXEC | MS_NOATIME };
  t.strictSame(mountsBelow(MOUNTINFO, '/srv'), [
    own,
    { path: 'a b', flags: MS_NODIRATIME },
    { path: 'a b/c', flags: 0 },
  ]);
  t.strictSame(mountsBelow(MOUNTINFO, '/srv/deep'), [own]);
  t.strictSame(mountsBelow(MOUNTINFO, '/usr'), [{ path: '.', flags: MS_RELATIME }]);
});

t.test('mountsBelow() of the root are all', async (t) => {
  t.strictSame(
    mountsBelow(MOUNTINFO, '/').map(({ path }) => path),
    ['.', 'srv', 'srv/a b', 'srv/a b/c', 'srvother'],
  );
});

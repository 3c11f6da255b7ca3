import t from 'tap';
import { type EnterRequest, readRequest } from '../../cli/ns-enter/request.ts';

const read = (...argv: string[]): EnterRequest => {
  const request = readRequest([...argv, 'true'], {})._unsafeUnwrap();
  if (!('spec' in request)) throw new Error(`That asks for ${request.type}`);
  return request;
};
const refused = (...argv: string[]): string => readRequest([...argv, 'true'], {})._unsafeUnwrapErr().message;

t.test('readRequest() of ns-enter takes a target by its pid, or with the inode of its pidfd', async (t) => {
  t.equal(read('-t', '12', '-u').process, 12);
  t.strictSame(read('-t12:345', '-u').process, { pid: 12, pidfdInode: 345n });
  t.equal(refused('-t', '12:x', '-u'), 'Option "--target" is "12:x", wanted a process id and the inode of its pidfd');
  t.equal(refused('-t', '12:0', '-u'), 'Option "--target" is "12:0", wanted a process id and the inode of its pidfd');
  t.equal(refused('-t', '1', '-t', '2', '-u'), 'Option "--target" may be given only once');
});

t.test('readRequest() of ns-enter takes namespaces by file and by id', async (t) => {
  for (const word of ['-n/run/netns/blue', '-n=/run/netns/blue', '--net=/run/netns/blue']) {
    t.strictSame(read(word).named, [
      { option: '--net', type: 'net', text: '/run/netns/blue', source: { path: '/run/netns/blue' } },
    ]);
  }
  for (const word of ['-n:18446744073709551615', '-n=:18446744073709551615', '--net=:18446744073709551615']) {
    t.strictSame(read(word).named[0]?.source, { id: 18446744073709551615n });
  }
  t.match(refused('-n:18446744073709551616'), /wanted the id of a namespace behind the colon/);
  t.match(refused('-n:'), /wanted the id of a namespace behind the colon/);
});

t.test('readRequest() of ns-enter takes the socket of a target in place of its network', async (t) => {
  const { named, spec } = read('-t', '12', '-u', '-n', '-N', '3');
  t.strictSame(named, [{ option: '--net-socket', type: 'net', text: '3', source: { socket: 3, process: 12 } }]);
  t.strictSame(spec.types, ['uts']);
  t.equal(refused('-N', '3'), 'Option "--net-socket" wants a file or "--target"');
  t.equal(refused('-t', '1', '-N', 'x'), 'Option "--net-socket" is "x", wanted the number of an fd');
});

t.test('readRequest() of ns-enter takes ids by number, and of the target', async (t) => {
  t.match(read('-t', '12', '-u', '-S', 'follow', '-G', '7').spec, { uid: 'follow', gid: 7 });
  t.equal(refused('-S', 'follow'), 'Option "--setuid" wants a file or "--target"');
  t.equal(refused('-t', '1', '-u', '-G', 'wheel'), 'Option "--setgid" is "wheel", wanted a group id, or "follow"');
});

t.test('readRequest() of ns-enter hands on what the command is left with', async (t) => {
  t.match(read('-t', '12', '-U', '-F', '--keep-caps').spec, { noFork: true, keepCaps: true });
  const { spec } = read('-t', '12', '-U');
  t.equal('noFork' in spec || 'keepCaps' in spec, false);
  t.equal(refused('-w/tmp', '-W', '/'), 'Option "--wd" and option "--wdns" exclude each other');
});

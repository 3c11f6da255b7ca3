import t, { type Test } from 'tap';
import { host } from '../../backends/ffi/host.ts';
import { listIds, namespaceIds } from '../../backends/ffi/listns.ts';
import { ERRNO } from '../../lib/errno.ts';

const LAST_ID = 2n ** 64n - 1n;

/** A kernel that lists these ids, and remembers what it was asked. */
const kernel = (t: Test, ids: readonly bigint[]) => {
  const asked: bigint[] = [];
  const ask = (request: Buffer, most: number) => {
    t.equal(request.readUInt32LE(0), request.length, 'the size of the request is its first word');
    const after = request.readBigUInt64LE(8);
    asked.push(after);
    t.ok(
      request.subarray(16).every((byte) => byte === 0),
      'of all types, whoever owns them',
    );
    const page = ids.filter((id) => id > after).slice(0, most);
    const bytes = Buffer.alloc(most * 8, 0xee);
    for (const [index, id] of page.entries()) bytes.writeBigUInt64LE(id, index * 8);
    return { result: page.length, bytes };
  };
  return { asked, ask };
};

t.test('listIds() goes on behind the last id of a full page', async (t) => {
  const { asked, ask } = kernel(t, [1n, 2n, 7n, 2n ** 53n + 1n, LAST_ID]);
  t.strictSame(listIds(ask, 2), [1n, 2n, 7n, 2n ** 53n + 1n, LAST_ID]);
  t.strictSame(asked, [0n, 2n, 2n ** 53n + 1n]);
});

t.test('listIds() takes an empty page for the end', async (t) => {
  const { asked, ask } = kernel(t, [5n, 6n]);
  t.strictSame(listIds(ask, 2), [5n, 6n]);
  t.strictSame(asked, [0n, 6n]);
  t.strictSame(listIds(kernel(t, []).ask, 2), []);
});

t.test('listIds() tells what it has when a later page cannot be had', async (t) => {
  const { ask } = kernel(t, [1n, 2n, 3n]);
  let calls = 0;
  const failing = (request: Buffer, most: number) => {
    calls += 1;
    return calls === 1 ? ask(request, most) : { result: -ERRNO.ENOENT, bytes: Buffer.alloc(0) };
  };
  t.strictSame(listIds(failing, 2), [1n, 2n]);
});

t.test('listIds() is null where there is no such call', async (t) => {
  t.equal(
    listIds(() => ({ result: -ERRNO.ENOSYS, bytes: Buffer.alloc(0) })),
    null,
  );
});

t.test('namespaceIds() asks this kernel', { skip: host().isErr() && 'there is no ffi' }, async (t) => {
  const ids = namespaceIds(host()._unsafeUnwrap());
  // Before Linux 6.19 there is no listns(2).
  if (ids === null) return void t.pass('which has no listns(2)');
  t.ok(ids.length >= 7);
  t.equal(new Set(ids).size, ids.length);
});

import type { Host } from './host.ts';
import { num, shown } from './program/argument.ts';

/** struct ns_id_req of linux/nsfs.h: u32 size, u32, u64 ns_id, u32 ns_type, u32, u64 user_ns_id. */
const REQUEST = { size: 32, after: 8 } as const;
const ID_SIZE = 8;

/** How many ids one call is asked for. */
const AT_ONCE = 2_048;

/** One call: how many ids there were and the room that they were written to; a negative errno. */
type Ask = (request: Buffer, most: number) => { readonly result: number; readonly bytes: Buffer };

/** Asks for those that come after an id, of all types, whoever owns them. */
const requestAfter = (id: bigint): Buffer => {
  const bytes = Buffer.alloc(REQUEST.size);
  bytes.writeUInt32LE(REQUEST.size, 0);
  bytes.writeBigUInt64LE(id, REQUEST.after);
  return bytes;
};

/** All ids, call by call; null where the kernel has no listns(2). */
export const listIds = (ask: Ask, most = AT_ONCE): readonly bigint[] | null => {
  const ids: bigint[] = [];
  for (;;) {
    const { result, bytes } = ask(requestAfter(ids.at(-1) ?? 0n), most);
    // What was listed is a part of the whole when a later call fails, as it does when the last id has gone meanwhile.
    if (result < 0) return ids.length === 0 ? null : ids;
    for (let at = 0; at < result; at += 1) ids.push(bytes.readBigUInt64LE(at * ID_SIZE));
    if (result < most) return ids;
  }
};

/** The ids of all namespaces that the caller may see; see listns(2), since Linux 6.19. */
export const namespaceIds = ({ runCalls }: Host): readonly bigint[] | null =>
  listIds((request, most) => {
    let room = 0;
    return runCalls((program) => {
      room = program.room(most * ID_SIZE);
      const asked = shown(program.data(request), '{ns_id_req}');
      program.op('listns', [asked, shown(room, 'ids'), num(most), num(0)], { onError: 'next' });
    }).match(
      (program) => ({ result: program.result(0), bytes: program.bytesAt(room, most * ID_SIZE) }),
      (errno) => ({ result: -errno, bytes: Buffer.alloc(0) }),
    );
  });

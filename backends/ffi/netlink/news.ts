import { err, ok, Result } from 'neverthrow';
import type { NetworkNews } from '../../../lib/network-news.ts';
import { IFINFOMSG, NLM_F, RTM, SOCKET } from '../abi/netlink.ts';
import { OP } from '../program/layout.ts';
import { type MalformedNetlink, type NetlinkMessage, parseMessages } from './parser.ts';
import { addressOf, linkOf, routeOf } from './state.ts';
import { PIECE } from './watch-ops.ts';

type News = Result<readonly NetworkNews[], MalformedNetlink>;

const malformed = (message: string): MalformedNetlink => ({ type: 'malformed-netlink', message });

const newsOf = (message: NetlinkMessage): Result<NetworkNews | null, MalformedNetlink> => {
  const { type, flags, payload } = message;
  const unreadable = (): MalformedNetlink => malformed(`A message of type ${type} cannot be read`);
  switch (type) {
    case RTM.RTM_NEWLINK:
    case RTM.RTM_DELLINK:
      // A bridge tells of its ports by the same messages: that one left it does not mean that it is gone.
      if (payload[IFINFOMSG.family] !== SOCKET.AF_UNSPEC) return ok(null);
      return linkOf(message)
        .map((link): NetworkNews => ({ type: 'link', gone: type === RTM.RTM_DELLINK, link }))
        .mapErr(unreadable);
    case RTM.RTM_NEWADDR:
    case RTM.RTM_DELADDR:
      return addressOf(message)
        .map(
          ({ index, ...address }): NetworkNews => ({ type: 'address', gone: type === RTM.RTM_DELADDR, index, address }),
        )
        .mapErr(unreadable);
    case RTM.RTM_NEWROUTE:
    case RTM.RTM_DELROUTE:
      return routeOf(message)
        .map((read): NetworkNews | null => {
          if (read === null) return null;
          const { index, ...route } = read;
          const gone = type === RTM.RTM_DELROUTE;
          return { type: 'route', gone, replaces: !gone && (flags & NLM_F.NLM_F_REPLACE) !== 0, index, route };
        })
        .mapErr(unreadable);
    default:
      return ok(null);
  }
};

/** Reads what the ops of `watch-ops.ts` write, piece by piece. */
export class NewsReader {
  #rest: Buffer = Buffer.alloc(0);

  /** What has come with these bytes, whole; what is not is kept for the next ones. */
  take(bytes: Buffer): News {
    this.#rest = this.#rest.length === 0 ? bytes : Buffer.concat([this.#rest, bytes]);
    const news: NetworkNews[] = [];
    for (;;) {
      const piece = this.#piece();
      if (piece.isErr()) return err(piece.error);
      if (piece.value === null) return ok(news);
      news.push(...piece.value);
    }
  }

  #piece(): Result<readonly NetworkNews[] | null, MalformedNetlink> {
    const rest = this.#rest;
    if (rest.length < PIECE.tagSize) return ok(null);
    const kind = rest.readUInt32LE(0);
    if (kind === PIECE.overrun) {
      this.#rest = rest.subarray(PIECE.tagSize);
      return ok([{ type: 'overrun' }]);
    }
    if (kind !== PIECE.messages) return err(malformed(`There is no piece of kind ${kind}`));
    const start = PIECE.tagSize + OP.args;
    if (rest.length < start) return ok(null);
    const end = start + rest.readUInt32LE(PIECE.tagSize + OP.result);
    if (rest.length < end) return ok(null);
    this.#rest = rest.subarray(end);
    return parseMessages(rest.subarray(start, end)).andThen((messages) =>
      Result.combine(messages.map(newsOf)).map((news) => news.filter((one) => one !== null)),
    );
  }
}

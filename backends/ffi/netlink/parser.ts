import { err, ok, type Result } from 'neverthrow';
import { NLATTR, NLM_F, NLMSG, NLMSGERR, NLMSGHDR } from '../abi/netlink.ts';

/** Why bytes are no messages of netlink(7). */
export interface MalformedNetlink {
  readonly type: 'malformed-netlink';
  readonly message: string;
}

/** One message: its header's fields, and what follows the header. */
export interface NetlinkMessage {
  readonly type: number;
  readonly flags: number;
  readonly sequence: number;
  readonly payload: Buffer;
}

/** What an NLMSG_ERROR says; `errno` 0 is an acknowledgement. */
export interface NetlinkError {
  readonly errno: number;
  /** The sequence number of the message that it is about. */
  readonly sequence: number;
  /** The kernel's own words; since Linux 4.12, and not for every error. */
  readonly words: string | null;
}

const malformed = (message: string): MalformedNetlink => ({ type: 'malformed-netlink', message });

const aligned = (length: number): number => (length + 3) & -4;

/** Splits what was read into messages. */
export const parseMessages = (bytes: Buffer): Result<readonly NetlinkMessage[], MalformedNetlink> => {
  const messages: NetlinkMessage[] = [];
  for (let at = 0; at < bytes.length; ) {
    const rest = bytes.length - at;
    if (rest < NLMSGHDR.size) return err(malformed(`${rest} bytes at ${at} are no message`));
    const length = bytes.readUInt32LE(at + NLMSGHDR.length);
    if (length < NLMSGHDR.size || length > rest) {
      return err(malformed(`The message at ${at} has the length ${length}, and ${rest} bytes are there`));
    }
    messages.push({
      type: bytes.readUInt16LE(at + NLMSGHDR.type),
      flags: bytes.readUInt16LE(at + NLMSGHDR.flags),
      sequence: bytes.readUInt32LE(at + NLMSGHDR.sequence),
      payload: bytes.subarray(at + NLMSGHDR.size, at + length),
    });
    at += aligned(length);
  }
  return ok(messages);
};

/** Reads attributes by type; of a type that is there twice the last one counts. */
export const parseAttributes = (bytes: Buffer): Result<ReadonlyMap<number, Buffer>, MalformedNetlink> => {
  const attributes = new Map<number, Buffer>();
  for (let at = 0; at < bytes.length; ) {
    const rest = bytes.length - at;
    if (rest < NLATTR.size) return err(malformed(`${rest} bytes at ${at} are no attribute`));
    const length = bytes.readUInt16LE(at);
    if (length < NLATTR.size || length > rest) {
      return err(malformed(`The attribute at ${at} has the length ${length}, and ${rest} bytes are there`));
    }
    attributes.set(bytes.readUInt16LE(at + 2) & NLATTR.typeMask, bytes.subarray(at + NLATTR.size, at + length));
    at += aligned(length);
  }
  return ok(attributes);
};

/** Reads a string with or without its NUL. */
export const text = (bytes: Buffer): string => {
  const end = bytes.indexOf(0);
  return bytes.toString('utf8', 0, end < 0 ? bytes.length : end);
};

const wordsOf = (attributes: Buffer): string | null =>
  parseAttributes(attributes)
    .map((known) => known.get(NLMSGERR.NLMSGERR_ATTR_MSG))
    .map((words) => (words === undefined ? null : text(words)))
    // Words that cannot be read are no reason to lose the errno.
    .unwrapOr(null);

/** Reads an NLMSG_ERROR. */
export const parseError = ({ type, flags, payload }: NetlinkMessage): Result<NetlinkError, MalformedNetlink> => {
  if (type !== NLMSG.NLMSG_ERROR || payload.length < NLMSGERR.size) {
    return err(malformed(`A message of type ${type} and ${payload.length} bytes is no error`));
  }
  const errno = -payload.readInt32LE(NLMSGERR.error);
  const sequence = payload.readUInt32LE(NLMSGERR.header + NLMSGHDR.sequence);
  if (errno < 0) return err(malformed(`An error has the errno ${errno}`));
  if ((flags & NLM_F.NLM_F_ACK_TLVS) === 0) return ok({ errno, sequence, words: null });
  // The message that it is about is echoed whole, unless the flag says that only its header is.
  const echoed = payload.readUInt32LE(NLMSGERR.header + NLMSGHDR.length);
  const capped = (flags & NLM_F.NLM_F_CAPPED) !== 0;
  const start = capped ? NLMSGERR.size : NLMSGERR.header + aligned(echoed);
  return ok({ errno, sequence, words: start >= payload.length ? null : wordsOf(payload.subarray(start)) });
};

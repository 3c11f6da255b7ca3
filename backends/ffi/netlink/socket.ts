import { OPEN } from '../abi/constants.ts';
import { NETLINK, SOCKET } from '../abi/netlink.ts';
import { type Argument, resultOf, words } from '../program/argument.ts';
import type { OpOptions, ProgramBuilder } from '../program/builder.ts';

/** Adds a socket of netlink(7), which does not block. */
export const addNetlinkSocket = (
  program: ProgramBuilder,
  protocol: 'NETLINK_ROUTE' | 'NETLINK_NETFILTER',
  options: OpOptions,
  name = 'rtnetlink',
): Argument => {
  const type = words(SOCKET.SOCK_RAW | OPEN.O_CLOEXEC | OPEN.O_NONBLOCK, {
    SOCK_RAW: SOCKET.SOCK_RAW,
    SOCK_CLOEXEC: OPEN.O_CLOEXEC,
    SOCK_NONBLOCK: OPEN.O_NONBLOCK,
  });
  const family = words(SOCKET.AF_NETLINK, { AF_NETLINK: SOCKET.AF_NETLINK });
  const kind = words(NETLINK[protocol], { [protocol]: NETLINK[protocol] });
  return resultOf(program.op('socket', [family, type, kind], options), name);
};

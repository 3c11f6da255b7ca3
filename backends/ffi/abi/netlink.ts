/** Constants of netlink(7) and rtnetlink(7), which all architectures share, by the header they stand in. */

/** linux/socket.h, linux/net.h */
export const SOCKET = { AF_UNSPEC: 0, AF_INET: 2, AF_INET6: 10, AF_NETLINK: 16, SOCK_RAW: 3 } as const;
/** linux/netlink.h */
export const NETLINK = {
  NETLINK_ROUTE: 0,
  NETLINK_NETFILTER: 12,
  SOL_NETLINK: 270,
  NETLINK_ADD_MEMBERSHIP: 1,
  NETLINK_EXT_ACK: 11,
} as const;
/** struct sockaddr_nl of linux/netlink.h: {u16 family, u16, u32 port, u32 groups} */
export const SOCKADDR_NL = { size: 12 } as const;
/** linux/rtnetlink.h */
export const RTMGRP = {
  RTMGRP_LINK: 1,
  RTMGRP_IPV4_IFADDR: 0x10,
  RTMGRP_IPV4_ROUTE: 0x40,
  RTMGRP_IPV6_IFADDR: 0x100,
  RTMGRP_IPV6_ROUTE: 0x400,
} as const;
/** linux/sockios.h */
export const IOCTL = { SIOCGIFINDEX: 0x8933 } as const;
/** struct ifreq of linux/if.h: a name of 16 bytes, then a union. */
export const IFREQ = { index: 16, size: 40 } as const;

/** struct nlmsghdr of linux/netlink.h: {u32 length, u16 type, u16 flags, u32 sequence, u32 port} */
export const NLMSGHDR = { length: 0, type: 4, flags: 6, sequence: 8, size: 16 } as const;
/** linux/netlink.h */
export const NLMSG = { NLMSG_NOOP: 1, NLMSG_ERROR: 2, NLMSG_DONE: 3, NLMSG_OVERRUN: 4 } as const;
/** linux/netlink.h */
export const NLM_F = {
  NLM_F_REQUEST: 1,
  NLM_F_MULTI: 2,
  NLM_F_DUMP_INTR: 0x10,
  NLM_F_REPLACE: 0x100,
  NLM_F_CAPPED: 0x100,
  NLM_F_ACK_TLVS: 0x200,
  NLM_F_EXCL: 0x200,
  NLM_F_DUMP: 0x300,
  NLM_F_CREATE: 0x400,
  NLM_F_APPEND: 0x800,
} as const;
/** struct nlmsgerr: {i32 error, nlmsghdr}, then attributes where NLM_F_ACK_TLVS is set */
export const NLMSGERR = { error: 0, header: 4, size: 20, NLMSGERR_ATTR_MSG: 1 } as const;
/** struct nlattr: {u16 length, u16 type}; the type's two highest bits are flags */
export const NLATTR = { size: 4, typeMask: 0x3fff, NLA_F_NESTED: 0x8000 } as const;

/** linux/rtnetlink.h */
export const RTM = {
  RTM_NEWLINK: 16,
  RTM_DELLINK: 17,
  RTM_GETLINK: 18,
  RTM_NEWADDR: 20,
  RTM_DELADDR: 21,
  RTM_GETADDR: 22,
  RTM_NEWROUTE: 24,
  RTM_DELROUTE: 25,
  RTM_GETROUTE: 26,
  RTM_NEWNSID: 88,
} as const;

/** struct ifinfomsg: {u8 family, u8, u16 type, i32 index, u32 flags, u32 change} */
export const IFINFOMSG = { family: 0, type: 2, index: 4, flags: 8, size: 16 } as const;
/** linux/if.h */
export const IFF = { IFF_UP: 1 } as const;
/** linux/if_link.h */
export const IFLA = {
  IFLA_ADDRESS: 1,
  IFLA_IFNAME: 3,
  IFLA_MTU: 4,
  IFLA_LINK: 5,
  IFLA_MASTER: 10,
  IFLA_OPERSTATE: 16,
  IFLA_LINKINFO: 18,
  IFLA_NET_NS_FD: 28,
  IFLA_LINK_NETNSID: 37,
  IFLA_INFO_KIND: 1,
  IFLA_INFO_DATA: 2,
  IFLA_MACVLAN_MODE: 1,
  /** linux/veth.h */
  VETH_INFO_PEER: 1,
} as const;
/** linux/if_link.h */
export const MACVLAN_MODE = { private: 1, vepa: 2, bridge: 4, passthru: 8 } as const;

/** struct ifaddrmsg of linux/if_addr.h: {u8 family, u8 prefix, u8 flags, u8 scope, u32 index} */
export const IFADDRMSG = { prefix: 1, flags: 2, scope: 3, index: 4, size: 8 } as const;
/** linux/if_addr.h */
export const IFA = { IFA_ADDRESS: 1, IFA_LOCAL: 2, IFA_LABEL: 3, IFA_BROADCAST: 4, IFA_FLAGS: 8 } as const;
/** linux/if_addr.h */
export const IFA_F = { IFA_F_NODAD: 2, IFA_F_TENTATIVE: 0x40 } as const;

/** struct rtmsg: {u8 family, dst_len, src_len, tos, table, protocol, scope, type, u32 flags} */
export const RTMSG = { prefix: 1, table: 4, protocol: 5, scope: 6, type: 7, size: 12 } as const;
/** linux/rtnetlink.h */
export const RTA = { RTA_DST: 1, RTA_OIF: 4, RTA_GATEWAY: 5, RTA_PRIORITY: 6, RTA_PREFSRC: 7, RTA_TABLE: 15 } as const;
/** linux/rtnetlink.h */
export const RT = {
  RT_TABLE_MAIN: 254,
  RTPROT_BOOT: 3,
  RT_SCOPE_UNIVERSE: 0,
  RT_SCOPE_LINK: 253,
  RTN_UNICAST: 1,
} as const;

/** struct rtgenmsg: {u8 family}, and linux/net_namespace.h; since Linux 4.0 */
export const NETNSA = { size: 4, NETNSA_NSID: 1, NETNSA_FD: 3 } as const;

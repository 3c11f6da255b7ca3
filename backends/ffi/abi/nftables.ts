/** Constants of nftables, which all architectures share, by the header they stand in. */

/** linux/netfilter/nfnetlink.h */
export const NFNL = { SUBSYS_NFTABLES: 10, MSG_BATCH_BEGIN: 0x10, MSG_BATCH_END: 0x11 } as const;
/** struct nfgenmsg: {u8 family, u8 version, be16 resource} */
export const NFGENMSG = { family: 0, resource: 2, size: 4 } as const;
/** linux/netfilter.h */
export const NFPROTO = { UNSPEC: 0, IPV4: 2, IPV6: 10 } as const;
/** linux/netfilter.h, linux/netfilter_ipv4.h */
export const HOOK = { POST_ROUTING: 4, PRIORITY_NAT_SRC: 100 } as const;

/** linux/netfilter/nf_tables.h: messages, as they stand in a netlink header */
const message = (type: number): number => (NFNL.SUBSYS_NFTABLES << 8) | type;
export const NFT_MSG = { NEWTABLE: message(0), NEWCHAIN: message(3), NEWRULE: message(6) } as const;

/** linux/netfilter/nf_tables.h: attributes, and values of them */
export const NFTA = {
  TABLE_NAME: 1,
  TABLE_FLAGS: 2,
  CHAIN_TABLE: 1,
  CHAIN_NAME: 3,
  CHAIN_HOOK: 4,
  CHAIN_TYPE: 7,
  HOOK_HOOKNUM: 1,
  HOOK_PRIORITY: 2,
  RULE_TABLE: 1,
  RULE_CHAIN: 2,
  RULE_EXPRESSIONS: 4,
  LIST_ELEM: 1,
  EXPR_NAME: 1,
  EXPR_DATA: 2,
  META_DREG: 1,
  META_KEY: 2,
  CMP_SREG: 1,
  CMP_OP: 2,
  CMP_DATA: 3,
  DATA_VALUE: 1,
  PAYLOAD_DREG: 1,
  PAYLOAD_BASE: 2,
  PAYLOAD_OFFSET: 3,
  PAYLOAD_LEN: 4,
  BITWISE_SREG: 1,
  BITWISE_DREG: 2,
  BITWISE_LEN: 3,
  BITWISE_MASK: 4,
  BITWISE_XOR: 5,
} as const;
export const NFT = {
  REG_1: 1,
  META_OIFNAME: 7,
  CMP_EQ: 0,
  PAYLOAD_NETWORK_HEADER: 1,
  /** Since Linux 5.12: the table goes with the socket that made it. */
  TABLE_F_OWNER: 2,
} as const;

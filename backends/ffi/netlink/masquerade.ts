import { formatIpNetwork, type IpNetwork } from '../../../lib/ip-address.ts';
import { MASQUERADE_TABLE, type MasqueradePlan } from '../../../lib/network.ts';
import { NLATTR, NLM_F } from '../abi/netlink.ts';
import { HOOK, NFGENMSG, NFNL, NFPROTO, NFT, NFT_MSG, NFTA } from '../abi/nftables.ts';
import { type NetlinkBatch, NetlinkWriter } from './writer.ts';

const CHAIN = 'postrouting';
/** IFNAMSIZ of linux/if.h */
const NAME_SIZE = 16;
const nest = NLATTR.NLA_F_NESTED;
const NEW = NLM_F.NLM_F_CREATE | NLM_F.NLM_F_EXCL;

const FAMILIES = { 4: { number: NFPROTO.IPV4, name: 'ip' }, 6: { number: NFPROTO.IPV6, name: 'ip6' } } as const;
/** Where the source address stands in a header. */
const SOURCE = { 4: { offset: 12, length: 4 }, 6: { offset: 8, length: 16 } } as const;

/** A number as nftables wants it: the highest byte first. */
const be32 = (value: number): readonly number[] => [
  value >>> 24,
  (value >>> 16) & 255,
  (value >>> 8) & 255,
  value & 255,
];

const message = (
  writer: NetlinkWriter,
  type: number,
  flags: number,
  { family, resource = 0, text }: { family: number; resource?: number; text: string },
  body: () => void = () => {},
): void =>
  writer.message(type, flags, text, () => {
    writer.struct(NFGENMSG.size, (bytes, at) => {
      bytes[at + NFGENMSG.family] = family;
      bytes.writeUInt16BE(resource, at + NFGENMSG.resource);
    });
    body();
  });

const expression = (writer: NetlinkWriter, name: string, data: () => void): void =>
  writer.nest(NFTA.LIST_ELEM | nest, () => {
    writer.string(NFTA.EXPR_NAME, name);
    writer.nest(NFTA.EXPR_DATA | nest, data);
  });

const value = (writer: NetlinkWriter, attribute: number, bytes: readonly number[]): void =>
  writer.nest(attribute | nest, () => writer.attribute(NFTA.DATA_VALUE, bytes));

const isEqual = (writer: NetlinkWriter, bytes: readonly number[]): void =>
  expression(writer, 'cmp', () => {
    writer.attribute(NFTA.CMP_SREG, be32(NFT.REG_1));
    writer.attribute(NFTA.CMP_OP, be32(NFT.CMP_EQ));
    value(writer, NFTA.CMP_DATA, bytes);
  });

const goesOutThrough = (writer: NetlinkWriter, name: string): void => {
  expression(writer, 'meta', () => {
    writer.attribute(NFTA.META_DREG, be32(NFT.REG_1));
    writer.attribute(NFTA.META_KEY, be32(NFT.META_OIFNAME));
  });
  const padded = Buffer.alloc(NAME_SIZE);
  padded.write(name);
  isEqual(writer, [...padded]);
};

const maskOf = ({ bytes, prefix }: IpNetwork): readonly number[] =>
  bytes.map((_, index) => 0xff & (0xff00 >> Math.min(Math.max(prefix - index * 8, 0), 8)));

const comesFrom = (writer: NetlinkWriter, network: IpNetwork): void => {
  const { offset, length } = SOURCE[network.family];
  const mask = maskOf(network);
  expression(writer, 'payload', () => {
    writer.attribute(NFTA.PAYLOAD_DREG, be32(NFT.REG_1));
    writer.attribute(NFTA.PAYLOAD_BASE, be32(NFT.PAYLOAD_NETWORK_HEADER));
    writer.attribute(NFTA.PAYLOAD_OFFSET, be32(offset));
    writer.attribute(NFTA.PAYLOAD_LEN, be32(length));
  });
  expression(writer, 'bitwise', () => {
    writer.attribute(NFTA.BITWISE_SREG, be32(NFT.REG_1));
    writer.attribute(NFTA.BITWISE_DREG, be32(NFT.REG_1));
    writer.attribute(NFTA.BITWISE_LEN, be32(length));
    value(writer, NFTA.BITWISE_MASK, mask);
    value(writer, NFTA.BITWISE_XOR, Array<number>(length).fill(0));
  });
  isEqual(
    writer,
    network.bytes.map((byte, index) => byte & (mask[index] ?? 0)),
  );
};

/** Where the rules stand, and whose packets they are for. */
interface Place {
  readonly table: string;
  /** The table goes with the socket. */
  readonly owned: boolean;
  /** Of these networks alone; of all when there are none. */
  readonly from: readonly IpNetwork[];
}

const addRule = (writer: NetlinkWriter, family: 4 | 6, table: string, out: string, from: IpNetwork | null): void => {
  const { number, name } = FAMILIES[family];
  const source = from === null ? '' : `${name} saddr ${formatIpNetwork(from)} `;
  const text = `add rule ${name} ${table} ${CHAIN} ${source}oifname ${out} masquerade`;
  message(writer, NFT_MSG.NEWRULE, NLM_F.NLM_F_CREATE | NLM_F.NLM_F_APPEND, { family: number, text }, () => {
    writer.string(NFTA.RULE_TABLE, table);
    writer.string(NFTA.RULE_CHAIN, CHAIN);
    writer.nest(NFTA.RULE_EXPRESSIONS | nest, () => {
      if (from !== null) comesFrom(writer, from);
      goesOutThrough(writer, out);
      expression(writer, 'masq', () => {});
    });
  });
};

/** The messages of nftables that masquerade: they are taken together, or none of them. */
export const masqueradeBatch = (
  { interfaces, families }: MasqueradePlan,
  { table, owned, from }: Place = { table: MASQUERADE_TABLE, owned: false, from: [] },
): NetlinkBatch => {
  const writer = new NetlinkWriter();
  const resource = NFNL.SUBSYS_NFTABLES;
  message(writer, NFNL.MSG_BATCH_BEGIN, 0, { family: NFPROTO.UNSPEC, resource, text: 'begin' });
  for (const family of families) {
    const { number, name } = FAMILIES[family];
    message(writer, NFT_MSG.NEWTABLE, NEW, { family: number, text: `add table ${name} ${table}` }, () => {
      writer.string(NFTA.TABLE_NAME, table);
      if (owned) writer.attribute(NFTA.TABLE_FLAGS, be32(NFT.TABLE_F_OWNER));
    });
    const chain = `add chain ${name} ${table} ${CHAIN} { type nat hook postrouting priority srcnat }`;
    message(writer, NFT_MSG.NEWCHAIN, NEW, { family: number, text: chain }, () => {
      writer.string(NFTA.CHAIN_TABLE, table);
      writer.string(NFTA.CHAIN_NAME, CHAIN);
      writer.nest(NFTA.CHAIN_HOOK | nest, () => {
        writer.attribute(NFTA.HOOK_HOOKNUM, be32(HOOK.POST_ROUTING));
        writer.attribute(NFTA.HOOK_PRIORITY, be32(HOOK.PRIORITY_NAT_SRC));
      });
      writer.string(NFTA.CHAIN_TYPE, 'nat');
    });
    const sources = from.filter((network) => network.family === family);
    for (const out of interfaces) {
      for (const source of from.length === 0 ? [null] : sources) addRule(writer, family, table, out, source);
    }
  }
  message(writer, NFNL.MSG_BATCH_END, 0, { family: NFPROTO.UNSPEC, resource, text: 'end' });
  return writer.batch();
};

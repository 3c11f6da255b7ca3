import { err, ok, type Result } from 'neverthrow';
import { type Unsupported, unsupported } from '../../lib/errors.ts';
import type { SpawnPlan } from '../../lib/plan.ts';
import type { NameSetter } from './script.ts';
import type { Tools } from './tools.ts';

/** Names that every hostname(1) takes: letters, digits, and hyphens between them, in labels. */
const PLAIN_NAME = /^[A-Za-z0-9]+(-+[A-Za-z0-9]+)*(\.[A-Za-z0-9]+(-+[A-Za-z0-9]+)*)*$/;

/** System call numbers, from asm/unistd.h. */
const CALLS: Readonly<Partial<Record<string, { readonly hostname: number; readonly domainname: number }>>> = {
  x64: { hostname: 170, domainname: 171 },
  arm64: { hostname: 161, domainname: 162 },
};

const tool = (...words: readonly string[]): NameSetter => ({ type: 'tool', words });

const byPerl = (kind: 'hostname' | 'domainname', perl: string | null, arch: string): NameSetter | null => {
  const call = CALLS[arch]?.[kind];
  if (perl === null || call === undefined) return null;
  return tool(perl, '-e', `syscall(${call}, $ARGV[0], length $ARGV[0]) == 0 or die "$!\\n"`, '--');
};

/** As the files below /proc/sys take it: up to a newline, and only from the uid that is 0 outside. */
const byFile = (kind: 'hostname' | 'domainname', name: string, plan: SpawnPlan, tools: Tools): NameSetter | null =>
  tools.utsFilesWritable && !name.includes('\n') && (plan.idMap?.become.uid ?? null) === null
    ? { type: 'file', path: `/proc/sys/kernel/${kind}` }
    : null;

const byTool = (kind: 'hostname' | 'domainname', name: string, tools: Tools): NameSetter | null => {
  if (kind === 'domainname') return tools.domainname === null ? null : tool(tools.domainname, '--');
  if (tools.hostname !== null && PLAIN_NAME.test(name)) return tool(tools.hostname, '--');
  return tools.busybox === null ? null : tool(tools.busybox, 'hostname', '--');
};

/** Picks what can set the name that a plan asks for; null when it asks for none. */
export const nameSetter = (
  kind: 'hostname' | 'domainname',
  plan: SpawnPlan,
  tools: Tools,
  arch: string = process.arch,
): Result<NameSetter | null, Unsupported> => {
  const name = plan[kind];
  if (name === null) return ok(null);
  const setter = byTool(kind, name, tools) ?? byPerl(kind, tools.perl, arch) ?? byFile(kind, name, plan, tools);
  const wanted = kind === 'hostname' && !PLAIN_NAME.test(name) ? 'the hostname of BusyBox, or perl' : `${kind}(1)`;
  return setter === null ? err(unsupported('shell', `${kind} ${JSON.stringify(name)}`, wanted)) : ok(setter);
};

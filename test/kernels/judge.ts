import type { CheckReport } from '../../lib/index.ts';
import { type ClaimEnd, claimsIn } from './claims.ts';
import { BACKENDS, type Backend, CALLERS, type Caller, type Guest } from './guests.ts';

/** One judgement of one guest. */
export interface Row {
  readonly guest: string;
  readonly judgement: string;
  readonly result: string;
  readonly isRight: boolean;
}

/** What is said of a guest, and what became of each claim in it. */
interface Judged {
  readonly rows: readonly Row[];
  readonly claims: readonly ClaimEnd[];
}

type Subject = CheckReport['subjects'][number];

/** The lines that one program wrote. */
const partOf = (text: string, caller: Caller, what: string): string => {
  const tag = `NS ${caller} ${what}| `;
  const lines = text.split('\n').filter((line) => line.startsWith(tag));
  return lines.map((line) => line.slice(tag.length)).join('\n');
};

const reportIn = (json: string): CheckReport | null => {
  try {
    return JSON.parse(json.slice(json.indexOf('{')));
  } catch {
    return null;
  }
};

const nameOf = ({ who, inUserNamespace }: Subject): string =>
  who === 'root' && inUserNamespace ? 'root in user' : who;

/** The cause that stands in the way of this subject; null: none does. */
const expectedFor = ({ expected }: Guest, { who }: Subject): string | null =>
  expected === null || (expected.blocks === 'ordinary users' && who === 'root') ? null : expected.cause;

/** What is wrong with what was said of one subject: all that is blocked has to have the cause that it really has. */
const wrongIn = (guest: Guest, subject: Subject, backend: Backend): readonly string[] => {
  const { expected, lacks = {} } = guest;
  const cause = expectedFor(guest, subject);
  const wrong = subject.verdicts.flatMap((verdict) => {
    if (verdict.state === 'works') return [];
    if (verdict.state === 'unknown')
      return backend === 'shell' && /there is no|makes no system call/.test(verdict.note ?? '')
        ? []
        : [`${verdict.check} is unknown`];
    if (verdict.cause === cause || (cause === null && verdict.cause === expected?.cause)) return [];
    return verdict.cause === lacks[verdict.check] ? [] : [`${verdict.check} is blocked by ${verdict.cause}`];
  });
  const main = subject.verdicts.find(({ check }) => check === expected?.check);
  if (cause !== null && main !== undefined && main.cause !== cause)
    wrong.push(`${main.check}: ${main.cause ?? main.state} instead of ${cause}`);
  if (cause === null && !subject.verdicts.some(({ state }) => state === 'works')) wrong.push('nothing works');
  return wrong;
};

const judgeCheck = (guest: Guest, text: string, caller: Caller, backend: Backend): readonly Row[] => {
  const row = (judgement: string, result: string, isRight: boolean): Row => ({
    guest: guest.name,
    judgement: `ns-check on ${backend} as ${caller}${judgement}`,
    result,
    isRight,
  });
  const said = partOf(text, caller, `check ${backend}`);
  const report = reportIn(said);
  if (report === null) return [row('', said.trim().slice(0, 200) || 'nothing', false)];
  const rows = report.subjects
    .filter(({ who }) => caller === 'root' || who === 'user')
    .map((subject) => {
      const count = (state: string): number => subject.verdicts.filter((one) => one.state === state).length;
      const causes = new Map<string, number>();
      for (const { state, cause, errno } of subject.verdicts)
        if (state === 'blocked') causes.set(`${cause} ${errno}`, (causes.get(`${cause} ${errno}`) ?? 0) + 1);
      const blocked = [...causes].map(([cause, times]) => `${times} ${cause}`);
      const unknown = count('unknown') === 0 ? [] : [`${count('unknown')} unknown`];
      const wrong = wrongIn(guest, subject, backend);
      const result = [`${count('works')} work`, ...blocked, ...unknown].join(', ');
      return row(
        `: ${nameOf(subject)}`,
        wrong.length === 0 ? result : `${result}; WRONG: ${wrong.join('; ')}`,
        wrong.length === 0,
      );
    });
  const { expected } = guest;
  if (expected === null) return rows;
  const remedy = report.findings.find(({ cause }) => cause === expected.cause)?.remedy.join('\n') ?? 'none';
  return [...rows, row(': remedy', remedy, expected.remedy.test(remedy))];
};

const judgeContract = (guest: Guest, text: string, caller: Caller, backend: Backend): Judged => {
  const tap = partOf(text, caller, `contract ${backend}`);
  const claims = claimsIn(guest, tap, caller, backend);
  const count = (wanted: ClaimEnd['outcome']): number => claims.filter(({ outcome }) => outcome === wanted).length;
  const isComplete = /^# \{.*\}$/m.test(tap) && /^1\.\.\d+$/m.test(tap);
  const counts = `${count('holds')} claims hold, ${count('FAILS')} do not, ${count('skipped')} skipped`;
  const bad = [...tap.matchAll(/^ *not ok \d+ - (.*?)(?: # time.*)?$/gm)].map(([, title]) => title ?? '');
  const result = [`${counts}${isComplete ? '' : '; not complete'}`, ...bad.slice(0, 12)].join('; ');
  const isRight = isComplete && bad.length === 0 && count('holds') + count('skipped') > 0;
  return { rows: [{ guest: guest.name, judgement: `contract on ${backend} as ${caller}`, result, isRight }], claims };
};

/** What a guest wrote, as rows; `contract` are the backends that the contract suite was to run on. */
export const judge = (guest: Guest, text: string, seconds: number, contract: readonly Backend[]): Judged => {
  const isDone = text.includes('NS-DONE');
  const result = isDone ? `yes, in ${seconds.toFixed(0)} s with all that follows` : text.slice(-300);
  const booted: Row = { guest: guest.name, judgement: 'boots, and powers off', result, isRight: isDone };
  const isOn = guest.policy === undefined || text.includes('NS-POLICY on');
  const policy: readonly Row[] =
    guest.policy === undefined
      ? []
      : [{ guest: guest.name, judgement: `has ${guest.policy}`, result: isOn ? 'yes' : 'no', isRight: isOn }];
  const checks = CALLERS.flatMap((caller) => BACKENDS.flatMap((backend) => judgeCheck(guest, text, caller, backend)));
  const contracts = CALLERS.flatMap((caller) => contract.map((backend) => judgeContract(guest, text, caller, backend)));
  return {
    rows: [booted, ...policy, ...checks, ...contracts.flatMap(({ rows }) => rows)],
    claims: contracts.flatMap(({ claims }) => claims),
  };
};

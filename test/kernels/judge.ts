import type { CheckReport } from '../../lib/index.ts';
import { CALLERS, type Caller, type Guest } from './guests.ts';

/** One judgement of one guest. */
export interface Row {
  readonly guest: string;
  readonly judgement: string;
  readonly result: string;
  readonly isRight: boolean;
}

const BACKENDS = ['ffi', 'shell'] as const;
type Backend = (typeof BACKENDS)[number];
type Subject = CheckReport['subjects'][number];

const partOf = (text: string, caller: Caller, what: string): string =>
  new RegExp(`NS-BEGIN ${caller} ${what}\n([\\s\\S]*?)NS-END`).exec(text)?.[1] ?? '';

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

const judgeContract = (guest: Guest, text: string, caller: Caller, backend: Backend): Row => {
  const tap = partOf(text, caller, `contract ${backend}`);
  const bad = [...tap.matchAll(/^ +not ok \d+ - (.*?)(?: # time.*)?$/gm)].map(([, title]) => title ?? '');
  const count = (pattern: RegExp): number => [...tap.matchAll(pattern)].length;
  // Claims stand two levels deep: a room, and a claim in it.
  const skipped = count(/^ {4}ok \d+ - .* # SKIP/gm);
  const passed = count(/^ {4}ok \d+ - /gm) - skipped;
  const failed = count(/^ {4}not ok \d+ - /gm);
  const isComplete = /^# \{.*\}$/m.test(tap) && /^1\.\.\d+$/m.test(tap);
  const result = `${passed} claims hold, ${failed} do not, ${skipped} skipped${isComplete ? '' : '; not complete'}`;
  return {
    guest: guest.name,
    judgement: `contract on ${backend} as ${caller}`,
    result: bad.length === 0 ? result : `${result}: ${bad.slice(0, 12).join('; ')}`,
    isRight: isComplete && bad.length === 0 && (passed > 0 || skipped > 0),
  };
};

/** What a guest wrote, as one row for each judgement. */
export const judge = (guest: Guest, text: string, seconds: number, hasContract: boolean): readonly Row[] => {
  const isDone = text.includes('NS-DONE');
  const result = isDone ? `yes, in ${seconds.toFixed(0)} s with all that follows` : text.slice(-300);
  const booted: Row = { guest: guest.name, judgement: 'boots, and powers off', result, isRight: isDone };
  const isOn = guest.policy === undefined || text.includes('NS-POLICY on');
  const policy: readonly Row[] =
    guest.policy === undefined
      ? []
      : [{ guest: guest.name, judgement: `has ${guest.policy}`, result: isOn ? 'yes' : 'no', isRight: isOn }];
  const pairs = CALLERS.flatMap((caller) => BACKENDS.map((backend) => [caller, backend] as const));
  return [
    booted,
    ...policy,
    ...pairs.flatMap(([caller, backend]) => judgeCheck(guest, text, caller, backend)),
    ...(hasContract ? pairs.map(([caller, backend]) => judgeContract(guest, text, caller, backend)) : []),
  ];
};

import t from 'tap';
import { parseFilter } from '../../cli/ns-ls/filter.ts';

const CELLS: Readonly<Record<string, string | number | null | readonly string[]>> = {
  NPROCS: 12,
  TYPE: 'net',
  PID: null,
  ID: '4099',
  NSFS: ['/run/netns/blue', '/run/netns/green'],
};

const wanted = (text: string): boolean =>
  parseFilter(text, (name) => name in CELLS)._unsafeUnwrap()((name) => CELLS[name] ?? null);

t.test('parseFilter() compares columns as scols-filter(5) does', async (t) => {
  for (const [text, truth] of [
    ['NPROCS > 10', true],
    ['NPROCS > 12', false],
    ['NPROCS >= 12 && TYPE == "net"', true],
    ["nprocs lt 13 and type eq 'net'", true],
    ['NPROCS < 3 || TYPE != "uts"', true],
    ['!(TYPE == "net")', false],
    ['not TYPE == "uts"', true],
    ['ID > 999', true],
    ['PID > 0', false],
    ['PID < 1', false],
    ['PID', false],
    ['NPROCS', true],
    ['NSFS =~ "blue$|green$"', true],
    ['NSFS !~ "red"', true],
    ['TYPE =~ "^n" && NPROCS == 12 || PID', true],
    ['TYPE == "uts" || TYPE == "net" && NPROCS == 1', false],
    ['(TYPE == "uts" || TYPE == "net") && NPROCS == 12', true],
    ['true', true],
    ['FALSE', false],
  ] as const) {
    t.equal(wanted(text), truth, text);
  }
});

t.test('parseFilter() says what cannot be read', async (t) => {
  for (const [text, reason] of [
    ['', 'it is empty'],
    ['NPROCS >', 'a column, a number or a text in quotes is missing'],
    ['NPROCS > 1)', 'there is more after its end'],
    ['(NPROCS > 1', 'a ")" is missing'],
    ['COLOUR == 1', 'there is no column "COLOUR"'],
    ['TYPE =~ net', 'a pattern in quotes is missing'],
    ['TYPE =~ "("', '"(" is no pattern'],
    ['TYPE == "net', '"\\"net" cannot be read'],
    ['NPROCS + 1', '"+ 1" cannot be read'],
  ] as const) {
    const parsed = parseFilter(text, (name) => name in CELLS);
    t.equal(parsed.isErr() ? parsed.error : 'read', reason.replaceAll('\\"', '"'), text);
  }
});

// The command line: roles, --help, --version, and what is refused.
import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { helpText, readCommandLine, roleNames } from '../../src/process/command-line.ts';
import { variables } from '../../src/config/variables.ts';
import { startService } from '../helpers/service.ts';

describe('the command line', () => {
  it('starts a role, or without one lets the environment choose', () => {
    assert.deepEqual(readCommandLine([]), { kind: 'start', role: undefined });
    for (const role of roleNames) assert.deepEqual(readCommandLine([role]), { kind: 'start', role });
  });

  it('shows the help and the version, next to a role too', () => {
    for (const args of [['--help'], ['-h'], ['worker', '--help']])
      assert.deepEqual(readCommandLine(args), { kind: 'help' });
    assert.deepEqual(readCommandLine(['--version']), { kind: 'version' });
  });

  for (const [args, expected] of [
    [['apis'], /^there is no role "apis"; roles: api, worker, broker;/],
    [['toString'], /^there is no role "toString"/],
    [['api', 'worker'], /^one role at a time, not also "worker"/],
    [['--port', '80'], /^Unknown option '--port'; roles/],
    [['-x'], /^Unknown option '-x'; roles/],
    [['--help=yes'], /--help.* does not take an argument/],
  ] as const) {
    it(`refuses ${args.join(' ')} and says what there is`, () => {
      const command = readCommandLine(args);
      assert.equal(command.kind, 'wrong');
      assert.match(command.message, expected);
    });
  }
});

describe('the help', () => {
  it('names every role and only variables that exist', () => {
    const text = helpText('1.2.3');
    assert.match(text, /^Work Factory 1\.2\.3: /);
    for (const role of roleNames) assert.match(text, new RegExp(`^ {2}${role} `, 'm'));
    for (const [, name] of text.matchAll(/^ {2}([A-Z_]{4,}) /gm)) assert.ok((name as string) in variables, name);
    assert.ok(text.split('\n').every((line) => line.length <= 120));
  });
});

describe('the program', () => {
  const runs: [string, number, RegExp][] = [
    ['--help', 0, /^Usage: work-factory/m],
    ['--version', 0, /^\d+\.\d+\.\d+$/],
    ['apis', 2, /there is no role "apis"/],
  ];
  for (const [argument, code, printed] of runs) {
    it(`ends with code ${code} at ${argument}, and starts nothing`, async (t) => {
      const service = startService(t, {}, argument);
      assert.equal(await service.exited, code);
      assert.match(service.lines.map(({ msg }) => msg).join('\n'), printed);
    });
  }
});

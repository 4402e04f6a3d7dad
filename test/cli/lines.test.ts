// The parts that commands share: lines of standard input, values of options, text of others.
import assert from 'node:assert/strict';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { Readable } from 'node:stream';
import { describe, it } from 'node:test';
import { findCommand } from '../../src/cli/commands.ts';
import { closestName } from '../../src/cli/did-you-mean.ts';
import { openLines } from '../../src/cli/line-source.ts';
import { readLines, readText } from '../../src/cli/lines.ts';
import { createOutput, printable, toSnakeCase } from '../../src/cli/output.ts';
import { readSeconds } from '../../src/cli/values.ts';
import { brokerFolder } from '../helpers/broker.ts';
import { createSink } from './cli.ts';

const never = new AbortController().signal;

describe('lines of a stream', () => {
  const linesOf = async (text: string, chunkBytes: number, bytesMax = 20): Promise<string[]> => {
    const bytes = Buffer.from(text);
    const chunks: Buffer[] = [];
    for (let start = 0; start < bytes.length; start += chunkBytes)
      chunks.push(bytes.subarray(start, start + chunkBytes));
    const lines: string[] = [];
    for await (const line of readLines(Readable.from(chunks), bytesMax, never)) lines.push(line.toString());
    return lines;
  };

  it('are the same however the bytes come, with either end, and with none at the last', async () => {
    const text = 'a\n\nzwölf\r\n\u2028x\n' + 'y'.repeat(20) + '\nlast';
    for (let bytes = 1; bytes <= text.length + 2; bytes++)
      assert.deepEqual(await linesOf(text, bytes), ['a', '', 'zwölf', '\u2028x', 'y'.repeat(20), 'last']);
  });

  it('are none in an empty stream, and an end makes no empty line', async () => {
    assert.deepEqual(await linesOf('', 1), []);
    assert.deepEqual(await linesOf('a\n', 1), ['a']);
  });

  it('end with an error at one that is too long, which has its number', async () => {
    for (const bytes of [1, 7, 100])
      await assert.rejects(linesOf(`a\n${'y'.repeat(21)}\nb\n`, bytes), { message: 'line 2 is longer than 20 bytes' });
  });

  it('all of them are refused when they are too much', async () => {
    assert.equal(await readText(Readable.from(['ab', 'c']), 3, never), 'abc');
    await assert.rejects(readText(Readable.from(['ab', 'cd']), 3, never), {
      message: 'standard input has more than 3 bytes',
    });
  });
});

describe('the share of a file', () => {
  it('is that of the acknowledged lines, however many are read ahead', async () => {
    const file = join(brokerFolder(), 'ten.txt');
    writeFileSync(file, 'aaaa\n\n\naaaa\naaa\n\n');
    const surroundings = {
      stdin: Readable.from([]),
      signal: never,
      output: createOutput(createSink().stream, createSink().stream, {}),
    };
    const source = await openLines(surroundings, file, 1);
    const shares: (number | undefined)[] = [];
    for await (const line of source.lines) shares.push(source.fractionUpTo(line === 'aaa' ? 1 : 0));
    assert.deepEqual(shares, [0, 0, 0, 0, 5 / 17, 5 / 17]);
    assert.deepEqual([4, 4, 5].map(source.fractionUpTo), [12 / 17, 12 / 17, 16 / 17]);
  });

  it('is not known of standard input', async () => {
    const output = createOutput(createSink().stream, createSink().stream, {});
    const source = await openLines({ stdin: Readable.from(['a\n']), signal: never, output }, '-', 1);
    for await (const line of source.lines) assert.equal(line, 'a');
    assert.equal(source.fractionUpTo(1), undefined);
  });
});

it('times have units', () => {
  const read = (text: string): number | undefined => readSeconds('delay', text);
  assert.deepEqual(['90', '1.5', '90s', '15m', '2h', '1d'].map(read), [90, 1.5, 90, 900, 7200, 86_400]);
  assert.equal(readSeconds('delay', undefined), undefined);
  for (const text of ['', '-1', '1w', '1 h', '1h30m', '1e3', 'NaN', '.5'])
    assert.throws(() => read(text), /--delay takes/);
});

it('text of others stays on its line, and steers no terminal', () => {
  assert.equal(printable('a\tb\r\nc'), 'a b  c');
  assert.equal(
    printable('\u001b[2J\u0007\u009b1m\u202e\u2028zwölf 🎉'),
    '\\u001b[2J\\u0007\\u009b1m\\u202e\\u2028zwölf 🎉',
  );
});

it('names of fields are those of the HTTP API', () => {
  assert.deepEqual(toSnakeCase({ jobId: 'x', finishedAt: 'y', at: 'z' }), { job_id: 'x', finished_at: 'y', at: 'z' });
});

it('a misspelt name leads to the one that is closest, and another word to none', () => {
  const names = ['add', 'divide', 'multiply', 'subtract', 'status'];
  for (const [given, name] of [
    ['ad', 'add'],
    ['devide', 'divide'],
    ['mul', 'multiply'],
    ['substract', 'subtract'],
    ['statsu', 'status'],
    ['pow', undefined],
    ['', undefined],
    ['x'.repeat(100_000), undefined],
  ] as const)
    assert.equal(closestName(given, names), name);
});

it('the longest name of a command wins', () => {
  assert.equal(findCommand(['jobs', 'check'])?.name, 'jobs check');
  assert.equal(findCommand(['jobs', '--json'])?.name, 'jobs');
  assert.equal(findCommand(['check']), undefined);
  assert.equal(findCommand([]), undefined);
});

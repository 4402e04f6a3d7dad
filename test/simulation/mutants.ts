// Planted bugs, each a textual change to a copy of src/: a checker that does not catch them proves nothing. Every text to be
// replaced must be found exactly once, so that a mutant cannot quietly turn into the real code.
import { mkdtempSync, readFileSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { compiledName, compileFolder, compileText } from '../compile.ts';
import { pathOf } from '../helpers/paths.ts';
import { loadSubject, type Subject } from './subject.ts';

interface Edit {
  /** Below `src/`. */
  file: string;
  find: string;
  replace: string;
}

export interface Mutant {
  name: string;
  edits: readonly Edit[];
}

const one = (name: string, file: string, find: string, replace: string): Mutant => ({
  name,
  edits: [{ file, find, replace }],
});

const classify = 'faktory/classify.ts';
const connection = 'faktory/connection.ts';
const presence = 'faktory/presence.ts';
const attempts = 'faktory/attempts.ts';
const frameSender = 'faktory/frame-sender.ts';
const standings = 'faktory/standings.ts';
const groupCommit = 'enqueue/group-commit.ts';
const framePump = 'enqueue/frame-pump.ts';
const unsettled = 'enqueue/unsettled.ts';
const sweep = 'enqueue/sweep.ts';

const shiftOldest = 'const command = this.#outstanding.shift();';

export const mutants: readonly Mutant[] = [
  one(
    'acknowledges at the write',
    frameSender,
    'connection.exchange(frameOf(jobs), {',
    `onEnd(jobs.map(() => ({ kind: 'enqueued' as const })), 'ok');\n  connection.exchange(frameOf(jobs), {`,
  ),
  one(
    'matches a reply to the second oldest command',
    connection,
    shiftOldest,
    `if (this.#outstanding.size > 1) this.#outstanding.push(this.#outstanding.shift() as Command);\n    ${shiftOldest}`,
  ),
  one(
    'uses a connection again after a read timeout',
    connection,
    `this.#giveUp('read timeout', sinceMs)`,
    `void sinceMs, this.#outstanding.shift()?.handler.onLost({ maybeSent: true, reason: new Error('read timeout') })`,
  ),
  one(
    "takes the server's deadline for a refusal",
    classify,
    '/^not stored: /,',
    '/^not stored: /, /^context deadline exceeded/,',
  ),
  one('takes any error for a refusal', classify, ': unknown(message);\n}', `: refused('broker_refused', message);\n}`),
  one('forgets the age of a refusal', classify, 'ageMs <= redisRefusalAgeMsMax', 'ageMs >= 0'),
  one(
    'inverts the proof that a write was not sent',
    connection,
    'const lastWriteUnsent = isUnsent && this.#commandsInWrite === 1;',
    'const lastWriteUnsent = !isUnsent;',
  ),
  one(
    'believes a pending write in the turn in which it began',
    connection,
    'this.#stuckWrite === this.#writes && ',
    '',
  ),
  one('believes a pending write over TLS', 'faktory/client.ts', 'provesUnsent: !address.tls', 'provesUnsent: true'),
  {
    name: 'writes while a write is outstanding, and calls all such writes not sent',
    edits: [
      { file: frameSender, find: ' && !connection.isWriting', replace: '' },
      { file: connection, find: 'if (this.#commandsInWrite === 0) this.#write();', replace: 'this.#write();' },
      { file: connection, find: 'this.#commandsInWrite = count;', replace: 'this.#commandsInWrite += count;' },
      { file: connection, find: '(lastWriteUnsent ? 1 : 0)', replace: '(isUnsent ? this.#commandsInWrite : 0)' },
    ],
  },
  one(
    'ignores a stray reply',
    connection,
    `return this.destroy(new ProtocolError('a reply that no command asked for'));`,
    'return;',
  ),
  one(
    "takes the connection limit's error for a reply",
    connection,
    'reply.text.startsWith(connectionLimitText))',
    `reply.text === '')`,
  ),
  one(
    'takes +OK for the reply to a PUSHB',
    classify,
    `if (reply.type !== 'bulk') return`,
    `if (reply.type === 'simple') return jobs.map(() => enqueued);\n  if (reply.type !== 'bulk') return`,
  ),
  one('takes any map for success', classify, `reply.text === '{}'`, `reply.text.startsWith('{')`),
  one('accepts a map with a foreign jid', classify, 'matched === refusals.size', 'matched >= 0'),
  one('keeps a connection that answered nonsense', frameSender, 'connection.destroy(reason);', 'void reason;'),
  one(
    'shifts the outcomes of a batch by one',
    groupCommit,
    'outcomes[offset + index - start]',
    'outcomes[offset + ((index - start + 1) % (end - start))]',
  ),
  one('gives every push of a frame the outcomes of the first', framePump, 'start += pending.jobs.length;', ''),
  one(
    'drops what waits when the broker is away',
    framePump,
    'while (!waiting.isEmpty) for (const pending of waiting.takeFrame()) unsettled.settleAll(pending, outcome);',
    'while (!waiting.isEmpty) waiting.takeFrame();\n    void outcome;',
  ),
  one(
    'keeps what it refused for lateness in the queue',
    sweep,
    `unsettled.settleAll(pending, noRoom(pump.load.silentMs));`,
    `{\n      unsettled.settleAll(pending, noRoom(pump.load.silentMs));\n      pump.waiting.push(pending);\n    }`,
  ),
  one('does not look at deadlines', sweep, '&& pending.deadlineMs <= now;)', '&& false;)'),
  one('closes without waiting for what is under way', unsettled, 'if (pushes.first) await ended;', 'void ended;'),
  {
    name: 'does not count what is in flight',
    edits: [
      { file: groupCommit, find: 'admission.leave(1, bytes);', replace: '' },
      {
        file: groupCommit,
        find: 'admission.enter(1, bytes);',
        replace: 'admission.enter(1, bytes);\n      admission.leave(1, bytes);',
      },
    ],
  },
  {
    name: 'pushes a frame again whose outcome is unknown',
    edits: [
      {
        file: framePump,
        find: 'sender.send(jobs, (outcomes) => {',
        replace: 'const onOutcomes = (outcomes: readonly Outcome[]): void => {',
      },
      {
        file: framePump,
        find: '        start += pending.jobs.length;\n      }\n    });',
        replace: `        start += pending.jobs.length;\n      }\n    };\n    sender.send(jobs, (outcomes) =>
      outcomes[0]?.kind === 'unknown' && sender.slots > 0 ? sender.send(jobs, onOutcomes) : onOutcomes(outcomes),\n    );`,
      },
    ],
  },
  one(
    'never opens a lost connection again',
    'faktory/client.ts',
    'await release(connection);',
    'await release(connection);\n      return;',
  ),
  one('believes for ever that the broker is away', presence, 'setDown(undefined);', ''),
  one(
    'goes on writing to connections that are as silent as one that was given up',
    standings,
    'if (connection.repliedMs < sinceMs + lastRepliesMs) ask(connection);',
    'void [connection, sinceMs, lastRepliesMs];',
  ),
  one(
    "goes on writing after the broker's own deadline",
    frameSender,
    'onLate: () => client.late(connection, startedMs),',
    'onLate: () => undefined,',
  ),
  one('believes for ever that the broker hangs', standings, 'trusted.push(connection);\n      review();', 'review();'),
  one('keeps callers waiting while the broker hangs', standings, 'const graceMs = 30;', 'const graceMs = 3000;'),
  one('sends no second frame before a reply', 'faktory/client.ts', 'onWritten: options.onRoom,', ''),
  one(
    'does not pause between attempts',
    attempts,
    'clock.after(delayMs * (0.5 + random() / 2), ',
    'clock.after(delayMs * random() * 0.02, ',
  ),
];

const source = pathOf('src');
const rooms = ['domain', 'enqueue', 'faktory'];

/** The changed files of a mutant, by their path below `src/`. Throws when a text is not there exactly once. */
export function changedFiles({ name, edits }: Mutant): Map<string, string> {
  const files = new Map<string, string>();
  for (const { file, find, replace } of edits) {
    const parts = (files.get(file) ?? readFileSync(join(source, file), 'utf8')).split(find);
    if (parts.length !== 2) throw new Error(`mutant "${name}": ${file} has ${parts.length - 1} times: ${find}`);
    files.set(file, parts.join(replace));
  }
  return files;
}

/** @param dispose removes the copy; what was loaded from it goes on to work */
export async function plant(mutant: Mutant): Promise<{ subject: Subject; dispose: () => void }> {
  const folder = mkdtempSync(join(tmpdir(), 'work-factory-mutant-'));
  const dispose = (): void => rmSync(folder, { recursive: true, force: true, maxRetries: 10 });
  try {
    for (const room of rooms) await compileFolder(join(source, room), join(folder, 'src', room));
    symlinkSync(pathOf('node_modules'), join(folder, 'node_modules'));
    writeFileSync(join(folder, 'package.json'), '{"type":"module"}');
    for (const [file, text] of changedFiles(mutant))
      await compileText(text, join(source, file), join(folder, 'src', compiledName(file)));
    return { subject: await loadSubject(pathToFileURL(join(folder, 'src/')).href, '.js'), dispose };
  } catch (error) {
    dispose();
    throw error;
  }
}

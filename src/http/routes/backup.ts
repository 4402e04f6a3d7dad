// POST /admin/backup: a consistent copy of the data that this process keeps on its disk, made while it runs.
import type { FastifyInstance } from 'fastify';
import { z } from 'zod';
import { BackupError, backupNamePattern, type BackupReport, type Backups } from '../../domain/backup.ts';
import { backupTimeoutMs, slowReaderTimeoutMs } from '../limits.ts';
import { AppError, type ErrorCode } from '../problems/errors.ts';
import { readBody } from '../problems/violations.ts';
import { createActions, type OperatorRouteOptions } from './operator-action.ts';
import { problemResponses } from './schemas.ts';
import { actionProblems } from './operator-responses.ts';

const asked = z.strictObject({
  name: z
    .string('must be a string')
    .regex(backupNamePattern, 'must be 1 to 100 letters, digits, ".", "_" or "-", and begin with a letter or a digit')
    .meta({ description: 'Name of the folder under BACKUP_DIR that will hold the copy' }),
});

const made = z.object({
  name: z.string(),
  started_at: z.string().meta({ description: 'RFC 3339: what was acknowledged before is in the copy' }),
  bytes: z.int().min(0),
  seconds: z.number(),
});

const codes = {
  not_supported: 'not_supported',
  exists: 'backup_exists',
  under_way: 'backup_under_way',
  away: 'broker_unavailable',
  stopped: 'shutting_down',
  failed: 'backup_failed',
} as const satisfies Record<BackupError['reason'], ErrorCode>;

export interface BackupRouteOptions extends Omit<OperatorRouteOptions, 'operator' | 'actionTimeoutMs'> {
  backups: Backups;
}

export function registerBackup(app: FastifyInstance, { backups, ...options }: BackupRouteOptions): void {
  const actions = createActions({ ...options, actionTimeoutMs: backupTimeoutMs });
  const schema = {
    summary: 'Copy jobs, results and keys while the service runs',
    body: asked,
    response: {
      200: made,
      ...problemResponses([
        ...actionProblems.filter((code) => code !== 'not_found'),
        'backup_exists',
        'backup_under_way',
        'backup_failed',
        'shutting_down',
      ]),
    },
  };
  app.post('/admin/backup', { schema, ...actions.route }, async (request, reply) => {
    const data = readBody(asked, request.body);
    // The connection is silent meanwhile. Node sets its own limit again after the response.
    reply.raw.setTimeout(backupTimeoutMs + slowReaderTimeoutMs, () => request.raw.socket.destroy());
    const about = { action: 'backup', name: data.name };
    const report = await actions.run(request, about, () => create(backups, data.name));
    const { name, startedAt, bytes, seconds } = report;
    return { name, started_at: startedAt, bytes, seconds };
  });
}

async function create(backups: Backups, name: string): Promise<BackupReport> {
  try {
    return await backups.create(name);
  } catch (error) {
    if (!(error instanceof BackupError)) throw error;
    throw new AppError(codes[error.reason], error.message, {}, error.cause);
  }
}

// Every command of the command line: one row here, one file in commands/. A file is loaded when its command is called.
import type { Command } from './command.ts';

export interface CommandRow {
  /** As it is typed. */
  readonly name: string;
  /** One line of `work-factory --help`. */
  readonly summary: string;
  readonly load: () => Promise<Command>;
}

export const commands: readonly CommandRow[] = [
  {
    name: 'enqueue',
    summary: 'posts one job; --wait waits for its result',
    load: async () => (await import('./commands/enqueue.ts')).enqueue,
  },
  {
    name: 'stream',
    summary: 'posts the jobs of a file or a pipe, one on each line',
    load: async () => (await import('./commands/stream.ts')).stream,
  },
  {
    name: 'status',
    summary: 'prints the states of jobs, by their ids',
    load: async () => (await import('./commands/status.ts')).status,
  },
  {
    name: 'cancel',
    summary: 'cancels a job that has not started',
    load: async () => (await import('./commands/cancel.ts')).cancel,
  },
  {
    name: 'jobs',
    summary: 'lists the job types that the service takes',
    load: async () => (await import('./commands/jobs.ts')).jobs,
  },
  {
    name: 'jobs check',
    summary: 'checks the files of JOBS_DIR on this machine, and runs their examples',
    load: async () => (await import('./commands/jobs-check.ts')).jobsCheck,
  },
  {
    name: 'cron',
    summary: 'lists the schedules of the service, with the next and the last tick',
    load: async () => (await import('./commands/cron.ts')).cron,
  },
  {
    name: 'doctor',
    summary: 'checks the settings, the API, the broker and the stores',
    load: async () => (await import('./commands/doctor.ts')).doctor,
  },
  {
    name: 'backup',
    summary: 'copies the jobs, keys and results of a running service',
    load: async () => (await import('./commands/backup.ts')).backup,
  },
  {
    name: 'restore',
    summary: 'turns such a copy into the data of a stopped service',
    load: async () => (await import('./commands/restore.ts')).restore,
  },
];

/** The row whose name the arguments begin with, the longest first; undefined when there is none. */
export const findCommand = (args: readonly string[]): CommandRow | undefined =>
  [...commands]
    .sort((a, b) => b.name.length - a.name.length)
    .find(({ name }) => name.split(' ').every((word, index) => args[index] === word));

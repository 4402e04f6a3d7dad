// The code under test: the project's own client and enqueue rooms, or a copy of them with a planted bug.
import type * as AdmissionModule from '../../src/enqueue/admission.ts';
import type * as GroupCommitModule from '../../src/enqueue/group-commit.ts';
import type * as ClientModule from '../../src/faktory/client.ts';
import type * as FrameSenderModule from '../../src/faktory/frame-sender.ts';

export interface Subject {
  FaktoryClient: typeof ClientModule.FaktoryClient;
  createFrameSender: typeof FrameSenderModule.createFrameSender;
  createGroupCommit: typeof GroupCommitModule.createGroupCommit;
  createAdmission: typeof AdmissionModule.createAdmission;
}

/** @param source URL of a folder with the rooms of `src/` */
export async function loadSubject(source = new URL('../../src/', import.meta.url)): Promise<Subject> {
  const load = async <T>(file: string): Promise<T> => (await import(new URL(file, source).href)) as T;
  const { FaktoryClient } = await load<typeof ClientModule>('faktory/client.ts');
  const { createFrameSender } = await load<typeof FrameSenderModule>('faktory/frame-sender.ts');
  const { createGroupCommit } = await load<typeof GroupCommitModule>('enqueue/group-commit.ts');
  const { createAdmission } = await load<typeof AdmissionModule>('enqueue/admission.ts');
  return { FaktoryClient, createFrameSender, createGroupCommit, createAdmission };
}

// The code under test: the project's own client and enqueue rooms, or a copy of them with a planted bug.
import type * as AdmissionModule from '../../src/enqueue/admission.ts';
import type * as GroupCommitModule from '../../src/enqueue/group-commit.ts';
import type * as ClientModule from '../../src/faktory/client.ts';
import type * as FrameSenderModule from '../../src/faktory/frame-sender.ts';
import { programExtension, programUrlOf } from '../helpers/paths.ts';

export interface Subject {
  FaktoryClient: typeof ClientModule.FaktoryClient;
  createFrameSender: typeof FrameSenderModule.createFrameSender;
  createGroupCommit: typeof GroupCommitModule.createGroupCommit;
  createAdmission: typeof AdmissionModule.createAdmission;
}

/** @param source URL of a folder with the rooms of `src/`, as files of this extension */
export async function loadSubject(source = programUrlOf('src/'), extension = programExtension): Promise<Subject> {
  const load = async <T>(file: string): Promise<T> => (await import(new URL(file + extension, source).href)) as T;
  const { FaktoryClient } = await load<typeof ClientModule>('faktory/client');
  const { createFrameSender } = await load<typeof FrameSenderModule>('faktory/frame-sender');
  const { createGroupCommit } = await load<typeof GroupCommitModule>('enqueue/group-commit');
  const { createAdmission } = await load<typeof AdmissionModule>('enqueue/admission');
  return { FaktoryClient, createFrameSender, createGroupCommit, createAdmission };
}

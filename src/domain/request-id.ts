// The correlation id that a caller may give to a job. The worker and the results get it unchanged.
import { z } from 'zod';

const controlCharacter = /\p{Cc}/u;
const requestIdBytesMax = 200;

export const requestId = z
  .string('must be a string or null')
  .refine((text) => Buffer.byteLength(text) <= requestIdBytesMax, `must be at most ${requestIdBytesMax} bytes in UTF-8`)
  .refine((text) => !controlCharacter.test(text), 'must not contain control characters')
  .nullish()
  .meta({ description: 'Correlation id of the caller, handed to the worker as it is', maxLength: requestIdBytesMax });

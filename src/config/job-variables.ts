// The variables about what a job may be and name: a part of variables.ts.
import { allowedHosts } from './allowed-hosts.ts';
import { commaList, integer, type Variable } from './values.ts';

export const jobVariables = {
  JOB_BODY_BYTES_MAX: {
    schema: integer(16_384, 1_048_576),
    default: '65536',
    unit: 'bytes',
    reason:
      "The most bytes of a request with one job, after decoding, and of the JSON of any job's arguments. The limit of the arithmetic stays 16384.",
  },
  PAYLOAD_COMPRESS_BYTES: {
    schema: integer(0, 1_048_576),
    default: '1024',
    unit: 'bytes',
    reason:
      'Arguments of types with `compress: true` travel compressed when their JSON is longer than this and gets shorter; 0: never.',
  },
  ENQUEUE_QUEUES: {
    schema: commaList(/^[A-Za-z0-9._-]{1,100}$/, 'queue names of A-Z a-z 0-9 . _ -, separated by commas, each once'),
    unit: 'names',
    reason: 'Queues that a job may name in place of the queue of its type. A worker must fetch from them.',
  },
  PASSTHROUGH_JOBTYPES: {
    schema: commaList(
      /^(?!$)[^\s*]{0,200}\*?$/,
      'jobtypes without spaces, "*" only at the end, separated by commas, each once',
    ),
    unit: 'jobtypes',
    reason:
      'Jobtypes that are enqueued without a definition, for workers in any language; `*` at the end stands for any rest.',
  },
  HANDLER_PROCESSES: {
    schema: integer(1, 64),
    default: '1',
    unit: 'processes',
    reason:
      'How many child processes run your own job types. One is enough for jobs that wait; jobs that compute need one for each processor.',
  },
  RESULT_BYTES_MAX: {
    schema: integer(1024, 1_048_576),
    default: '65536',
    unit: 'bytes',
    reason: 'The most bytes of JSON of the result of one of your own jobs. With a larger result the job fails.',
  },
  HTTP_REQUEST_ALLOW: {
    schema: allowedHosts,
    unit: 'hosts',
    reason:
      'What jobs of the type `http_request` may call: `hooks.example.com`, `*.example.com`, `10.0.0.0/8`, `http://localhost:8080`. Unset: there is no such type. The API and the workers need the same.',
  },
  HTTP_REQUEST_SECRET: {
    schema: commaList(
      /^[\x21-\x2b\x2d-\x7e]{16,200}$/,
      'one secret, or two separated by a comma, each of 16 to 200 visible ASCII characters',
      2,
    ),
    unit: 'secrets',
    secret: true,
    reason:
      'Signs the requests of `http_request` (Work-Factory-Signature). Two, with a signature each, while receivers change from one to the other.',
  },
} as const satisfies Record<string, Variable>;

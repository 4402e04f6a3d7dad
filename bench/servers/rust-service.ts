// The original service in Rust, where RUST_SERVICE_BIN names its program; in the mode that answers after the broker did.
import { freePort, startProcess } from '../harness/processes.ts';
import type { Scope } from '../harness/scope.ts';
import type { HttpServer } from './service.ts';

export async function startRustService(scope: Scope, faktoryPort: number): Promise<HttpServer | undefined> {
  const command = process.env['RUST_SERVICE_BIN'];
  if (command === undefined) return undefined;
  const port = await freePort();
  const env = {
    FAKTORY_URL: `tcp://127.0.0.1:${faktoryPort}`,
    BIND_ADDR: `127.0.0.1:${port}`,
    BATCH_AUTO_ENABLED: 'false',
    RUST_LOG: 'error',
  };
  const running = await startProcess({ command, args: [], env, port });
  return scope.use({ port, process: running }, () => running.stop());
}

/** An entry of its batches. */
export const rustEntry = { type: 'Add', args: { a: 1, b: 2 } };

export const noRustService = 'The Rust service is not at hand (RUST_SERVICE_BIN): not compared.';

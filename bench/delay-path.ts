// The delaying path's process, so that its timers do not wait for the bench. Usage: delay-path.ts TARGET_PORT DELAY_MS;
// says its port over IPC.
import { startDelayProxy } from '../test/helpers/delay-proxy.ts';

const [targetPort, delayMs] = process.argv.slice(2).map(Number);
if (targetPort === undefined || delayMs === undefined) throw new Error('delay-path.ts TARGET_PORT DELAY_MS');
const { port } = await startDelayProxy(targetPort, delayMs);
process.send?.(port);
process.on('disconnect', () => process.exit());

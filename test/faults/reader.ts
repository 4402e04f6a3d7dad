// A broker's socket in a process of its own, so that it reads at the very moment in which the client writes. Greets, takes
// HELLO and then reads in the way it is told; tells for each connection, once it has ended, how many complete lines came.
import { createServer, type AddressInfo, type Socket } from 'node:net';

/** How it reads after HELLO: at full speed, with pauses, or not before the client has gone. */
export type ReaderPace = 'fast' | 'jerky' | 'late';

const pace = process.argv[2] as ReaderPace;
// By then every client of the test has ended its connection.
const lateMs = 60;
const jerkBytes = 500_000;

createServer((socket) => {
  let lines = 0;
  let bytes = 0;
  socket.write('+HI {"v":2}\r\n');
  socket.on('data', (chunk: Buffer) => {
    bytes += chunk.length;
    for (let at = chunk.indexOf(0x0a); at !== -1; at = chunk.indexOf(0x0a, at + 1)) {
      if (++lines === 1) socket.write('+OK\r\n');
    }
    if (pace === 'late' && bytes === chunk.length) pauseFor(socket, lateMs);
    if (pace === 'jerky' && bytes % jerkBytes < chunk.length) pauseFor(socket, 1);
  });
  socket.on('error', () => undefined);
  socket.on('close', () => process.send?.({ lines: lines - 1, bytes }));
}).listen(0, '127.0.0.1', function (this: { address(): AddressInfo | string | null }) {
  process.send?.({ port: (this.address() as AddressInfo).port });
});

function pauseFor(socket: Socket, ms: number): void {
  socket.pause();
  setTimeout(() => socket.resume(), ms);
}
process.on('disconnect', () => process.exit());

// Writes lines to a socket. The lines of one turn leave with one system call.
import type { Socket } from 'node:net';

export function createLineWriter(socket: Socket): (line: string) => void {
  let isCorked = false;
  return (line) => {
    if (!isCorked) {
      isCorked = true;
      socket.cork();
      setImmediate(() => {
        isCorked = false;
        socket.uncork();
      });
    }
    socket.write(line);
  };
}

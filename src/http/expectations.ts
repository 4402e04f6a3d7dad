// `Expect` (RFC 9110 section 10.1.1). Node answers an expectation that it does not know 417, without a problem: it may be
// ignored. And it writes `100 Continue` of a pipelined request behind the head of its answer, as if it were the body
// (lib/_http_outgoing.js puts the head in front of what waits): it must wait for its turn.
import type { Server, ServerResponse } from 'node:http';

function writeContinue(answer: ServerResponse): void {
  if (!answer.headersSent) answer.writeContinue();
}

export function answerExpectations(server: Server): void {
  server.on('checkExpectation', (request, answer) => server.emit('request', request, answer));
  server.on('checkContinue', (request, answer) => {
    if (answer.socket !== null) writeContinue(answer);
    else {
      answer.once('socket', () => writeContinue(answer));
      // Otherwise Node ends the connection after an answer without it, although more has been read.
      Object.assign(answer, { _expect_continue: false });
    }
    server.emit('request', request, answer);
  });
}

// `Expect` (RFC 9110 section 10.1.1). Node refuses an unknown expectation with 417 and no problem: our own guard does it instead.
// Node also writes the `100 Continue` of a pipelined request behind the head of its response, as if it were the body
// (lib/_http_outgoing.js puts the head before the waiting bytes). So it waits here until it is its turn.
import type { IncomingMessage, Server, ServerResponse } from 'node:http';

/** The header is a list. HTTP/1.0 has no expectations, and there they are ignored. */
export const isExpectationMet = ({ headers: { expect }, httpVersion }: IncomingMessage): boolean =>
  expect === undefined ||
  httpVersion === '1.0' ||
  expect.split(',').every((member) => ['', '100-continue'].includes(member.trim().toLowerCase()));

function writeContinue(response: ServerResponse): void {
  if (!response.headersSent) response.writeContinue();
}

export function meetExpectations(server: Server): void {
  server.on('checkExpectation', (request, response) => server.emit('request', request, response));
  // Node calls this also for a list that has other expectations in it.
  server.on('checkContinue', (request, response) => {
    const isMet = isExpectationMet(request);
    if (isMet && response.socket !== null) writeContinue(response);
    else {
      if (isMet) response.once('socket', () => writeContinue(response));
      // Without it Node ends the connection after the response, although more requests were read.
      Object.assign(response, { _expect_continue: false });
    }
    server.emit('request', request, response);
  });
}

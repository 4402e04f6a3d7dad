// The same connection with promises, for the few requests that a scenario makes itself.
import { encodeRequest, openHttpConnection } from './http-connection.ts';

export interface HttpAnswer {
  status: number;
  body: string;
}

export interface HttpClient {
  get(path: string): Promise<HttpAnswer>;
  post(path: string, body: string): Promise<HttpAnswer>;
  close(): void;
}

export function createHttpClient(port: number): HttpClient {
  let waiting: { resolve: (answer: HttpAnswer) => void; reject: (error: Error) => void } | undefined;
  const connection = openHttpConnection(port, {
    onAnswer: (status, answer, bodyStart) => waiting?.resolve({ status, body: answer.toString('utf8', bodyStart) }),
    onLost: (error) => waiting?.reject(error),
  });
  const call = (request: Buffer): Promise<HttpAnswer> =>
    new Promise((resolve, reject) => {
      waiting = { resolve, reject };
      connection.send(request);
    });
  return {
    get: (path) => call(encodeRequest('GET', path)),
    post: (path, body) => call(encodeRequest('POST', path, body)),
    close: connection.close,
  };
}

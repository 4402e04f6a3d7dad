// The same connection with promises, for the few requests that a scenario makes itself. Between them a server may close the
// connection, which is then opened again: bunqueue does so after some seconds.
import { encodeRequest, openHttpConnection, type HttpConnection } from './http-connection.ts';

export interface HttpResponse {
  status: number;
  body: string;
}

export interface HttpClient {
  get(path: string): Promise<HttpResponse>;
  post(path: string, body: string): Promise<HttpResponse>;
  close(): void;
}

export function createHttpClient(port: number): HttpClient {
  let waiting: { resolve: (response: HttpResponse) => void; reject: (error: Error) => void } | undefined;
  let connection: HttpConnection | undefined;

  const open = (): HttpConnection =>
    openHttpConnection(port, {
      onResponse: (status, response, bodyStart) =>
        waiting?.resolve({ status, body: response.toString('utf8', bodyStart) }),
      onLost(error) {
        connection = undefined;
        waiting?.reject(error);
      },
    });

  const call = (request: Buffer): Promise<HttpResponse> =>
    new Promise((resolve, reject) => {
      waiting = { resolve, reject };
      connection ??= open();
      connection.send(request);
    });

  return {
    get: (path) => call(encodeRequest('GET', path)),
    post: (path, body) => call(encodeRequest('POST', path, body)),
    close: () => connection?.close(),
  };
}

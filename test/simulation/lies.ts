// What no reply to PUSHB and no greeting may look like: the client has to destroy the connection as it arrives.

export const lies: readonly string[] = [
  '+OK\r\n',
  '+PONG\r\n',
  '$-1\r\n',
  '$-5\r\n\r\n',
  '$104857600\r\n',
  '$2\r\n{}}}\r\n',
  '$4\r\n{"a"\r\n',
  '$2\r\n[]\r\n',
  '$4\r\nnull\r\n',
  '$14\r\n{"j9999999":5}\r\n',
  '$18\r\n{"j9999999":"OOM"}\r\n',
  ':1\r\n',
  '*0\r\n',
  'OK\r\n',
  '+OK\n',
  '\r\n',
  '\0\0\0\0',
];

/** The empty one stands for silence until the server's handshake limit. */
export const greetingLies: readonly string[] = [
  '',
  'HTTP/1.1 400 Bad Request\r\n\r\n',
  '-ERR not now\r\n',
  '+HI {"v":3}\r\n',
  '+HI {"v":2,"i":1000000000,"s":"00"}\r\n',
  '+HI nonsense\r\n',
  '+HI {nonsense}\r\n',
  '$2\r\n{}\r\n',
  '\x16\x03\x01\x02\x00',
];

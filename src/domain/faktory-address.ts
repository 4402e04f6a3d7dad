// The address of a broker, as in FAKTORY_URL.

export interface FaktoryAddress {
  host: string;
  port: number;
  tls: boolean;
  password: string | undefined;
}

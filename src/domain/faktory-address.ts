// Where a broker is, as FAKTORY_URL says it.

export interface FaktoryAddress {
  host: string;
  port: number;
  tls: boolean;
  password: string | undefined;
}

/** What the stack's own NATS cluster and its clients know each other by. PEM texts, a user and a password; never logged. */
export type NatsCredentials = {
  readonly user: string;
  readonly password: string;
  /** Absent where the cluster runs without TLS. */
  readonly tls?: {
    readonly caCertificate: string;
    /** Of the authority, for the next certificate: no pod gets it. */
    readonly caKey: string;
    readonly certificate: string;
    readonly key: string;
  };
};

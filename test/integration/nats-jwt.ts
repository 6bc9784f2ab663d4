import { createAccount, createOperator, createUser, type KeyPair } from "@nats-io/nkeys";

/* An operator, an account with JetStream and a user, as `nsc` would make them: what a credentials file is about. */

export type JwtSetup = {
  /** Lines for the server's configuration. */
  readonly config: string;
  /** The text of the user's `.creds` file. */
  readonly creds: string;
};

export function jwtSetup(): JwtSetup {
  const [operator, account, system, user] = [createOperator(), createAccount(), createAccount(), createUser()];
  const unlimited = { subs: -1, data: -1, payload: -1 };
  const accountClaims = (storage: number) => ({
    limits: { ...unlimited, imports: -1, exports: -1, wildcards: true, conn: -1, leaf: -1, mem_storage: storage, disk_storage: storage },
    type: "account",
    version: 2,
  });
  const operatorJwt = sign(operator, operator, { system_account: system.getPublicKey(), type: "operator", version: 2 });
  const accountJwt = sign(operator, account, accountClaims(-1));
  const systemJwt = sign(operator, system, accountClaims(0));
  const userJwt = sign(account, user, { pub: {}, sub: {}, ...unlimited, type: "user", version: 2 });
  const preload = [
    [account, accountJwt],
    [system, systemJwt],
  ] as const;
  return {
    config: [
      `operator: ${operatorJwt}`,
      `system_account: ${system.getPublicKey()}`,
      "resolver: MEMORY",
      `resolver_preload: { ${preload.map(([pair, jwt]) => `${pair.getPublicKey()}: ${jwt}`).join("\n")} }`,
    ].join("\n"),
    creds: [
      "-----BEGIN NATS USER JWT-----",
      userJwt,
      "------END NATS USER JWT------",
      "",
      "-----BEGIN USER NKEY SEED-----",
      Buffer.from(user.getSeed()).toString(),
      "------END USER NKEY SEED------",
      "",
    ].join("\n"),
  };
}

/** Source: NATS JWT version 2: `ed25519-nkey` over the two encoded parts. */
function sign(issuer: KeyPair, subject: KeyPair, nats: Readonly<Record<string, unknown>>): string {
  const encode = (value: unknown): string => Buffer.from(JSON.stringify(value)).toString("base64url");
  const claims = {
    jti: subject.getPublicKey(),
    iat: Math.floor(Date.now() / 1000),
    iss: issuer.getPublicKey(),
    sub: subject.getPublicKey(),
    name: "test",
    nats,
  };
  const text = `${encode({ typ: "JWT", alg: "ed25519-nkey" })}.${encode(claims)}`;
  return `${text}.${Buffer.from(issuer.sign(Buffer.from(text))).toString("base64url")}`;
}

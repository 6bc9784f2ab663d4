import { readFileSync } from "node:fs";
import {
  type Authenticator,
  type ConnectionOptions,
  credsAuthenticator,
  nkeyAuthenticator,
  type TlsOptions,
  usernamePasswordAuthenticator,
} from "@nats-io/transport-node";
import { SECOND_MS } from "../base/units.ts";
import { natsError } from "./errors.ts";

/** How to reach NATS, as the configuration says it. An empty text is "not given". */
export type NatsOptions = {
  readonly servers: readonly string[];
  readonly credentialsFile: string;
  readonly nkeyFile: string;
  readonly user: string;
  readonly password: string;
  readonly passwordFile: string;
  readonly tls: { readonly caFile: string; readonly certFile: string; readonly keyFile: string };
};

/** A silent server is left after two unanswered pings: 10 to 15 s, as long as senders wait for an answer. */
const PING_INTERVAL_MS = 5 * SECOND_MS;
const PINGS_OUT_MAX = 2;
const CONNECT_TIMEOUT_MS = 5 * SECOND_MS;
const RECONNECT_WAIT_MS = 250;
const RECONNECT_JITTER_MS = 250;

/** What the client library takes. Errors: `nats_credentials_unreadable`. */
export function connectionOptions(options: NatsOptions, name: string): ConnectionOptions {
  const authenticator = authenticatorOf(options);
  const tls = tlsOf(options);
  return {
    name,
    servers: options.servers.map((server) => server.replace(/^(nats|tls):\/\//, "")),
    // Whoever has got in once may be refused for a while, when keys are changed on both sides: not a reason to give up.
    maxReconnectAttempts: -1,
    ignoreAuthErrorAbort: true,
    reconnectTimeWait: RECONNECT_WAIT_MS,
    reconnectJitter: RECONNECT_JITTER_MS,
    reconnectJitterTLS: RECONNECT_JITTER_MS,
    pingInterval: PING_INTERVAL_MS,
    maxPingOut: PINGS_OUT_MAX,
    timeout: CONNECT_TIMEOUT_MS,
    ...(authenticator === undefined ? {} : { authenticator }),
    ...(tls === undefined ? {} : { tls }),
  };
}

/** Files are read at each connection, so that a changed one counts without a restart; once here, so that an absent one stops the start. */
function authenticatorOf({ credentialsFile, nkeyFile, user, password, passwordFile }: NatsOptions): Authenticator | undefined {
  if (credentialsFile !== "") {
    readCredential(credentialsFile);
    return (nonce) => credsAuthenticator(readCredential(credentialsFile))(nonce);
  }
  if (nkeyFile !== "") {
    seedIn(nkeyFile);
    return (nonce) => nkeyAuthenticator(seedIn(nkeyFile))(nonce);
  }
  if (user === "") return undefined;
  if (passwordFile === "") return usernamePasswordAuthenticator(user, password);
  readCredential(passwordFile);
  return (nonce) => usernamePasswordAuthenticator(user, readCredential(passwordFile).toString("utf8").trim())(nonce);
}

/** The line with the seed: files of nkeys carry comments and the public key, too. */
function seedIn(path: string): Uint8Array {
  const seed = readCredential(path)
    .toString("utf8")
    .split("\n")
    .map((line) => line.trim())
    .find((line) => /^S[A-Z2-7]{57}$/.test(line));
  if (seed === undefined) {
    throw natsError("nats_credentials_unreadable", `${path} holds no nkey seed: a line of 58 letters and digits that begins with S`, {
      facts: { path },
    });
  }
  return Buffer.from(seed);
}

function tlsOf({ servers, tls }: NatsOptions): TlsOptions | undefined {
  const wanted = servers.some((server) => server.startsWith("tls://")) || Object.values(tls).some((file) => file !== "");
  if (!wanted) return undefined;
  return {
    ...(tls.caFile === "" ? {} : { ca: readCredential(tls.caFile).toString("utf8") }),
    ...(tls.certFile === "" ? {} : { cert: readCredential(tls.certFile).toString("utf8") }),
    ...(tls.keyFile === "" ? {} : { key: readCredential(tls.keyFile).toString("utf8") }),
  };
}

function readCredential(path: string): Buffer {
  try {
    return readFileSync(path);
  } catch (cause) {
    throw natsError("nats_credentials_unreadable", `cannot read ${path}, which is to let us into NATS: ${(cause as Error).message}`, {
      cause,
      facts: { path },
    });
  }
}

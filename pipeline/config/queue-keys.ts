import { KIB, MIB, MINUTE_MS } from "../base/units.ts";
import { choice, duration, integer, secret, size, text, texts } from "./key.ts";

const NATS_TLS = {
  ca_file: text({ fallback: "", takes: "a path to a PEM file", about: "Whom to trust; empty for the authorities of this machine." }),
  cert_file: text({ fallback: "", takes: "a path to a PEM file", about: "The certificate of this client, where the server asks for one." }),
  key_file: text({ fallback: "", takes: "a path to a PEM file", about: "Its key." }),
} as const;

const NATS = {
  servers: texts({
    fallback: ["nats://127.0.0.1:4222"],
    takes: "addresses such as `nats://nats:4222`, `tls://nats:4222`, with commas between",
    about: "Where NATS is; one of a cluster is enough, more help while that one is away.",
  }),
  stream: text({
    fallback: "BRAZIER_PROFILES",
    takes: "letters, digits, `_` and `-`",
    about: "The stream, made at the first start. Its subjects are its name in lower case with dots: `brazier.profiles.<partition>`.",
  }),
  replicas: integer({ fallback: 1, min: 1, max: 5, about: "Servers that hold each message: 3 where NATS is a cluster." }),
  max_bytes: size({
    fallback: 10 * KIB * MIB,
    about: "What the stream may hold; beyond it senders are told to come back. 0 means no bound.",
  }),
  max_age: duration({
    fallback: 0,
    about: "Messages older than this are dropped, stored or not: an end to what nobody comes for. `0s` keeps them until they are stored.",
  }),
  duplicate_window: duration({ fallback: 2 * MINUTE_MS, about: "A profile that is sent again within this time counts once." }),
  credentials_file: text({
    fallback: "",
    takes: "a path to a `.creds` file",
    about: "User JWT and seed. Read again at each connection.",
  }),
  nkey_file: text({ fallback: "", takes: "a path to a file with a seed", about: "An nkey. Read again at each connection." }),
  user: text({ fallback: "", takes: "a name", about: "User, with a password." }),
  password: secret({ takes: "a password", about: "Its password; better in a file." }),
  password_file: text({ fallback: "", takes: "a path", about: "A file with the password. Read again at each connection." }),
  tls: NATS_TLS,
} as const;

/** The queue between ingest and segment workers. */
export const QUEUE = {
  kind: choice(["memory", "nats"], {
    fallback: "memory",
    about:
      "`memory`: within one process; a push is answered when it is in the bucket. `nats`: a JetStream stream, for roles in many processes.",
  }),
  partitions: integer({
    fallback: 16,
    min: 1,
    max: 1024,
    about: "Parts of the queue, the most segment workers that find work. Of a stream they are settled when it is made.",
  }),
  max: size({
    fallback: 128 * MIB,
    about: "Profiles that this process has accepted and nobody has stored yet; above it senders are told to come back.",
  }),
  nats: NATS,
} as const;

import type { Nats } from "../nats/nats.ts";
import type { CatalogHints } from "./follow.ts";

/** Hints over plain NATS: `brazier.catalog.<shard>` of one installation, which the stream's name tells from others. */
export function natsHints(nats: Nats, stream: string): CatalogHints {
  const subject = (shard: number | "*"): string => `brazier.catalog.${stream}.${shard}`;
  return {
    publish: (shard, version) => {
      if (nats.isConnected) nats.connection.publish(subject(shard), String(version));
    },
    subscribe: (listener) => {
      const subscription = nats.connection.subscribe(subject("*"), {
        callback: (error, message) => {
          if (error === null) listener(Number(message.subject.split(".").at(-1)), Number(message.string()));
        },
      });
      return () => subscription.unsubscribe();
    },
  };
}

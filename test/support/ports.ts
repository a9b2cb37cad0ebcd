/**
 * Ports for a server of a test, away from those that others take by default: when it has stopped, nobody else is to answer
 * there for it, and it is to find them free when it starts again. Below those that the system gives out by itself.
 */
export function ownPorts(): { readonly grpc: number } {
  return { grpc: 12_000 + Math.floor(Math.random() * 8_000) };
}

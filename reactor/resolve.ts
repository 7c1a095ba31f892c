/**
 * Host names, resolved by the host.
 *
 * @module
 */

interface HostDns {
  lookup(name: string, options: { all: true }): Promise<{ readonly address: string }[]>;
}

interface HostModules {
  getBuiltinModule?(name: string): HostDns | undefined;
}

/** The addresses of a host name, in the order in which to try them; rejects when there are none. */
export async function resolveName(name: string): Promise<string[]> {
  const { process } = globalThis as { process?: HostModules };
  const dns = process?.getBuiltinModule?.("node:dns/promises");
  if (dns === undefined) throw new Error(`Cannot resolve ${name}: this host has no resolver`);
  const found = await dns.lookup(name, { all: true });
  return found.map(({ address }) => address);
}

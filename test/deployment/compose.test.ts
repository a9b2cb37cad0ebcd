/** docker-compose.yml and its files agree with what was tested and with the embedded server. */
import { readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { parse } from 'yaml';
import { SEARCH_ATTRIBUTES } from '../../src/contract/index.ts';
import { RETENTION_DAYS } from '../../src/contract/limits.ts';
import { DYNAMIC_CONFIG } from '../../src/temporal/embedded/arguments.ts';
import { SERVER_VERSION } from './server.ts';

interface Service {
  readonly image?: string;
  readonly ports?: string[];
  readonly healthcheck?: object;
  readonly restart?: string;
  readonly environment?: Record<string, string | null>;
}

const read = (name: string): string => readFileSync(new URL(`../../${name}`, import.meta.url), 'utf8');
const { services, volumes } = parse(read('docker-compose.yml'), { merge: true }) as {
  services: Record<string, Service>;
  volumes: object;
};

describe('docker-compose.yml', () => {
  it('has the database, the server, the Web UI and a worker, each with a health check', () => {
    const lasting = Object.entries(services).filter(([, { restart }]) => restart === 'unless-stopped');
    expect(lasting.map(([name]) => name).sort()).toEqual(['postgresql', 'temporal', 'ui', 'worker'].sort());
    for (const [name, { healthcheck }] of lasting) expect(healthcheck, name).toBeDefined();
  });

  it('publishes ports on loopback alone', () => {
    const ports = Object.values(services).flatMap((service) => service.ports ?? []);
    expect(ports.length).toBeGreaterThan(0);
    for (const port of ports) expect(port).toMatch(/^127\.0\.0\.1:/);
  });

  it('runs the server version that the tests build, and keeps data in volumes', () => {
    expect(services['temporal']?.image).toBe(`temporalio/server:${SERVER_VERSION}`);
    for (const name of ['schema', 'namespace'])
      expect(services[name]?.image).toMatch(new RegExp(`^temporalio/admin-tools:${SERVER_VERSION}-`));
    expect(Object.keys(volumes)).toEqual(['postgresql', 'worker']);
  });

  it('keeps finished runs as long as the embedded server, and registers every search attribute', () => {
    expect(services['namespace']?.environment?.['RETENTION']).toBe(`${RETENTION_DAYS}d`);
    const script = read('deploy/namespace.sh');
    for (const name of Object.values(SEARCH_ATTRIBUTES)) expect(script).toContain(name);
  });

  it('has no password in it', () => {
    const given = Object.values(services).flatMap(({ environment }) => Object.entries(environment ?? {}));
    for (const [name, value] of given)
      if (/PASSWORD|PWD|TOKEN|KEY/.test(name)) expect(value ?? '', name).toMatch(/^(\$\{.*\})?$/);
  });
});

describe('deploy/dynamic-config.yaml', () => {
  it('has the settings of the embedded server', () => {
    const settings = parse(read('deploy/dynamic-config.yaml')) as Record<string, [{ value: unknown }]>;
    const values = Object.entries(settings).map(([key, [{ value }]]) => [key, JSON.stringify(value)]);
    expect(Object.fromEntries(values)).toEqual(DYNAMIC_CONFIG);
  });
});

/**
 * The overhead of the MCP server per call: `subagents({ action: "list" })` compared with the same list from the
 * library.
 */
import { fileURLToPath } from 'node:url';
import { Client } from '@modelcontextprotocol/client';
import { StdioClientTransport } from '@modelcontextprotocol/client/stdio';
import { now } from '../clock.ts';
import { median, rounded } from '../figure.ts';
import type { Measurement } from '../measurement.ts';
import { Rig } from '../rig.ts';

const COMMAND = fileURLToPath(new URL('../../src/cli/main.bundle.js', import.meta.url));

export const mcpCall: Measurement = {
  name: 'mcp-call',
  defaultRuns: 40,
  async measure({ runs, progress }) {
    await using rig = await Rig.open({ onProgress: progress });
    const began = now();
    const client = new Client({ name: 'bench', version: '1' });
    const transport = new StdioClientTransport({
      command: process.execPath,
      args: [COMMAND, 'mcp', '--session', 'default'],
      env: rig.environment('ours'),
      cwd: rig.repo,
      stderr: 'ignore',
    });
    await client.connect(transport);
    const start = now() - began;
    try {
      const list = () => client.callTool({ name: 'subagents', arguments: { action: 'list' } });
      // The first call connects to Temporal.
      await list();
      const ours: number[] = [];
      const library: number[] = [];
      for (let run = 1; run <= runs; run++) {
        const before = now();
        await rig.session.list();
        const between = now();
        await list();
        library.push(between - before);
        ours.push(now() - between);
      }
      return [
        { name: 'mcp-start', unit: 'ms', value: rounded(start) },
        { name: 'mcp-call', unit: 'ms', value: rounded(median(ours)) },
        { name: 'mcp-call-overhead', unit: 'ms', value: rounded(median(ours) - median(library)) },
      ];
    } finally {
      await client.close();
    }
  },
};

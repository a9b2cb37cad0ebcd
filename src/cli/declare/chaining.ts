import type { Program, Start } from '../program.ts';
import { repeated } from './values.ts';

/** Commands for several subagents that belong together. */
export function declareChaining(program: Program, start: Start): void {
  const chain = program
    .command('chain')
    .description('run steps that build on each other, each a subagent: run, check');
  chain
    .command('run')
    .description('start the chain of a file')
    .argument('<file>', 'a chain file (YAML); "-" reads stdin')
    .option('-p, --param <name=value>', 'a parameter of the chain; @file reads it (repeatable)', repeated)
    .option('-l, --label <label>', 'another label than that of the file')
    .option('-w, --wait', 'wait for its end; exit code by outcome')
    .action((file, options) =>
      start(async (context) => (await import('../commands/chain.ts')).runChain(context, file, options)),
    );
  chain
    .command('check')
    .description('draw the graph of a chain file, and say what is wrong with line and column')
    .argument('<file>', 'a chain file (YAML); "-" reads stdin')
    .action((file) =>
      start(async (context) => (await import('../commands/chain-check.ts')).checkFile(context, file)),
    );
}

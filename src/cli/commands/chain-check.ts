import { drawChain } from '../../chain/draw.ts';
import { withNeeds } from '../../chain/graph.ts';
import { chainSpec, type ParsedStep } from '../../contract/chain.ts';
import type { Context } from '../context.ts';
import { readChainFile } from '../chain-file.ts';
import { EXIT } from '../exit.ts';
import type { ChainCheckJson } from '../json.ts';

/** `subagents chain check` */
export async function checkFile({ output }: Context, file: string): Promise<number> {
  const { spec, problems } = await readChainFile(file);
  if (spec === undefined) {
    output.data({ ok: false, problems: [...problems] } satisfies ChainCheckJson);
    for (const { line, column, message } of problems)
      output.note(`${output.noteColors.red('✗')} ${file}:${line}:${column}  ${message}`);
    return EXIT.usage;
  }
  const { label, steps } = chainSpec.parse(spec);
  const graph = withNeeds<ParsedStep>(steps).map(({ id, needs }) => ({ id, needs: [...needs] }));
  output.data({ ok: true, problems: [], label, steps: graph } satisfies ChainCheckJson);
  output.line(`${output.colors.bold(label)}\n${drawChain(graph)}`);
  return EXIT.ok;
}

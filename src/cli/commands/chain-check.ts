import { drawChain } from '../../chain/draw.ts';
import { withNeeds } from '../../chain/graph.ts';
import { chainSpec, type ParsedStep } from '../../contract/chains/chain.ts';
import { oneLine } from '../../contract/text/text.ts';
import { isReadyMade, READY_MADE, type ReadyMade } from '../../client/chains/ready-made.ts';
import type { Context } from '../context.ts';
import { chainFileName, readChainFile } from '../chain-file.ts';
import { EXIT } from '../exit.ts';
import type { ChainCheckJson } from '../json.ts';

/** `subagents chain check`. @param chain the name of a ready-made chain, or a file */
export async function chainCheckCommand({ output }: Context, chain: string): Promise<number> {
  const made: ReadyMade | undefined = isReadyMade(chain) ? READY_MADE[chain] : undefined;
  const { spec, problems } = made ? { spec: made.outline, problems: [] } : await readChainFile(chain);
  if (spec === undefined) {
    output.data({ ok: false, problems: [...problems] } satisfies ChainCheckJson);
    for (const { line, column, message } of problems)
      output.note(`${output.noteColors.red('✗')} ${chainFileName(chain)}:${line}:${column}  ${message}`);
    return EXIT.usage;
  }
  const { label, steps, params: own } = chainSpec.parse(spec);
  const graph = withNeeds<ParsedStep>(steps).map(({ id, needs }) => ({ id, needs: [...needs] }));
  const params = Object.entries<Parameter>(made?.params ?? own ?? {}).map(([name, parameter]) => ({
    name,
    ...(parameter.description !== undefined && { description: parameter.description }),
    required: parameter.default === undefined,
  }));
  output.data({ ok: true, problems: [], label, steps: graph, params } satisfies ChainCheckJson);
  output.line(`${output.colors.bold(label)}\n${drawChain(graph)}`);
  for (const { name, description = '', required } of params)
    output.line(
      `  --param ${name}=…  ${required ? '' : '(optional) '}${oneLine(description, 200)}`.trimEnd(),
    );
  return EXIT.ok;
}

/** A declared parameter. */
interface Parameter {
  readonly description?: string | undefined;
  readonly default?: string | undefined;
}

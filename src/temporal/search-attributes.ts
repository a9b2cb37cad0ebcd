import type { Connection } from '@temporalio/client';
import proto from '@temporalio/proto';
import { SubagentsError } from '../contract/errors.ts';
import { SEARCH_ATTRIBUTES } from '../contract/protocol/names.ts';

const { INDEXED_VALUE_TYPE_KEYWORD } = proto.temporal.api.enums.v1.IndexedValueType;

/** The commands with which a Temporal operator registers `names` in `namespace`. */
export function searchAttributeCommands(
  namespace: string,
  names: readonly string[] = Object.values(SEARCH_ATTRIBUTES),
): string[] {
  return names.map(
    (name) =>
      `temporal operator search-attribute create --namespace ${namespace} --name ${name} --type Keyword`,
  );
}

/**
 * Registers the search attributes that `namespace` lacks: a workflow task that sets an unknown one never completes.
 * @throws SubagentsError SEARCH_ATTRIBUTES if that is not permitted, or one exists with another type; the remedy is the
 * operator's commands
 */
export async function ensureSearchAttributes(
  connection: Pick<Connection, 'operatorService'>,
  namespace: string,
): Promise<void> {
  try {
    const { customAttributes } = await connection.operatorService.listSearchAttributes({ namespace });
    const ours = Object.values(SEARCH_ATTRIBUTES);
    const wrong = ours.filter((name) => {
      const type = customAttributes?.[name];
      return type != null && type !== INDEXED_VALUE_TYPE_KEYWORD;
    });
    if (wrong.length > 0)
      throw new SubagentsError(
        'SEARCH_ATTRIBUTES',
        `search attributes of namespace "${namespace}" are not of type Keyword: ${wrong.join(', ')}`,
        {
          remedy: wrong
            .map(
              (name) =>
                `temporal operator search-attribute remove --namespace ${namespace} --name ${name} --yes`,
            )
            .concat(searchAttributeCommands(namespace, wrong))
            .join(' && '),
        },
      );
    const missing = ours.filter((name) => customAttributes?.[name] == null);
    if (missing.length === 0) return;
    await connection.operatorService.addSearchAttributes({
      namespace,
      searchAttributes: Object.fromEntries(missing.map((name) => [name, INDEXED_VALUE_TYPE_KEYWORD])),
    });
  } catch (error) {
    if (error instanceof SubagentsError) throw error;
    throw new SubagentsError(
      'SEARCH_ATTRIBUTES',
      `the search attributes of subagents could not be registered in namespace "${namespace}": ${
        error instanceof Error ? error.message : String(error)
      }`,
      { remedy: `have an operator run: ${searchAttributeCommands(namespace).join(' && ')}`, cause: error },
    );
  }
}

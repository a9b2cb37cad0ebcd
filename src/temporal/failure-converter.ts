/** Failures where messages are encrypted: their texts are encrypted too, and those of strangers are not believed. */
import {
  ApplicationFailure,
  DefaultFailureConverter,
  type FailureConverter,
  type PayloadConverter,
  type SerializationContext,
} from '@temporalio/common';
import { sealIn } from '../contract/protocol/seals.ts';

type ProtoFailure = Parameters<FailureConverter['failureToError']>[0];

/** Failures that the server and the SDK's core make themselves. They are never encrypted, and have no details. */
const OF_THE_SERVER: ReadonlySet<string> = new Set([
  'AcceptedUpdateCompletedWorkflow',
  'ExternalWorkflowExecutionNotFound',
]);

export class AuthenticFailureConverter extends DefaultFailureConverter {
  readonly #isEncrypted: () => boolean;

  /** @param isEncrypted whether failures are encrypted, asked at each */
  constructor(isEncrypted: () => boolean) {
    super();
    this.#isEncrypted = isEncrypted;
  }

  override failureToError(
    failure: ProtoFailure,
    payloadConverter: PayloadConverter,
    context?: SerializationContext,
  ): Error {
    const { applicationFailureInfo: ours, encodedAttributes } = failure;
    if (!ours || !this.#isEncrypted() || sealIn(encodedAttributes?.metadata) !== undefined)
      return super.failureToError(failure, payloadConverter, context);
    const type = ours.type ?? '';
    if (OF_THE_SERVER.has(type)) return ApplicationFailure.nonRetryable(type, type);
    return ApplicationFailure.nonRetryable(
      'it failed with a message that none of our keys encrypted: somebody else may have sent it',
      'NOT_AUTHENTIC',
    );
  }

  override errorToFailure(
    error: unknown,
    payloadConverter: PayloadConverter,
    context?: SerializationContext,
  ): ProtoFailure {
    this.options.encodeCommonAttributes = this.#isEncrypted();
    return super.errorToFailure(error, payloadConverter, context);
  }
}

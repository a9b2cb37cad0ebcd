import { describe, expect, it } from 'vitest';
import { classifySessionError } from '../../src/copilot/errors.ts';

// As the 1.0.102 runtime reports them, each taken from a run against a provider that failed so.
const seen = [
  [{ errorType: 'query', message: '500 boom', statusCode: 500 }, 'provider', true],
  [{ errorType: 'query', message: '408', statusCode: 408 }, 'provider', true],
  [{ errorType: 'rate_limit', message: '429 slow down', statusCode: 429 }, 'rate-limit', true],
  [{ errorType: 'authentication', message: 'Authentication failed', statusCode: 401 }, 'credentials', false],
  [{ errorType: 'authentication', message: 'Authentication failed', statusCode: 403 }, 'credentials', false],
  [
    {
      errorType: 'query',
      message: 'Execution failed: InvalidArg, No GitHub OAuth token or Copilot HMAC key provided',
    },
    'credentials',
    false,
  ],
  [{ errorType: 'query', message: '404 no such model', statusCode: 404 }, 'request', false],
  [{ errorType: 'query', message: '402 pay first', statusCode: 402 }, 'rate-limit', false],
  [
    {
      errorType: 'query',
      message: "400 This model's maximum context length is 128000 tokens",
      statusCode: 400,
    },
    'context',
    false,
  ],
  [{ errorType: 'query', message: 'Connection reset by peer (os error 104) [ECONNRESET]' }, 'network', true],
  [
    { errorType: 'query', message: 'No response was returned. Send your message again to retry.' },
    'provider',
    true,
  ],
] as const;

describe('an error of a Copilot session', () => {
  it.each(seen)('%j is of class %s', (error, errorClass, retryable) => {
    const classified = classifySessionError(error, true);
    expect(classified).toMatchObject({ class: errorClass, retryable });
    // Where trying again does not help, the user is told what does.
    expect(classified.remedy !== undefined).toBe(!retryable);
  });

  it('by a rate limit waits longer where the runtime did not even try again', () => {
    const error = { errorType: 'rate_limit', message: '429', statusCode: 429 };
    expect(classifySessionError(error, true).retryAfterMs).toBe(60_000);
    expect(classifySessionError(error, false).retryAfterMs).toBe(600_000);
  });

  it('carries a bounded message without control sequences', () => {
    const { message } = classifySessionError(
      { errorType: 'query', message: `\u001b[31m${'x'.repeat(5_000)}` },
      false,
    );
    expect(message.length).toBe(1_000);
    expect(message).toMatch(/^x+…$/);
  });
});

/** What every shell of a subagent runs first. */
import { markerScript } from '../home/marker.ts';
import { LOGIN_VARIABLES } from './login.ts';

/** A bash script: the mark by which its processes are found, and no login of the worker's user in its environment. */
export function shellScript(copilotSessionId: string): string {
  return `${markerScript(copilotSessionId)}unset ${LOGIN_VARIABLES.join(' ')}\n`;
}

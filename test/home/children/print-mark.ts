/** Prints the mark of the Copilot session of its argument, as this process would give it. */
import { processMarker } from '../../../src/home/processes.ts';

const [id = ''] = process.argv.slice(2);
console.log(`mark ${processMarker(id)}`);

/** Chromium for tests in a real browser: skipped where it is missing, except in CI, where that is a failure. */
import { existsSync } from 'node:fs';
import { chromium, type Browser } from 'playwright-core';

const PATH = process.env['CHROME_PATH'] ?? '/usr/bin/chromium';

/** Whether tests in a browser are skipped. */
export const WITHOUT_CHROMIUM = process.env['CI'] === undefined && !existsSync(PATH);

/** Starts Chromium. */
export const launchChromium = (): Promise<Browser> =>
  chromium.launch({ executablePath: PATH, args: ['--no-sandbox', '--disable-gpu'] });

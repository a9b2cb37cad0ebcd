// A headless Chromium that saves small pictures.
import { mkdir, stat } from 'node:fs/promises';
import { join } from 'node:path';
import { setTimeout } from 'node:timers/promises';
import { chromium } from 'playwright-core';

const FLAGS = [
  '--no-sandbox',
  '--disable-gpu',
  '--disable-quic',
  '--no-first-run',
  '--disable-background-networking',
  '--disable-component-update',
  '--disable-sync',
];
/** Pictures are part of the repository. */
const MAX_BYTES = 200_000;
const PATIENCE_MS = 120_000;
const SETTLE_MS = 4_000;
/** Of the Web UI, in pixels: what is at the left, and what stays at the top. */
const NAVIGATION_WIDTH = 64;
const HEADER_HEIGHT = 48;

export class Camera {
  #browser;
  #folder;

  constructor(browser, folder) {
    this.#browser = browser;
    this.#folder = folder;
  }

  /** Opens the browser; pictures go into `folder`. */
  static async open(folder) {
    await mkdir(folder, { recursive: true });
    const executablePath = process.env.CHROME_PATH || '/usr/bin/chromium';
    const browser = await chromium.launch({
      executablePath,
      headless: true,
      args: FLAGS,
      timeout: PATIENCE_MS,
    });
    return new Camera(browser, folder);
  }

  /**
   * A page of the Temporal Web UI, once the text `ready` is on it; from the text `scrollTo` on, where that is given.
   * @param {string} name
   * @param {string} url
   * @param {{ ready: string, scrollTo?: string, height: number }} options
   */
  async web(name, url, { ready, scrollTo, height }) {
    const page = await this.#browser.newPage({ viewport: { width: 1280, height } });
    page.setDefaultTimeout(PATIENCE_MS);
    await page.goto(url);
    await page.getByText(ready).first().waitFor();
    if (scrollTo !== undefined) {
      await page
        .getByText(scrollTo)
        .first()
        .evaluate((element, margin) => {
          element.style.scrollMarginTop = `${margin}px`;
          element.scrollIntoView({ block: 'start' });
        }, HEADER_HEIGHT + 20);
    }
    // The Web UI has no mark for a page that is complete.
    await setTimeout(SETTLE_MS);
    await this.#save(page, name, {
      clip: { x: NAVIGATION_WIDTH, y: 0, width: 1280 - NAVIGATION_WIDTH, height },
    });
    await page.close();
  }

  async close() {
    await this.#browser.close();
  }

  async #save(what, name, options = {}) {
    const path = join(this.#folder, `${name}.png`);
    await what.screenshot({ ...options, path, animations: 'disabled', timeout: PATIENCE_MS });
    const { size } = await stat(path);
    console.log(`${name}.png: ${Math.ceil(size / 1000)} kB`);
    if (size > MAX_BYTES) throw new Error(`${name}.png is larger than ${MAX_BYTES / 1000} kB`);
  }
}

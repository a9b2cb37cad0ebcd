import { emitKeypressEvents } from 'node:readline';

/**
 * Tells of each key on a terminal by its name, for example `up`, `pagedown`, `q`, `ctrl-c`; nothing where stdin is no terminal.
 * Disposing gives the keyboard back.
 */
export function onKeys(listener: (name: string) => void): Disposable {
  const { stdin } = process;
  if (!stdin.isTTY) return { [Symbol.dispose]: () => undefined };
  const onKey = (_text: string, key: { name?: string; ctrl?: boolean }) => {
    if (key.name !== undefined) listener(key.ctrl === true ? `ctrl-${key.name}` : key.name);
  };
  emitKeypressEvents(stdin);
  stdin.setRawMode(true);
  stdin.on('keypress', onKey);
  return {
    [Symbol.dispose]() {
      stdin.off('keypress', onKey);
      stdin.setRawMode(false);
      stdin.pause();
    },
  };
}

import { emitKeypressEvents } from 'node:readline';

/**
 * Calls `listener` with the name of each pressed key, for example `up`, `pagedown`, `q`, `ctrl-c`; never when stdin is
 * no terminal. Disposing restores the terminal's normal input.
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

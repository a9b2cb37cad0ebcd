/**
 * The control group (cgroup v2) in which a worker bounds its sandboxes, where the machine's manager has delegated one to it:
 * systemd with `Delegate=memory pids` and `DelegateSubgroup=`, a container with a group of its own.
 */
import { accessSync, constants, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { basename, dirname, join, relative } from 'node:path';

const CONTROLLERS = ['memory', 'pids'] as const;
/** The folder for sandboxes, beside the group that the worker is in. */
const NAME = 'subagents-sandboxes';

let found: string | undefined;
let looked = false;

/** The folder for control groups of sandboxes; undefined where none is delegated to this process. */
export function boundedGroups(): string | undefined {
  if (!looked) found = delegatedGroup();
  looked = true;
  return found;
}

/** Makes the folder for sandboxes, if this process may. */
function delegatedGroup(): string | undefined {
  if (process.platform !== 'linux') return undefined;
  try {
    const parent = groupAbove();
    if (parent === undefined) return undefined;
    enable(parent);
    const folder = join(parent, NAME);
    mkdirSync(folder, { recursive: true });
    enable(folder);
    return folder;
  } catch {
    return undefined;
  }
}

/**
 * The group above the one of this process, where it is delegated: groups can be made in it, it has no processes of its own,
 * and it is no slice, which belongs to the manager even where root could write it. The group of the whole machine has
 * no type.
 */
function groupAbove(): string | undefined {
  const [, own] = /^0::(\/.*)$/m.exec(readFileSync('/proc/self/cgroup', 'utf8')) ?? [];
  const mounted = readFileSync('/proc/self/mountinfo', 'utf8')
    .split('\n')
    .map((line) => line.split(' '))
    .find((fields) => fields[fields.indexOf('-') + 1] === 'cgroup2');
  const [, , , root, point] = mounted ?? [];
  if (own === undefined || own === '/' || root === undefined || point === undefined) return undefined;
  const parent = dirname(join(point, relative(root, own)));
  if (basename(parent).endsWith('.slice')) return undefined;
  const read = (name: string): string => readFileSync(join(parent, name), 'utf8').trim();
  const available = read('cgroup.controllers').split(' ');
  const isOurs = read('cgroup.type') === 'domain' && read('cgroup.procs') === '';
  if (!isOurs || !CONTROLLERS.every((name) => available.includes(name))) return undefined;
  for (const path of [parent, join(parent, 'cgroup.procs'), join(parent, 'cgroup.subtree_control')])
    accessSync(path, constants.W_OK);
  return parent;
}

function enable(group: string): void {
  writeFileSync(join(group, 'cgroup.subtree_control'), CONTROLLERS.map((name) => `+${name}`).join(' '));
}

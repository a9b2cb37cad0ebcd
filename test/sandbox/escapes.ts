/** Attempts to get out of a sandbox, as scripts that run inside. Each prints ESCAPED only where it got somewhere. */

/** What lies outside, by absolute path, id or address. */
export interface Outside {
  /** The user's home directory, with `.ssh/id_rsa`. */
  readonly home: string;
  /** The repository that the subagent was spawned from. */
  readonly repository: string;
  /** The worker's home. */
  readonly workerHome: string;
  /** The worktree of another sandboxed subagent. */
  readonly neighbour: string;
  /** A folder in the machine's temporary folder. */
  readonly temporary: string;
  readonly workerPid: number;
  /** A process of the user. */
  readonly victimPid: number;
  /** A socket by path, one by abstract name, ports of loopback. */
  readonly socket: string;
  readonly abstract: string;
  readonly port: number;
  readonly udpPort: number;
  readonly temporal: string;
  /** Path of the Copilot CLI. */
  readonly copilot: string;
}

const python = (code: string): string => `python3 - <<'END'\n${code}\nEND`;
/** In the temporary folder, where tests have their files, a write goes to a private one: outside is where to look. */
const writes = (path: string): string => `echo escaped >> '${path}'`;
const reads = (path: string): string => `cat '${path}' && echo ESCAPED`;

/** All attempts by name. */
export const attempts = (o: Outside): Readonly<Record<string, string>> => ({
  // Files of the user
  'writes a file of the home directory': writes(`${o.home}/.bashrc`),
  'makes a file in the home directory': writes(`${o.home}/made`),
  'reads a key': reads(`${o.home}/.ssh/id_rsa`),
  'writes a key': writes(`${o.home}/.ssh/authorized_keys`),
  'finds the home directory by its account': reads('$(getent passwd "$(id -u)" | cut -d: -f6)/.ssh/id_rsa'),
  'follows a symbolic link': `ln -s '${o.home}/.ssh/id_rsa' link; ${reads('link')}; ${writes('link')}`,
  'makes a hard link': `ln '${o.home}/.ssh/id_rsa' hard && echo ESCAPED`,
  'goes up by dots': reads(`../../../../../../../../..${o.home}/.ssh/id_rsa`),
  'reads through /proc/1/root': reads(`/proc/1/root${o.home}/.ssh/id_rsa`),
  'reads through the folder of another process': `for p in /proc/[0-9]*; do cat "$p/cwd${o.home}/.ssh/id_rsa" && echo ESCAPED; done`,
  'reads shadow passwords': reads('/etc/shadow'),
  'writes /etc': `echo x > /etc/escaped && echo ESCAPED`,
  'writes a program of the system': `echo x > /usr/bin/escaped && echo ESCAPED; echo x > /usr/local/bin/escaped && echo ESCAPED`,
  'mounts a program folder writable': `mount -o remount,bind,rw /usr && echo ESCAPED`,
  'mounts a disk': `for d in /dev/vda /dev/sda /dev/nvme0n1; do mount "$d" /tmp && echo ESCAPED; done; mknod d b 254 0 && cat d && echo ESCAPED`,
  'binds the root elsewhere': `mkdir -p m && mount --bind / m && echo ESCAPED`,
  'makes a user namespace': `unshare -Ur mount -t tmpfs x /mnt && echo ESCAPED; unshare -Urm true && echo ESCAPED`,
  'gets out by chroot': `chroot /proc/1/root ls '${o.home}/.ssh' && echo ESCAPED`,
  'uses a set-uid program': `su -c id && echo ESCAPED; sudo -n id && echo ESCAPED; cp /bin/bash b && chmod 4755 b && ./b -p -c "cat '${o.home}/.ssh/id_rsa'" && echo ESCAPED`,
  // The repository
  'writes a hook of the repository': writes(`${o.repository}/.git/hooks/post-checkout`),
  'writes the configuration of the repository': `git -C '${o.repository}' config core.fsmonitor 'touch ${o.home}/made' && echo ESCAPED; ${writes(`${o.repository}/.git/config`)}`,
  'moves a branch of the repository': `git -C '${o.repository}' update-ref refs/heads/main HEAD~0 && echo ESCAPED; ${writes(`${o.repository}/.git/refs/heads/evil`)}`,
  'writes an object into the repository': `echo evil | GIT_OBJECT_DIRECTORY='${o.repository}/.git/objects' git hash-object -w --stdin && ls '${o.repository}'/.git/objects/ && touch '${o.repository}/.git/objects/escaped' && echo ESCAPED`,
  'removes the objects of the repository': `rm -rf '${o.repository}/.git/objects' && echo ESCAPED`,
  'writes an object folder through the alternates': `A=$(cat "$(git rev-parse --git-common-dir)/objects/info/alternates"); echo x > "$A/pack/escaped" && echo ESCAPED`,
  'writes the index of the repository': writes(`${o.repository}/.git/index`),
  'commits in the checkout': `git -C '${o.repository}' commit --allow-empty -m escaped && echo ESCAPED`,
  'writes a file of the checkout': writes(`${o.repository}/README.md`),
  'pushes to the repository': `git push '${o.repository}' HEAD:refs/heads/pushed && echo ESCAPED; git push 'file://${o.repository}' HEAD:refs/heads/pushed && echo ESCAPED`,
  'adds a submodule from outside': `git -c protocol.file.allow=always submodule add '${o.home}/secrets' sub && cat sub/secret && echo ESCAPED`,
  'reads by a transport that runs a program': `git -c protocol.ext.allow=always clone "ext::sh -c cat% ${o.home}/.ssh/id_rsa" x && echo ESCAPED; grep -r 'CANARY-[0-9a-f]' x && echo ESCAPED`,
  'borrows objects of another repository': `echo '${o.home}/secrets/.git/objects' >> "$(git rev-parse --git-common-dir)/objects/info/alternates"; git cat-file --batch-all-objects --batch | grep -a 'CANARY-[0-9a-f]' && echo ESCAPED; sed -i '$d' "$(git rev-parse --git-common-dir)/objects/info/alternates"`,
  // Others of the worker
  'writes the worktree of a neighbour': writes(`${o.neighbour}/made.txt`),
  'reads the worktree of a neighbour': reads(`${o.neighbour}/made.txt`),
  'takes its own walls away': `rm -f "$PWD.walls" "$PWD.json"; touch "$PWD.walls"; mv "$PWD" "$PWD.moved" && echo ESCAPED; ls '${o.workerHome}/worktrees/default' | grep -v '^escape@' && echo ESCAPED`,
  'reads the home of the worker': `ls '${o.workerHome}/identity.json' '${o.workerHome}/copilot/sandbox' && echo ESCAPED; ${reads(`${o.workerHome}/identity.json`)}`,
  'reads conversations': `ls '${o.workerHome}/copilot/session-state' && echo ESCAPED`,
  'changes the script that each shell runs first': `for f in '${o.workerHome}'/copilot/init-scripts/*; do echo 'touch ${o.home}/made' >> "$f" && echo ESCAPED; done`,
  // Files in the temporary folder
  'reads a temporary file of another': reads(`${o.temporary}/secret`),
  'writes a temporary file of another': writes(`${o.temporary}/secret`),
  'plants a file in the temporary folder': `echo x > '${o.temporary}/planted' && echo ESCAPED; mkdir -p '${o.temporary}'; echo x > '${o.temporary}/planted2'`,
  // Processes
  'reads the environment of the worker': reads(`/proc/${o.workerPid}/environ`),
  'reads the memory of the worker': python(`open('/proc/${o.workerPid}/mem','rb').read(1); print('ESCAPED')`),
  'signals the worker': `kill -9 ${o.workerPid} && echo ESCAPED`,
  'signals a process of the user': `kill -9 ${o.victimPid} && echo ESCAPED`,
  'signals everybody': `echo tried; kill -KILL -1`,
  'traces a process of the user': python(
    `import ctypes\nlibc=ctypes.CDLL(None)\nprint('ESCAPED' if libc.ptrace(16,${o.victimPid},0,0)==0 else 'no')`,
  ),
  'sees processes of the machine': `[ "$(ls -d /proc/[0-9]* | wc -l)" -gt 40 ] && echo ESCAPED; ps -e -o args | grep -F 'main.bundle.js' | grep -v grep && echo ESCAPED`,
  'outlives its command': `nohup setsid sleep 7654 >/dev/null 2>&1 & env -i setsid sleep 7654 >/dev/null 2>&1 & (setsid sh -c 'sleep 7654 & sleep 7654' >/dev/null 2>&1 &)`,
  'writes kernel settings': `cat /proc/sys/kernel/core_pattern > p; cat p > /proc/sys/kernel/core_pattern && echo ESCAPED; cat /proc/sys/vm/swappiness > p; cat p > /proc/sys/vm/swappiness && echo ESCAPED; [ -w /proc/sysrq-trigger ] && echo ESCAPED; ls /sys/kernel && echo ESCAPED`,
  'leaves its control group': `mkdir /sys/fs/cgroup/escaped && echo ESCAPED; echo $$ > /sys/fs/cgroup/cgroup.procs && echo ESCAPED`,
  // Sockets and the network
  'reaches a socket by its path': python(
    `import socket\ns=socket.socket(socket.AF_UNIX); s.connect('${o.socket}'); print('ESCAPED')`,
  ),
  'reaches an abstract socket': python(
    `import socket\ns=socket.socket(socket.AF_UNIX); s.connect('\\0${o.abstract}'); print('ESCAPED')`,
  ),
  'reaches the sockets of docker, of agents and of tmux': `for s in /var/run/docker.sock /run/docker.sock /run/containerd/containerd.sock "$SSH_AUTH_SOCK" /tmp/tmux-*/default /run/user/*/bus; do [ -S "$s" ] && echo ESCAPED; done; [ -z "$SSH_AUTH_SOCK$DOCKER_HOST$XDG_RUNTIME_DIR" ] || echo ESCAPED`,
  'reaches a port of loopback': `curl -sm 3 http://127.0.0.1:${o.port}/ && echo ESCAPED; curl -sm 3 http://localhost:${o.port}/ && echo ESCAPED`,
  'reaches Temporal': python(
    `import socket\nsocket.create_connection(('${o.temporal.split(':')[0]}',${o.temporal.split(':')[1]}),3); print('ESCAPED')`,
  ),
  'sends a datagram': python(
    `import socket\ns=socket.socket(socket.AF_INET,socket.SOCK_DGRAM); s.sendto(b'x',('127.0.0.1',${o.udpPort}))`,
  ),
  'asks a name server': `getent hosts example.com && echo ESCAPED; python3 -c "import socket; socket.gethostbyname('example.com')" && echo ESCAPED`,
  'has an interface beside loopback': `[ "$(ls /sys/class/net 2>/dev/null || cut -d: -f1 /proc/net/dev | tail -n +3 | tr -d ' ')" = lo ] || echo ESCAPED`,
  'reaches an address outside': `curl -sm 3 http://192.0.2.1/ && echo ESCAPED; ping -c 1 -W 1 192.0.2.1 && echo ESCAPED`,
  'joins the network of another process': `nsenter -t 1 -n true && [ "$(readlink /proc/1/ns/net)" != "$(readlink /proc/self/ns/net)" ] && echo ESCAPED; nsenter -t ${o.workerPid} -m true && echo ESCAPED`,
  // Copilot in Copilot
  'runs Copilot in the sandbox': `'${o.copilot}' -p 'hello' --allow-all-tools > copilot.out 2>&1 && echo ESCAPED; ls -d '${o.home}/.copilot' && echo ESCAPED`,
  // Memory of the machine
  'fills shared memory': `dd if=/dev/zero of=/dev/shm/x bs=1M count=200; [ "$(stat -c %s /dev/shm/x)" -le 67108864 ] || echo ESCAPED; rm -f /dev/shm/x`,
});

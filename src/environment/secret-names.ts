/** Decides whether a variable is named like a secret, by the parts of its name. */

/** What a name reveals about its value. */
export type NameVerdict =
  /** Not a secret. */
  | 'plain'
  /** A secret, whatever its value looks like. */
  | 'secret'
  /**
   * An address, which is a secret if it contains a credential: `SENTRY_DSN`, `…_CONNECTION_STRING`,
   * `SLACK_WEBHOOK_URL`.
   */
  | 'address';

/** Words for a secret, anywhere in a name. */
const SECRET =
  /^(passwords?|passwds?|passphrases?|passcodes?|pswd|secrets?|tokens?|credentials?|creds?|pats?|psks?|jwts?|authorization|bearer|mnemonic)$/;
/** Words for a secret that are written together with the previous word: `PGPASSWORD`, `authtoken`. */
const SECRET_END =
  /(passwords?|passwds?|passwrds?|pwords?|passphrases?|tokens?|secrets?|credentials?|userpwd|privkeys?|(root|bind|user|admin|ldap|db)pw|(api|access|private|secret|auth|ssh|master|sign|signing|encryption|shared|account|service|deploy|client)keys?|(ssh|pg|my|db|sql|user|root|admin|smtp|ftp|mail|redis|mongo|proxy|cert|store|ldap)pass)$/;
/** Words for a secret at the end of a longer name: `STRIPE_KEY`, `DB_PASS`; not `PWD`. */
const SECRET_LAST = /^(keys?|pass|passes|pwds?|pws?|psw|auths?|oauth|cookies?|sas|salt)$/;
/** Words for a secret as the first or only word: `KEY`, `COOKIE`. */
const SECRET_ALONE = /^(keys?|pass|auth|cookies?)$/;
/** Two words for a secret, anywhere in a name: `API_KEY_PROD`, `KEY_BASE` of `SECRET_KEY_BASE`. */
const SECRET_PAIR =
  /(^| )((api|access|private|secret|auth|master|signing|encryption|shared|account|service|deploy|app) keys?|auth config|seed phrase)( |$)/;
/** Words for an address that may contain a credential. */
const ADDRESS =
  /(^| )(connection ?strings?|conn ?str|dsns?|webhooks?( ur[li]s?| endpoints?)?|hooks? (ur[li]s?|endpoints?))$/;
/** Kinds of keys and tokens that are not secret, and values that frameworks publish in web pages. */
const OPEN = [
  /(^| )(public|publishable|pub) ([a-z0-9]+ )?keys?$/,
  /^(next|nuxt|expo) public /,
  /(^| )starship session keys?$/,
  /(^| )(pad|eos|bos|unk|sep|cls|mask|stop|start|end|special) tokens?$/,
  /(^| )(primary|foreign|unique|natural|composite|sort|order|partition|range|shard|routing|group|index|lookup|object|cache|restore|artifact|hot|short|meta|control|ctrl|escape|leader|modifier|prefix|message|translation|i18n|locale|label|node|item|row|column|field|config|setting|settings|feature|flag|query|registry|dedup|dedupe|idempotency|correlation|concurrency|gpg|pgp|repo|host|known|keyboard|layout|xkb|map|sequence|event) keys?$/,
];
/** Last words of names about a secret (its location, lifetime or kind) that do not hold the secret itself. */
const ABOUT = new Set(
  (
    'file files path paths dir dirs directory folder sock socket agent fd url urls uri uris endpoint endpoints host hosts hostname ' +
    'port server address addr domain realm issuer audience scope scopes name names id ids type types kind method methods mode ' +
    'format encoding algorithm alg length len size limit limits max min count counts total budget budgets usage rate ttl timeout ' +
    'expiry expires expiration lifetime age interval rotation days hours minutes seconds ms at in after before policy policies ' +
    'permission permissions scan scanning enabled disabled enable disable required optional allowed check checks prefix suffix pattern regex ' +
    'header headers param command cmd helper program manager provider providers backend engine store storage region version ' +
    'class env var vars variable label description hint prompt model parallelism delimiter separator class theme color colors ' +
    'status state level ring rings bits retries attempts strategy flow callback owner user username account email list per'
  ).split(' '),
);
/** Whether the name is a count of tokens: `MAX_TOKENS`, `TOKENS_PER_MINUTE`. */
const COUNTED = /(^| )(max|min|num|number|total|count|per|limit|budget)( |$)/;
/** Words after a secret's name that do not change its meaning: which one, which environment, which encoding. */
const WHICH =
  /^(\d+|prod|production|dev|development|test|testing|stage|staging|live|local|ci|old|new|current|previous|next|default|primary|secondary|main|backup|ro|rw|read|write|b64|base|hex|json|pem|raw|data|value|content)$/;

/** @param name as in an environment: `STRIPE_KEY`, `npm_config__authToken` */
export function verdictOnName(name: string): NameVerdict {
  const parts = partsOf(name);
  const all = parts.join(' ');
  if (/(^| )access key id$/.test(all) || /(^| )secret id$/.test(all)) return 'secret';
  let last = parts.length - 1;
  while (last > 0 && WHICH.test(parts[last] ?? '') && !SECRET_LAST.test(parts[last] ?? '')) last--;
  const end = parts[last] ?? '';
  const head = parts.slice(0, last + 1).join(' ');
  if (ADDRESS.test(head)) return 'address';
  if (ABOUT.has(end)) return 'plain';
  if (OPEN.some((pattern) => pattern.test(head))) return 'plain';
  if (COUNTED.test(all) && /tokens?( |$)/.test(all)) return 'plain';
  if (parts.some((part) => SECRET.test(part) || SECRET_END.test(part))) return 'secret';
  if (SECRET_PAIR.test(all)) return 'secret';
  if ((last > 0 ? SECRET_LAST : SECRET_ALONE).test(end)) return 'secret';
  return 'plain';
}

/** `MY_DBPassword2` becomes `my`, `db`, `password`, `2`. */
function partsOf(name: string): string[] {
  return name
    .replace(/([a-z])([A-Z])/g, '$1 $2')
    .replace(/([A-Z]+)([A-Z][a-z])/g, '$1 $2')
    .replace(/([A-Za-z]{3})(\d+)(?![A-Za-z0-9])/g, '$1 $2')
    .toLowerCase()
    .split(/[^a-z0-9]+/)
    .filter(Boolean);
}

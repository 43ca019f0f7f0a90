/**
 * The rules for names, labels and the like, each giving the faults of a value in the API server's words; none = good.
 * Sources: RFC 1035, RFC 1123, RFC 6335 and the published API conventions.
 */
const DNS_LABEL = /^[a-z0-9]([-a-z0-9]*[a-z0-9])?$/;
const DNS_LABEL_1035 = /^[a-z]([-a-z0-9]*[a-z0-9])?$/;
const DNS_SUBDOMAIN = /^[a-z0-9]([-a-z0-9]*[a-z0-9])?(\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*$/;
const QUALIFIED_NAME = /^([A-Za-z0-9][-A-Za-z0-9_.]*)?[A-Za-z0-9]$/;
const LABEL_VALUE = /^(([A-Za-z0-9][-A-Za-z0-9_.]*)?[A-Za-z0-9])?$/;
const CONFIG_KEY = /^[-._a-zA-Z0-9]+$/;
const ENV_NAME = /^[ -<>-~]+$/;

const maxLength = (limit: number): string => `must be no more than ${limit} characters`;
/** `<message> (e.g. 'x',  or 'y', regex used for validation is '...')`: the odd comma is the API server's own. */
const regexError = (message: string, pattern: string, ...examples: string[]): string =>
  `${message} (e.g. ${examples.map((e) => `'${e}', `).join(' or ')}regex used for validation is '${pattern}')`;

export function dnsLabelFaults(value: string): string[] {
  if (value.length > 63) return [maxLength(63)];
  if (DNS_LABEL.test(value)) return [];
  return [
    regexError(
      "a lowercase RFC 1123 label must consist of lower case alphanumeric characters or '-', and must start and end with an alphanumeric character",
      '[a-z0-9]([-a-z0-9]*[a-z0-9])?',
      'my-name',
      '123-abc',
    ),
  ];
}

export function dnsLabel1035Faults(value: string): string[] {
  if (value.length > 63) return [maxLength(63)];
  if (DNS_LABEL_1035.test(value)) return [];
  return [
    regexError(
      "a DNS-1035 label must consist of lower case alphanumeric characters or '-', start with an alphabetic character, and end with an alphanumeric character",
      '[a-z]([-a-z0-9]*[a-z0-9])?',
      'my-name',
      'abc-123',
    ),
  ];
}

export function dnsSubdomainFaults(value: string): string[] {
  if (value.length > 253) return [maxLength(253)];
  if (DNS_SUBDOMAIN.test(value)) return [];
  return [
    regexError(
      "a lowercase RFC 1123 subdomain must consist of lower case alphanumeric characters, '-' or '.', and must start and end with an alphanumeric character",
      '[a-z0-9]([-a-z0-9]*[a-z0-9])?(\\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*',
      'example.com',
    ),
  ];
}

/** A label's key: `[prefix/]name`. Also annotations (in lower case) and condition types. */
export function labelKeyFaults(key: string): string[] {
  const parts = key.split('/');
  const name = parts.at(-1) ?? '';
  const faults: string[] = [];
  if (parts.length > 2) {
    return [
      `a qualified name ${qualifiedHint()} with an optional DNS subdomain prefix and '/' (e.g. 'example.com/MyName')`,
    ];
  }
  if (parts.length === 2) {
    const prefix = parts[0] ?? '';
    if (prefix === '') faults.push('prefix part must be non-empty');
    else faults.push(...dnsSubdomainFaults(prefix).map((fault) => `prefix part ${fault}`));
  }
  if (name === '') faults.push('name part must be non-empty');
  else if (name.length > 63) faults.push(`name part ${maxLength(63)}`);
  if (name === '' || (name.length <= 63 && !QUALIFIED_NAME.test(name))) faults.push(`name part ${qualifiedHint()}`);
  return faults;
}

function qualifiedHint(): string {
  return regexError(
    "must consist of alphanumeric characters, '-', '_' or '.', and must start and end with an alphanumeric character",
    '([A-Za-z0-9][-A-Za-z0-9_.]*)?[A-Za-z0-9]',
    'MyName',
    'my.name',
    '123-abc',
  );
}

export function labelValueFaults(value: string): string[] {
  if (value.length > 63) return [maxLength(63)];
  if (LABEL_VALUE.test(value)) return [];
  return [
    regexError(
      "a valid label must be an empty string or consist of alphanumeric characters, '-', '_' or '.', and must start and end with an alphanumeric character",
      '(([A-Za-z0-9][-A-Za-z0-9_.]*)?[A-Za-z0-9])?',
      'MyValue',
      'my_value',
      '12345',
    ),
  ];
}

/** IANA_SVC_NAME of RFC 6335, as named ports use it. */
export function portNameFaults(name: string): string[] {
  const faults: string[] = [];
  if (name.length > 15) faults.push('must be no more than 15 characters');
  if (!/^[-a-z0-9]*$/.test(name)) faults.push('must contain only alpha-numeric characters (a-z, 0-9), and hyphens (-)');
  if (!/[a-z]/.test(name)) faults.push('must contain at least one letter (a-z)');
  if (name.includes('--')) faults.push('must not contain consecutive hyphens');
  if (name.startsWith('-') || name.endsWith('-') || name === '') faults.push('must not begin or end with a hyphen');
  return faults;
}

export function portNumberFaults(port: number): string[] {
  return Number.isInteger(port) && port >= 1 && port <= 65_535 ? [] : ['must be between 1 and 65535, inclusive'];
}

export function configKeyFaults(key: string): string[] {
  if (key.length > 253) return [maxLength(253)];
  if (key === '.' || key === '..' || key.startsWith('..')) return [`must not be or start with '..'`];
  if (CONFIG_KEY.test(key)) return [];
  return [
    regexError(
      "a valid config key must consist of alphanumeric characters, '-', '_' or '.'",
      '[-._a-zA-Z0-9]+',
      'key.name',
      'KEY_NAME',
      'key-name',
    ),
  ];
}

export function envNameFaults(name: string): string[] {
  if (ENV_NAME.test(name)) return [];
  return ["a valid environment variable name must consist only of printable ASCII characters other than '='"];
}

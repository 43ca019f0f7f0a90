/** pino's own numbers. */
const LEVELS: Readonly<Record<number, string>> = {
  10: 'TRACE',
  20: 'DEBUG',
  30: 'INFO',
  40: 'WARN',
  50: 'ERROR',
  60: 'FATAL',
};

/** `17:51:44.123 INFO  agent serves node=node-1`: a line of the log for people. What is no such line stays as it is. */
export function terminalLine(json: string): string {
  let event: Record<string, unknown>;
  try {
    event = JSON.parse(json) as Record<string, unknown>;
  } catch {
    return json;
  }
  const { level, time, msg, ...fields } = event;
  const name = (LEVELS[Number(level)] ?? String(level)).padEnd(5);
  const rest = Object.entries(fields).map(([key, value]) => ` ${key}=${fieldText(value)}`);
  return `${clockTime(Number(time))} ${name} ${typeof msg === 'string' ? msg : ''}${rest.join('')}\n`;
}

/** Bare where that is one plain word. Names come from tenants: what could steer a terminal is written as its code. */
function fieldText(value: unknown): string {
  if (typeof value === 'string' && /^[!#-<>-~]+$/.test(value)) return value;
  return JSON.stringify(value).replace(/[^ -~]/g, (char) => `\\u${char.charCodeAt(0).toString(16).padStart(4, '0')}`);
}

/** Local time of day, as a person compares it with a clock. */
function clockTime(ms: number): string {
  const date = new Date(ms);
  const two = (n: number) => String(n).padStart(2, '0');
  const millis = String(date.getMilliseconds()).padStart(3, '0');
  return `${two(date.getHours())}:${two(date.getMinutes())}:${two(date.getSeconds())}.${millis}`;
}

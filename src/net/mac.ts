import { type Addr, addrBytes } from './addr.ts';
import { netErrors } from './errors.ts';

declare const macBrand: unique symbol;

/** A MAC address in lower-case colon form. */
export type Mac = string & { readonly [macBrand]: true };

export function parseMac(text: string): Mac {
  if (!/^([0-9a-f]{2}:){5}[0-9a-f]{2}$/i.test(text))
    throw netErrors.make('E_NET_MAC', { detail: JSON.stringify(text) });
  return text.toLowerCase() as Mac;
}

/** The locally administered address that belongs to an IPv4 address: 0a:58 and its four bytes. */
export function macOfAddr(addr: Addr): Mac {
  const bytes = addrBytes(addr);
  return ['0a', '58', ...Array.from(bytes.slice(-4), (b) => b.toString(16).padStart(2, '0'))].join(':') as Mac;
}

export function macBytes(mac: Mac): Uint8Array {
  return Uint8Array.from(mac.split(':'), (part) => Number.parseInt(part, 16));
}

export function macFromBytes(bytes: Uint8Array): Mac {
  return Array.from(bytes.slice(0, 6), (b) => b.toString(16).padStart(2, '0')).join(':') as Mac;
}

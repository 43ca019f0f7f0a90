/** Messages of a .proto file, read when it is needed: as much of the language as cri.proto has. */

type Field = {
  readonly name: string;
  readonly number: number;
  readonly type: string;
  readonly form: 'one' | 'repeated' | 'map';
};
type Value = Record<string, unknown>;

const LENGTH_DELIMITED = 2;
const TEXT = new Set(['string', 'bytes']);

export class Proto {
  readonly #messages = new Map<string, readonly Field[]>();
  readonly #enums = new Map<string, ReadonlyMap<string, number>>();
  readonly #calls = new Map<string, { readonly request: string; readonly answer: string }>();
  /** `package.Service`. */
  readonly service: string;

  constructor(text: string) {
    const source = text.replaceAll(/\/\/.*$/gm, '');
    const named = (keyword: string): string => new RegExp(`^${keyword} ([\\w.]+)`, 'm').exec(source)?.[1] ?? '';
    this.service = `${named('package')}.${named('service')}`;
    for (const [, name = '', request = '', answer = ''] of source.matchAll(/rpc (\w+)\((\w+)\) returns \((\w+)\);/g))
      this.#calls.set(name, { request, answer });
    for (const [, name = '', body = ''] of source.matchAll(/enum (\w+) \{([^}]*)\}/g))
      this.#enums.set(name, new Map(members(body).map(({ name: key, number }) => [key, number])));
    for (const [, name = '', body = ''] of source.matchAll(/message (\w+) \{([^}]*)\}/g))
      this.#messages.set(name, members(body).map(camelCase));
  }

  encodeRequest(call: string, request: object): Buffer {
    return this.#encode(this.#callOf(call).request, request as Value);
  }

  /** With every member, as the language says what it is where nothing came. */
  decodeAnswer(call: string, bytes: Buffer): unknown {
    return this.#decode(this.#callOf(call).answer, bytes);
  }

  #callOf(name: string): { request: string; answer: string } {
    const call = this.#calls.get(name);
    if (call === undefined) throw new Error(`the service has no ${name}`);
    return call;
  }

  #fieldsOf(type: string): readonly Field[] {
    const fields = this.#messages.get(type);
    if (fields === undefined) throw new Error(`there is no message ${type}`);
    return fields;
  }

  #encode(type: string, value: Value): Buffer {
    const fields = this.#fieldsOf(type);
    const unknown = Object.keys(value).find((key) => !fields.some(({ name }) => name === key));
    if (unknown !== undefined) throw new Error(`${type} has no ${unknown}`);
    return Buffer.concat(
      fields.flatMap((field) => {
        const given = value[field.name];
        if (given === undefined) return [];
        return field.form === 'repeated'
          ? (given as unknown[]).map((one) => this.#encodeField(field, one))
          : [this.#encodeField(field, given)];
      }),
    );
  }

  #encodeField({ type, number }: Field, value: unknown): Buffer {
    const isNumber = typeof value === 'number' || typeof value === 'boolean' || this.#enums.has(type);
    if (isNumber)
      return Buffer.concat([varint(number * 8), varint(this.#enums.get(type)?.get(String(value)) ?? Number(value))]);
    const bytes = TEXT.has(type) ? Buffer.from(String(value)) : this.#encode(type, value as Value);
    return Buffer.concat([varint(number * 8 + LENGTH_DELIMITED), varint(bytes.length), bytes]);
  }

  #decode(type: string, bytes: Buffer): Value {
    const fields = this.#fieldsOf(type);
    const value: Value = Object.fromEntries(fields.map((field) => [field.name, this.#nothing(field)]));
    for (const [number, content] of entries(bytes)) {
      const field = fields.find((one) => one.number === number);
      if (field === undefined) continue;
      const read = this.#decodeField(field, content);
      if (field.form === 'repeated') (value[field.name] as unknown[]).push(read);
      else if (field.form === 'map') Object.assign(value[field.name] as object, read);
      else value[field.name] = read;
    }
    return value;
  }

  #decodeField({ type, form }: Field, content: number | Buffer): unknown {
    if (typeof content === 'number') {
      const names = this.#enums.get(type);
      if (names !== undefined) return [...names].find(([, number]) => number === content)?.[0];
      return type === 'bool' ? content !== 0 : content;
    }
    if (form === 'map') {
      const pair = new Map(entries(content));
      return { [String(pair.get(1) ?? '')]: String(pair.get(2) ?? '') };
    }
    if (type === 'string') return content.toString();
    return type === 'bytes' ? content : this.#decode(type, content);
  }

  #nothing({ type, form }: Field): unknown {
    if (form === 'repeated') return [];
    if (form === 'map') return {};
    if (this.#enums.has(type)) return [...(this.#enums.get(type)?.keys() ?? [])][0];
    if (type === 'string') return '';
    if (type === 'bytes') return Buffer.alloc(0);
    if (type === 'bool') return false;
    return this.#messages.has(type) ? undefined : 0;
  }
}

/** `type name = number;`, of what stands between braces; those of an enum have no type. */
function members(body: string): Field[] {
  const found = body.matchAll(/(repeated )?(map<\w+, \w+>|\w+)?\s+(\w+) = (\d+);/g);
  return [...found].map(([, repeated, type = '', name = '', number]) => ({
    name,
    number: Number(number),
    type,
    form: repeated !== undefined ? 'repeated' : type.startsWith('map<') ? 'map' : 'one',
  }));
}

function camelCase(field: Field): Field {
  return { ...field, name: field.name.replaceAll(/_(\w)/g, (_, letter: string) => letter.toUpperCase()) };
}

function varint(value: number): Buffer {
  const bytes: number[] = [];
  for (let left = value; ; left = Math.floor(left / 128)) {
    if (left < 128) return Buffer.from([...bytes, left]);
    bytes.push((left % 128) + 128);
  }
}

/** Number and content of each field, in their order. */
function entries(bytes: Buffer): [number, number | Buffer][] {
  let place = 0;
  const next = (): number => {
    let value = 0;
    for (let factor = 1; ; factor *= 128) {
      const byte = bytes[place++] ?? 0;
      value += (byte & 127) * factor;
      // Negative numbers come as two's complement of 64 bits.
      if (byte < 128) return value >= 2 ** 63 ? value - 2 ** 64 : value;
    }
  };
  const found: [number, number | Buffer][] = [];
  while (place < bytes.length) {
    const tag = next();
    const content = next();
    if (tag % 8 !== LENGTH_DELIMITED) {
      found.push([Math.floor(tag / 8), content]);
      continue;
    }
    found.push([Math.floor(tag / 8), bytes.subarray(place, place + content)]);
    place += content;
  }
  return found;
}

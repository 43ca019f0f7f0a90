import { flushCompileCache } from 'node:module';
import { afterAll } from 'vitest';

// A worker is killed when its file is done, and would leave what it compiled to nobody.
afterAll(() => flushCompileCache());

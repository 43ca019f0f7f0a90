import type { Environment } from '@marcbachmann/cel-js';
import type { Authorizer } from '../auth/authorizer.ts';
import type { User } from '../auth/user.ts';

/** `authorizer` of an expression: what the one who asks may do besides (Kubernetes' CEL library for authorization). */
export class Authorization {
  readonly authorizer: Pick<Authorizer, 'decide'>;
  readonly user: User;

  constructor(authorizer: Pick<Authorizer, 'decide'>, user: User) {
    this.authorizer = authorizer;
    this.user = user;
  }
}

class GroupCheck {
  readonly of: Authorization;
  readonly group: string;

  constructor(of: Authorization, group: string) {
    this.of = of;
    this.group = group;
  }
}

class ResourceCheck {
  readonly of: Authorization;
  readonly asked: {
    readonly group: string;
    readonly resource: string;
    readonly subresource: string;
    readonly namespace: string;
    readonly name: string;
  };

  constructor(of: Authorization, asked: ResourceCheck['asked']) {
    this.of = of;
    this.asked = asked;
  }

  with(more: Partial<ResourceCheck['asked']>): ResourceCheck {
    return new ResourceCheck(this.of, { ...this.asked, ...more });
  }
}

class Decision {
  readonly allowed: boolean;
  readonly reason: string;

  constructor(allowed: boolean, reason: string) {
    this.allowed = allowed;
    this.reason = reason;
  }
}

/** `authorizer.group('apps').resource('deployments').namespace('default').name('web').check('create').allowed()`. */
export function registerAuthorization(environment: Environment): void {
  environment
    .registerVariable('authorizer', 'dyn')
    .registerType('Authorizer', Authorization)
    .registerType('GroupCheck', GroupCheck)
    .registerType('ResourceCheck', ResourceCheck)
    .registerType('Decision', Decision)
    .registerFunction(
      'Authorizer.group(string): GroupCheck',
      (of: Authorization, group: string) => new GroupCheck(of, group),
    )
    .registerFunction(
      'GroupCheck.resource(string): ResourceCheck',
      ({ of, group }: GroupCheck, resource: string) =>
        new ResourceCheck(of, { group, resource, subresource: '', namespace: '', name: '' }),
    )
    .registerFunction('ResourceCheck.subresource(string): ResourceCheck', (check: ResourceCheck, subresource: string) =>
      check.with({ subresource }),
    )
    .registerFunction('ResourceCheck.namespace(string): ResourceCheck', (check: ResourceCheck, namespace: string) =>
      check.with({ namespace }),
    )
    .registerFunction('ResourceCheck.name(string): ResourceCheck', (check: ResourceCheck, name: string) =>
      check.with({ name }),
    )
    .registerFunction('ResourceCheck.check(string): Decision', ({ of, asked }: ResourceCheck, verb: string) => {
      const { allowed, reason } = of.authorizer.decide(of.user, { ...asked, verb, version: '*' });
      return new Decision(allowed, reason);
    })
    .registerFunction('Decision.allowed(): bool', (decision: Decision) => decision.allowed)
    .registerFunction('Decision.reason(): string', (decision: Decision) => decision.reason);
}

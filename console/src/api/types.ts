// Response types of the admin API, from the types generated from its OpenAPI description.
import type { components } from '../../../src/contracts/admin-api.ts';

type Schemas = components['schemas'];

export interface Page<T> {
  data: T[];
  has_more: boolean;
  next: string | null;
  searched_until?: string | null;
}

export type LiveSlice = Schemas['LiveSlice'];
export type LiveQueue = { provider: string; lane: string; waiting: number; running: number };
export interface LiveNow {
  at: number;
  slices: LiveSlice[];
  calls: number;
  queues: LiveQueue[];
}

export type InFlight = Schemas['InFlight'];
export type FoundRequest = Schemas['FoundRequest'];
export type RequestDetail = Schemas['AnyRequest'];
export type TimelinePart = RequestDetail['timeline'][number];
export type PartKind = TimelinePart['kind'];
export type Attempt = Schemas['Attempt'];
export type Provider = Schemas['ProviderState'];
export type Deployment = Schemas['DeploymentState'];
export type Hold = NonNullable<Deployment['hold']>;
export type LimitInForce = Schemas['LimitInForce'];
export type ApiKey = Schemas['Key'];
export type Account = Schemas['Account'];
export type Statement = Schemas['Statement'];
export type AdminKey = Schemas['AdminKey'];
export type Alert = Schemas['AlertList']['data'][number];
export type AuditEntry = Schemas['AuditEntry'];
export type Batch = Schemas['AnyBatch'];
export type UsageRow = Schemas['UsageReport']['data'][number];
export type Budget = Schemas['BudgetState'];
export type DeadLetter = Schemas['DeadLetter'];
export type WebhookEndpoint = Schemas['WebhookEndpoint'] & { secret?: string };
export type WebhookDelivery = Schemas['WebhookDelivery'];
export type Reject = Schemas['LedgerReject'];
export type Settings = Schemas['Settings'];
export type Simulator = Schemas['Simulator'];

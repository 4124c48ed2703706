// Types of the administration API. Generated from its OpenAPI document: npm run generate.

export interface paths {
    "/admin/keys": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /** All client keys including revoked ones, newest first */
        get: operations["listKeys"];
        put?: never;
        /** Creates a client key */
        post: operations["createKey"];
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/admin/keys/{id}": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /** One key, with its spending */
        get: operations["getKey"];
        put?: never;
        post?: never;
        /** Revokes a key, immediately and permanently */
        delete: operations["revokeKey"];
        options?: never;
        head?: never;
        /** Changes the name, limits, budgets, models, weights, credits, expiry or metadata of a key */
        patch: operations["updateKey"];
        trace?: never;
    };
    "/admin/keys/{id}/rotate": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        get?: never;
        put?: never;
        /** Replaces the secret of a key; the former one stays valid for a while */
        post: operations["rotateKey"];
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/admin/usage": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /** Number, tokens and cost of attempts or requests, grouped and filtered by any dimension */
        get: operations["reportUsage"];
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/admin/accounts": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /** Organisations and projects, newest first */
        get: operations["listAccounts"];
        put?: never;
        /** Creates an organisation or project */
        post: operations["createAccount"];
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/admin/accounts/{id}": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /** One account, with its spending */
        get: operations["getAccount"];
        put?: never;
        post?: never;
        /** Revokes an account and every key below it */
        delete: operations["revokeAccount"];
        options?: never;
        head?: never;
        /** Changes settings that apply to all keys below it */
        patch: operations["updateAccount"];
        trace?: never;
    };
    "/admin/accounts/{id}/credits": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        get?: never;
        put?: never;
        /** Adds to the prepaid balance of a key, project or organisation */
        post: operations["topUp"];
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/admin/accounts/{id}/statement": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /** Payments and charges by day */
        get: operations["getStatement"];
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/admin/admin-keys": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /** Admin keys and their roles (owners only) */
        get: operations["listAdminKeys"];
        put?: never;
        /** Creates an admin key (owners only) */
        post: operations["createAdminKey"];
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/admin/admin-keys/{id}": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /** One admin key (owners only) */
        get: operations["getAdminKey"];
        put?: never;
        post?: never;
        /** Revokes an admin key (owners only) */
        delete: operations["revokeAdminKey"];
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/admin/audit": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /** Audit log: changes and who made them, newest first */
        get: operations["listAudit"];
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/admin/holds": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /** Providers, deployments and credentials on hold */
        get: operations["listHolds"];
        put?: never;
        /** Puts a provider, deployment or credential on hold */
        post: operations["hold"];
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/admin/holds/{name}": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        get?: never;
        put?: never;
        post?: never;
        /** Releases a hold */
        delete: operations["release"];
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/admin/limits": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /** Limits of providers, credentials and deployments, configured and learned, and their current use */
        get: operations["listLimits"];
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/admin/dead-letters": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /** Requests that failed permanently, newest first */
        get: operations["listDeadLetters"];
        put?: never;
        post?: never;
        /** Deletes the dead letters that match a filter (a filter is required) */
        delete: operations["deleteDeadLetters"];
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/admin/dead-letters/{id}": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /** Failure, timeline and attempts of one dead letter */
        get: operations["getDeadLetter"];
        put?: never;
        post?: never;
        /** Deletes one dead letter */
        delete: operations["deleteDeadLetter"];
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/admin/dead-letters/{id}/replay": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        get?: never;
        put?: never;
        /** Sends it again as a new request */
        post: operations["replayDeadLetter"];
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/admin/dead-letters/replay": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        get?: never;
        put?: never;
        /** Sends the dead letters that match a filter again as new requests, oldest first */
        post: operations["replayDeadLetters"];
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/admin/ledger/rejects": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /** Ledger messages that the database refused and that are missing in the ledger, oldest first */
        get: operations["listLedgerRejects"];
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/admin/ledger/rejects/{id}": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /** The reason and the message as received */
        get: operations["getLedgerReject"];
        put?: never;
        post?: never;
        /** Deletes a message; it will never be written to the ledger */
        delete: operations["deleteLedgerReject"];
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/admin/ledger/rejects/{id}/replay": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        get?: never;
        put?: never;
        /** Writes it to the ledger again, with an optional corrected message */
        post: operations["replayLedgerReject"];
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/admin/ledger/rejects/replay": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        get?: never;
        put?: never;
        /** Writes the oldest messages to the ledger again */
        post: operations["replayLedgerRejects"];
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/admin/usage/export": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /** Rows of attempts or requests as CSV, JSON lines or Parquet */
        get: operations["exportUsage"];
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/admin/providers/{name}/reconciliation": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /** Compares the ledger with the usage and costs in the provider’s administration API */
        get: operations["reconcile"];
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/admin/alerts": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /** Alerts, newest first: budgets and balances at a threshold, expiring keys, refused credentials, unusual spending, bills that differ */
        get: operations["listAlerts"];
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/admin/webhooks": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /** All receivers, including disabled ones */
        get: operations["listWebhooks"];
        put?: never;
        /** Registers a receiver */
        post: operations["createWebhook"];
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/admin/webhooks/{id}": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        get?: never;
        put?: never;
        post?: never;
        /** Removes a receiver that was registered through this API */
        delete: operations["deleteWebhook"];
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/admin/webhooks/{id}/enable": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        get?: never;
        put?: never;
        /** Enables a receiver that was disabled because it responded with 410 */
        post: operations["enableWebhook"];
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/admin/webhooks/deliveries": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /** Deliveries, newest first */
        get: operations["listDeliveries"];
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/admin/webhooks/deliveries/{id}/replay": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        get?: never;
        put?: never;
        /** Sends a delivery again with the same `webhook-id` */
        post: operations["replayDelivery"];
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/admin/session": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /** The session of this cookie */
        get: operations["getSession"];
        put?: never;
        /** Exchanges the admin key for a session cookie, valid for twelve hours or until it is unused for an hour */
        post: operations["signIn"];
        /** Ends the session of this cookie */
        delete: operations["signOut"];
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/admin/sign-in": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /** Ways to sign in besides the admin key */
        get: operations["getSignIn"];
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/admin/live": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /** Figures of the last hour, and updates every two seconds */
        get: operations["watchLive"];
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/admin/requests": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /** Ended requests of all keys, newest first, with filters */
        get: operations["searchRequests"];
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/admin/in-flight": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /** Calls in flight and waiting requests, oldest first, at most a hundred of each */
        get: operations["listInFlight"];
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/admin/requests/{id}": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /** A request of any key: timeline, attempts, cost and response */
        get: operations["getAnyRequest"];
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/admin/requests/{id}/cancel": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        get?: never;
        put?: never;
        /** Cancels a request of any key */
        post: operations["cancelAnyRequest"];
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/admin/providers": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /** Providers and deployments: health, queues, prices, and outcomes of the last hour */
        get: operations["listProviders"];
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/admin/batches": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /** Batches of all keys, newest first */
        get: operations["listAllBatches"];
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/admin/budgets": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /** Budgets of keys, projects and organisations: spending, and forecast for the end of the period */
        get: operations["listBudgets"];
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/admin/settings": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /** Settings in force, and the errors in the configuration file */
        get: operations["getSettings"];
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/admin/simulators": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /** Providers that are simulators */
        get: operations["listSimulators"];
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/admin/simulators/{name}/faults": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /** Fault rules of a simulator, and how often each has applied */
        get: operations["getFaults"];
        /** Replaces the fault rules of a simulator */
        put: operations["setFaults"];
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/admin/simulators/{name}/behaviour": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /** Pace, limits and prices of a simulator */
        get: operations["getBehaviour"];
        /** Changes the given settings of a simulator */
        put: operations["setBehaviour"];
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/admin/simulators/{name}/stats": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /** Counters of a simulator */
        get: operations["getSimulatorStats"];
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/healthz": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /** Whether the process runs */
        get: operations["healthz"];
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/health": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /**
         * Whether the process runs
         * @description Alias of /healthz.
         */
        get: operations["healthz_2"];
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/readyz": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /** Whether it can take requests */
        get: operations["readyz"];
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/metrics": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /** Metrics in the Prometheus text format */
        get: operations["metrics"];
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/metrics/scaling": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /** Waiting and running requests per provider, for autoscalers that read one number */
        get: operations["scaling"];
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/openapi.json": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /** This document */
        get: operations["openapi"];
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
}
export type webhooks = Record<string, never>;
export interface components {
    schemas: {
        Account: {
            id: string;
            /** @enum {string} */
            kind: "organisation" | "project";
            name: string;
            organisation: string | null;
            limits: components["schemas"]["Limits"];
            /** @description Spending limit per period, in US dollars. */
            budgets: {
                total?: number;
                month?: number;
                week?: number;
                day?: number;
            };
            /** @description The first of `budgets`, for clients that use a single one; null if there is none. */
            budget_usd: number | null;
            /**
             * @description Period of `budget_usd`; `total` if there is none.
             * @enum {string}
             */
            budget_period: "total" | "month" | "week" | "day";
            /** @description Allowed models, with `*` as a wildcard; null for all. */
            models: string[] | null;
            /** @description Share of a full wait queue, relative to others. */
            weight: number;
            /** @description Share of the batch lane, relative to others. */
            batch_weight: number;
            expires_at: string | null;
            metadata: {
                [key: string]: string;
            };
            credits: {
                markup_percent: number;
                charge_step_usd: number;
            } | null;
            /**
             * Format: date-time
             * @description UTC.
             */
            created_at: string;
            revoked_at: string | null;
        };
        AccountDetail: {
            id: string;
            /** @enum {string} */
            kind: "organisation" | "project";
            name: string;
            organisation: string | null;
            limits: components["schemas"]["Limits"];
            /** @description Spending limit per period, in US dollars. */
            budgets: {
                total?: number;
                month?: number;
                week?: number;
                day?: number;
            };
            /** @description The first of `budgets`, for clients that use a single one; null if there is none. */
            budget_usd: number | null;
            /**
             * @description Period of `budget_usd`; `total` if there is none.
             * @enum {string}
             */
            budget_period: "total" | "month" | "week" | "day";
            /** @description Allowed models, with `*` as a wildcard; null for all. */
            models: string[] | null;
            /** @description Share of a full wait queue, relative to others. */
            weight: number;
            /** @description Share of the batch lane, relative to others. */
            batch_weight: number;
            expires_at: string | null;
            metadata: {
                [key: string]: string;
            };
            credits: {
                markup_percent: number;
                charge_step_usd: number;
            } | null;
            /**
             * Format: date-time
             * @description UTC.
             */
            created_at: string;
            revoked_at: string | null;
            spent_usd: components["schemas"]["Spending"];
        };
        AccountList: {
            data: components["schemas"]["Account"][];
        };
        AdminKey: {
            id: string;
            name: string;
            hint: string;
            /** @enum {string} */
            role: "read-only" | "operator" | "owner";
            /**
             * Format: date-time
             * @description UTC.
             */
            created_at: string;
            revoked_at: string | null;
        };
        AdminKeyList: {
            data: components["schemas"]["AdminKey"][];
        };
        AlertList: {
            /** @constant */
            object: "list";
            data: {
                id: string;
                /** @enum {string} */
                type: "budget.threshold_reached" | "credits.low" | "account.expiring" | "provider.credential_refused" | "spend.anomaly" | "reconciliation.differs" | "alert.resolved";
                /**
                 * Format: date-time
                 * @description UTC.
                 */
                created_at: string;
                /** @description Null while it lasts. */
                ended_at: string | null;
                /** @description The data of the webhook event (docs/webhooks.md). */
                data: {
                    [key: string]: unknown;
                };
            }[];
            has_more: boolean;
        };
        Alive: {
            /** @constant */
            status: "ok";
        };
        AnyBatch: {
            id: string;
            /** @constant */
            object: "batch";
            endpoint: string;
            /** @description Model of all lines, if it is the same. */
            model?: string;
            errors: {
                /** @constant */
                object: "list";
                data: {
                    code: string;
                    message: string;
                    param: string | null;
                    line: number | null;
                }[];
            } | null;
            input_file_id: string;
            completion_window: string;
            /** @enum {string} */
            status: "validating" | "failed" | "in_progress" | "finalizing" | "completed" | "expired" | "cancelling" | "cancelled";
            output_file_id: string | null;
            error_file_id: string | null;
            /** @description Unix time in seconds. */
            created_at: number;
            in_progress_at: number | null;
            /** @description Unix time in seconds. */
            expires_at: number;
            finalizing_at: number | null;
            completed_at: number | null;
            failed_at: number | null;
            expired_at: number | null;
            cancelling_at: number | null;
            cancelled_at: number | null;
            request_counts: {
                total: number;
                completed: number;
                failed: number;
            };
            usage: {
                input_tokens: number;
                input_tokens_details: {
                    cached_tokens: number;
                };
                output_tokens: number;
                output_tokens_details: {
                    reasoning_tokens: number;
                };
                total_tokens: number;
            };
            metadata: {
                [key: string]: string;
            } | null;
            /** @description Expected end. */
            x_sluice_eta: number | null;
            /** @description Whether the expected end is after the completion window. */
            x_sluice_at_risk: boolean;
            /** @description Cost so far, in US dollars. */
            x_sluice_cost: number;
            key_id: string;
        };
        AnyBatchPage: {
            /** @constant */
            object: "list";
            data: components["schemas"]["AnyBatch"][];
            has_more: boolean;
            /** @description `after` of the next page. */
            next: string | null;
        };
        AnyRequest: {
            id: string;
            /** @constant */
            object: "request";
            /** @enum {string} */
            status: "queued" | "running" | "cancelling" | "completed" | "cancelled" | "failed" | "done";
            model: string;
            protocol: string;
            lane: string;
            /** @description Position among the requests of its key. */
            priority: string;
            stream: boolean;
            /** @description Unix time in seconds. */
            created_at: number;
            finished_at: number | null;
            provider: string | null;
            stream_url: string;
            timeline: components["schemas"]["Timeline"];
            attempts: components["schemas"]["Attempt"][];
            replay_of?: string;
            replayed_as?: string[];
            /** @description Only while it is waiting. */
            queue?: {
                provider: string;
                lane: string;
                /** @description Position among the requests of its key. */
                priority: string;
                position: number | null;
                estimated_wait_ms: number | null;
                estimated_start_at: number | null;
                waits_for: string | null;
            };
            usage: {
                input_tokens: number;
                cached_input_tokens: number;
                output_tokens: number;
                reasoning_tokens: number;
                /** @description Cost at the providers, in US dollars. */
                cost: number;
            };
            /** @description Amount charged to the key’s budget, in US dollars. */
            cost: number;
            error?: {
                code: string;
                message: string | null;
            } | null;
            answer?: {
                status: number;
                body: unknown;
            } | null;
            key_id: string;
            /** @description The stored part of the response log. */
            frames: number;
            plan: {
                provider: string;
                deployment: string;
                model: string;
            }[] | null;
            deadline_at: string | null;
            estimated_tokens: {
                input: number;
                output: number;
            } | null;
            dead_letter: {
                /** @enum {string} */
                body: "none" | "plain" | "sealed";
                message: string;
            } | null;
            /** @description The body as the client sent it, if it was kept with the dead letter. Only for operators and owners. */
            request_body: string | null;
            /** @description Parts of the cost at current prices; the remainder is `other`. */
            cost_parts: {
                attempt: number;
                parts: {
                    part: string;
                    /** @description Tokens, or calls. */
                    count: number;
                    /** @description US dollars, as an exact decimal. */
                    cost_usd: string;
                }[];
            }[];
        };
        Attempt: {
            attempt: number;
            provider: string;
            /** @description The provider’s name for the model. */
            model: string;
            /** @description `ok`, or a failure code. */
            outcome: string;
            /** @description Whether tokens were counted by the provider or estimated. */
            settlement: string;
            started_at_ms: number;
            first_byte_ms: number | null;
            duration_ms: number | null;
            usage: components["schemas"]["Usage"];
            /** @description US dollars. */
            cost: number;
            /** @description Kinds of usage without a known price. */
            unpriced: string[];
            /** @description Figures of the provider that cannot be correct. */
            disputed?: unknown;
            service_tier?: string;
            tool_calls?: {
                [key: string]: number;
            };
            /** @description It was started while another attempt was slow to begin (hedging). */
            hedge?: boolean;
        };
        AuditEntry: {
            id: string;
            /**
             * Format: date-time
             * @description UTC.
             */
            at: string;
            /** @description Name and id of the admin key or person, or the command line. */
            actor: string;
            role: string;
            method: string;
            path: string;
            status: number;
            /** @description Request body, without secrets. */
            request: unknown;
            /** @description Response of GET at the same path before the change. */
            before: unknown;
            /** @description Response body, without secrets. */
            after: unknown;
        };
        AuditPage: {
            data: components["schemas"]["AuditEntry"][];
            has_more: boolean;
            next: string | null;
        };
        /** @description As described in `docs/simulator.md`. */
        Behaviour: {
            [key: string]: unknown;
        };
        BudgetList: {
            data: components["schemas"]["BudgetState"][];
        };
        BudgetState: {
            id: string;
            /** @enum {string} */
            kind: "key" | "project" | "organisation";
            name: string;
            /** @enum {string} */
            period: "total" | "month" | "week" | "day";
            /** @description US dollars, as an exact decimal. */
            budget_usd: string;
            /** @description US dollars, as an exact decimal. */
            spent_usd: string;
            since: string | null;
            ends_at: string | null;
            /** @description Forecast for the end of the period, at the current rate. */
            forecast_usd: string | null;
        };
        Cancelling: {
            id: string;
            /** @enum {string} */
            status: "cancelling" | "done";
        };
        CreatedAdminKey: {
            id: string;
            name: string;
            hint: string;
            /** @enum {string} */
            role: "read-only" | "operator" | "owner";
            /**
             * Format: date-time
             * @description UTC.
             */
            created_at: string;
            revoked_at: string | null;
            /** @description The secret, shown only once. */
            key: string;
        };
        CreatedKey: {
            id: string;
            name: string;
            /** @description The first characters of the secret, to recognise it. */
            hint: string;
            project: string | null;
            limits: components["schemas"]["Limits"];
            /** @description Spending limit per period, in US dollars. */
            budgets: {
                total?: number;
                month?: number;
                week?: number;
                day?: number;
            };
            /** @description The first of `budgets`, for clients that use a single one; null if there is none. */
            budget_usd: number | null;
            /**
             * @description Period of `budget_usd`; `total` if there is none.
             * @enum {string}
             */
            budget_period: "total" | "month" | "week" | "day";
            /** @description Allowed models, with `*` as a wildcard; null for all. */
            models: string[] | null;
            /** @description Share of a full wait queue, relative to others. */
            weight: number;
            /** @description Share of the batch lane, relative to others. */
            batch_weight: number;
            expires_at: string | null;
            metadata: {
                [key: string]: string;
            };
            credits: {
                markup_percent: number;
                charge_step_usd: number;
            } | null;
            /** @description After a rotation: until when the former secret is valid. */
            former_secret_until: string | null;
            /**
             * Format: date-time
             * @description UTC.
             */
            created_at: string;
            revoked_at: string | null;
            /** @description The secret, shown only once. */
            key: string;
        };
        CreatedWebhook: {
            id: string;
            /** @enum {string} */
            origin: "config" | "admin";
            url: string;
            events: string[];
            /** @description Only events of this client key; null for all. */
            key_id: string | null;
            /**
             * Format: date-time
             * @description UTC.
             */
            created_at: string;
            disabled_at: string | null;
            disabled_reason: string | null;
            /** @description Shown only once. */
            secret: string;
        };
        DeadLetter: {
            id: string;
            /** @constant */
            object: "dead_letter";
            key_id: string;
            model: string;
            protocol: string;
            lane: string;
            stream: boolean;
            provider: string | null;
            error: {
                code: string;
                message: string;
                upstream_status: number | null;
                upstream_code: string | null;
            };
            /**
             * Format: date-time
             * @description UTC.
             */
            accepted_at: string;
            /**
             * Format: date-time
             * @description UTC.
             */
            failed_at: string;
            attempts: number;
            /** @description US dollars, as an exact decimal. */
            cost_usd: string;
            /**
             * @description How the body is stored. Dead letters with `none` cannot be replayed.
             * @enum {string}
             */
            body: "none" | "plain" | "sealed";
            body_key?: string;
            replay_of: string | null;
            replays: components["schemas"]["Replay"][];
        };
        DeadLetterDetail: {
            id: string;
            /** @constant */
            object: "dead_letter";
            key_id: string;
            model: string;
            protocol: string;
            lane: string;
            stream: boolean;
            provider: string | null;
            error: {
                code: string;
                message: string;
                upstream_status: number | null;
                upstream_code: string | null;
            };
            /**
             * Format: date-time
             * @description UTC.
             */
            accepted_at: string;
            /**
             * Format: date-time
             * @description UTC.
             */
            failed_at: string;
            attempts: components["schemas"]["Attempt"][];
            /** @description US dollars, as an exact decimal. */
            cost_usd: string;
            /**
             * @description How the body is stored. Dead letters with `none` cannot be replayed.
             * @enum {string}
             */
            body: "none" | "plain" | "sealed";
            body_key?: string;
            replay_of: string | null;
            replays: components["schemas"]["Replay"][];
            /**
             * Format: date-time
             * @description UTC.
             */
            deadline_at: string;
            plan: {
                deployment: string;
                upstreamModel: string;
                model: string;
            }[];
            estimated_tokens: {
                input: number;
                output: number;
            };
            timeline: components["schemas"]["Timeline"];
        };
        DeadLetterPage: {
            /** @constant */
            object: "list";
            data: components["schemas"]["DeadLetter"][];
            has_more: boolean;
            /** @description `after` of the next page. */
            next: string | null;
        };
        Deleted: {
            id: string;
            /** @constant */
            deleted: true;
        };
        DeletedCount: {
            deleted: number;
        };
        DeliveryList: {
            data: components["schemas"]["WebhookDelivery"][];
        };
        DeploymentState: {
            id: string;
            /** @description The provider’s name for the model. */
            model: string;
            tier: number;
            weight: number;
            /** @description Public models that this deployment serves. */
            models: string[];
            /** @description Price per million tokens; null if unknown. */
            price: {
                /** @description US dollars, as an exact decimal. */
                input: string;
                /** @description US dollars, as an exact decimal. */
                cached_input: string;
                /** @description US dollars, as an exact decimal. */
                output: string;
            } | null;
            hold: {
                reason: string;
                /**
                 * Format: date-time
                 * @description UTC.
                 */
                since: string;
            } | null;
            /** @description Circuits that are not closed. */
            circuits: {
                name: string;
                /** @enum {string} */
                state: "open" | "half_open";
                code: string | null;
                /**
                 * Format: date-time
                 * @description UTC.
                 */
                until: string;
            }[];
            last_hour: {
                outcome: string;
                attempts: number;
            }[];
        };
        /** @description As described in `docs/simulator.md`. */
        FaultRules: unknown[];
        FoundRequest: {
            id: string;
            /** @constant */
            object: "request";
            key_id: string;
            model: string;
            provider: string | null;
            upstream_model: string | null;
            protocol: string;
            lane: string;
            stream: boolean;
            /** @description `ok`, or a failure code. */
            outcome: string;
            /**
             * Format: date-time
             * @description UTC.
             */
            accepted_at: string;
            duration_ms: number;
            /** @description Time since acceptance. */
            first_byte_ms: number | null;
            attempts: number;
            tags: string[];
            input_tokens: number;
            output_tokens: number;
            /** @description US dollars, as an exact decimal. */
            cost_usd: string;
        };
        FoundRequestPage: {
            /** @constant */
            object: "list";
            data: components["schemas"]["FoundRequest"][];
            has_more: boolean;
            /** @description `after` of the next page. */
            next: string | null;
            /** @description How far back the search has reached. A page can be empty although later pages are not. */
            searched_until: string | null;
        };
        Hold: {
            /** @description `provider:NAME`, `deployment:NAME` or `credential:PROVIDER/NAME`. */
            name: string;
            provider?: string;
            deployment?: string;
            credential?: string;
            reason: string;
            /**
             * Format: date-time
             * @description UTC.
             */
            since: string;
        };
        HoldList: {
            data: components["schemas"]["Hold"][];
        };
        InFlight: {
            calls: {
                id: string;
                attempt: number;
                key_id: string;
                model: string;
                provider: string;
                lane: string;
                stream: boolean;
                /**
                 * Format: date-time
                 * @description UTC.
                 */
                started_at: string;
            }[];
            waiting: {
                id: string;
                key_id: string | null;
                deployment: string;
                provider: string;
                lane: string;
                /**
                 * Format: date-time
                 * @description UTC.
                 */
                accepted_at: string;
            }[];
        };
        Key: {
            id: string;
            name: string;
            /** @description The first characters of the secret, to recognise it. */
            hint: string;
            project: string | null;
            limits: components["schemas"]["Limits"];
            /** @description Spending limit per period, in US dollars. */
            budgets: {
                total?: number;
                month?: number;
                week?: number;
                day?: number;
            };
            /** @description The first of `budgets`, for clients that use a single one; null if there is none. */
            budget_usd: number | null;
            /**
             * @description Period of `budget_usd`; `total` if there is none.
             * @enum {string}
             */
            budget_period: "total" | "month" | "week" | "day";
            /** @description Allowed models, with `*` as a wildcard; null for all. */
            models: string[] | null;
            /** @description Share of a full wait queue, relative to others. */
            weight: number;
            /** @description Share of the batch lane, relative to others. */
            batch_weight: number;
            expires_at: string | null;
            metadata: {
                [key: string]: string;
            };
            credits: {
                markup_percent: number;
                charge_step_usd: number;
            } | null;
            /** @description After a rotation: until when the former secret is valid. */
            former_secret_until: string | null;
            /**
             * Format: date-time
             * @description UTC.
             */
            created_at: string;
            revoked_at: string | null;
        };
        KeyDetail: {
            id: string;
            name: string;
            /** @description The first characters of the secret, to recognise it. */
            hint: string;
            project: string | null;
            limits: components["schemas"]["Limits"];
            /** @description Spending limit per period, in US dollars. */
            budgets: {
                total?: number;
                month?: number;
                week?: number;
                day?: number;
            };
            /** @description The first of `budgets`, for clients that use a single one; null if there is none. */
            budget_usd: number | null;
            /**
             * @description Period of `budget_usd`; `total` if there is none.
             * @enum {string}
             */
            budget_period: "total" | "month" | "week" | "day";
            /** @description Allowed models, with `*` as a wildcard; null for all. */
            models: string[] | null;
            /** @description Share of a full wait queue, relative to others. */
            weight: number;
            /** @description Share of the batch lane, relative to others. */
            batch_weight: number;
            expires_at: string | null;
            metadata: {
                [key: string]: string;
            };
            credits: {
                markup_percent: number;
                charge_step_usd: number;
            } | null;
            /** @description After a rotation: until when the former secret is valid. */
            former_secret_until: string | null;
            /**
             * Format: date-time
             * @description UTC.
             */
            created_at: string;
            revoked_at: string | null;
            spent_usd: components["schemas"]["Spending"];
        };
        KeyList: {
            data: components["schemas"]["Key"][];
        };
        KeyRotation: {
            /**
             * @description How long the former secret stays valid.
             * @default 86400
             */
            keep_former_seconds?: number;
        };
        KeySettings: {
            limits?: components["schemas"]["Limits"];
            /** @description USD per period; null removes a budget, absent periods stay. */
            budgets?: {
                total?: number | null;
                month?: number | null;
                week?: number | null;
                day?: number | null;
            };
            /** @description A single budget, instead of budgets; null for none. */
            budget_usd?: number | null;
            /**
             * @description Period of budget_usd. Default: total.
             * @enum {string}
             */
            budget_period?: "total" | "month" | "week" | "day";
            models?: string[] | null;
            /** @description Share of a full wait queue, relative to other keys. */
            weight?: number;
            batch_weight?: number;
            /** @description Time of expiry; null for never. */
            expires_at?: string | null;
            /** @description Up to 16 entries; they replace the former ones. */
            metadata?: {
                [key: string]: string;
            };
            /** @description Requests are charged to a prepaid balance, and refused with 402 when it is spent; null for none. */
            credits?: {
                /**
                 * @description Surcharge on the cost, in percent.
                 * @default 0
                 */
                markup_percent?: number;
                /**
                 * @description Charges are rounded up to a multiple of this amount.
                 * @default 0.0001
                 */
                charge_step_usd?: number;
            } | null;
            name?: string;
        };
        LedgerReject: {
            id: string;
            request_id: string | null;
            part: string;
            reason: string;
            /**
             * Format: date-time
             * @description UTC.
             */
            rejected_at: string;
        };
        LedgerRejectDetail: {
            id: string;
            request_id: string | null;
            part: string;
            reason: string;
            /**
             * Format: date-time
             * @description UTC.
             */
            rejected_at: string;
            /** @description As received; a string if it is not JSON. */
            message: {
                [key: string]: unknown;
            } | string;
        };
        LedgerRejectPage: {
            /** @constant */
            object: "list";
            data: components["schemas"]["LedgerReject"][];
            has_more: boolean;
            /** @description `after` of the next page. */
            next: string | null;
        };
        LimitInForce: {
            scope: string;
            /** @enum {string} */
            limit: "rpm" | "tpm" | "input_tokens_per_minute" | "output_tokens_per_minute" | "requests_per_day" | "tokens_per_day" | "concurrency";
            value: number;
            /** @enum {string} */
            source: "configured" | "learned";
            in_force: boolean;
            /**
             * Format: date-time
             * @description UTC.
             */
            learned_at?: string;
            /** @description Amount in use in the current rate window, or calls in flight, in the unit of `value`; null if nothing is counted. */
            used: number | null;
        };
        LimitList: {
            data: components["schemas"]["LimitInForce"][];
        };
        Limits: {
            /** @description Requests per minute. */
            rpm?: number;
            /** @description Tokens per minute, input and output together. */
            tpm?: number;
            /** @description Input tokens per minute, without those that the provider reads from its cache. */
            input_tokens_per_minute?: number;
            /** @description Output tokens per minute. */
            output_tokens_per_minute?: number;
            /** @description Requests in any 24 hours. */
            requests_per_day?: number;
            /** @description Tokens in any 24 hours, input and output together. */
            tokens_per_day?: number;
            /** @description Calls in flight at once. */
            concurrency?: number;
        };
        LiveEvent: {
            /** @description `history`: intervals of the last hour. `now`: the latest two. */
            slices: components["schemas"]["LiveSlice"][];
            /** @description `history`: length of an interval. */
            slice_ms?: number;
            at?: number;
            /** @description `now`: calls to providers in flight. */
            calls?: number;
            queues?: {
                provider: string;
                lane: string;
                waiting: number;
                running: number;
            }[];
        };
        LiveSlice: {
            /** @description Start of the interval, in Unix milliseconds. */
            at: number;
            /** @description Requests that have ended. */
            requests: number;
            failed: number;
            input_tokens: number;
            output_tokens: number;
            cost_usd: number;
            /** @description Failed requests by code. */
            codes: {
                [key: string]: number;
            };
            /** @description p50, p95 and p99 in milliseconds. */
            first_byte_ms: [
                number,
                number,
                number
            ] | null;
            /** @description p50, p95 and p99 in milliseconds. */
            total_ms: [
                number,
                number,
                number
            ] | null;
        };
        NewAccount: {
            limits?: components["schemas"]["Limits"];
            /** @description USD per period; null removes a budget, absent periods stay. */
            budgets?: {
                total?: number | null;
                month?: number | null;
                week?: number | null;
                day?: number | null;
            };
            /** @description A single budget, instead of budgets; null for none. */
            budget_usd?: number | null;
            /**
             * @description Period of budget_usd. Default: total.
             * @enum {string}
             */
            budget_period?: "total" | "month" | "week" | "day";
            models?: string[] | null;
            /** @description Share of a full wait queue, relative to other keys. */
            weight?: number;
            batch_weight?: number;
            /** @description Time of expiry; null for never. */
            expires_at?: string | null;
            /** @description Up to 16 entries; they replace the former ones. */
            metadata?: {
                [key: string]: string;
            };
            /** @description Requests are charged to a prepaid balance, and refused with 402 when it is spent; null for none. */
            credits?: {
                /**
                 * @description Surcharge on the cost, in percent.
                 * @default 0
                 */
                markup_percent?: number;
                /**
                 * @description Charges are rounded up to a multiple of this amount.
                 * @default 0.0001
                 */
                charge_step_usd?: number;
            } | null;
            /** @enum {string} */
            kind: "organisation" | "project";
            name: string;
            /** @description For a project: the id of its organisation. */
            organisation?: string;
        };
        NewAdminKey: {
            name: string;
            /** @enum {string} */
            role: "read-only" | "operator" | "owner";
        };
        NewCredits: {
            /** @description Amount of the payment; negative for a correction. */
            amount_usd: number;
            note?: string;
        };
        NewHold: {
            provider?: string;
            deployment?: string;
            credential?: string;
            /** @default held by an operator */
            reason?: string;
        };
        NewKey: {
            limits?: components["schemas"]["Limits"];
            /** @description USD per period; null removes a budget, absent periods stay. */
            budgets?: {
                total?: number | null;
                month?: number | null;
                week?: number | null;
                day?: number | null;
            };
            /** @description A single budget, instead of budgets; null for none. */
            budget_usd?: number | null;
            /**
             * @description Period of budget_usd. Default: total.
             * @enum {string}
             */
            budget_period?: "total" | "month" | "week" | "day";
            models?: string[] | null;
            /** @description Share of a full wait queue, relative to other keys. */
            weight?: number;
            batch_weight?: number;
            /** @description Time of expiry; null for never. */
            expires_at?: string | null;
            /** @description Up to 16 entries; they replace the former ones. */
            metadata?: {
                [key: string]: string;
            };
            /** @description Requests are charged to a prepaid balance, and refused with 402 when it is spent; null for none. */
            credits?: {
                /**
                 * @description Surcharge on the cost, in percent.
                 * @default 0
                 */
                markup_percent?: number;
                /**
                 * @description Charges are rounded up to a multiple of this amount.
                 * @default 0.0001
                 */
                charge_step_usd?: number;
            } | null;
            name: string;
            /** @description Id of the project that the key belongs to. */
            project?: string;
        };
        NewWebhook: {
            /** Format: uri */
            url: string;
            /**
             * @default [
             *       "batch.*"
             *     ]
             */
            events?: string[];
            /** @default null */
            key_id?: string | null;
            secret?: string;
        };
        OpenApi: {
            openapi: string;
            paths: {
                [key: string]: unknown;
            };
        } & {
            [key: string]: unknown;
        };
        OpenaiError: {
            error: {
                message: string;
                type: string;
                /** @description The parameter that caused the error, as a dotted path. */
                param: string | null;
                code: string | null;
            };
        };
        ProviderList: {
            data: components["schemas"]["ProviderState"][];
        };
        ProviderState: {
            name: string;
            protocols: string[];
            base_url: string;
            /** @description Empty if there is only one. */
            credentials: {
                name: string;
                /** @description Name of the scope, as in limits and holds. */
                scope: string;
                /** @description Share of the calls, from its weight. */
                share: number;
                hold: {
                    reason: string;
                    /**
                     * Format: date-time
                     * @description UTC.
                     */
                    since: string;
                } | null;
                /** @description Circuits that are not closed. */
                circuits: {
                    name: string;
                    /** @enum {string} */
                    state: "open" | "half_open";
                    code: string | null;
                    /**
                     * Format: date-time
                     * @description UTC.
                     */
                    until: string;
                }[];
                last_hour: {
                    outcome: string;
                    attempts: number;
                }[];
            }[];
            hold: {
                reason: string;
                /**
                 * Format: date-time
                 * @description UTC.
                 */
                since: string;
            } | null;
            /** @description By lane. */
            queues: {
                [key: string]: {
                    waiting: number;
                    running: number;
                };
            };
            deployments: components["schemas"]["DeploymentState"][];
        };
        Readiness: {
            /** @enum {string} */
            status: "ready" | "not ready";
            checks: {
                redis: boolean;
                database: boolean;
                workers: boolean;
                accepting: boolean;
            };
            trouble?: {
                redis: string;
            };
            /** @description Parts that do not work properly but do not stop requests: `redis-memory`, `database`, `ledger`. */
            degraded?: string[];
            /** @description For operators. */
            holds?: {
                name: string;
                reason: string;
            }[];
            /** @description For operators. */
            ledger?: {
                waiting: number;
                oldest_seconds: number;
                rejects: number | null;
            };
        };
        ReconciledRow: {
            day?: string;
            model?: string;
            /** @description The credential, or the provider’s id of a key that belongs to no credential. */
            api_key?: string;
            ledger: components["schemas"]["ReconciledSums"];
            provider: components["schemas"]["ReconciledSums"];
            /** @description Figures that differ by more than the tolerance. */
            differences: ("input_tokens" | "cached_input_tokens" | "output_tokens" | "cost_usd")[];
            estimated_attempts: number;
            unsettled_attempts: number;
        };
        ReconciledSums: {
            /** @description Includes cached tokens. */
            input_tokens: number;
            cached_input_tokens: number;
            output_tokens: number;
            /** @description Null if the provider’s report does not have it for these groups. */
            cost_usd: string | null;
        };
        Reconciliation: {
            provider: string;
            from: string;
            to: string;
            equal: boolean;
            rows: components["schemas"]["ReconciledRow"][];
            total: components["schemas"]["ReconciledRow"];
            /** @description Notes on figures that could not be compared. */
            notes: string[];
        };
        RejectReplay: {
            message?: {
                [key: string]: unknown;
            };
        };
        RejectReplayed: {
            id: string;
            /** @constant */
            replayed: true;
        };
        RejectsReplay: {
            /** @default 100 */
            limit?: number;
        };
        RejectsReplayed: {
            replayed: number;
            left: number;
        };
        Released: {
            name: string;
            /** @constant */
            released: true;
        };
        Replay: {
            request_id: string;
            model: string;
            /**
             * Format: date-time
             * @description UTC.
             */
            created_at: string;
        };
        ReplayChange: {
            model?: string;
            vendor?: string;
        };
        ReplayMany: {
            model?: string;
            vendor?: string;
            /** @default {} */
            filter?: {
                model?: string;
                provider?: string;
                code?: string;
                key?: string;
                from?: string;
                to?: string;
                /** @default false */
                replayed?: boolean | null;
            };
            /** @default 100 */
            limit?: number;
        };
        ReplayReport: {
            matched: number;
            replayed: number;
            failed: number;
            requests: components["schemas"]["Replayed"][];
            failures: {
                id: string;
                code: string;
                message: string;
            }[];
        };
        Replayed: {
            id: string;
            request_id: string;
        };
        Scaling: {
            providers: {
                [key: string]: {
                    /** @description In queues and in workers. */
                    jobs: number;
                    /** @description Requests that are waiting for a permit. */
                    waiting_requests: number;
                    /** @description Reserved tokens of the waiting requests. */
                    waiting_tokens: number;
                    /** @description Time since the oldest of them was accepted. */
                    oldest_seconds: number;
                };
            };
        };
        Session: {
            /** @constant */
            object: "session";
            operator: string;
            /** @enum {string} */
            role: "read-only" | "operator" | "owner";
            /** @description Must be sent as `x-csrf-token` with every change that uses the cookie. */
            csrf_token: string;
            /**
             * Format: date-time
             * @description UTC.
             */
            ends_at: string;
        };
        SessionEnded: {
            /** @constant */
            deleted: true;
            /** @description URL for signing out of the OpenID Connect provider as well. */
            sign_out_url: string | null;
        };
        Settings: {
            instance: string;
            node: string;
            /**
             * Format: date-time
             * @description UTC.
             */
            started_at: string;
            file: string;
            /** @description Settings in force; secrets are masked. */
            configuration: {
                [key: string]: unknown;
            };
            /** @description Whether the file still has the same content. */
            is_file_in_force: boolean;
            faults: {
                file: string;
                line: number | null;
                path: string;
                message: string;
            }[];
        };
        SignIn: {
            /** @constant */
            object: "sign_in";
            /** @description The OpenID Connect provider; null if none is configured. */
            oidc: {
                name: string;
                /** @description URL that the browser opens, with the page to return to in `to`. */
                path: string;
            } | null;
        };
        Simulator: {
            /** @description Name of the provider. */
            name: string;
            /** @description Providers with the same address are one simulator; rules distinguish them by model. */
            address: string;
            models: string[];
        };
        SimulatorList: {
            data: components["schemas"]["Simulator"][];
        };
        SimulatorStats: {
            [key: string]: unknown;
        };
        /** @description Spending in the current periods. */
        Spending: {
            /** @description US dollars, as an exact decimal. */
            total: string;
            /** @description US dollars, as an exact decimal. */
            month: string;
            /** @description US dollars, as an exact decimal. */
            week: string;
            /** @description US dollars, as an exact decimal. */
            day: string;
        };
        Statement: {
            account: string;
            /** @description US dollars, as an exact decimal. */
            balance_usd: string;
            /** @description US dollars, as an exact decimal. */
            paid_in_usd: string;
            credits: {
                id: string;
                /** @description US dollars, as an exact decimal. */
                amount_usd: string;
                note: string | null;
                actor: string;
                /**
                 * Format: date-time
                 * @description UTC.
                 */
                created_at: string;
            }[];
            charges: {
                day: string;
                requests: number;
                /** @description US dollars, as an exact decimal. */
                cost_usd: string;
                /** @description US dollars, as an exact decimal. */
                charge_usd: string;
            }[];
        };
        /** @description The phases of the request without gaps; hedged attempts overlap. `skip`: a provider was not called, with the reason. */
        Timeline: {
            /** @enum {string} */
            kind: "queue" | "limit" | "circuit" | "hold" | "backoff" | "skip" | "attempt" | "other";
            started_at_ms: number;
            duration_ms: number;
            provider?: string;
            reason?: string;
            attempt?: number;
            outcome?: string;
            cache_hit_rate?: number;
            /** @description For streams: pairs of milliseconds since the call and output tokens until then, as counted by the broker. */
            tokens?: [
                number,
                number
            ][];
            /** @description For streams: frames sent to the client. */
            frames?: number;
            /** @description It was started while the attempt before it was slow to begin (hedging). */
            hedge?: boolean;
            /**
             * @description It continued an answer that had broken off: after the part that the client had received, or from the beginning.
             * @enum {string}
             */
            rescue?: "continued" | "repeated";
        }[];
        ToppedUp: {
            id: string;
            account: string;
            /** @description US dollars, as an exact decimal. */
            balance_usd: string;
        };
        Usage: {
            input_tokens: number;
            cached_input_tokens: number;
            output_tokens: number;
            reasoning_tokens: number;
        };
        UsageReport: {
            /** @constant */
            object: "list";
            data: {
                hour?: string;
                day?: string;
                month?: string;
                key?: string;
                project?: string;
                organisation?: string;
                model?: string;
                provider?: string;
                upstream_model?: string;
                protocol?: string;
                lane?: string;
                status?: string;
                batch?: string;
                session?: string;
                tags?: string;
                deployment?: string;
                credential?: string;
                settlement?: string;
                credits?: string;
                /** @description Only in reports per request. */
                requests?: number;
                /** @description US dollars, as an exact decimal. */
                charge_usd?: string;
                attempts: number;
                failed_attempts: number;
                /** @description Attempts whose tokens were estimated. */
                estimated_attempts: number;
                unsettled_attempts: number;
                input_tokens: number;
                cached_input_tokens: number;
                output_tokens: number;
                reasoning_tokens: number;
                /** @description US dollars, as an exact decimal. */
                cost_usd: string;
            }[];
            has_more: boolean;
            /** @description `after` of the next page. */
            next: string | null;
            /** @description Sums by hour, batch, session and tag before this time have been deleted (`ledger.keep_hours_days`). Null: nothing is missing. */
            whole_from: string | null;
        };
        WebhookDelivery: {
            id: string;
            endpoint_id: string;
            /** @description The `webhook-id` header of the delivery. */
            event_id: string;
            type: string;
            /** @enum {string} */
            state: "pending" | "delivered" | "failed";
            attempts: number;
            next_attempt_at: string | null;
            /**
             * Format: date-time
             * @description UTC.
             */
            created_at: string;
            finished_at: string | null;
            last_status: number | null;
            last_error: string | null;
        };
        WebhookEndpoint: {
            id: string;
            /** @enum {string} */
            origin: "config" | "admin";
            url: string;
            events: string[];
            /** @description Only events of this client key; null for all. */
            key_id: string | null;
            /**
             * Format: date-time
             * @description UTC.
             */
            created_at: string;
            disabled_at: string | null;
            disabled_reason: string | null;
        };
        WebhookList: {
            data: components["schemas"]["WebhookEndpoint"][];
        };
    };
    responses: never;
    parameters: never;
    requestBodies: never;
    headers: {
        /** @description Id for `GET /v1/requests/{id}` and in logs. */
        "x-request-id": string;
        /** @description Seconds to wait before a retry; `retry-after-ms` has milliseconds. */
        "retry-after": number;
        /** @description URL of the request. */
        location: string;
        /** @description Provider that answered. */
        "x-sluice-provider": string;
        /** @description Model that answered, as named in the request or its fallbacks. */
        "x-sluice-model": string;
        /** @description Number of calls to providers. */
        "x-sluice-attempts": number;
        /** @description How long the request waited. */
        "x-sluice-queue-ms": number;
        /** @description Parameters that were left out because the provider does not support them. */
        "x-sluice-dropped": string;
        /** @description `true`: the response was stored earlier. */
        "x-sluice-replayed": string;
        /** @description Byte range in the file. */
        "content-range": string;
        /** @description Entity tag of the file. */
        etag: string;
        /** @description Limit of the key. */
        "x-ratelimit-limit-requests": number;
        /** @description Remaining part of the limit. */
        "x-ratelimit-remaining-requests": number;
        /** @description Time until the limit is fully available again. */
        "x-ratelimit-reset-requests": string;
        /** @description Limit of the key. */
        "x-ratelimit-limit-tokens": number;
        /** @description Remaining part of the limit. */
        "x-ratelimit-remaining-tokens": number;
        /** @description Time until the limit is fully available again. */
        "x-ratelimit-reset-tokens": string;
        /** @description Limit of the key. */
        "x-ratelimit-limit-input-tokens": number;
        /** @description Remaining part of the limit. */
        "x-ratelimit-remaining-input-tokens": number;
        /** @description Time until the limit is fully available again. */
        "x-ratelimit-reset-input-tokens": string;
        /** @description Limit of the key. */
        "x-ratelimit-limit-output-tokens": number;
        /** @description Remaining part of the limit. */
        "x-ratelimit-remaining-output-tokens": number;
        /** @description Time until the limit is fully available again. */
        "x-ratelimit-reset-output-tokens": string;
        /** @description Limit of the key. */
        "x-ratelimit-limit-requests-per-day": number;
        /** @description Remaining part of the limit. */
        "x-ratelimit-remaining-requests-per-day": number;
        /** @description Time until the limit is fully available again. */
        "x-ratelimit-reset-requests-per-day": string;
        /** @description Limit of the key. */
        "x-ratelimit-limit-tokens-per-day": number;
        /** @description Remaining part of the limit. */
        "x-ratelimit-remaining-tokens-per-day": number;
        /** @description Time until the limit is fully available again. */
        "x-ratelimit-reset-tokens-per-day": string;
    };
    pathItems: never;
}
export type $defs = Record<string, never>;
export interface operations {
    listKeys: {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description Done. */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["KeyList"];
                };
            };
            /** @description Refused or failed. */
            default: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["OpenaiError"];
                };
            };
        };
    };
    createKey: {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        requestBody: {
            content: {
                /**
                 * @example {
                 *       "name": "search",
                 *       "models": [
                 *         "gpt-4o-mini"
                 *       ],
                 *       "limits": {
                 *         "rpm": 600
                 *       },
                 *       "budgets": {
                 *         "month": 100
                 *       }
                 *     }
                 */
                "application/json": components["schemas"]["NewKey"];
            };
        };
        responses: {
            /** @description The key, with its secret. */
            201: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["CreatedKey"];
                };
            };
            /** @description Refused or failed. */
            default: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["OpenaiError"];
                };
            };
        };
    };
    getKey: {
        parameters: {
            query?: never;
            header?: never;
            path: {
                id: string;
            };
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description Done. */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["KeyDetail"];
                };
            };
            /** @description Refused or failed. */
            default: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["OpenaiError"];
                };
            };
        };
    };
    revokeKey: {
        parameters: {
            query?: never;
            header?: never;
            path: {
                id: string;
            };
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description Done. */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Key"];
                };
            };
            /** @description Refused or failed. */
            default: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["OpenaiError"];
                };
            };
        };
    };
    updateKey: {
        parameters: {
            query?: never;
            header?: never;
            path: {
                id: string;
            };
            cookie?: never;
        };
        requestBody: {
            content: {
                "application/json": components["schemas"]["KeySettings"];
            };
        };
        responses: {
            /** @description Done. */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Key"];
                };
            };
            /** @description Refused or failed. */
            default: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["OpenaiError"];
                };
            };
        };
    };
    rotateKey: {
        parameters: {
            query?: never;
            header?: never;
            path: {
                id: string;
            };
            cookie?: never;
        };
        requestBody?: {
            content: {
                "application/json": components["schemas"]["KeyRotation"];
            };
        };
        responses: {
            /** @description Done. */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["CreatedKey"];
                };
            };
            /** @description Refused or failed. */
            default: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["OpenaiError"];
                };
            };
        };
    };
    reportUsage: {
        parameters: {
            query?: {
                per?: "attempt" | "request";
                group_by?: string;
                from?: string;
                to?: string;
                limit?: number;
                after?: string;
                hour?: string;
                month?: string;
                key?: string;
                project?: string;
                organisation?: string;
                model?: string;
                provider?: string;
                upstream_model?: string;
                protocol?: string;
                lane?: string;
                status?: string;
                batch?: string;
                session?: string;
                tags?: string;
                deployment?: string;
                credential?: string;
                settlement?: string;
                credits?: string;
            };
            header?: never;
            path?: never;
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description Done. */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["UsageReport"];
                };
            };
            /** @description Refused or failed. */
            default: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["OpenaiError"];
                };
            };
        };
    };
    listAccounts: {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description Done. */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["AccountList"];
                };
            };
            /** @description Refused or failed. */
            default: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["OpenaiError"];
                };
            };
        };
    };
    createAccount: {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        requestBody: {
            content: {
                "application/json": components["schemas"]["NewAccount"];
            };
        };
        responses: {
            /** @description The account. */
            201: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Account"];
                };
            };
            /** @description Refused or failed. */
            default: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["OpenaiError"];
                };
            };
        };
    };
    getAccount: {
        parameters: {
            query?: never;
            header?: never;
            path: {
                id: string;
            };
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description Done. */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["AccountDetail"];
                };
            };
            /** @description Refused or failed. */
            default: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["OpenaiError"];
                };
            };
        };
    };
    revokeAccount: {
        parameters: {
            query?: never;
            header?: never;
            path: {
                id: string;
            };
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description Done. */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Account"];
                };
            };
            /** @description Refused or failed. */
            default: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["OpenaiError"];
                };
            };
        };
    };
    updateAccount: {
        parameters: {
            query?: never;
            header?: never;
            path: {
                id: string;
            };
            cookie?: never;
        };
        requestBody: {
            content: {
                "application/json": components["schemas"]["KeySettings"];
            };
        };
        responses: {
            /** @description Done. */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Account"];
                };
            };
            /** @description Refused or failed. */
            default: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["OpenaiError"];
                };
            };
        };
    };
    topUp: {
        parameters: {
            query?: never;
            header?: never;
            path: {
                id: string;
            };
            cookie?: never;
        };
        requestBody: {
            content: {
                "application/json": components["schemas"]["NewCredits"];
            };
        };
        responses: {
            /** @description The entry and the new balance. */
            201: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["ToppedUp"];
                };
            };
            /** @description Refused or failed. */
            default: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["OpenaiError"];
                };
            };
        };
    };
    getStatement: {
        parameters: {
            query?: {
                from?: string;
                to?: string;
            };
            header?: never;
            path: {
                id: string;
            };
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description Done. */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Statement"];
                };
            };
            /** @description Refused or failed. */
            default: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["OpenaiError"];
                };
            };
        };
    };
    listAdminKeys: {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description Done. */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["AdminKeyList"];
                };
            };
            /** @description Refused or failed. */
            default: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["OpenaiError"];
                };
            };
        };
    };
    createAdminKey: {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        requestBody: {
            content: {
                "application/json": components["schemas"]["NewAdminKey"];
            };
        };
        responses: {
            /** @description The key, with its secret. */
            201: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["CreatedAdminKey"];
                };
            };
            /** @description Refused or failed. */
            default: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["OpenaiError"];
                };
            };
        };
    };
    getAdminKey: {
        parameters: {
            query?: never;
            header?: never;
            path: {
                id: string;
            };
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description Done. */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["AdminKey"];
                };
            };
            /** @description Refused or failed. */
            default: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["OpenaiError"];
                };
            };
        };
    };
    revokeAdminKey: {
        parameters: {
            query?: never;
            header?: never;
            path: {
                id: string;
            };
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description Done. */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["AdminKey"];
                };
            };
            /** @description Refused or failed. */
            default: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["OpenaiError"];
                };
            };
        };
    };
    listAudit: {
        parameters: {
            query?: {
                limit?: number;
                before?: string;
                actor?: string;
                method?: string;
                path?: string;
                from?: string;
                to?: string;
            };
            header?: never;
            path?: never;
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description Done. */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["AuditPage"];
                };
            };
            /** @description Refused or failed. */
            default: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["OpenaiError"];
                };
            };
        };
    };
    listHolds: {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description Done. */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["HoldList"];
                };
            };
            /** @description Refused or failed. */
            default: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["OpenaiError"];
                };
            };
        };
    };
    hold: {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        requestBody: {
            content: {
                /**
                 * @example {
                 *       "provider": "openai",
                 *       "reason": "incident at the provider"
                 *     }
                 */
                "application/json": components["schemas"]["NewHold"];
            };
        };
        responses: {
            /** @description It is held. */
            201: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Hold"];
                };
            };
            /** @description Refused or failed. */
            default: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["OpenaiError"];
                };
            };
        };
    };
    release: {
        parameters: {
            query?: never;
            header?: never;
            path: {
                /** @description Name as in `GET /admin/holds`, or the name of a provider or deployment. */
                name: string;
            };
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description Done. */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Released"];
                };
            };
            /** @description Refused or failed. */
            default: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["OpenaiError"];
                };
            };
        };
    };
    listLimits: {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description Done. */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["LimitList"];
                };
            };
            /** @description Refused or failed. */
            default: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["OpenaiError"];
                };
            };
        };
    };
    listDeadLetters: {
        parameters: {
            query?: {
                model?: string;
                provider?: string;
                code?: string;
                key?: string;
                from?: string;
                to?: string;
                replayed?: "true" | "false";
                limit?: number;
                after?: string;
            };
            header?: never;
            path?: never;
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description Done. */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["DeadLetterPage"];
                };
            };
            /** @description Refused or failed. */
            default: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["OpenaiError"];
                };
            };
        };
    };
    deleteDeadLetters: {
        parameters: {
            query?: {
                model?: string;
                provider?: string;
                code?: string;
                key?: string;
                from?: string;
                to?: string;
                replayed?: "true" | "false";
            };
            header?: never;
            path?: never;
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description Done. */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["DeletedCount"];
                };
            };
            /** @description Refused or failed. */
            default: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["OpenaiError"];
                };
            };
        };
    };
    getDeadLetter: {
        parameters: {
            query?: never;
            header?: never;
            path: {
                id: string;
            };
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description Done. */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["DeadLetterDetail"];
                };
            };
            /** @description Refused or failed. */
            default: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["OpenaiError"];
                };
            };
        };
    };
    deleteDeadLetter: {
        parameters: {
            query?: never;
            header?: never;
            path: {
                id: string;
            };
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description Done. */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Deleted"];
                };
            };
            /** @description Refused or failed. */
            default: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["OpenaiError"];
                };
            };
        };
    };
    replayDeadLetter: {
        parameters: {
            query?: never;
            header?: never;
            path: {
                id: string;
            };
            cookie?: never;
        };
        requestBody?: {
            content: {
                "application/json": components["schemas"]["ReplayChange"];
            };
        };
        responses: {
            /** @description Accepted. */
            202: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Replayed"];
                };
            };
            /** @description Refused or failed. */
            default: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["OpenaiError"];
                };
            };
        };
    };
    replayDeadLetters: {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        requestBody?: {
            content: {
                "application/json": components["schemas"]["ReplayMany"];
            };
        };
        responses: {
            /** @description Done. */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["ReplayReport"];
                };
            };
            /** @description Refused or failed. */
            default: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["OpenaiError"];
                };
            };
        };
    };
    listLedgerRejects: {
        parameters: {
            query?: {
                limit?: number;
                after?: string;
            };
            header?: never;
            path?: never;
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description Done. */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["LedgerRejectPage"];
                };
            };
            /** @description Refused or failed. */
            default: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["OpenaiError"];
                };
            };
        };
    };
    getLedgerReject: {
        parameters: {
            query?: never;
            header?: never;
            path: {
                id: string;
            };
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description Done. */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["LedgerRejectDetail"];
                };
            };
            /** @description Refused or failed. */
            default: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["OpenaiError"];
                };
            };
        };
    };
    deleteLedgerReject: {
        parameters: {
            query?: never;
            header?: never;
            path: {
                id: string;
            };
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description Done. */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Deleted"];
                };
            };
            /** @description Refused or failed. */
            default: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["OpenaiError"];
                };
            };
        };
    };
    replayLedgerReject: {
        parameters: {
            query?: never;
            header?: never;
            path: {
                id: string;
            };
            cookie?: never;
        };
        requestBody?: {
            content: {
                "application/json": components["schemas"]["RejectReplay"];
            };
        };
        responses: {
            /** @description Accepted. If it is refused again, it is listed again. */
            202: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["RejectReplayed"];
                };
            };
            /** @description Refused or failed. */
            default: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["OpenaiError"];
                };
            };
        };
    };
    replayLedgerRejects: {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        requestBody?: {
            content: {
                "application/json": components["schemas"]["RejectsReplay"];
            };
        };
        responses: {
            /** @description Done. */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["RejectsReplayed"];
                };
            };
            /** @description Refused or failed. */
            default: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["OpenaiError"];
                };
            };
        };
    };
    exportUsage: {
        parameters: {
            query?: {
                per?: "attempt" | "request";
                from?: string;
                to?: string;
                hour?: string;
                month?: string;
                key?: string;
                project?: string;
                organisation?: string;
                model?: string;
                provider?: string;
                upstream_model?: string;
                protocol?: string;
                lane?: string;
                status?: string;
                batch?: string;
                session?: string;
                tags?: string;
                deployment?: string;
                credential?: string;
                settlement?: string;
                credits?: string;
                format?: "csv" | "jsonl" | "parquet";
            };
            header?: never;
            path?: never;
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description The file, streamed. */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "text/csv": string;
                    "application/jsonl": string;
                    "application/vnd.apache.parquet": string;
                };
            };
            /** @description Refused or failed. */
            default: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["OpenaiError"];
                };
            };
        };
    };
    reconcile: {
        parameters: {
            query?: {
                from?: string;
                to?: string;
                by?: string;
                tolerance_percent?: number;
                tolerance_usd?: number;
            };
            header?: never;
            path: {
                name: string;
            };
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description Done. */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Reconciliation"];
                };
            };
            /** @description Refused or failed. */
            default: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["OpenaiError"];
                };
            };
        };
    };
    listAlerts: {
        parameters: {
            query?: {
                limit?: number;
                type?: "budget.threshold_reached" | "credits.low" | "account.expiring" | "provider.credential_refused" | "spend.anomaly" | "reconciliation.differs" | "alert.resolved";
                before?: string;
                state?: "current" | "over";
            };
            header?: never;
            path?: never;
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description Done. */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["AlertList"];
                };
            };
            /** @description Refused or failed. */
            default: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["OpenaiError"];
                };
            };
        };
    };
    listWebhooks: {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description Done. */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["WebhookList"];
                };
            };
            /** @description Refused or failed. */
            default: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["OpenaiError"];
                };
            };
        };
    };
    createWebhook: {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        requestBody: {
            content: {
                /**
                 * @example {
                 *       "url": "https://hooks.example/sluice",
                 *       "events": [
                 *         "batch.*"
                 *       ]
                 *     }
                 */
                "application/json": components["schemas"]["NewWebhook"];
            };
        };
        responses: {
            /** @description The receiver, with its secret. */
            201: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["CreatedWebhook"];
                };
            };
            /** @description Refused or failed. */
            default: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["OpenaiError"];
                };
            };
        };
    };
    deleteWebhook: {
        parameters: {
            query?: never;
            header?: never;
            path: {
                id: string;
            };
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description Done. */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Deleted"];
                };
            };
            /** @description Refused or failed. */
            default: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["OpenaiError"];
                };
            };
        };
    };
    enableWebhook: {
        parameters: {
            query?: never;
            header?: never;
            path: {
                id: string;
            };
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description Done. */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["WebhookEndpoint"];
                };
            };
            /** @description Refused or failed. */
            default: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["OpenaiError"];
                };
            };
        };
    };
    listDeliveries: {
        parameters: {
            query?: {
                state?: "pending" | "delivered" | "failed";
                endpoint?: string;
                limit?: number;
            };
            header?: never;
            path?: never;
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description Done. */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["DeliveryList"];
                };
            };
            /** @description Refused or failed. */
            default: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["OpenaiError"];
                };
            };
        };
    };
    replayDelivery: {
        parameters: {
            query?: never;
            header?: never;
            path: {
                id: string;
            };
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description Done. */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["WebhookDelivery"];
                };
            };
            /** @description Refused or failed. */
            default: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["OpenaiError"];
                };
            };
        };
    };
    getSession: {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description Done. */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Session"];
                };
            };
            /** @description Refused or failed. */
            default: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["OpenaiError"];
                };
            };
        };
    };
    signIn: {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description The session. Its cookie is `HttpOnly` and `SameSite=Strict`. */
            201: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Session"];
                };
            };
            /** @description Refused or failed. */
            default: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["OpenaiError"];
                };
            };
        };
    };
    signOut: {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description Done. */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["SessionEnded"];
                };
            };
            /** @description Refused or failed. */
            default: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["OpenaiError"];
                };
            };
        };
    };
    getSignIn: {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description Done. */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["SignIn"];
                };
            };
            /** @description Refused or failed. */
            default: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["OpenaiError"];
                };
            };
        };
    };
    watchLive: {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description Server-sent events until the caller disconnects. */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "text/event-stream": string;
                };
            };
            /** @description Refused or failed. */
            default: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["OpenaiError"];
                };
            };
        };
    };
    searchRequests: {
        parameters: {
            query?: {
                key?: string;
                model?: string;
                provider?: string;
                outcome?: string;
                tag?: string;
                lane?: "interactive" | "batch";
                protocol?: string;
                stream?: "true" | "false";
                retried?: "true" | "false";
                from?: string;
                to?: string;
                min_cost_usd?: string;
                min_ms?: number;
                limit?: number;
                after?: string;
            };
            header?: never;
            path?: never;
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description Done. */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["FoundRequestPage"];
                };
            };
            /** @description Refused or failed. */
            default: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["OpenaiError"];
                };
            };
        };
    };
    listInFlight: {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description Done. */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["InFlight"];
                };
            };
            /** @description Refused or failed. */
            default: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["OpenaiError"];
                };
            };
        };
    };
    getAnyRequest: {
        parameters: {
            query?: never;
            header?: never;
            path: {
                id: string;
            };
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description Done. */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["AnyRequest"];
                };
            };
            /** @description Refused or failed. */
            default: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["OpenaiError"];
                };
            };
        };
    };
    cancelAnyRequest: {
        parameters: {
            query?: never;
            header?: never;
            path: {
                id: string;
            };
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description It is being cancelled, or had already ended. */
            202: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Cancelling"];
                };
            };
            /** @description Refused or failed. */
            default: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["OpenaiError"];
                };
            };
        };
    };
    listProviders: {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description Done. */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["ProviderList"];
                };
            };
            /** @description Refused or failed. */
            default: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["OpenaiError"];
                };
            };
        };
    };
    listAllBatches: {
        parameters: {
            query?: {
                limit?: number;
                after?: string;
            };
            header?: never;
            path?: never;
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description Done. */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["AnyBatchPage"];
                };
            };
            /** @description Refused or failed. */
            default: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["OpenaiError"];
                };
            };
        };
    };
    listBudgets: {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description Done. */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["BudgetList"];
                };
            };
            /** @description Refused or failed. */
            default: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["OpenaiError"];
                };
            };
        };
    };
    getSettings: {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description Done. */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Settings"];
                };
            };
            /** @description Refused or failed. */
            default: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["OpenaiError"];
                };
            };
        };
    };
    listSimulators: {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description Done. */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["SimulatorList"];
                };
            };
            /** @description Refused or failed. */
            default: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["OpenaiError"];
                };
            };
        };
    };
    getFaults: {
        parameters: {
            query?: never;
            header?: never;
            path: {
                name: string;
            };
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description Done. */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["FaultRules"];
                };
            };
            /** @description Refused or failed. */
            default: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["OpenaiError"];
                };
            };
        };
    };
    setFaults: {
        parameters: {
            query?: never;
            header?: never;
            path: {
                name: string;
            };
            cookie?: never;
        };
        requestBody: {
            content: {
                "application/json": components["schemas"]["FaultRules"];
            };
        };
        responses: {
            /** @description Done. */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["FaultRules"];
                };
            };
            /** @description Refused or failed. */
            default: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["OpenaiError"];
                };
            };
        };
    };
    getBehaviour: {
        parameters: {
            query?: never;
            header?: never;
            path: {
                name: string;
            };
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description Done. */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Behaviour"];
                };
            };
            /** @description Refused or failed. */
            default: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["OpenaiError"];
                };
            };
        };
    };
    setBehaviour: {
        parameters: {
            query?: never;
            header?: never;
            path: {
                name: string;
            };
            cookie?: never;
        };
        requestBody: {
            content: {
                "application/json": components["schemas"]["Behaviour"];
            };
        };
        responses: {
            /** @description Done. */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Behaviour"];
                };
            };
            /** @description Refused or failed. */
            default: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["OpenaiError"];
                };
            };
        };
    };
    getSimulatorStats: {
        parameters: {
            query?: never;
            header?: never;
            path: {
                name: string;
            };
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description Done. */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["SimulatorStats"];
                };
            };
            /** @description Refused or failed. */
            default: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["OpenaiError"];
                };
            };
        };
    };
    healthz: {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description The process runs. */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Alive"];
                };
            };
            /** @description Refused or failed. */
            default: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["OpenaiError"];
                };
            };
        };
    };
    healthz_2: {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description The process runs. */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Alive"];
                };
            };
            /** @description Refused or failed. */
            default: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["OpenaiError"];
                };
            };
        };
    };
    readyz: {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description Ready. */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Readiness"];
                };
            };
            /** @description Not ready; `checks` has the reason. */
            503: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Readiness"];
                };
            };
            /** @description Refused or failed. */
            default: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["OpenaiError"];
                };
            };
        };
    };
    metrics: {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description All metrics. */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "text/plain": string;
                };
            };
            /** @description Refused or failed. */
            default: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["OpenaiError"];
                };
            };
        };
    };
    scaling: {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description Figures by provider name. */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Scaling"];
                };
            };
            /** @description Refused or failed. */
            default: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["OpenaiError"];
                };
            };
        };
    };
    openapi: {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description Done. */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["OpenApi"];
                };
            };
            /** @description Refused or failed. */
            default: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["OpenaiError"];
                };
            };
        };
    };
}

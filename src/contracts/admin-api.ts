// Types of the administration API. Generated from its OpenAPI document: npm run generate.

export interface paths {
    "/admin/keys": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /** All client keys, newest first, revoked ones too */
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
        /** One key, with what it has spent */
        get: operations["getKey"];
        put?: never;
        post?: never;
        /** Revokes a key, immediately and permanently */
        delete: operations["revokeKey"];
        options?: never;
        head?: never;
        /** Changes a key: its name, limits, budgets, models, weights, credits, expiry, metadata */
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
        /** Gives a key a new secret; the former one stays valid for a while */
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
        /** Attempts or requests, tokens and cost, grouped and selected by whatever is known of them */
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
        /** Creates an organisation or a project */
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
        /** One account, with what it has spent */
        get: operations["getAccount"];
        put?: never;
        post?: never;
        /** Revokes an account and with it every key below it */
        delete: operations["revokeAccount"];
        options?: never;
        head?: never;
        /** Changes what holds for all keys below it */
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
        /** Adds to the prepaid balance of a key, a project or an organisation */
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
        /** What was paid in and what was charged, by day */
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
        /** Keys of operators and their roles; for owners */
        get: operations["listAdminKeys"];
        put?: never;
        /** Creates a key for an operator; for owners */
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
        /** One key of an operator; for owners */
        get: operations["getAdminKey"];
        put?: never;
        post?: never;
        /** Revokes a key of an operator; for owners */
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
        /** What was changed by whom, newest first */
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
        /** Providers, deployments and credentials that are taken out of service */
        get: operations["listHolds"];
        put?: never;
        /** Takes a provider, a deployment or a credential out of service */
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
        /** Puts it back into service */
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
        /** Limits of providers, credentials and deployments, configured and learned, and their use */
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
        /** Requests that failed for good, newest first */
        get: operations["listDeadLetters"];
        put?: never;
        post?: never;
        /** Deletes those that match a filter; never all at once */
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
        /** Failure, timeline and attempts of one */
        get: operations["getDeadLetter"];
        put?: never;
        post?: never;
        /** Deletes one */
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
        /** Makes a new request from it */
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
        /** Makes new requests from those that match a filter, oldest first */
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
        /** Messages that the database refused, oldest first; they are not in the ledger */
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
        /** The reason, and the message as received */
        get: operations["getLedgerReject"];
        put?: never;
        post?: never;
        /** Deletes it: it is never written to the ledger */
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
        /** Writes it to the ledger again, corrected where a message is given */
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
        /** Writes the oldest to the ledger again */
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
        /** Attempts or requests themselves, row by row, as CSV, JSON by the line or Parquet */
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
        /** The ledger against the provider’s own usage and costs, read from its administration API */
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
        /** Alerts, newest first: budgets and balances at a threshold, expiries, refused credentials, unusual spending, bills that differ */
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
        /** All receivers, disabled ones too */
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
        /** Removes a receiver that was registered here */
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
        /** Sends again to a receiver that was disabled because it answered 410 */
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
        /** Sends it again, with the same `webhook-id` */
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
        /** The admin key for a session cookie, which is as good for an hour without use, twelve at most */
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
        /** How to sign in beside the admin key */
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
        /** The last hour, and every two seconds what has come since */
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
        /** Requests of all keys that have ended, newest first, by any of their properties */
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
        /** Calls under way and requests that wait, oldest first, a hundred of each at most */
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
        /** Any key’s request: timeline, attempts, cost, answer */
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
        /** Stops any key’s request */
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
        /** Providers and deployments: health, queues, prices, outcomes of the last hour */
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
        /** Budgets of keys, projects and organisations: what is spent, and what will be by the end of their periods */
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
        /** Settings in force, and the faults of their file */
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
        /** Fault rules of a simulator, and how often they struck */
        get: operations["getFaults"];
        /** Fault rules in place of those that are there */
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
        /** Changes what is named */
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
        /** What a simulator has counted */
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
         * @description The same as /healthz.
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
        /** Metrics, in the text format of Prometheus */
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
        /** What waits and runs for each provider, for autoscalers that read one number */
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
            /** @description What it may spend in each period, US dollars. */
            budgets: {
                total?: number;
                month?: number;
                week?: number;
                day?: number;
            };
            /** @description Of one period; null for no budget. */
            budget_usd: number | null;
            /** @enum {string} */
            budget_period: "total" | "month" | "week" | "day";
            /** @description Models it may use, `*` as a wildcard; null for all. */
            models: string[] | null;
            /** @description Its share of full wait queues, relative to others. */
            weight: number;
            /** @description Its share of the batch lane, relative to others. */
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
            /** @description What it may spend in each period, US dollars. */
            budgets: {
                total?: number;
                month?: number;
                week?: number;
                day?: number;
            };
            /** @description Of one period; null for no budget. */
            budget_usd: number | null;
            /** @enum {string} */
            budget_period: "total" | "month" | "week" | "day";
            /** @description Models it may use, `*` as a wildcard; null for all. */
            models: string[] | null;
            /** @description Its share of full wait queues, relative to others. */
            weight: number;
            /** @description Its share of the batch lane, relative to others. */
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
                /** @description As webhooks have it (docs/webhooks.md). */
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
            /** @description Of all lines, where there is one. */
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
            /** @description When it will be done. */
            x_sluice_eta: number | null;
            /** @description Whether that is too late. */
            x_sluice_at_risk: boolean;
            /** @description Of its answers so far, US dollars. */
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
            /** @description Among the requests of its key. */
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
            /** @description While it waits. */
            queue?: {
                provider: string;
                lane: string;
                /** @description Among the requests of its key. */
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
                /** @description Owed to providers, US dollars. */
                cost: number;
            };
            /** @description Taken from the key’s budget, US dollars. */
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
            /** @description What is left of its answer’s log. */
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
            /** @description As the client sent it, where it was kept with its dead letter; for operators and above. */
            request_body: string | null;
            /** @description What costs are made of, at the prices in force now; what these do not explain is `other`. */
            cost_parts: {
                attempt: number;
                parts: {
                    part: string;
                    /** @description Tokens, or calls. */
                    count: number;
                    /** @description US dollars, exact. */
                    cost_usd: string;
                }[];
            }[];
        };
        Attempt: {
            attempt: number;
            provider: string;
            /** @description The provider’s own name for it. */
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
            /** @description What was counted and has no known price. */
            unpriced: string[];
            /** @description What the provider said and cannot be true. */
            disputed?: unknown;
            service_tier?: string;
            tool_calls?: {
                [key: string]: number;
            };
            /** @description It was made beside another attempt that was slow to begin. */
            hedge?: boolean;
        };
        AuditEntry: {
            id: string;
            /**
             * Format: date-time
             * @description UTC.
             */
            at: string;
            /** @description Name and id of the admin key, or of the person; or the command line. */
            actor: string;
            role: string;
            method: string;
            path: string;
            status: number;
            /** @description What was sent, without secrets. */
            request: unknown;
            /** @description What GET gave at the same address before it. */
            before: unknown;
            /** @description What was answered, without secrets. */
            after: unknown;
        };
        AuditPage: {
            data: components["schemas"]["AuditEntry"][];
            has_more: boolean;
            next: string | null;
        };
        /** @description As `docs/simulator.md` has it. */
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
            /** @description US dollars, exact. */
            budget_usd: string;
            /** @description US dollars, exact. */
            spent_usd: string;
            since: string | null;
            ends_at: string | null;
            /** @description By the end of the period, at the pace so far. */
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
            /** @description The secret: shown only now. */
            key: string;
        };
        CreatedKey: {
            id: string;
            name: string;
            /** @description The first characters of the secret, to know it by. */
            hint: string;
            project: string | null;
            limits: components["schemas"]["Limits"];
            /** @description What it may spend in each period, US dollars. */
            budgets: {
                total?: number;
                month?: number;
                week?: number;
                day?: number;
            };
            /** @description Of one period; null for no budget. */
            budget_usd: number | null;
            /** @enum {string} */
            budget_period: "total" | "month" | "week" | "day";
            /** @description Models it may use, `*` as a wildcard; null for all. */
            models: string[] | null;
            /** @description Its share of full wait queues, relative to others. */
            weight: number;
            /** @description Its share of the batch lane, relative to others. */
            batch_weight: number;
            expires_at: string | null;
            metadata: {
                [key: string]: string;
            };
            credits: {
                markup_percent: number;
                charge_step_usd: number;
            } | null;
            /** @description After a rotation: how long the secret before is valid, too. */
            former_secret_until: string | null;
            /**
             * Format: date-time
             * @description UTC.
             */
            created_at: string;
            revoked_at: string | null;
            /** @description The secret: shown only now. */
            key: string;
        };
        CreatedWebhook: {
            id: string;
            /** @enum {string} */
            origin: "config" | "admin";
            url: string;
            events: string[];
            /** @description Events of this client key only; null for all. */
            key_id: string | null;
            /**
             * Format: date-time
             * @description UTC.
             */
            created_at: string;
            disabled_at: string | null;
            disabled_reason: string | null;
            /** @description Shown only now. */
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
            /** @description US dollars, exact. */
            cost_usd: string;
            /**
             * @description How its body is kept; `none` cannot be replayed.
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
            /** @description US dollars, exact. */
            cost_usd: string;
            /**
             * @description How its body is kept; `none` cannot be replayed.
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
            /** @description The provider’s name for it. */
            model: string;
            tier: number;
            weight: number;
            /** @description Public models that it serves. */
            models: string[];
            /** @description Per million tokens; null where nobody knows it. */
            price: {
                /** @description US dollars, exact. */
                input: string;
                /** @description US dollars, exact. */
                cached_input: string;
                /** @description US dollars, exact. */
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
            /** @description Those that are not closed. */
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
        /** @description As `docs/simulator.md` has them. */
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
            /** @description From its acceptance. */
            first_byte_ms: number | null;
            attempts: number;
            tags: string[];
            input_tokens: number;
            output_tokens: number;
            /** @description US dollars, exact. */
            cost_usd: string;
        };
        FoundRequestPage: {
            /** @constant */
            object: "list";
            data: components["schemas"]["FoundRequest"][];
            has_more: boolean;
            /** @description `after` of the next page. */
            next: string | null;
            /** @description How far the search has come: a page may be empty, and the next one not. */
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
            /** @description The first characters of the secret, to know it by. */
            hint: string;
            project: string | null;
            limits: components["schemas"]["Limits"];
            /** @description What it may spend in each period, US dollars. */
            budgets: {
                total?: number;
                month?: number;
                week?: number;
                day?: number;
            };
            /** @description Of one period; null for no budget. */
            budget_usd: number | null;
            /** @enum {string} */
            budget_period: "total" | "month" | "week" | "day";
            /** @description Models it may use, `*` as a wildcard; null for all. */
            models: string[] | null;
            /** @description Its share of full wait queues, relative to others. */
            weight: number;
            /** @description Its share of the batch lane, relative to others. */
            batch_weight: number;
            expires_at: string | null;
            metadata: {
                [key: string]: string;
            };
            credits: {
                markup_percent: number;
                charge_step_usd: number;
            } | null;
            /** @description After a rotation: how long the secret before is valid, too. */
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
            /** @description The first characters of the secret, to know it by. */
            hint: string;
            project: string | null;
            limits: components["schemas"]["Limits"];
            /** @description What it may spend in each period, US dollars. */
            budgets: {
                total?: number;
                month?: number;
                week?: number;
                day?: number;
            };
            /** @description Of one period; null for no budget. */
            budget_usd: number | null;
            /** @enum {string} */
            budget_period: "total" | "month" | "week" | "day";
            /** @description Models it may use, `*` as a wildcard; null for all. */
            models: string[] | null;
            /** @description Its share of full wait queues, relative to others. */
            weight: number;
            /** @description Its share of the batch lane, relative to others. */
            batch_weight: number;
            expires_at: string | null;
            metadata: {
                [key: string]: string;
            };
            credits: {
                markup_percent: number;
                charge_step_usd: number;
            } | null;
            /** @description After a rotation: how long the secret before is valid, too. */
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
            /** @description USD per period; null takes a budget away, what is absent stays. */
            budgets?: {
                total?: number | null;
                month?: number | null;
                week?: number | null;
                day?: number | null;
            };
            /** @description The only budget, in place of budgets; null for none. */
            budget_usd?: number | null;
            /**
             * @description Of budget_usd. Default: total.
             * @enum {string}
             */
            budget_period?: "total" | "month" | "week" | "day";
            models?: string[] | null;
            /** @description Its share of full wait queues, relative to other keys. */
            weight?: number;
            batch_weight?: number;
            /** @description Not valid from then on; null for never. */
            expires_at?: string | null;
            /** @description Up to 16 entries of your own; they replace the former ones. */
            metadata?: {
                [key: string]: string;
            };
            /** @description Requests are charged to a prepaid balance, and refused with 402 when it is spent; null for none. */
            credits?: {
                /**
                 * @description On top of the cost.
                 * @default 0
                 */
                markup_percent?: number;
                /**
                 * @description Charges are rounded up to a multiple of it.
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
            /** @description As received; text if it is no JSON. */
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
            /** @description Of its window; null where nothing is counted. */
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
            /** @description `history`: of the last hour. `now`: the latest two. */
            slices: components["schemas"]["LiveSlice"][];
            /** @description `history`: how long each is. */
            slice_ms?: number;
            at?: number;
            /** @description `now`: calls to providers under way. */
            calls?: number;
            queues?: {
                provider: string;
                lane: string;
                waiting: number;
                running: number;
            }[];
        };
        LiveSlice: {
            /** @description Its beginning, unix milliseconds. */
            at: number;
            /** @description That have ended. */
            requests: number;
            failed: number;
            input_tokens: number;
            output_tokens: number;
            cost_usd: number;
            /** @description Failed requests by code. */
            codes: {
                [key: string]: number;
            };
            /** @description p50, p95, p99, milliseconds. */
            first_byte_ms: [
                number,
                number,
                number
            ] | null;
            /** @description p50, p95, p99, milliseconds. */
            total_ms: [
                number,
                number,
                number
            ] | null;
        };
        NewAccount: {
            limits?: components["schemas"]["Limits"];
            /** @description USD per period; null takes a budget away, what is absent stays. */
            budgets?: {
                total?: number | null;
                month?: number | null;
                week?: number | null;
                day?: number | null;
            };
            /** @description The only budget, in place of budgets; null for none. */
            budget_usd?: number | null;
            /**
             * @description Of budget_usd. Default: total.
             * @enum {string}
             */
            budget_period?: "total" | "month" | "week" | "day";
            models?: string[] | null;
            /** @description Its share of full wait queues, relative to other keys. */
            weight?: number;
            batch_weight?: number;
            /** @description Not valid from then on; null for never. */
            expires_at?: string | null;
            /** @description Up to 16 entries of your own; they replace the former ones. */
            metadata?: {
                [key: string]: string;
            };
            /** @description Requests are charged to a prepaid balance, and refused with 402 when it is spent; null for none. */
            credits?: {
                /**
                 * @description On top of the cost.
                 * @default 0
                 */
                markup_percent?: number;
                /**
                 * @description Charges are rounded up to a multiple of it.
                 * @default 0.0001
                 */
                charge_step_usd?: number;
            } | null;
            /** @enum {string} */
            kind: "organisation" | "project";
            name: string;
            /** @description Of a project: the id of its organisation. */
            organisation?: string;
        };
        NewAdminKey: {
            name: string;
            /** @enum {string} */
            role: "read-only" | "operator" | "owner";
        };
        NewCredits: {
            /** @description What was paid in; negative for a correction. */
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
            /** @description USD per period; null takes a budget away, what is absent stays. */
            budgets?: {
                total?: number | null;
                month?: number | null;
                week?: number | null;
                day?: number | null;
            };
            /** @description The only budget, in place of budgets; null for none. */
            budget_usd?: number | null;
            /**
             * @description Of budget_usd. Default: total.
             * @enum {string}
             */
            budget_period?: "total" | "month" | "week" | "day";
            models?: string[] | null;
            /** @description Its share of full wait queues, relative to other keys. */
            weight?: number;
            batch_weight?: number;
            /** @description Not valid from then on; null for never. */
            expires_at?: string | null;
            /** @description Up to 16 entries of your own; they replace the former ones. */
            metadata?: {
                [key: string]: string;
            };
            /** @description Requests are charged to a prepaid balance, and refused with 402 when it is spent; null for none. */
            credits?: {
                /**
                 * @description On top of the cost.
                 * @default 0
                 */
                markup_percent?: number;
                /**
                 * @description Charges are rounded up to a multiple of it.
                 * @default 0.0001
                 */
                charge_step_usd?: number;
            } | null;
            name: string;
            /** @description The id of the project that it belongs to. */
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
                /** @description The member that is at fault, as a dotted path. */
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
            /** @description Empty where it has no choice of them. */
            credentials: {
                name: string;
                /** @description As limits and holds name it. */
                scope: string;
                /** @description Of the calls, by its weight. */
                share: number;
                hold: {
                    reason: string;
                    /**
                     * Format: date-time
                     * @description UTC.
                     */
                    since: string;
                } | null;
                /** @description Those that are not closed. */
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
            /** @description What does not work as it should and stops nobody: `redis-memory`, `database`, `ledger`. */
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
            /** @description The credential, or the provider’s id of a key that no credential names. */
            api_key?: string;
            ledger: components["schemas"]["ReconciledSums"];
            provider: components["schemas"]["ReconciledSums"];
            /** @description What differs by more than the tolerance. */
            differences: ("input_tokens" | "cached_input_tokens" | "output_tokens" | "cost_usd")[];
            estimated_attempts: number;
            unsettled_attempts: number;
        };
        ReconciledSums: {
            /** @description Cached tokens included. */
            input_tokens: number;
            cached_input_tokens: number;
            output_tokens: number;
            /** @description Null where the provider’s report does not have it in these groups. */
            cost_usd: string | null;
        };
        Reconciliation: {
            provider: string;
            from: string;
            to: string;
            equal: boolean;
            rows: components["schemas"]["ReconciledRow"][];
            total: components["schemas"]["ReconciledRow"];
            /** @description What could not be compared. */
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
                    /** @description In its queues and in workers. */
                    jobs: number;
                    /** @description Without a permit yet. */
                    waiting_requests: number;
                    /** @description Of these, as reserved. */
                    waiting_tokens: number;
                    /** @description Since the oldest of them was accepted. */
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
            /** @description What changes something with the cookie carries it as `x-csrf-token`. */
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
            /** @description Where a person also signs out of the provider of OpenID Connect. */
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
            /** @description In force; secrets are hidden. */
            configuration: {
                [key: string]: unknown;
            };
            /** @description Whether the file says the same now. */
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
            /** @description A provider of OpenID Connect; null where none is configured. */
            oidc: {
                name: string;
                /** @description Where a browser goes, with the page to come back to in `to`. */
                path: string;
            } | null;
        };
        Simulator: {
            /** @description The provider’s. */
            name: string;
            /** @description Providers of one address are one simulator: rules tell them apart by model. */
            address: string;
            models: string[];
        };
        SimulatorList: {
            data: components["schemas"]["Simulator"][];
        };
        SimulatorStats: {
            [key: string]: unknown;
        };
        /** @description In the periods that run now. */
        Spending: {
            /** @description US dollars, exact. */
            total: string;
            /** @description US dollars, exact. */
            month: string;
            /** @description US dollars, exact. */
            week: string;
            /** @description US dollars, exact. */
            day: string;
        };
        Statement: {
            account: string;
            /** @description US dollars, exact. */
            balance_usd: string;
            /** @description US dollars, exact. */
            paid_in_usd: string;
            credits: {
                id: string;
                /** @description US dollars, exact. */
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
                /** @description US dollars, exact. */
                cost_usd: string;
                /** @description US dollars, exact. */
                charge_usd: string;
            }[];
        };
        /** @description Where the time went, without gaps; attempts beside each other overlap. `skip`: a provider was not asked, and why. */
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
            /** @description Of a stream: milliseconds since the call, output tokens until then as the broker counts them. */
            tokens?: [
                number,
                number
            ][];
            /** @description Of a stream: frames that it sent to the client. */
            frames?: number;
            /** @description It ran beside the attempt before it, which was slow to begin. */
            hedge?: boolean;
            /**
             * @description It took up an answer that had broken off: behind what the client had, or from its beginning.
             * @enum {string}
             */
            rescue?: "continued" | "repeated";
        }[];
        ToppedUp: {
            id: string;
            account: string;
            /** @description US dollars, exact. */
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
                /** @description Per request only. */
                requests?: number;
                /** @description US dollars, exact. */
                charge_usd?: string;
                attempts: number;
                failed_attempts: number;
                /** @description Whose tokens the broker estimated. */
                estimated_attempts: number;
                unsettled_attempts: number;
                input_tokens: number;
                cached_input_tokens: number;
                output_tokens: number;
                reasoning_tokens: number;
                /** @description US dollars, exact. */
                cost_usd: string;
            }[];
            has_more: boolean;
            /** @description `after` of the next page. */
            next: string | null;
            /** @description Sums by hour, batch, session and tag before this time are deleted (`ledger.keep_hours_days`). Null: none is missing. */
            whole_from: string | null;
        };
        WebhookDelivery: {
            id: string;
            endpoint_id: string;
            /** @description The `webhook-id` that the receiver saw. */
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
            /** @description Events of this client key only; null for all. */
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
        /** @description What `GET /v1/requests/{id}` takes, and what logs have. */
        "x-request-id": string;
        /** @description Seconds to wait before the next try; `retry-after-ms` has milliseconds. */
        "retry-after": number;
        /** @description Where the request is found. */
        location: string;
        /** @description Who answered. */
        "x-sluice-provider": string;
        /** @description The model that answered, by the name that it was asked for. */
        "x-sluice-model": string;
        /** @description How many calls to providers it took. */
        "x-sluice-attempts": number;
        /** @description How long the request waited. */
        "x-sluice-queue-ms": number;
        /** @description Members of the request that the provider has no place for. */
        "x-sluice-dropped": string;
        /** @description `true`: an answer that was made before. */
        "x-sluice-replayed": string;
        /** @description Which bytes of the file these are. */
        "content-range": string;
        /** @description Which file this is. */
        etag: string;
        /** @description What the key may use. */
        "x-ratelimit-limit-requests": number;
        /** @description What is left of it. */
        "x-ratelimit-remaining-requests": number;
        /** @description When all of it will be there again. */
        "x-ratelimit-reset-requests": string;
        /** @description What the key may use. */
        "x-ratelimit-limit-tokens": number;
        /** @description What is left of it. */
        "x-ratelimit-remaining-tokens": number;
        /** @description When all of it will be there again. */
        "x-ratelimit-reset-tokens": string;
        /** @description What the key may use. */
        "x-ratelimit-limit-input-tokens": number;
        /** @description What is left of it. */
        "x-ratelimit-remaining-input-tokens": number;
        /** @description When all of it will be there again. */
        "x-ratelimit-reset-input-tokens": string;
        /** @description What the key may use. */
        "x-ratelimit-limit-output-tokens": number;
        /** @description What is left of it. */
        "x-ratelimit-remaining-output-tokens": number;
        /** @description When all of it will be there again. */
        "x-ratelimit-reset-output-tokens": string;
        /** @description What the key may use. */
        "x-ratelimit-limit-requests-per-day": number;
        /** @description What is left of it. */
        "x-ratelimit-remaining-requests-per-day": number;
        /** @description When all of it will be there again. */
        "x-ratelimit-reset-requests-per-day": string;
        /** @description What the key may use. */
        "x-ratelimit-limit-tokens-per-day": number;
        /** @description What is left of it. */
        "x-ratelimit-remaining-tokens-per-day": number;
        /** @description When all of it will be there again. */
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
            /** @description The entry, and the balance after it. */
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
                 *       "reason": "their incident of today"
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
                /** @description As `GET /admin/holds` has it, or the name of a provider or deployment. */
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
            /** @description Accepted; what is refused again is listed again. */
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
            /** @description The file, as long as it comes. */
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
            /** @description The session; its cookie is `HttpOnly` and `SameSite=Strict`. */
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
            /** @description Events, until the caller leaves. */
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
            /** @description It is being stopped, or was over. */
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
            /** @description It runs. */
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
            /** @description It runs. */
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
            /** @description It can. */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Readiness"];
                };
            };
            /** @description It cannot; `checks` says why. */
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
            /** @description By name of the provider. */
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

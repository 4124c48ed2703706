// `--health-port` and `--health-host`, handed on to the process that a command runs.

export interface HealthOptions {
  healthPort?: string | number;
  healthHost?: string;
}

export function healthArguments({ healthPort, healthHost }: HealthOptions): string[] {
  return [
    ...(healthPort === undefined ? [] : ['--health-port', String(healthPort)]),
    ...(healthHost === undefined ? [] : ['--health-host', healthHost]),
  ];
}

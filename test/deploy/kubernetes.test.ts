import { readdir, readFile } from 'node:fs/promises';
import path from 'node:path';
import { beforeAll, describe, expect, it } from 'vitest';
import { parse } from 'yaml';
import { z } from 'zod';
import { readSettings, type Settings } from '../../src/config/index.js';
import { SLOW_READERS } from '../../src/processes/reader-options.js';

const FOLDER = path.resolve('deploy/kubernetes');
const GIB = 1024;

const Labels = z.record(z.string(), z.string());
const Metadata = z.object({ name: z.string(), namespace: z.string().optional(), labels: Labels.optional() });
/** Strict where a misspelt key would be dropped in silence: Kubernetes keeps what it knows. */
const Probe = z.strictObject({
  httpGet: z.strictObject({ path: z.string(), port: z.literal('http') }),
  periodSeconds: z.number(),
  timeoutSeconds: z.number().optional(),
  failureThreshold: z.number(),
});
const Container = z.strictObject({
  name: z.string(),
  image: z.string(),
  args: z.array(z.string()),
  envFrom: z.array(
    z.union([
      z.strictObject({ configMapRef: z.strictObject({ name: z.string() }) }),
      z.strictObject({ secretRef: z.strictObject({ name: z.string() }) }),
    ]),
  ),
  ports: z.array(z.strictObject({ name: z.string(), containerPort: z.number() })),
  lifecycle: z.strictObject({
    preStop: z.strictObject({
      exec: z.strictObject({ command: z.tuple([z.literal('sleep'), z.coerce.number()]) }),
    }),
  }),
  startupProbe: Probe,
  livenessProbe: Probe,
  readinessProbe: Probe,
  resources: z.strictObject({
    requests: z.strictObject({ cpu: z.string(), memory: z.string() }),
    limits: z.strictObject({ memory: z.string() }),
  }),
  securityContext: z.strictObject({
    allowPrivilegeEscalation: z.literal(false),
    readOnlyRootFilesystem: z.literal(true),
    capabilities: z.strictObject({ drop: z.tuple([z.literal('ALL')]) }),
  }),
  volumeMounts: z.array(z.strictObject({ name: z.string(), mountPath: z.string() })),
});
const StatefulSet = z.strictObject({
  apiVersion: z.literal('apps/v1'),
  kind: z.literal('StatefulSet'),
  metadata: Metadata,
  spec: z.strictObject({
    replicas: z.literal(1),
    serviceName: z.string(),
    selector: z.strictObject({ matchLabels: Labels }),
    template: z.strictObject({
      metadata: z.strictObject({ labels: Labels }),
      spec: z.strictObject({
        terminationGracePeriodSeconds: z.number(),
        automountServiceAccountToken: z.literal(false),
        shareProcessNamespace: z.literal(true),
        securityContext: z.looseObject({ runAsNonRoot: z.literal(true), fsGroup: z.number() }),
        containers: z.tuple([Container]),
        volumes: z.array(z.strictObject({ name: z.string(), emptyDir: z.strictObject({}) })),
      }),
    }),
    volumeClaimTemplates: z.tuple([
      z.strictObject({
        metadata: Metadata,
        spec: z.strictObject({
          accessModes: z.tuple([z.literal('ReadWriteOncePod')]),
          resources: z.strictObject({ requests: z.strictObject({ storage: z.string() }) }),
        }),
      }),
    ]),
  }),
});
const Ports = z.array(z.object({ port: z.union([z.string(), z.number()]) }));
const Service = z.object({
  metadata: Metadata,
  spec: z.object({
    selector: Labels,
    ports: z.array(z.object({ name: z.string(), port: z.number(), targetPort: z.string() })),
  }),
});
const ConfigMap = z.object({ metadata: Metadata, data: z.record(z.string(), z.string()) });
const Secret = z.object({ metadata: Metadata, stringData: z.record(z.string(), z.string()) });
const Policy = z.object({
  spec: z.object({
    podSelector: z.object({ matchLabels: Labels }),
    ingress: z.array(z.object({ ports: Ports })),
    egress: z.array(z.object({ ports: Ports })),
  }),
});

/** `4096Mi` and `20Gi` in MiB. */
function mebibytes(quantity: string): number {
  const [, digits, unit] = /^(\d+)(Mi|Gi)$/.exec(quantity) ?? [];
  if (digits === undefined) throw new Error(`not a quantity in Mi or Gi: ${quantity}`);
  return Number(digits) * (unit === 'Gi' ? GIB : 1);
}

const read = async (name: string): Promise<unknown> => parse(await readFile(path.join(FOLDER, name), 'utf8'));

describe('deploy/kubernetes', () => {
  let settings: Settings;
  let set: z.output<typeof StatefulSet>;
  let container: z.output<typeof Container>;
  let config: z.output<typeof ConfigMap>;
  let secret: z.output<typeof Secret>;

  beforeAll(async () => {
    set = StatefulSet.parse(await read('statefulset.yaml'));
    [container] = set.spec.template.spec.containers;
    config = ConfigMap.parse(await read('configmap.yaml'));
    secret = Secret.parse(await read('secret.example.yaml'));
    // The defaults, with what the manifests set; a name among them that is no setting's would be warned of.
    const loaded = readSettings({ env: { ...config.data, ...secret.stringData, HOME: '/nonexistent' } });
    expect(loaded.warnings).toEqual([]);
    settings = loaded.settings;
  });

  it('lists each of its files but the example, and puts all in one namespace', async () => {
    const { resources, namespace } = z
      .object({ resources: z.array(z.string()), namespace: z.string() })
      .parse(await read('kustomization.yaml'));
    const files = (await readdir(FOLDER)).filter((name) => name !== 'kustomization.yaml');
    expect([...resources, 'secret.example.yaml'].sort()).toEqual(files.sort());
    for (const file of files.filter((name) => name !== 'namespace.yaml')) {
      const { metadata } = z.object({ metadata: Metadata }).parse(await read(file));
      expect(metadata.namespace, file).toBe(namespace);
    }
  });

  it('gives the program the time that its own settings take, with time to close the store', () => {
    const [, preStop] = container.lifecycle.preStop.exec.command;
    const { terminationGracePeriodSeconds } = set.spec.template.spec;
    expect(terminationGracePeriodSeconds).toBe(preStop + settings.shutdownForceSeconds + 15);
    expect(settings.shutdownGraceSeconds).toBeLessThan(settings.shutdownForceSeconds);
  });

  it('names the port of the settings everywhere', async () => {
    const service = Service.parse(await read('service.yaml'));
    expect(container.ports).toEqual([{ name: 'http', containerPort: settings.port }]);
    expect(service.spec.ports).toEqual([{ name: 'http', port: settings.port, targetPort: 'http' }]);
    const policy = Policy.parse(await read('networkpolicy.yaml'));
    expect(policy.spec.ingress.flatMap(({ ports }) => ports.map(({ port }) => port))).toEqual(['http']);
    const temporal = Number(config.data['TEMPORAL_ADDRESS']?.split(':')[1]);
    const out = policy.spec.egress.flatMap(({ ports }) => ports.map(({ port }) => port));
    expect(out).toEqual(expect.arrayContaining([temporal, 443, 53]));
  });

  it('selects its own pods', async () => {
    const { labels } = set.spec.template.metadata;
    expect(set.spec.selector.matchLabels).toEqual(labels);
    const service = Service.parse(await read('service.yaml'));
    expect(service.spec.selector).toEqual(labels);
    expect(set.spec.serviceName).toBe(service.metadata.name);
    expect(Policy.parse(await read('networkpolicy.yaml')).spec.podSelector.matchLabels).toEqual(labels);
  });

  it('asks liveness and readiness where each is answered', () => {
    expect(container.startupProbe.httpGet.path).toBe('/health');
    expect(container.livenessProbe.httpGet.path).toBe('/health');
    expect(container.readinessProbe.httpGet.path).toBe('/ready');
  });

  it('has memory for what the settings let the store and the readers take, and 1.5 GiB beside', () => {
    const limit = mebibytes(container.resources.limits.memory);
    expect(limit).toBe(
      settings.storeMemoryMb +
        (settings.readerProcesses + SLOW_READERS) * settings.readerMemoryMb +
        1.5 * GIB,
    );
  });

  it('has a volume for the store and for as many uploads of the largest size as are ingested at once', () => {
    const [claim] = set.spec.volumeClaimTemplates;
    const { ingestConcurrency, uploadMaxMb, readerProcesses, coldCacheMb } = settings;
    // Its files, its rows, its journal, and what is read back of that.
    const uploads = ingestConcurrency * 4 * uploadMaxMb;
    // A database unpacked, and what DuckDB spills.
    const readers = (readerProcesses + SLOW_READERS) * 2 * uploadMaxMb;
    expect(mebibytes(claim.spec.resources.requests.storage)).toBeGreaterThan(
      uploads + readers + 10 * coldCacheMb,
    );
  });

  it('mounts the volumes that it declares, the data where the image keeps it, and finds its settings', async () => {
    const [claim] = set.spec.volumeClaimTemplates;
    const declared = [claim.metadata.name, ...set.spec.template.spec.volumes.map(({ name }) => name)];
    expect(container.volumeMounts.map(({ name }) => name).sort()).toEqual(declared.sort());
    const dockerfile = await readFile('Dockerfile', 'utf8');
    const data = container.volumeMounts.find(({ name }) => name === claim.metadata.name);
    expect(dockerfile).toContain(`AKOSHA_DATA_DIR=${data?.mountPath ?? ''} `);
    expect(container.envFrom).toEqual([
      { configMapRef: { name: config.metadata.name } },
      { secretRef: { name: secret.metadata.name } },
    ]);
  });

  it('holds no secret beside the example', async () => {
    for (const name of await readdir(FOLDER)) {
      if (name === 'secret.example.yaml') continue;
      const { kind, data } = z
        .looseObject({ kind: z.string(), data: z.unknown().optional() })
        .parse(await read(name));
      expect(kind, name).not.toBe('Secret');
      if (data !== undefined) expect(JSON.stringify(data), name).not.toMatch(/token|secret|password/i);
    }
  });
});

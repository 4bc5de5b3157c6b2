import { mkdirSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { requireServer } from './find.js';
import { launch, withFreePorts, type OnServerStart, type RunningServer } from './launch.js';
import { freePortPair, freePorts } from './ports.js';

const LOOPBACK = '127.0.0.1';
/** One try at an answer. A local server answers in milliseconds, and the caller tries again. */
const ANSWER_TIMEOUT_MS = 2_000;
/** SeaweedFS's workers look for the admin server's gRPC port this far above its HTTP port, whatever the flags say. */
const ADMIN_GRPC_OFFSET = 10_000;

/** How clients reach a bucket of the server. */
export interface S3Access {
  accessKeyId: string;
  secretAccessKey: string;
  bucket: string;
  region: string;
}

export interface S3ServerOptions extends S3Access {
  /** The server keeps its objects and its log here. */
  dataFolder: string;
  /** S3; 0 means any free one. */
  port?: number;
  /** Own process group; see `LaunchOptions.detached`. */
  detached?: boolean;
  /** The program; found by `findServer` where not given. */
  path?: string;
  onStart?: OnServerStart;
}

/**
 * Starts SeaweedFS as an S3 server on loopback with one bucket, durable in `dataFolder`, and with nothing that calls
 * home. Returns when the bucket answers to the credentials.
 *
 * @throws AkoshaError `ServerMissing` where the program is not installed, `ServerFailed` where it does not start.
 */
export async function startS3Server(options: S3ServerOptions): Promise<RunningServer> {
  const executable = options.path ?? (await requireServer('weed')).path;
  const folder = join(options.dataFolder, 's3');
  mkdirSync(folder, { recursive: true, mode: 0o700 });
  const logFile = join(options.dataFolder, 's3.log');
  return withFreePorts(options.port, async () => {
    const ports = await choosePorts(options.port || undefined);
    const url = `http://${LOOPBACK}:${ports['main']}`;
    return launch({
      name: 'weed',
      executable,
      args: s3Arguments(folder, options.bucket, ports),
      environment: { AWS_ACCESS_KEY_ID: options.accessKeyId, AWS_SECRET_ACCESS_KEY: options.secretAccessKey },
      ports,
      url,
      folder,
      logFile,
      detached: options.detached ?? false,
      ready: () => checkS3(url, options),
      onStart: options.onStart,
      onStopped: () => removeSockets(ports),
    });
  });
}

/** Every listener gets a port of its own: two servers with the program's fixed defaults would not start side by side. */
async function choosePorts(port: number | undefined): Promise<Record<string, number>> {
  const [admin, adminGrpc] = await freePortPair(ADMIN_GRPC_OFFSET);
  const names = ['main', 'mainGrpc', 'master', 'masterGrpc', 'volume', 'volumeGrpc', 'filer', 'filerGrpc'];
  const free = await freePorts(names.length);
  const ports = Object.fromEntries(
    names.flatMap((name, at) => (free[at] === undefined ? [] : [[name, free[at]]])),
  );
  return { ...ports, ...(port === undefined ? {} : { main: port }), admin, adminGrpc };
}

function s3Arguments(folder: string, bucket: string, ports: Readonly<Record<string, number>>): string[] {
  const flag = (name: string, port: string): string => `-${name}=${ports[port]}`;
  return [
    'mini',
    `-dir=${folder}`,
    `-bucket=${bucket}`,
    `-ip=${LOOPBACK}`,
    `-ip.bind=${LOOPBACK}`,
    // On unless switched off: it reports statistics to its maker.
    '-master.telemetry=false',
    '-admin.ui=false',
    '-webdav=false',
    '-s3.port.iceberg=0',
    '-s3.port.lance=0',
    flag('s3.port', 'main'),
    flag('s3.port.grpc', 'mainGrpc'),
    flag('master.port', 'master'),
    flag('master.port.grpc', 'masterGrpc'),
    flag('volume.port', 'volume'),
    flag('volume.port.grpc', 'volumeGrpc'),
    flag('filer.port', 'filer'),
    flag('filer.port.grpc', 'filerGrpc'),
    flag('admin.port', 'admin'),
    flag('admin.port.grpc', 'adminGrpc'),
  ];
}

/** Resolves where an S3 server answers at `url` and lets these credentials see the bucket. */
export async function checkS3(url: string, access: S3Access): Promise<void> {
  // Loaded on demand: who only reads which servers are on record, as `akosha status`, need not pay 150 ms for it.
  const { HeadBucketCommand, S3Client } = await import('@aws-sdk/client-s3');
  const client = new S3Client({
    endpoint: url,
    region: access.region,
    forcePathStyle: true,
    credentials: { accessKeyId: access.accessKeyId, secretAccessKey: access.secretAccessKey },
    // The caller tries again, and counts the time.
    maxAttempts: 1,
  });
  try {
    const abortSignal = AbortSignal.timeout(ANSWER_TIMEOUT_MS);
    await client.send(new HeadBucketCommand({ Bucket: access.bucket }), { abortSignal });
  } finally {
    client.destroy();
  }
}

/** SeaweedFS names sockets in `/tmp` after its ports and leaves some of them there. */
export function removeSockets(ports: Readonly<Record<string, number>>): void {
  const kinds = ['s3', 's3-grpc', 'master-grpc', 'volume-grpc', 'filer', 'filer-grpc', 'admin-grpc'];
  for (const port of Object.values(ports)) {
    for (const kind of kinds) rmSync(`/tmp/seaweedfs-${kind}-${port}.sock`, { force: true });
  }
}

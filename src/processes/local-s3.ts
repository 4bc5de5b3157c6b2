import { randomBytes } from 'node:crypto';
import { mkdir, readFile, writeFile } from 'node:fs/promises';
import path from 'node:path';
import { z } from 'zod';
import type { S3Access } from '../servers/index.js';

const Credentials = z.object({ accessKeyId: z.string(), secretAccessKey: z.string() });

const BUCKET = 'akosha';
const REGION = 'us-east-1';

/** How to reach the S3 server that `akosha up --s3` starts: credentials are made once and kept, readable by the owner only. */
export async function localS3Access(dataDir: string): Promise<S3Access> {
  const found = await readCredentials(dataDir);
  if (found !== undefined) return { ...found, bucket: BUCKET, region: REGION };
  const made = {
    accessKeyId: randomBytes(10).toString('hex'),
    secretAccessKey: randomBytes(20).toString('hex'),
  };
  await mkdir(path.dirname(credentialsFile(dataDir)), { recursive: true, mode: 0o700 });
  await writeFile(credentialsFile(dataDir), JSON.stringify(made), { mode: 0o600 });
  return { ...made, bucket: BUCKET, region: REGION };
}

export function localS3Url(endpoint: string): string {
  return `s3://${BUCKET}?endpoint=${encodeURIComponent(endpoint)}&region=${REGION}`;
}

/**
 * Lets the AWS SDK of this process find the local server's credentials, unless the environment names some. Does nothing where no
 * local server was ever started.
 */
export async function useLocalS3Credentials(dataDir: string): Promise<void> {
  const found = await readCredentials(dataDir);
  if (found === undefined || process.env['AWS_ACCESS_KEY_ID'] !== undefined) return;
  process.env['AWS_ACCESS_KEY_ID'] = found.accessKeyId;
  process.env['AWS_SECRET_ACCESS_KEY'] = found.secretAccessKey;
}

async function readCredentials(dataDir: string): Promise<z.infer<typeof Credentials> | undefined> {
  const text = await readFile(credentialsFile(dataDir), 'utf8').catch(() => undefined);
  return text === undefined ? undefined : Credentials.parse(JSON.parse(text));
}

function credentialsFile(dataDir: string): string {
  return path.join(dataDir, 'run', 's3-credentials.json');
}

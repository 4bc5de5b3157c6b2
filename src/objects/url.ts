import { fileURLToPath, pathToFileURL } from 'node:url';
import { AkoshaError, messageOf } from '../contract/index.js';
import { assertFolder } from './keys.js';

/** S3 refuses a part under 5 MiB (but the last) and over 5 GiB; 512 MiB keeps the parts held in memory few and small. */
export const PART_SIZE_MB = { least: 5, most: 512 } as const;

const PARAMETERS = ['endpoint', 'region', 'path_style', 'checksums', 'part_size_mb'] as const;
type Parameter = (typeof PARAMETERS)[number];

export interface FileLocation {
  kind: 'file';
  url: string;
  /** Absolute path of the folder. */
  root: string;
}

export interface S3Location {
  kind: 's3';
  url: string;
  bucket: string;
  /** `''`, or ends in `/`. Stands before every key. */
  prefix: string;
  /** Undefined: Amazon's own. */
  endpoint: string | undefined;
  /** Undefined: what the AWS SDK finds in its environment and profile. */
  region: string | undefined;
  /** The bucket in the path of a request (`endpoint/bucket/key`) or in its host name (`bucket.endpoint/key`). */
  pathStyle: boolean;
  checksums: 'required' | 'supported';
  /** MiB of one part of a multipart upload. Undefined: what the opener of the store says. */
  partSizeMb: number | undefined;
}

export type ObjectStoreLocation = FileLocation | S3Location;

/**
 * Reads an object store's URL:
 *
 * - `file:///absolute/folder`
 * - `s3://bucket/prefix?endpoint=URL&region=NAME&path_style=true|false&checksums=required|supported&part_size_mb=N`
 *
 * `region` is `us-east-1` where only an endpoint is given, and `path_style` is true with an endpoint, as servers other
 * than Amazon's mostly want. `checksums=required`, the default, sends a CRC only where S3 demands one, because some
 * servers (Cloudflare R2 among them) refused the SDK's CRC headers. Bodies sent from memory, parts among them, are covered all
 * the same by the SHA-256 in the request's signature, and readers verify the SHA-256 recorded with what they read.
 * `supported` adds a CRC to every request, a SHA-256 to every part of a large file, and checks the one of every answer.
 *
 * For Cloudflare R2: `endpoint=https://ACCOUNT.r2.cloudflarestorage.com&region=auto`.
 *
 * Raises `SettingsInvalid` naming the part that is wrong, never its value where that could be a secret.
 */
export function parseObjectStoreUrl(text: string): ObjectStoreLocation {
  const url = parse(text, 'it');
  if (url.username !== '' || url.password !== '') {
    throw invalid(
      'must not hold a user or password; credentials come from the AWS environment variables, profile or role',
    );
  }
  if (url.hash !== '') throw invalid('must not have a fragment ("#"; write %23)');
  if (url.protocol === 'file:') return parseFile(url);
  if (url.protocol === 's3:') return parseS3(url);
  throw invalid(`has the scheme ${JSON.stringify(url.protocol)}; it must be file: or s3:`);
}

function parseFile(url: URL): FileLocation {
  if (url.search !== '') throw invalid('takes no parameters with file:');
  if (url.host !== '') throw invalid('needs three slashes and an absolute folder: file:///folder');
  let root: string;
  try {
    root = fileURLToPath(url);
  } catch (error) {
    throw invalid(`names no folder: ${messageOf(error)}`);
  }
  root = root.replace(/(?<=.)\/+$/, '');
  if (root === '/') throw invalid('must name a folder, not the root of the file system');
  if (root.includes('\0')) throw invalid('must not hold a NUL character in its folder');
  return { kind: 'file', url: pathToFileURL(root).href, root };
}

function parseS3(url: URL): S3Location {
  if (url.port !== '') throw invalid('must not have a port; name the server with ?endpoint=');
  const bucket = url.hostname;
  if (!/^[a-z0-9][a-z0-9.-]{1,61}[a-z0-9]$/.test(bucket)) {
    throw invalid(
      `has the bucket ${JSON.stringify(bucket)}; a bucket is 3 to 63 lower-case letters, digits, "-" and "."`,
    );
  }
  const parameters = readParameters(url);
  const endpoint = parseEndpoint(parameters.get('endpoint'));
  const region = parameters.get('region') ?? (endpoint === undefined ? undefined : 'us-east-1');
  if (region !== undefined && !/^[a-z0-9-]{1,64}$/.test(region)) {
    throw invalid('has a region that is not lower-case letters, digits and "-"');
  }
  return {
    kind: 's3',
    url: url.href,
    bucket,
    prefix: parsePrefix(url.pathname),
    endpoint,
    region,
    pathStyle:
      oneOf('path_style', parameters, ['true', 'false'], endpoint === undefined ? 'false' : 'true') ===
      'true',
    checksums: oneOf('checksums', parameters, ['required', 'supported'], 'required'),
    partSizeMb: parsePartSize(parameters.get('part_size_mb')),
  };
}

function readParameters(url: URL): Map<Parameter, string> {
  const found = new Map<Parameter, string>();
  for (const [name, value] of url.searchParams) {
    const parameter = PARAMETERS.find((known) => known === name);
    if (parameter === undefined) {
      throw invalid(`has the unknown parameter ${JSON.stringify(name)}; known are ${PARAMETERS.join(', ')}`);
    }
    if (found.has(parameter)) throw invalid(`has the parameter ${parameter} twice`);
    found.set(parameter, value);
  }
  return found;
}

function parseEndpoint(text: string | undefined): string | undefined {
  if (text === undefined) return undefined;
  const endpoint = parse(text, 'endpoint');
  if (endpoint.protocol !== 'http:' && endpoint.protocol !== 'https:') {
    throw invalid('has an endpoint that is not an http: or https: URL');
  }
  if (endpoint.username !== '' || endpoint.password !== '') {
    throw invalid('must not hold a user or password in its endpoint');
  }
  if (endpoint.search !== '' || endpoint.hash !== '') {
    throw invalid('has an endpoint with a query or fragment; give scheme, host, port and path only');
  }
  return endpoint.href.replace(/\/+$/, '');
}

function parsePrefix(pathname: string): string {
  const path = pathname.replace(/^\//, '').replace(/\/$/, '');
  if (path === '') return '';
  try {
    const prefix = `${decodeURIComponent(path)}/`;
    assertFolder(prefix);
    return prefix;
  } catch (error) {
    throw invalid(`has a prefix that cannot begin a key: ${messageOf(error)}`);
  }
}

function parsePartSize(text: string | undefined): number | undefined {
  if (text === undefined) return undefined;
  const size = /^\d{1,4}$/.test(text) ? Number(text) : Number.NaN;
  if (size >= PART_SIZE_MB.least && size <= PART_SIZE_MB.most) return size;
  throw invalid(
    `has a part_size_mb that is not a whole number from ${PART_SIZE_MB.least} to ${PART_SIZE_MB.most}`,
  );
}

function oneOf<Value extends string>(
  name: Parameter,
  parameters: Map<Parameter, string>,
  values: readonly Value[],
  normal: Value,
): Value {
  const text = parameters.get(name);
  if (text === undefined) return normal;
  const value = values.find((known) => known === text);
  if (value === undefined) throw invalid(`has a ${name} that is not one of ${values.join(', ')}`);
  return value;
}

/** The text is not repeated in the message: what cannot be parsed cannot be known to hold no password. */
function parse(text: string, part: string): URL {
  try {
    return new URL(text);
  } catch {
    throw invalid(
      part === 'it'
        ? 'is not a URL; write file:///folder or s3://bucket/prefix'
        : `has an ${part} that is not a URL`,
    );
  }
}

function invalid(fault: string): AkoshaError {
  return new AkoshaError(
    'SettingsInvalid',
    `the URL of an object store (AKOSHA_OBJECT_STORE, AKOSHA_ARCHIVE_STORE) ${fault}`,
  );
}

